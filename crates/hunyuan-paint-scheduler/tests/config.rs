//! Valid and invalid configurations.

use hunyuan_paint_scheduler::{
    BetaSchedule, Schedule, Scheduler, SchedulerConfig, SchedulerError, SchedulerKind, UniPcScheduler,
};

/// The file published with the paint model. The last two fields belong to schedulers that this
/// crate lacks.
const PAINT: &str = r#"{
    "_class_name": "DDIMScheduler", "_diffusers_version": "0.32.2",
    "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085,
    "clip_sample": false, "clip_sample_range": 1.0, "dynamic_thresholding_ratio": 0.995,
    "num_train_timesteps": 1000, "prediction_type": "v_prediction", "rescale_betas_zero_snr": true,
    "sample_max_value": 1.0, "set_alpha_to_one": true, "steps_offset": 1, "thresholding": false,
    "timestep_spacing": "trailing", "trained_betas": null,
    "interpolation_type": "linear", "skip_prk_steps": true
}"#;

fn init(kind: SchedulerKind, json: &str) -> Result<Box<dyn Scheduler<Vec<f32>>>, SchedulerError> {
    kind.init(&SchedulerConfig::from_json(json)?)
}

fn message<T>(result: Result<T, SchedulerError>) -> String {
    result.err().map_or_else(String::new, |error| error.to_string())
}

#[test]
fn every_scheduler_can_be_built_from_the_published_file() -> Result<(), SchedulerError> {
    let config = SchedulerConfig::from_json(PAINT)?;
    assert_eq!(config.kind()?, SchedulerKind::Ddim);
    assert_eq!(config.beta_schedule, Some(BetaSchedule::ScaledLinear));
    for &kind in SchedulerKind::ALL {
        let mut scheduler = kind.init::<Vec<f32>>(&config)?;
        scheduler.set_timesteps(30)?;
        assert_eq!((scheduler.kind(), scheduler.timesteps().len()), (kind, 30));
    }
    Ok(())
}

#[test]
fn sigmas_match_diffusers() -> Result<(), SchedulerError> {
    let mut euler = init(SchedulerKind::EulerAncestral, PAINT)?;
    euler.set_timesteps(30)?;
    assert_eq!(euler.timesteps()[..4], [999.0, 966.0, 932.0, 899.0]);
    assert_eq!(euler.init_noise_sigma(), 4096.0);
    let recorded = [4096.0, 63.551_674, 29.042_734];
    assert!(euler.sigmas().iter().zip(recorded).all(|(s, r)| (s / r - 1.0).abs() < 1e-6));
    assert_eq!(euler.sigmas()[30], 0.0);
    Ok(())
}

#[test]
fn absent_fields_get_the_defaults_of_the_built_scheduler() -> Result<(), SchedulerError> {
    for (kind, first, second) in [
        (SchedulerKind::Ddim, 900.0, 800.0),
        (SchedulerKind::EulerAncestral, 999.0, 888.0),
        (SchedulerKind::Lcm, 999.0, 899.0),
        (SchedulerKind::UniPc, 999.0, 899.0),
    ] {
        let mut scheduler = init(kind, r#"{"_class_name": "DDIMScheduler"}"#)?;
        scheduler.set_timesteps(10)?;
        assert_eq!(scheduler.timesteps()[..2], [first, second], "{kind}");
    }
    Ok(())
}

#[test]
fn errors_name_the_field_the_value_and_the_expectation() {
    for (json, parts) in [
        (r#"{"beta_schedule": "sigmoid"}"#, ["beta_schedule", "sigmoid", "scaled_linear"]),
        (r#"{"prediction_type": "flow_prediction"}"#, ["prediction_type", "flow_prediction", "v_prediction"]),
        (r#"{"timestep_spacing": "karras"}"#, ["timestep_spacing", "karras", "trailing"]),
        (r#"{"solver_type": "bh3"}"#, ["solver_type", "bh3", "bh2"]),
        (r#"{"clip_sample": null}"#, ["clip_sample", "null", "true or false"]),
        (r#"{"num_train_timesteps": -1}"#, ["num_train_timesteps", "-1", "non-negative"]),
        (r#"{"beta_schedul": "linear"}"#, ["beta_schedul", "unknown", ""]),
        ("[]", ["[]", "object", ""]),
        ("{", ["JSON", "", ""]),
    ] {
        let message = message(SchedulerConfig::from_json(json));
        assert!(parts.iter().all(|part| message.contains(part)) && !message.is_empty(), "{json}: {message}");
    }
    let foreign = SchedulerConfig::from_json(r#"{"_class_name": "PNDMScheduler"}"#).and_then(|c| c.kind());
    assert!(message(foreign).contains("PNDMScheduler"));
}

#[test]
fn unimplemented_options_are_rejected_only_where_they_matter() {
    for (kind, json) in [
        (SchedulerKind::Ddim, r#"{"thresholding": true}"#),
        (SchedulerKind::Lcm, r#"{"thresholding": true}"#),
        (SchedulerKind::UniPc, r#"{"thresholding": true}"#),
        (SchedulerKind::UniPc, r#"{"use_karras_sigmas": true}"#),
        (SchedulerKind::UniPc, r#"{"use_flow_sigmas": true}"#),
        (SchedulerKind::UniPc, r#"{"solver_p": {"_class_name": "DDIMScheduler"}}"#),
        (SchedulerKind::UniPc, r#"{"predict_x0": false}"#),
        (SchedulerKind::UniPc, r#"{"solver_order": 0}"#),
        (SchedulerKind::EulerAncestral, r#"{"prediction_type": "sample"}"#),
        (SchedulerKind::Lcm, r#"{"original_inference_steps": 0}"#),
        (SchedulerKind::Ddim, r#"{"clip_sample_range": -1.0}"#),
    ] {
        assert!(init(kind, json).is_err(), "{kind} {json}");
    }
    assert!(init(SchedulerKind::EulerAncestral, r#"{"thresholding": true}"#).is_ok());
    assert!(init(SchedulerKind::Ddim, r#"{"use_karras_sigmas": true}"#).is_ok());
    assert!(init(SchedulerKind::UniPc, r#"{"use_karras_sigmas": null, "solver_p": null}"#).is_ok());
}

#[test]
fn impossible_step_counts_are_rejected() -> Result<(), SchedulerError> {
    for &kind in SchedulerKind::ALL {
        let mut scheduler = init(kind, "{}")?;
        for count in [0, 1001, usize::MAX] {
            assert!(message(scheduler.set_timesteps(count)).contains(&count.to_string()), "{kind} {count}");
        }
    }
    assert!(init(SchedulerKind::Lcm, "{}")?.set_timesteps(51).is_err(), "more than it was distilled with");
    assert!(init(SchedulerKind::Ddim, r#"{"steps_offset": 1}"#)?.set_timesteps(1000).is_err());
    let mut unipc = UniPcScheduler::<Vec<f32>>::new(&SchedulerConfig::default())?;
    assert!(unipc.set_timesteps(1000).is_err(), "its 1001 points on 1000 timesteps collide");
    Ok(())
}
