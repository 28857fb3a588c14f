//! Mesh simplification.

use crate::{Mesh, MeshError, MeshPart};

/// Largest error of the simplification, relative to the extent of the mesh. 1 does not limit it.
const ERROR_MAX: f32 = 1.0;

/// Smallest target number of faces of a part, so that small parts do not vanish.
const PART_FACES_MIN: usize = 4;

/// Simplifies a mesh to about `target_faces` triangles with meshoptimizer's quadric edge collapse.
///
/// Vertices that remain keep their positions, UVs and normals, bit for bit. Each part is simplified
/// separately and its borders are kept. More faces than requested may remain, because seams and
/// borders limit the simplification. A mesh with at most `target_faces` faces is returned
/// unchanged. meshoptimizer is C++, so the choice of vertices may differ between platforms.
///
/// # Errors
/// Fails if the mesh or the simplified mesh is invalid (see [`Mesh::validate`]).
pub fn simplify(mesh: &Mesh, target_faces: usize) -> Result<Mesh, MeshError> {
    simplify_with_sources(mesh, target_faces).map(|(simple, _)| simple)
}

/// Simplifies as [`simplify`] does, and also returns the index of the original vertex of each
/// vertex.
pub(crate) fn simplify_with_sources(mesh: &Mesh, target_faces: usize) -> Result<(Mesh, Vec<u32>), MeshError> {
    mesh.validate()?;
    if mesh.faces.len() <= target_faces {
        return Ok((mesh.clone(), (0..mesh.positions.len() as u32).collect()));
    }
    let mut simple = Mesh { faces: Vec::new(), parts: Vec::new(), ..mesh.clone() };
    if mesh.parts.is_empty() {
        simple.faces = collapse(mesh, &mesh.faces, target_faces, meshopt::SimplifyOptions::None);
    }
    for part in &mesh.parts {
        // The target is in proportion to the part's faces. Borders are locked, so that parts still
        // meet.
        let share = part.faces.len() as u64 * target_faces as u64 / mesh.faces.len() as u64;
        let target = (share as usize).max(PART_FACES_MIN);
        let start = simple.faces.len();
        let faces = &mesh.faces[part.faces.clone()];
        simple.faces.extend(collapse(mesh, faces, target, meshopt::SimplifyOptions::LockBorder));
        simple.parts.push(MeshPart { faces: start..simple.faces.len(), ..part.clone() });
    }
    let source_vertices = simple.drop_unused_vertices();
    simple.validate()?;
    Ok((simple, source_vertices))
}

/// Returns a simplification of the given faces, whose indices must be in range.
fn collapse(
    mesh: &Mesh,
    faces: &[[u32; 3]],
    target_faces: usize,
    options: meshopt::SimplifyOptions,
) -> Vec<[u32; 3]> {
    if faces.len() <= target_faces {
        return faces.to_vec();
    }
    // meshoptimizer gets only the vertices of these faces. With all vertices of the mesh, the cost
    // of many small parts would grow with the size of the whole mesh.
    let mut vertices: Vec<u32> = faces.as_flattened().to_vec();
    vertices.sort_unstable();
    vertices.dedup();
    let positions: Vec<[f32; 3]> = vertices.iter().map(|&i| mesh.positions[i as usize].to_array()).collect();
    let local_index = |i: &u32| vertices.partition_point(|other| other < i) as u32;
    let indices: Vec<u32> = faces.as_flattened().iter().map(local_index).collect();
    let indices = meshopt::simplify_decoder(&indices, &positions, target_faces * 3, ERROR_MAX, options, None);
    indices.as_chunks::<3>().0.iter().map(|face| face.map(|i| vertices[i as usize])).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::test_meshes::bumpy_sphere;

    #[test]
    fn kept_vertices_are_the_original_ones() -> Result<(), MeshError> {
        let mesh = bumpy_sphere(32, 24);
        let simple = simplify(&mesh, 300)?;
        assert!(simple.faces.len() <= 300 && simple.faces.len() > 200, "{}", simple.faces.len());
        let bits = |mesh: &Mesh| -> BTreeSet<[u32; 3]> {
            mesh.positions.iter().map(|p| p.to_array().map(f32::to_bits)).collect()
        };
        assert!(bits(&simple).is_subset(&bits(&mesh)));
        assert_eq!(simplify(&mesh, usize::MAX)?, mesh);
        Ok(())
    }

    #[test]
    fn parts_keep_their_share_and_still_meet() -> Result<(), MeshError> {
        let mut mesh = bumpy_sphere(32, 24);
        let half = mesh.faces.len() / 2;
        let part = |name: &str, faces| MeshPart { name: name.to_owned(), faces, ..MeshPart::default() };
        mesh.parts = vec![part("north", 0..half), part("south", half..mesh.faces.len())];
        let (simple, sources) = simplify_with_sources(&mesh, 600)?;
        let [north, south] = simple.parts.as_slice() else { return Err(MeshError::NoFaces) };
        assert_eq!((north.name.as_str(), south.name.as_str()), ("north", "south"));
        assert!(north.faces.len() > 200 && south.faces.len() > 200 && simple.faces.len() < 700);
        for (position, source) in simple.positions.iter().zip(sources) {
            assert_eq!(*position, mesh.positions[source as usize]);
        }
        // The mesh is still closed: every edge is used once in each direction.
        let edges = || simple.faces.iter().flat_map(|&[a, b, c]| [(a, b), (b, c), (c, a)]);
        let directed: BTreeSet<(u32, u32)> = edges().collect();
        assert!(edges().all(|(a, b)| directed.contains(&(b, a))));
        Ok(())
    }

    #[test]
    fn invalid_meshes_never_reach_meshoptimizer() {
        let mut mesh = bumpy_sphere(8, 6);
        mesh.faces[3][1] = 1_000_000;
        assert!(matches!(simplify(&mesh, 4), Err(MeshError::IndexOutOfRange { face: 3, .. })));
    }
}
