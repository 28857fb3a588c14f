//! Parses a `scheduler_config.json` and runs every scheduler with it.
#![no_main]

use hunyuan_paint_scheduler::{SchedulerConfig, SchedulerError, SchedulerKind};
use libfuzzer_sys::fuzz_target;

/// More training timesteps are valid but slow.
const TIMESTEPS_MAX: usize = 4096;

fuzz_target!(|data: (u8, &str)| {
    let (step_count, json) = data;
    let Ok(config) = SchedulerConfig::from_json(json) else { return };
    let _ = config.kind();
    if config.num_train_timesteps.is_some_and(|count| count > TIMESTEPS_MAX && count < usize::MAX >> 8) {
        return;
    }
    for &kind in SchedulerKind::ALL {
        let _ = run(&config, kind, usize::from(step_count));
    }
});

fn run(config: &SchedulerConfig, kind: SchedulerKind, step_count: usize) -> Result<(), SchedulerError> {
    let mut scheduler = kind.init::<Vec<f32>>(config)?;
    scheduler.set_timesteps(step_count)?;
    let timesteps = scheduler.timesteps().to_vec();
    assert!(!timesteps.is_empty() && timesteps.iter().all(|timestep| timestep.is_finite()));
    let mut sample = vec![scheduler.init_noise_sigma(), -1.0];
    let noise = vec![0.5, -0.25];
    for step in 0..timesteps.len() {
        let input = scheduler.scale_model_input(&sample, step)?;
        let noise = scheduler.needs_noise(step).then_some(&noise);
        sample = scheduler.step(step, &input, &sample, noise)?.prev_sample;
    }
    assert!(scheduler.step(timesteps.len(), &noise, &sample, Some(&noise)).is_err());
    scheduler.add_noise(&sample, &noise, 0)?;
    Ok(())
}
