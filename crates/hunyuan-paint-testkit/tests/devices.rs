//! The CPU and a GPU (a software GPU suffices) give the same images, with every scheduler.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{LazyLock, Mutex, PoisonError},
};

use hunyuan_paint::ComputeDevice;
use hunyuan_paint_models::Precision;
use hunyuan_paint_scheduler::SchedulerKind;
use hunyuan_paint_test_support::{gpu_or_skip, is_gpu_required, report};
use hunyuan_paint_testkit::{
    case::CaseError,
    devices::{DeviceFixture, PipelineKind, Randomness, Run, Scene, components},
    image_metrics::{compare_images, compare_values},
    runner::{RunnerDevice, run_case},
};
use image::RgbImage;

type TestResult = Result<(), CaseError>;

/// Steps of the runs in this file; the longer recorded runs are compared as well.
const STEPS: usize = 8;

const SEED: u64 = 7;

/// Serializes the tests that use the GPU.
static GPU: Mutex<()> = Mutex::new(());

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")
}

fn fixture(device: ComputeDevice) -> Result<DeviceFixture, CaseError> {
    DeviceFixture::new(&cases().join("model_tiny"), device, Precision::F32)
}

fn scene() -> Result<Scene, CaseError> {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets");
    Scene::read(&assets.join("robot.glb"), &assets.join("robot.png"), 64)
}

/// Runs a test that needs a GPU. Builds without a GPU feature skip it.
fn with_gpu(name: &str, test: impl FnOnce() -> TestResult) -> TestResult {
    let _gpu = GPU.lock().unwrap_or_else(PoisonError::into_inner);
    if !cfg!(feature = "wgpu") && !is_gpu_required(false) {
        report(&format!("SKIPPED: {name}: this build has no GPU feature"));
        return Ok(());
    }
    match gpu_or_skip(name, ComputeDevice::Wgpu.init()) {
        Some(_) => test(),
        None => Ok(()),
    }
}

fn runs(pipeline: PipelineKind) -> impl Iterator<Item = Run> {
    let run = move |scheduler| Run { pipeline, scheduler, num_inference_steps: STEPS };
    SchedulerKind::ALL.iter().copied().map(run)
}

fn images(on: &DeviceFixture, scene: &Scene, run: Run) -> Result<Vec<RgbImage>, CaseError> {
    run.images(on, scene, Randomness::Shared.init(on, SEED))
}

#[test]
fn operations_and_networks_agree() -> TestResult {
    with_gpu("operations_and_networks_agree", || {
        let (cpu, gpu) = (fixture(ComputeDevice::Cpu)?, fixture(ComputeDevice::Wgpu)?);
        for component in components() {
            let differences = compare_values(&component.run(&cpu)?, &component.run(&gpu)?)
                .map_err(CaseError::under_test)?;
            let within = differences.max <= component.limit && differences.non_finite == 0;
            assert!(within, "{}: limit {:e}, {differences:?}", component.name, component.limit);
            assert!(differences.expected_max > 1e-3, "{}: nothing was computed", component.name);
        }
        Ok(())
    })
}

/// Checks that the limits hold against the reference in double precision, too.
#[test]
fn single_operations_match_double_precision() -> TestResult {
    let cpu = fixture(ComputeDevice::Cpu)?;
    let mut checked = 0;
    for component in components() {
        let Some(exact) = component.exact() else { continue };
        let differences = compare_values(&exact, &component.run(&cpu)?).map_err(CaseError::under_test)?;
        assert!(differences.max <= component.limit, "{}: {differences:?}", component.name);
        checked += 1;
    }
    assert_eq!(checked, 5);
    Ok(())
}

/// Half precision may differ by what its ten bits of mantissa explain, and must differ from single
/// precision.
#[test]
fn half_precision_is_close_to_single() -> TestResult {
    let single = fixture(ComputeDevice::Cpu)?;
    let half = DeviceFixture::new(&cases().join("model_tiny"), ComputeDevice::Cpu, Precision::F16)?;
    for component in components() {
        let differences = compare_values(&component.run(&single)?, &component.run(&half)?)
            .map_err(CaseError::under_test)?;
        let explained = 1e-4..1e-2;
        assert!(explained.contains(&differences.relative_rms), "{}: {differences:?}", component.name);
        assert_eq!(differences.non_finite, 0, "{}", component.name);
    }
    Ok(())
}

fn pictures_agree(test: &str, pipeline: PipelineKind) -> TestResult {
    with_gpu(test, || {
        let (cpu, gpu) = (fixture(ComputeDevice::Cpu)?, fixture(ComputeDevice::Wgpu)?);
        let scene = scene()?;
        for run in runs(pipeline) {
            let (expected, found) = (images(&cpu, &scene, run)?, images(&gpu, &scene, run)?);
            let differences = compare_images(&expected, &found).map_err(CaseError::under_test)?;
            assert!(differences.max <= 1, "{run}: {differences:?}");
        }
        Ok(())
    })
}

