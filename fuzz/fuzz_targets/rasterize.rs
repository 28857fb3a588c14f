//! The rasterizer on the CPU: both rules of coverage, all keys, both viewports, depth priors, any clip positions.
//! Exact keys must agree to the bit.
#![no_main]

use glam::Vec4;
use hunyuan_paint_fuzz::{Scene, check_visibility};
use hunyuan_paint_raster::{DepthKey, RasterOptions, interpolate, rasterize, texture};
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

fuzz_target!(|bytes: &[u8]| {
    let _ = run(&mut Unstructured::new(bytes));
});

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let scene = Scene::new(u)?;
    let (view, faces) = (scene.view(), &scene.faces);
    let draw = |depth_key| rasterize(&view, faces, RasterOptions { depth_key, ..scene.options });
    let [packed64, two_pass, default] =
        [Some(DepthKey::Packed64), Some(DepthKey::TwoPass32), None].map(draw);
    assert_eq!(format!("{packed64:?}"), format!("{two_pass:?}"));
    assert_eq!(format!("{packed64:?}"), format!("{default:?}"));
    if let Ok(buffer) = default {
        check_visibility(&buffer, faces.len());
        let attributes: Vec<[f32; 4]> = scene.clip_positions.iter().map(Vec4::to_array).collect();
        interpolate(&attributes, faces, &buffer).expect("the buffer is that of these faces");
        let uvs: Vec<_> =
            scene.clip_positions.iter().map(|position| position.truncate().truncate()).collect();
        let texture = texture::rasterize(&uvs, faces, scene.size.width).expect("the faces are in range");
        check_visibility(&texture, faces.len());
    }
    Ok(())
}
