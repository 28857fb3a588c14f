//! Properties of every scheduler's steps that hold for any model.

use hunyuan_paint_scheduler::{
    BetaSchedule, DdimScheduler, LcmScheduler, LinearCombination, PredictionType, Schedule, Scheduler,
    SchedulerConfig, SchedulerError, SchedulerKind, TimestepSpacing, UniPcScheduler,
    random::{NormalGenerator, Philox},
};

const LENGTH: usize = 64;

fn latent_config(prediction_type: PredictionType, spacing: TimestepSpacing) -> SchedulerConfig {
    SchedulerConfig {
        beta_start: Some(0.00085),
        beta_end: Some(0.012),
        beta_schedule: Some(BetaSchedule::ScaledLinear),
        prediction_type: Some(prediction_type),
        timestep_spacing: Some(spacing),
        clip_sample: Some(false),
        ..Default::default()
    }
}

/// Computes `alphas_cumprod` of [`latent_config`] from its definition.
fn alpha_cumprod(timestep: f32) -> f64 {
    let (start, end) = (0.00085_f64.sqrt(), 0.012_f64.sqrt());
    let beta = |i: usize| (start + (end - start) * i as f64 / 999.0).powi(2);
    let at = |t: usize| (0..=t).map(|i| 1.0 - beta(i)).product::<f64>();
    // Between integer timesteps, diffusers interpolates sigmas.
    let sigma = |t: usize| ((1.0 - at(t)) / at(t)).sqrt();
    let below = timestep.floor();
    let fraction = f64::from(timestep - below);
    let (low, high) = (sigma(below as usize), sigma(timestep.ceil() as usize));
    let sigma = low + fraction * (high - low);
    1.0 / (sigma * sigma + 1.0)
}

/// Returns the output of a perfect model of the single sample `clean`, for an input of variance 1.
fn perfect_model(kind: PredictionType, sample: &[f32], timestep: f32, clean: &[f32]) -> Vec<f32> {
    let alpha = alpha_cumprod(timestep);
    let answer = |(&x, &x0): (&f32, &f32)| {
        let (x, x0) = (f64::from(x), f64::from(x0));
        let epsilon = (x - alpha.sqrt() * x0) / (1.0 - alpha).sqrt();
        let velocity = alpha.sqrt() * epsilon - (1.0 - alpha).sqrt() * x0;
        match kind {
            PredictionType::Epsilon => epsilon as f32,
            PredictionType::Sample => x0 as f32,
            _ => velocity as f32,
        }
    };
    sample.iter().zip(clean).map(answer).collect()
}

