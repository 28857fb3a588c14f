//! Computes `alphas_cumprod` and sigmas from the configuration, with PyTorch's rounding.
//!
//! diffusers computes these tables in float32. The last entries of a zero-SNR schedule are
//! differences of nearly equal numbers, so every operation here rounds as PyTorch's does.

use crate::{BetaSchedule, SchedulerConfig, SchedulerError};

/// The most training timesteps: more than any model has, small enough for a table, and exact in
/// float32.
const MAX_TRAIN_TIMESTEPS: usize = 1 << 20;

/// The last sigma of a zero-SNR schedule. It would be infinite; diffusers uses `ᾱ = 2⁻²⁴` instead.
const ZERO_SNR_SIGMA: f32 = 4096.0;

/// The defaults of a scheduler.
pub(crate) struct BetaDefaults {
    pub(crate) beta_start: f64,
    pub(crate) beta_end: f64,
    pub(crate) beta_schedule: BetaSchedule,
}

impl BetaDefaults {
    /// The defaults of every scheduler but LCM.
    pub(crate) const DDPM: Self =
        Self { beta_start: 0.0001, beta_end: 0.02, beta_schedule: BetaSchedule::Linear };
    /// The defaults of LCM, and of Stable Diffusion.
    pub(crate) const LATENT: Self =
        Self { beta_start: 0.00085, beta_end: 0.012, beta_schedule: BetaSchedule::ScaledLinear };
}

pub(crate) fn num_train_timesteps(config: &SchedulerConfig) -> Result<usize, SchedulerError> {
    let count = config.num_train_timesteps.unwrap_or(1000);
    if (1..=MAX_TRAIN_TIMESTEPS).contains(&count) {
        return Ok(count);
    }
    Err(SchedulerError::Config {
        field: "num_train_timesteps",
        expected: format!("1 to {MAX_TRAIN_TIMESTEPS}"),
        found: count.to_string(),
    })
}

/// Returns the share of the clean sample's variance at every training timestep.
pub(crate) fn alphas_cumprod(
    config: &SchedulerConfig,
    defaults: &BetaDefaults,
) -> Result<Vec<f32>, SchedulerError> {
    let mut alphas_cumprod = cumprod(&betas(config, defaults)?);
    if config.rescale_betas_zero_snr == Some(true) {
        if alphas_cumprod.len() < 2 {
            return Err(SchedulerError::Config {
                field: "num_train_timesteps",
                expected: "at least 2 with rescale_betas_zero_snr".to_owned(),
                found: alphas_cumprod.len().to_string(),
            });
        }
        alphas_cumprod = cumprod(&rescale_zero_terminal_snr(&alphas_cumprod));
    }
    match alphas_cumprod.iter().position(|alpha| !(0.0..1.0).contains(alpha)) {
        None => Ok(alphas_cumprod),
        Some(timestep) => Err(degenerate(config, "some noise at every timestep", timestep)),
    }
}

fn degenerate(config: &SchedulerConfig, expected: &str, timestep: usize) -> SchedulerError {
    SchedulerError::Config {
        field: if config.trained_betas.is_some() { "trained_betas" } else { "beta_start" },
        expected: expected.to_owned(),
        found: format!("none at timestep {timestep}"),
    }
}

/// Returns the noise per unit of signal at every training timestep, `√((1−ᾱ)/ᾱ)`. All values are
/// finite.
pub(crate) fn sigmas(config: &SchedulerConfig, defaults: &BetaDefaults) -> Result<Vec<f32>, SchedulerError> {
    let alphas_cumprod = alphas_cumprod(config, defaults)?;
    let mut sigmas: Vec<f32> = alphas_cumprod.iter().map(|&alpha| ((1.0 - alpha) / alpha).sqrt()).collect();
    if config.rescale_betas_zero_snr == Some(true)
        && let Some(last) = sigmas.last_mut()
    {
        *last = ZERO_SNR_SIGMA;
    }
    match sigmas.iter().position(|sigma| !sigma.is_finite()) {
        None => Ok(sigmas),
        Some(timestep) => Err(degenerate(config, "some signal at every timestep", timestep)),
    }
}

/// Interpolates a table of values at 0, 1, 2, … linearly, and clamps beyond its ends.
pub(crate) fn interpolate(table: &[f32], at: f64) -> f64 {
    let last = table.len().saturating_sub(1);
    let below = (at.max(0.0) as usize).min(last);
    let value = f64::from(table[below]);
    if below == last {
        return value;
    }
    let slope = f64::from(table[below + 1]) - value;
    slope * (at.max(0.0) - below as f64) + value
}

fn betas(config: &SchedulerConfig, defaults: &BetaDefaults) -> Result<Vec<f32>, SchedulerError> {
    let count = num_train_timesteps(config)?;
    if let Some(betas) = &config.trained_betas {
        let wrong = |found| SchedulerError::Config {
            field: "trained_betas",
            expected: format!("{count} numbers (num_train_timesteps), each above 0 and at most 1"),
            found,
        };
        if betas.len() != count {
            return Err(wrong(format!("{} numbers", betas.len())));
        }
        return match betas.iter().find(|&&beta| !(beta > 0.0 && beta <= 1.0)) {
            Some(beta) => Err(wrong(beta.to_string())),
            None => Ok(betas.clone()),
        };
    }
    let fraction = |field, value: f64| match value > 0.0 && value < 1.0 {
        true => Ok(value),
        false => Err(SchedulerError::Config {
            field,
            expected: "a number between 0 and 1".to_owned(),
            found: value.to_string(),
        }),
    };
    let start = fraction("beta_start", config.beta_start.unwrap_or(defaults.beta_start))?;
    let end = fraction("beta_end", config.beta_end.unwrap_or(defaults.beta_end))?;
    Ok(match config.beta_schedule.unwrap_or(defaults.beta_schedule) {
        BetaSchedule::Linear => linspace(start, end, count),
        BetaSchedule::ScaledLinear => {
            linspace(start.sqrt(), end.sqrt(), count).into_iter().map(|root| root * root).collect()
        }
        BetaSchedule::SquaredCosCapV2 => {
            let alpha_bar = |i: usize| {
                let angle = (i as f64 / count as f64 + 0.008) / 1.008 * std::f64::consts::PI / 2.0;
                let cosine = libm::cos(angle);
                cosine * cosine
            };
            (0..count).map(|i| (1.0 - alpha_bar(i + 1) / alpha_bar(i)).min(0.999) as f32).collect()
        }
    })
}

