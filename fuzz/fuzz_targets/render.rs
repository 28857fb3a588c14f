//! Condition maps, depth, textured previews and the choice of views.
#![no_main]

use hunyuan_paint_bake::{
    AutomaticViews, BakeOptions, ReliableDepth, render_condition_maps, render_depth_map, render_textured,
};
use hunyuan_paint_fuzz::{camera, image, number, paint_mesh, texture_size};
use hunyuan_paint_mesh::DEFAULT_VIEWS;
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

fuzz_target!(|bytes: &[u8]| {
    let _ = run(&mut Unstructured::new(bytes));
});

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let (camera, size) = (camera(u)?, texture_size(u)?);
    // Seldom: it looks at the mesh from all sides.
    let choose_views = u.ratio(1, 64)?;
    let (width, height) = (u.int_in_range(0..=32)?, u.int_in_range(0..=32)?);
    let texture = image(u, width, height)?;
    let threshold = number(u)?;
    let mesh = paint_mesh(u)?;
    let _ = render_condition_maps(&mesh, &camera, size);
    let _ = render_depth_map(&mesh, &camera, size);
    let _ = ReliableDepth::render(&mesh, &camera, size, size.div_ceil(2));
    let _ = render_textured(&mesh, &texture, &camera, size);
    if choose_views {
        let views = AutomaticViews { new_surface_min: threshold, count_max: 7, weight: 1.0 };
        let _ = views.choose(&mesh, &DEFAULT_VIEWS, &BakeOptions::default());
    }
    Ok(())
}
