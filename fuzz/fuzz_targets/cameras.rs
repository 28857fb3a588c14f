//! Camera lists in the format that users write.
#![no_main]

use hunyuan_paint_mesh::{parse_views, validate_views, view_index};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|json: &str| {
    let Ok(views) = parse_views(json) else { return };
    validate_views(&views).expect("what was read is valid");
    for view in views {
        assert!(view_index(view.camera.azimuth_degrees, view.camera.elevation_degrees) < 44);
        assert!(view.camera.view_from_world().is_finite());
    }
});
