//! The triangles of a primitive of a glTF file.

use glam::{Vec2, Vec3};
use gltf::{
    Semantic,
    json::{
        mesh::{Mode, Primitive},
        validation::Checked,
    },
};

use super::gltf_data::{GltfData, malformed, unsupported};
use crate::{Mesh, MeshError};

/// Reads the triangles of a primitive, in mesh space. Returns `None` for points, lines, and
/// primitives without positions or triangles.
pub(super) fn read_primitive(data: &GltfData<'_>, primitive: &Primitive) -> Result<Option<Mesh>, MeshError> {
    let attribute = |semantic| primitive.attributes.get(&Checked::Valid(semantic)).copied();
    let Checked::Valid(mode @ (Mode::Triangles | Mode::TriangleStrip | Mode::TriangleFan)) = primitive.mode
    else {
        return Ok(None);
    };
    let Some(positions) = attribute(Semantic::Positions) else { return Ok(None) };
    let positions: Vec<Vec3> = data.vectors(positions)?.into_iter().map(Vec3::from_array).collect();
    let vertex_count = u32::try_from(positions.len()).map_err(|_| unsupported("more than 2³² vertices"))?;
    let sequence = match primitive.indices {
        Some(indices) => data.indices(indices)?,
        None => (0..vertex_count).collect(),
    };
    let faces = triangles(mode, &sequence)?;
    if faces.is_empty() {
        // An empty primitive must not affect which attributes the merged mesh keeps.
        return Ok(None);
    }
    let uvs = attribute(Semantic::TexCoords(0)).map(|uvs| data.vectors(uvs)).transpose()?;
    let normals = attribute(Semantic::Normals).map(|normals| data.vectors(normals)).transpose()?;
    let mesh = Mesh {
        positions,
        faces,
        // glTF's v points down.
        uvs: uvs.map(|uvs| uvs.into_iter().map(|[u, v]| Vec2::new(u, 1.0 - v)).collect()),
        normals: normals.map(|normals| normals.into_iter().map(Vec3::from_array).collect()),
        ..Mesh::default()
    };
    mesh.validate_structure()?;
    Ok(Some(mesh))
}

/// Assembles a sequence of vertex indices into triangles (glTF 2.0, section 3.7.2.1).
fn triangles(mode: Mode, sequence: &[u32]) -> Result<Vec<[u32; 3]>, MeshError> {
    let faces = match mode {
        Mode::TriangleStrip => {
            let oriented = sequence
                .windows(3)
                .enumerate()
                .map(|(i, w)| if i % 2 == 0 { [w[0], w[1], w[2]] } else { [w[1], w[0], w[2]] });
            // Repeated vertices join strips; their degenerate triangles are dropped.
            oriented.filter(|[a, b, c]| a != b && b != c && c != a).collect()
        }
        Mode::TriangleFan => {
            let (first, rest) = sequence.split_first().unwrap_or((&0, &[]));
            rest.windows(2).map(|w| [w[0], w[1], *first]).collect()
        }
        _ => {
            let (faces, rest) = sequence.as_chunks::<3>();
            if !rest.is_empty() {
                return Err(malformed(format!(
                    "triangles: expected a multiple of 3 indices, found {}",
                    sequence.len()
                )));
            }
            faces.to_vec()
        }
    };
    Ok(faces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_alternate_orientation_and_fans_share_the_first_vertex() -> Result<(), MeshError> {
        assert_eq!(triangles(Mode::TriangleStrip, &[5, 6, 7, 8])?, [[5, 6, 7], [7, 6, 8]]);
        assert_eq!(triangles(Mode::TriangleStrip, &[5, 6, 6, 8])?, [[0; 3]; 0]);
        assert_eq!(triangles(Mode::TriangleFan, &[5, 6, 7, 8])?, [[6, 7, 5], [7, 8, 5]]);
        assert_eq!(triangles(Mode::TriangleFan, &[])?, [[0; 3]; 0]);
        assert!(triangles(Mode::Triangles, &[1, 2, 3, 4]).is_err());
        Ok(())
    }
}