fn denoise(
    scheduler: &mut dyn Scheduler<Vec<f32>>,
    model: impl Fn(&[f32], f32) -> Vec<f32>,
) -> Result<Vec<f32>, SchedulerError> {
    let mut generator = Philox::new(1);
    let sigma = scheduler.init_noise_sigma();
    let mut sample = generator.randn(LENGTH).mul_scalar(sigma);
    for (step_index, timestep) in scheduler.timesteps().to_vec().into_iter().enumerate() {
        let input = scheduler.scale_model_input(&sample, step_index)?;
        let noise = scheduler.needs_noise(step_index).then(|| generator.randn(LENGTH));
        let output = model(&input, timestep);
        sample = scheduler.step(step_index, &output, &sample, noise.as_ref())?.prev_sample;
    }
    Ok(sample)
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn a_perfect_model_denoises_to_its_data() -> Result<(), SchedulerError> {
    use PredictionType::{Epsilon, Sample, VPrediction};
    use TimestepSpacing::{Leading, Linspace, Trailing};
    let clean = Philox::new(2).randn(LENGTH);
    for &kind in SchedulerKind::ALL {
        for prediction in [Epsilon, Sample, VPrediction] {
            for spacing in [Leading, Linspace, Trailing] {
                if (kind, prediction) == (SchedulerKind::EulerAncestral, Sample) {
                    continue;
                }
                let mut scheduler = kind.init(&latent_config(prediction, spacing))?;
                scheduler.set_timesteps(20)?;
                let model = |input: &[f32], t| perfect_model(prediction, input, t, &clean);
                let difference = largest_difference(&denoise(scheduler.as_mut(), model)?, &clean);
                assert!(difference < 2e-4, "{kind} {prediction:?} {spacing:?}: {difference}");
            }
        }
    }
    Ok(())
}

/// UniP of order 1 is DDIM (section 3.5 of the paper): without a corrector, both take the same
/// steps.
#[test]
fn first_order_unipc_is_ddim() -> Result<(), SchedulerError> {
    let config = SchedulerConfig {
        solver_order: Some(1),
        disable_corrector: Some((0..20).collect()),
        ..latent_config(PredictionType::VPrediction, TimestepSpacing::Trailing)
    };
    let model =
        |input: &[f32], t: f32| -> Vec<f32> { input.iter().map(|x| (x * 3.0 + t * 0.01).sin()).collect() };
    let mut ends = Vec::new();
    for kind in [SchedulerKind::Ddim, SchedulerKind::UniPc] {
        let mut scheduler = kind.init(&config)?;
        scheduler.set_timesteps(20)?;
        ends.push(denoise(scheduler.as_mut(), model)?);
    }
    assert!(largest_difference(&ends[0], &ends[1]) < 1e-4);
    Ok(())
}

#[test]
fn noise_is_needed_when_diffusers_draws_it() -> Result<(), SchedulerError> {
    let config = SchedulerConfig::default();
    let sample = vec![1.0; 4];
    for (kind, needs) in [
        (SchedulerKind::Ddim, [false, false, false]),
        (SchedulerKind::EulerAncestral, [true, true, true]),
        (SchedulerKind::Lcm, [true, true, false]),
        (SchedulerKind::UniPc, [false, false, false]),
    ] {
        let mut scheduler = kind.init(&config)?;
        scheduler.set_timesteps(3)?;
        for (step_index, needed) in needs.into_iter().enumerate() {
            assert_eq!(scheduler.needs_noise(step_index), needed, "{kind} {step_index}");
            let without = scheduler.step(step_index, &sample, &sample, None);
            assert_eq!(matches!(without, Err(SchedulerError::MissingNoise { .. })), needed, "{kind}");
            scheduler.step(step_index, &sample, &sample, Some(&sample)).or_else(|error| match kind {
                SchedulerKind::UniPc => Ok(without?),
                _ => Err(error),
            })?;
        }
    }
    let mut ddim = DdimScheduler::new(&config)?.with_eta(0.5)?;
    ddim.set_timesteps(3)?;
    assert!(ddim.needs_noise(2));
    assert!(DdimScheduler::new(&config)?.with_eta(-0.1).is_err());
    Ok(())
}

#[test]
fn misuse_is_an_error() -> Result<(), SchedulerError> {
    let (sample, short) = (vec![1.0; 4], vec![1.0; 3]);
    for &kind in SchedulerKind::ALL {
        let mut scheduler = kind.init(&SchedulerConfig::default())?;
        let early = scheduler.step(0, &sample, &sample, Some(&sample));
        assert!(matches!(early, Err(SchedulerError::TimestepsNotSet { .. })), "{kind}");
        assert!(scheduler.scale_model_input(&sample, 0).is_err());
        scheduler.set_timesteps(3)?;
        let late = scheduler.step(3, &sample, &sample, Some(&sample));
        assert!(matches!(late, Err(SchedulerError::StepIndex { found: 3, .. })), "{kind}");
        for (model_output, noise) in [(&short, &sample), (&sample, &short)] {
            let mismatched = scheduler.step(0, model_output, &sample, Some(noise));
            assert!(matches!(mismatched, Err(SchedulerError::Shape { .. })), "{kind}");
        }
        assert!(scheduler.add_noise(&sample, &short, 0).is_err());
        assert_eq!(scheduler.set_custom_timesteps(&[500, 100]).is_ok(), kind == SchedulerKind::Lcm);
    }
    let mut lcm = LcmScheduler::new(&SchedulerConfig::default())?;
    for timesteps in [&[][..], &[1000], &[5, 5], &[5, 6]] {
        assert!(lcm.set_custom_timesteps(timesteps).is_err(), "{timesteps:?}");
    }
    Ok(())
}

#[test]
fn unipc_steps_are_in_order_and_a_run_can_restart() -> Result<(), SchedulerError> {
    let mut scheduler = UniPcScheduler::new(&SchedulerConfig::default())?;
    scheduler.set_timesteps(5)?;
    let (output, sample) = (vec![0.3; 4], vec![1.0; 4]);
    let first = scheduler.step(0, &output, &sample, None)?.prev_sample;
    assert!(matches!(
        scheduler.step(2, &output, &first, None),
        Err(SchedulerError::StepIndex { found: 2, .. })
    ));
    let second = scheduler.step(1, &output, &first, None)?.prev_sample;
    assert_eq!(scheduler.step(0, &output, &sample, None)?.prev_sample, first);
    assert_eq!(scheduler.step(1, &output, &first, None)?.prev_sample, second);
    Ok(())
}

#[test]
fn a_step_removes_the_added_noise() -> Result<(), SchedulerError> {
    let clean = Philox::new(2).randn(LENGTH);
    let noise = Philox::new(3).randn(LENGTH);
    for &kind in SchedulerKind::ALL {
        let config = latent_config(PredictionType::Epsilon, TimestepSpacing::Trailing);
        let mut scheduler = kind.init(&config)?;
        scheduler.set_timesteps(10)?;
        let noisy = scheduler.add_noise(&clean, &noise, 4)?;
        let predicted = scheduler.step(4, &noise, &noisy, Some(&noise))?.pred_original_sample;
        let difference = largest_difference(&predicted, &clean);
        assert!(difference < 1e-4, "{kind}: {difference}");
    }
    Ok(())
}

/// Starting from pure noise with eta 1, the variance of the direction is 0 up to rounding, and must
/// not become negative.
#[test]
fn ddim_with_full_variance_stays_finite_at_zero_snr() -> Result<(), SchedulerError> {
    for spacing in [TimestepSpacing::Trailing, TimestepSpacing::Linspace] {
        let config = SchedulerConfig {
            rescale_betas_zero_snr: Some(true),
            ..latent_config(PredictionType::VPrediction, spacing)
        };
        let mut scheduler = DdimScheduler::new(&config)?.with_eta(1.0)?;
        for count in 2..60 {
            scheduler.set_timesteps(count)?;
            let end = denoise(&mut scheduler, |input, _| input.to_vec())?;
            assert!(end.iter().all(|x| x.is_finite()), "{spacing:?} {count}");
        }
    }
    Ok(())
}
