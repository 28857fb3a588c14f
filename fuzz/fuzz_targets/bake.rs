//! Baking of views into a texture: every transfer with every fill.
#![no_main]

use std::ops::ControlFlow;

use hunyuan_paint_bake::{BakeOptions, BakeRequest, BakeView, Fill, ReliableDepth, Transfer, bake};
use hunyuan_paint_fuzz::{camera, choice, image, number, canonical_mesh, texture_size};
use image::RgbImage;
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

fuzz_target!(|bytes: &[u8]| {
    let _ = run(&mut Unstructured::new(bytes));
});

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let mut options = BakeOptions {
        transfer: choice(u, &[Transfer::Gather, Transfer::Reference])?,
        fill: choice(u, &[Fill::Surface, Fill::Reference])?,
        ..BakeOptions::default()
    };
    if u.ratio(1, 4)? {
        options.view_angle_max_degrees = number(u)?;
        options.cosine_exponent = choice(u, &[0, 1, 2, 7, u32::MAX])?;
        options.depth_size = choice(u, &[None, Some(0), Some(1), Some(37), Some(u32::MAX)])?;
    }
    let texture_size = texture_size(u)?;
    let view_count = u.int_in_range(0..=4)?;
    let views = (0..view_count)
        .map(|_| {
            let (width, height) = (u.int_in_range(0..=40)?, u.int_in_range(1..=40)?);
            let weight = if u.ratio(3, 4)? { 1.0 } else { number(u)? };
            Ok((camera(u)?, weight, image(u, width, height)?, u.ratio(1, 4)?))
        })
        .collect::<Result<Vec<(_, _, RgbImage, _)>>>()?;
    let mesh = canonical_mesh(u)?;
    let depths: Vec<Option<ReliableDepth>> = views
        .iter()
        .map(|(camera, .., with_depth)| {
            with_depth.then(|| ReliableDepth::render(&mesh, camera, 29, 31).ok()).flatten()
        })
        .collect();
    let views: Vec<BakeView<'_>> = views
        .iter()
        .zip(&depths)
        .map(|((camera, weight, image, _), depth)| BakeView {
            depth: depth.as_ref(),
            ..BakeView::new(*camera, *weight, image)
        })
        .collect();
    let baked = bake(&BakeRequest { mesh: &mesh, views: &views, texture_size, options: &options }, &mut |_| ControlFlow::Continue(()));
    if let Ok(baked) = baked {
        assert_eq!(baked.image.dimensions(), (texture_size, texture_size));
        assert_eq!(baked.coverage.dimensions(), (texture_size, texture_size));
    }
    Ok(())
}
