//! Recorded cases in `cases/`, on the CPU, and those of the rasterizer also on a GPU.

use std::{collections::BTreeSet, path::Path};

#[cfg(feature = "wgpu")]
use hunyuan_paint_testkit::case::CaseError;
use hunyuan_paint_testkit::runner::{RunnerDevice, run_case};

fn cases() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")
}

fn check(name: &str) {
    let lines = run_case(&cases().join(name), &RunnerDevice::CPU);
    assert!(!lines.is_empty(), "{name}: nothing was compared");
    let failed: Vec<String> = lines.iter().filter(|line| !line.passed()).map(ToString::to_string).collect();
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
}

macro_rules! parity_cases {
    ($($name:ident)*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];
        $(#[test] fn $name() { check(stringify!($name)); })*
    };
}

parity_cases! {
    autoencoder_kl
    camera_matrices
    canny_erode
    clip_text
    ddim_delight_50
    ddim_eps_eta1_10
    ddim_linspace_sample_7
    ddim_paint_zsnr_30
    delight_cfg_euler_a_6
    delight_ddim_20
    delight_euler_a_50
    demo_delight_ddim_10
    demo_paint_ddim_6
    euler_a_delight_50
    euler_a_paint_30
    euler_a_seed_10
    icosphere128_bake
    icosphere128_conditions
    inpaint_navier_stokes
    lcm_turbo_10
    paint_euler_a_30
    paint_euler_a_8_two_refs
    paint_turbo_lcm
    pillow_bicubic_resize
    raster_soup_depth_prior
    raster_soup_negative_w
    raster_two_overlapping
    reference_image_prep
    torch_cpu_randn
    torch_cuda_randn
    unet2d_condition
    unet2d_odd_size
    unet2d_conv_projection
    unet2p5d
    unipc_pbr_15
}

/// The GPU gives the recorded bits.
#[cfg(feature = "wgpu")]
#[test]
fn rasterize_cases_on_the_gpu() -> Result<(), CaseError> {
    let device = RunnerDevice::new(hunyuan_paint::ComputeDevice::Wgpu);
    let device = hunyuan_paint_test_support::gpu_or_skip("rasterize_cases_on_the_gpu", device);
    let Some(device) = device else { return Ok(()) };
    for name in NAMES.iter().filter(|name| name.starts_with("raster_")) {
        let lines = run_case(&cases().join(name), &device);
        assert!(!lines.is_empty(), "{name}: nothing was compared");
        for line in lines {
            // The limits for GPUs would allow some pixels to differ.
            assert_eq!(line.value, 0.0, "{line}");
        }
    }
    Ok(())
}

#[test]
fn every_folder_is_a_test() -> std::io::Result<()> {
    let mut folders = BTreeSet::new();
    for entry in std::fs::read_dir(cases())? {
        let path = entry?.path();
        if path.join("case.json").is_file() {
            folders.insert(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
    }
    let tested: BTreeSet<String> = NAMES.iter().map(ToString::to_string).collect();
    assert_eq!(folders, tested);
    Ok(())
}

#[test]
fn a_folder_without_a_case_fails() {
    let lines = run_case(&cases().join("model_tiny"), &RunnerDevice::CPU);
    assert_eq!(lines.len(), 1);
    assert!(!lines[0].passed());
}
