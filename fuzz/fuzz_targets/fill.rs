//! Each fill alone, on arbitrary textures.
#![no_main]

use hunyuan_paint_bake::{
    BakedTexture, PartialTexture, draw_charts, fill_gaps, fill_gutter, fill_surface, fill_vertices,
};
use hunyuan_paint_fuzz::{image, number, canonical_mesh};
use image::GrayImage;
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

fuzz_target!(|bytes: &[u8]| {
    let _ = run(&mut Unstructured::new(bytes));
});

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let size = u.int_in_range(1..=64)?;
    // Sometimes the size differs from that of the charts.
    let image_size = if u.ratio(1, 16)? { u.int_in_range(0..=64)? } else { size };
    let painted: GrayImage = image(u, image_size, image_size)?;
    let colors = image(u, image_size, image_size)?;
    let extra = number(u)?;
    let mesh = canonical_mesh(u)?;
    let texel_count = (image_size * image_size) as usize;
    let mut texture = PartialTexture {
        colors: (0..texel_count).map(|i| [extra, i as f32 / 4096.0, 0.5]).collect(),
        coverage: painted.iter().map(|byte| byte & 1 == 1).collect(),
        texture_size: image_size,
    };
    if fill_vertices(&mesh, &mut texture).is_ok() {
        fill_gaps(&texture).expect("what could be filled by vertices can be filled in the gaps");
    }
    if let Ok(charts) = draw_charts(&mesh, size) {
        let mut texture = BakedTexture { image: colors, coverage: painted };
        let filled = fill_surface(&mesh, &charts, &mut texture);
        assert_eq!(filled.is_ok(), size == image_size);
        assert_eq!(fill_gutter(&charts, &mut texture.image).is_ok(), size == image_size);
    }
    Ok(())
}
