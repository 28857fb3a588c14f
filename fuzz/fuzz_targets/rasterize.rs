//! The rasteriser on the CPU: both rules of coverage, all keys, both viewports, depth priors, any clip positions.
//! Exact keys must agree to the bit.
#![no_main]

use glam::Vec4;
use hunyuan_paint_fuzz::{choice, number, ordinary};
use hunyuan_paint_raster::{
    Coverage, DepthKey, DepthPrior, NO_FACE, RasterOptions, Size, View, Viewport, VisibilityBuffer,
    interpolate, rasterize, texture,
};
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

fuzz_target!(|bytes: &[u8]| {
    let _ = run(&mut Unstructured::new(bytes));
});

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let size = Size::new(side(u)?, side(u)?);
    let wild = u.arbitrary()?;
    let vertex_count = u.int_in_range(0..=24)?;
    let clip_positions = (0..vertex_count).map(|_| clip_position(u, wild)).collect::<Result<Vec<_>>>()?;
    let limit = vertex_count as u32 + u32::from(u.ratio(1, 16)?);
    let mut faces = Vec::new();
    for _ in 0..u.int_in_range(0..=24)? {
        let mut vertex = || Ok(u32::from(u.arbitrary::<u8>()?) % limit.max(1));
        faces.push([vertex()?, vertex()?, vertex()?]);
    }
    let coverage = choice(u, &[Coverage::Reference, Coverage::FixedPoint])?;
    let viewport = choice(u, &[Viewport::PixelCenters, Viewport::ImageEdges])?;
    let mut view = View::new(&clip_positions, size);
    let prior: Vec<f32>;
    if u.arbitrary()? {
        let depth = [number(u)?, number(u)?, number(u)?];
        prior = depth.into_iter().cycle().take(size.pixel_count().min(1 << 12)).collect();
        view.depth_prior = Some(DepthPrior { depth: &prior, occlusion_truncation: number(u)? });
    }
    let draw = |depth_key| rasterize(&view, &faces, RasterOptions { coverage, viewport, depth_key });
    let [packed, packed64, two_pass, default] =
        [Some(DepthKey::Packed32), Some(DepthKey::Packed64), Some(DepthKey::TwoPass32), None].map(draw);
    if let Ok(buffer) = &packed {
        check(buffer, faces.len());
    }
    assert_eq!(format!("{packed64:?}"), format!("{two_pass:?}"));
    assert_eq!(format!("{packed64:?}"), format!("{default:?}"));
    if let Ok(buffer) = default {
        check(&buffer, faces.len());
        let attributes: Vec<[f32; 4]> = clip_positions.iter().map(Vec4::to_array).collect();
        interpolate(&attributes, &faces, &buffer).expect("the buffer is that of these faces");
        let uvs: Vec<_> = clip_positions.iter().map(|position| position.truncate().truncate()).collect();
        let texture = texture::rasterize(&uvs, &faces, size.width).expect("the faces are in range");
        check(&texture, faces.len());
    }
    Ok(())
}

fn check(buffer: &VisibilityBuffer, face_count: usize) {
    let count = buffer.size().pixel_count();
    assert_eq!((buffer.face_index.len(), buffer.barycentrics.len()), (count, count));
    assert!(buffer.face_index.iter().all(|&face| face == NO_FACE || (face as usize) < face_count));
    assert_eq!(buffer.depth_range.is_some(), buffer.face_index.iter().any(|&face| face != NO_FACE));
}

fn side(u: &mut Unstructured<'_>) -> Result<u32> {
    match u.arbitrary::<u8>()? {
        0 => choice(u, &[0, 16_385, u32::MAX]),
        byte => Ok(u32::from(byte) % 48 + 1),
    }
}

fn clip_position(u: &mut Unstructured<'_>, wild: bool) -> Result<Vec4> {
    if wild {
        return Ok(Vec4::new(number(u)?, number(u)?, number(u)?, number(u)?));
    }
    let w = choice(u, &[1.0, 1.0, 1.0, 0.5, 2.0, -1.0, 0.0])?;
    Ok(Vec4::new(ordinary(u)?, ordinary(u)?, ordinary(u)?, 2.0 * w) / 2.0)
}
