//! Preparation of a mesh for painting: UVs kept or made, optional simplification, canonical space,
//! and GLB output.
#![no_main]

use std::ops::ControlFlow;

use hunyuan_paint_fuzz::{choice, mesh, number};
use hunyuan_paint_mesh::{
    MeshFormat, CanonicalMesh, UnwrapOptions, UvMode, glb_bytes, prepare_uvs, read_mesh_from_bytes,
};
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

fuzz_target!(|bytes: &[u8]| {
    let _ = run(&mut Unstructured::new(bytes));
});

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let mode = choice(u, &[UvMode::Auto, UvMode::Keep, UvMode::Unwrap])?;
    let mut options = UnwrapOptions::new(choice(u, &[0, 16, 33, 64, 200, 512, 16_385])?);
    if u.ratio(1, 4)? {
        options.padding = choice(u, &[0, 1, 7, 8, u32::MAX])?;
    }
    if u.ratio(1, 8)? {
        options.overlap_max = number(u)?;
    }
    options.simplify_to = if u.ratio(1, 4)? { Some(u.int_in_range(0..=64)?) } else { None };
    let mesh = mesh(u)?;
    let Ok(prepared) = prepare_uvs(&mesh, mode, &options, |_| ControlFlow::Continue(())) else {
        return Ok(());
    };

    let painted = &prepared.mesh;
    painted.validate().expect("what was prepared is valid");
    assert_eq!(prepared.source_vertices.len(), painted.positions.len());
    if options.simplify_to.is_none() {
        assert_eq!(painted.faces.len(), mesh.faces.len());
    }
    for (position, &source) in painted.positions.iter().zip(&prepared.source_vertices) {
        assert_eq!(*position, mesh.positions[source as usize]);
    }
    let paint = CanonicalMesh::new(painted).expect("prepared UVs lie in the texture");
    assert!(paint.positions.iter().all(|position| position.is_finite()));
    let glb = glb_bytes(painted, &image::RgbImage::new(1, 1)).expect("a prepared mesh can be written");
    read_mesh_from_bytes(&glb, MeshFormat::Gltf).expect("what was written can be read");
    Ok(())
}
