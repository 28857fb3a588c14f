//! Fewer triangles.

use crate::{Mesh, MeshError};

/// A mesh with at most about `target_faces` triangles that looks like this one (meshoptimizer's quadric edge
/// collapse). Vertices that stay keep their positions, UVs and normals, bit for bit.
///
/// Seams and borders limit how far it can go, so that more faces than asked for may remain. A mesh that has few
/// enough is returned as it is. meshoptimizer is C++, so the choice of vertices may differ between platforms.
///
/// # Errors
/// If the mesh is not valid (see [`Mesh::validate`]), or what remains is not.
pub fn simplify(mesh: &Mesh, target_faces: usize) -> Result<Mesh, MeshError> {
    mesh.validate()?;
    if mesh.faces.len() <= target_faces {
        return Ok(mesh.clone());
    }
    let positions: Vec<[f32; 3]> = mesh.positions.iter().map(|p| p.to_array()).collect();
    let indices = meshopt::simplify_decoder(
        mesh.faces.as_flattened(),
        &positions,
        target_faces * 3,
        // The error allowed, relative to the extent: any.
        1.0,
        meshopt::SimplifyOptions::None,
        None,
    );
    let mut simple = Mesh { faces: indices.as_chunks::<3>().0.to_vec(), ..mesh.clone() };
    simple.drop_unused_vertices();
    simple.validate()?;
    Ok(simple)
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
    fn invalid_meshes_never_reach_meshoptimizer() {
        let mut mesh = bumpy_sphere(8, 6);
        mesh.faces[3][1] = 1_000_000;
        assert!(matches!(simplify(&mesh, 4), Err(MeshError::IndexOutOfRange { face: 3, .. })));
    }
}