/// `torch.linspace`: counts from both ends towards the middle, and rounds each value once.
fn linspace(start: f64, end: f64, count: usize) -> Vec<f32> {
    let (start, end) = (start as f32, end as f32);
    if count < 2 {
        return vec![start; count];
    }
    let step = (end - start) / (count - 1) as f32;
    let value = |i: usize| match i < count / 2 {
        true => step.mul_add(i as f32, start),
        false => (-step).mul_add((count - 1 - i) as f32, end),
    };
    (0..count).map(value).collect()
}

/// `torch.cumprod` of `1 − beta`, accumulated in double precision as PyTorch does.
fn cumprod(betas: &[f32]) -> Vec<f32> {
    let multiply = |product: &mut f64, &beta: &f32| {
        *product *= f64::from(1.0 - beta);
        Some(*product as f32)
    };
    betas.iter().scan(1.0, multiply).collect()
}

/// Returns the betas of algorithm 1 of Lin et al. 2023, which shifts and scales `√ᾱ` to end at 0.
fn rescale_zero_terminal_snr(alphas_cumprod: &[f32]) -> Vec<f32> {
    let roots: Vec<f32> = alphas_cumprod.iter().map(|alpha| alpha.sqrt()).collect();
    let (first, last) = (roots[0], roots[roots.len() - 1]);
    let scale = first / (first - last);
    let alphas_cumprod: Vec<f32> = roots
        .iter()
        .map(|root| {
            let rescaled = (root - last) * scale;
            rescaled * rescaled
        })
        .collect();
    let ratios = alphas_cumprod.windows(2).map(|pair| pair[1] / pair[0]);
    std::iter::once(alphas_cumprod[0]).chain(ratios).map(|alpha| 1.0 - alpha).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rescaled_schedules_keep_their_start_and_end_in_pure_noise() -> Result<(), SchedulerError> {
        let plain = SchedulerConfig::default();
        let rescaled = SchedulerConfig { rescale_betas_zero_snr: Some(true), ..Default::default() };
        let before = alphas_cumprod(&plain, &BetaDefaults::LATENT)?;
        let after = alphas_cumprod(&rescaled, &BetaDefaults::LATENT)?;
        assert!((before[0] - after[0]).abs() < 1e-6);
        assert!(before[999] > 0.004);
        assert_eq!(after[999], 0.0);
        assert!(after.windows(2).all(|pair| pair[1] < pair[0]));
        assert_eq!(sigmas(&rescaled, &BetaDefaults::LATENT)?[999], 4096.0);
        Ok(())
    }

    #[test]
    fn beta_schedules_have_the_expected_ends() -> Result<(), SchedulerError> {
        let with =
            |beta_schedule| SchedulerConfig { beta_schedule: Some(beta_schedule), ..Default::default() };
        for (schedule, first, last) in [
            (BetaSchedule::Linear, 0.0001, 0.02),
            (BetaSchedule::ScaledLinear, 0.0001, 0.02),
            (BetaSchedule::SquaredCosCapV2, 4.128e-5, 0.999),
        ] {
            let betas = betas(&with(schedule), &BetaDefaults::DDPM)?;
            assert!((betas[0] - first).abs() < 1e-8 && (betas[999] - last).abs() < 1e-8, "{schedule:?}");
        }
        Ok(())
    }

    #[test]
    fn interpolation_is_linear_and_clamped() {
        let table = [1.0, 3.0, 7.0];
        for (at, value) in [(-1.0, 1.0), (0.0, 1.0), (0.25, 1.5), (1.5, 5.0), (2.0, 7.0), (9.0, 7.0)] {
            assert_eq!(interpolate(&table, at), value);
        }
    }

    #[test]
    fn out_of_range_betas_are_rejected() {
        let is_rejected = |config: SchedulerConfig| sigmas(&config, &BetaDefaults::DDPM).is_err();
        assert!(is_rejected(SchedulerConfig { beta_end: Some(1.5), ..Default::default() }));
        assert!(is_rejected(SchedulerConfig { beta_start: Some(f64::NAN), ..Default::default() }));
        assert!(is_rejected(SchedulerConfig { beta_start: Some(1e-12), ..Default::default() }));
        assert!(is_rejected(SchedulerConfig { trained_betas: Some(vec![0.1; 3]), ..Default::default() }));
        assert!(is_rejected(SchedulerConfig { num_train_timesteps: Some(usize::MAX), ..Default::default() }));
        let pure_noise = SchedulerConfig {
            trained_betas: Some(vec![0.5, 1.0]),
            num_train_timesteps: Some(2),
            ..Default::default()
        };
        assert!(alphas_cumprod(&pure_noise, &BetaDefaults::DDPM).is_ok());
        assert!(is_rejected(pure_noise));
    }
}
