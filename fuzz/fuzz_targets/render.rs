//! Condition maps, depth and textured previews.
#![no_main]

use hunyuan_paint_bake::{ReliableDepth, render_condition_maps, render_depth_map, render_textured};
use hunyuan_paint_fuzz::{camera, image, canonical_mesh, texture_size};
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

fuzz_target!(|bytes: &[u8]| {
    let _ = run(&mut Unstructured::new(bytes));
});

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let (camera, size) = (camera(u)?, texture_size(u)?);
    let (width, height) = (u.int_in_range(0..=32)?, u.int_in_range(0..=32)?);
    let texture = image(u, width, height)?;
    let mesh = canonical_mesh(u)?;
    let _ = render_condition_maps(&mesh, &camera, size);
    let _ = render_depth_map(&mesh, &camera, size);
    let _ = ReliableDepth::render(&mesh, &camera, size, size.div_ceil(2));
    let _ = render_textured(&mesh, &texture, &camera, size);
    Ok(())
}