#[test]
fn delight_gives_the_same_picture_with_every_scheduler() -> TestResult {
    pictures_agree("delight_gives_the_same_picture_with_every_scheduler", PipelineKind::Delight)
}

#[test]
fn multiview_gives_the_same_pictures_with_every_scheduler() -> TestResult {
    pictures_agree("multiview_gives_the_same_pictures_with_every_scheduler", PipelineKind::Multiview)
}

/// Results are identical to the bit, regardless of the machine's load.
#[test]
fn a_gpu_repeats_its_results_to_the_bit() -> TestResult {
    with_gpu("a_gpu_repeats_its_results_to_the_bit", || {
        let gpu = fixture(ComputeDevice::Wgpu)?;
        let scene = scene()?;
        for run in PipelineKind::ALL.into_iter().flat_map(runs) {
            let trace = || run.trace(&gpu, &scene, Randomness::Shared.init(&gpu, SEED));
            let ((steps, images), (other_steps, other_images)) = (trace()?, trace()?);
            for (i, (first, second)) in steps.iter().zip(&other_steps).enumerate() {
                assert!(first == second, "{run}: step {}", i + 1);
            }
            assert!(images == other_images, "{run}");
        }
        Ok(())
    })
}

#[test]
fn threads_do_not_matter_with_any_scheduler() -> TestResult {
    let scene = scene()?;
    let cpu = fixture(ComputeDevice::Cpu)?;
    for run in PipelineKind::ALL.into_iter().flat_map(runs) {
        let trace = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let pool = pool.map_err(CaseError::under_test)?;
            pool.install(|| run.trace(&cpu, &scene, Randomness::Shared.init(&cpu, SEED)))
        };
        let expected = trace(1)?;
        for threads in [1, 2, 7] {
            assert!(trace(threads)? == expected, "{run} with {threads} threads");
        }
    }
    Ok(())
}

/// With a device's own random numbers the images differ from those with shared ones, so the tests
/// above would fail with them.
#[test]
fn device_own_numbers_give_other_pictures() -> TestResult {
    let scene = scene()?;
    let cpu = fixture(ComputeDevice::Cpu)?;
    let run = Run {
        pipeline: PipelineKind::Delight,
        scheduler: SchedulerKind::EulerAncestral,
        num_inference_steps: STEPS,
    };
    let mut pictures = BTreeMap::new();
    for randomness in [Randomness::DeviceOwn, Randomness::SharedLatents, Randomness::Shared] {
        pictures.insert(randomness.name(), run.images(&cpu, &scene, randomness.init(&cpu, SEED))?);
    }
    let shared = &pictures[Randomness::Shared.name()];
    for randomness in [Randomness::DeviceOwn, Randomness::SharedLatents] {
        let differences =
            compare_images(shared, &pictures[randomness.name()]).map_err(CaseError::under_test)?;
        assert!(differences.beyond_one > 0.1, "{}: {differences:?}", randomness.name());
    }
    Ok(())
}

/// Recordings of the original, with the limits for GPUs.
fn recorded(names: &[&str]) -> TestResult {
    static DEVICE: LazyLock<Result<RunnerDevice, String>> =
        LazyLock::new(|| RunnerDevice::new(ComputeDevice::Wgpu).map_err(|error| error.to_string()));
    with_gpu("recordings on the GPU", || {
        let device = DEVICE.as_ref().map_err(|error| CaseError::from(Box::from(error.as_str())))?;
        for name in names {
            let lines = run_case(&cases().join(name), device);
            assert!(!lines.is_empty(), "{name}: nothing was compared");
            let failed: Vec<String> =
                lines.iter().filter(|line| !line.passed()).map(ToString::to_string).collect();
            assert!(failed.is_empty(), "\n{}", failed.join("\n"));
        }
        Ok(())
    })
}

#[test]
fn recorded_networks_on_the_gpu() -> TestResult {
    recorded(&[
        "autoencoder_kl",
        "clip_text",
        "unet2d_condition",
        "unet2d_conv_projection",
        "unet2d_odd_size",
        "unet2p5d",
    ])
}

#[test]
fn recorded_delight_runs_on_the_gpu() -> TestResult {
    recorded(&["delight_cfg_euler_a_6", "delight_ddim_20", "delight_euler_a_50"])
}

#[test]
fn recorded_paint_runs_on_the_gpu() -> TestResult {
    recorded(&["paint_euler_a_8_two_refs", "paint_euler_a_30", "paint_turbo_lcm"])
}
