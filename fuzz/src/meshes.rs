//! Meshes. Most can be painted, with slivers, folds and seams; some have every possible defect.

use glam::{Vec2, Vec3};
use hunyuan_paint_mesh::{Material, Mesh, MeshPart, CanonicalMesh};
use libfuzzer_sys::arbitrary::{Result, Unstructured};

use crate::values::{choice, number, ordinary};

/// Small meshes, so that one run is fast.
const VERTICES_MAX: usize = 48;
const FACES_MAX: usize = 64;

/// Generates a mesh as a user may supply it.
pub fn mesh(u: &mut Unstructured<'_>) -> Result<Mesh> {
    let wild = u.ratio(1, 4)?;
    let scale = choice(u, &[1.0, 1.0, 1.0, 1e-14, 1e-6, 1e6, 1e14])?;
    let positions = positions(u, wild, scale)?;
    let vertex_count = positions.len();
    let faces = faces(u, vertex_count, wild)?;
    let length =
        |u: &mut Unstructured<'_>| if wild { u.int_in_range(0..=VERTICES_MAX) } else { Ok(vertex_count) };
    let uvs = if u.arbitrary()? {
        let length = length(u)?;
        Some(uvs(u, length, wild)?)
    } else {
        None
    };
    let normals = if u.arbitrary()? {
        let length = length(u)?;
        Some((0..length).map(|_| vector(u, wild)).collect::<Result<_>>()?)
    } else {
        None
    };
    let parts = parts(u, faces.len(), wild)?;
    Ok(Mesh { positions, faces, uvs, normals, parts, ..Mesh::default() })
}

/// Generates a mesh as later stages receive it, in canonical space or not.
pub fn canonical_mesh(u: &mut Unstructured<'_>) -> Result<CanonicalMesh> {
    let wild = u.ratio(1, 4)?;
    let scale = if wild { number(u)? } else { 0.07 };
    let positions = positions(u, wild, scale)?;
    let faces = faces(u, positions.len(), wild)?;
    let uv_count = if wild { u.int_in_range(0..=VERTICES_MAX)? } else { positions.len() };
    let uvs = uvs(u, uv_count, wild)?;
    Ok(CanonicalMesh { positions, faces, uvs })
}

fn vector(u: &mut Unstructured<'_>, wild: bool) -> Result<Vec3> {
    let mut coordinate = || if wild { number(u) } else { ordinary(u) };
    Ok(Vec3::new(coordinate()?, coordinate()?, coordinate()?))
}

fn positions(u: &mut Unstructured<'_>, wild: bool, scale: f32) -> Result<Vec<Vec3>> {
    // A bent grid of squares, whose vertices are partly displaced below.
    let columns = u.int_in_range(1..=6)?;
    let count = u.int_in_range(usize::from(!wild) * 3..=VERTICES_MAX)?;
    let bend = ordinary(u)?;
    let sheet = |i: usize| {
        let (x, y) = ((i % columns) as f32, (i / columns) as f32);
        Vec3::new(x, y, bend * (x * y - x * x))
    };
    let mut positions: Vec<Vec3> = (0..count).map(sheet).collect();
    for _ in 0..u.int_in_range(0..=VERTICES_MAX)? {
        let position = vector(u, wild)?;
        if count > 0 {
            positions[u.choose_index(count)?] = position;
        }
    }
    Ok(positions.into_iter().map(|position| position * scale).collect())
}

fn faces(u: &mut Unstructured<'_>, vertex_count: usize, wild: bool) -> Result<Vec<[u32; 3]>> {
    let limit = if wild { vertex_count as u32 + 2 } else { vertex_count.max(1) as u32 };
    let mut faces = Vec::new();
    let columns = u.int_in_range(1..=6_u32)?;
    if u.arbitrary()? {
        // The triangles of the grid.
        let corner = |i: u32| [[i, i + 1, i + columns], [i + 1, i + columns + 1, i + columns]];
        let whole = (0..limit).filter(|i| i % columns + 1 < columns).flat_map(corner);
        faces.extend(whole.filter(|face| face.iter().all(|&i| i < limit)));
    }
    for _ in 0..u.int_in_range(0..=FACES_MAX)? {
        let mut vertex = || Ok(u32::from(u.arbitrary::<u8>()?) % limit);
        faces.push([vertex()?, vertex()?, vertex()?]);
    }
    if wild && u.ratio(1, 8)? {
        faces.push(u.arbitrary()?);
    }
    Ok(faces)
}

fn uvs(u: &mut Unstructured<'_>, count: usize, wild: bool) -> Result<Vec<Vec2>> {
    let columns = u.int_in_range(1..=8)?;
    let mut uvs: Vec<Vec2> =
        (0..count).map(|i| Vec2::new((i % columns) as f32, (i / columns) as f32) / 8.0).collect();
    uvs.iter_mut().for_each(|uv| *uv = uv.min(Vec2::ONE));
    for _ in 0..u.int_in_range(0..=count)? {
        let mut coordinate = || if wild { number(u) } else { Ok(f32::from(u.arbitrary::<u8>()?) / 255.0) };
        let uv = Vec2::new(coordinate()?, coordinate()?);
        if count > 0 {
            uvs[u.choose_index(count)?] = uv;
        }
    }
    Ok(uvs)
}

fn parts(u: &mut Unstructured<'_>, face_count: usize, wild: bool) -> Result<Vec<MeshPart>> {
    let mut parts = Vec::new();
    let mut start = 0;
    if face_count == 0 || u.arbitrary()? {
        return Ok(parts);
    }
    while start < face_count && parts.len() < 8 {
        let end =
            if wild { u.int_in_range(0..=face_count + 1)? } else { u.int_in_range(start..=face_count)? };
        parts.push(MeshPart { name: u.arbitrary()?, faces: start..end, material: material(u)? });
        start = end;
    }
    if let Some(last) = parts.last_mut().filter(|_| !wild) {
        last.faces.end = face_count;
    }
    Ok(parts)
}

fn material(u: &mut Unstructured<'_>) -> Result<Material> {
    let (metallic, roughness) = (number(u)?, number(u)?);
    Ok(Material {
        name: u.arbitrary()?,
        metallic,
        roughness,
        double_sided: u.arbitrary()?,
        ..Material::default()
    })
}
