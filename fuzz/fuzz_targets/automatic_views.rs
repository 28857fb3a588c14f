//! The choice of views. Slow: it renders the mesh from all sides, at a fixed size.
#![no_main]

use hunyuan_paint_bake::{AutomaticViews, BakeOptions};
use hunyuan_paint_fuzz::{camera, number, canonical_mesh};
use hunyuan_paint_mesh::CameraView;
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

fuzz_target!(|bytes: &[u8]| {
    let _ = run(&mut Unstructured::new(bytes));
});

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let first = CameraView { camera: camera(u)?, weight: number(u)? };
    let count_max = u.int_in_range(0..=3)?;
    let views = AutomaticViews { new_surface_min: number(u)?, count_max, weight: number(u)? };
    let mesh = canonical_mesh(u)?;
    if let Ok(chosen) = views.choose(&mesh, &[first], &BakeOptions::default()) {
        // Compared as text, because NaN is not equal to itself.
        assert_eq!(format!("{:?}", chosen.first()), format!("{:?}", Some(&first)));
        assert!(chosen.len() <= count_max.max(1));
    }
    Ok(())
}
