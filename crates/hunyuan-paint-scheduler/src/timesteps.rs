//! Spacings of the inference timesteps.

use crate::{SchedulerConfig, SchedulerError, TimestepSpacing, noise_schedule::num_train_timesteps};

/// Spreads inference steps over the training timesteps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimestepGrid {
    pub(crate) num_train_timesteps: usize,
    pub(crate) spacing: TimestepSpacing,
    steps_offset: usize,
}

impl TimestepGrid {
    pub(crate) fn new(
        config: &SchedulerConfig,
        default_spacing: TimestepSpacing,
    ) -> Result<Self, SchedulerError> {
        let num_train_timesteps = num_train_timesteps(config)?;
        let steps_offset = config.steps_offset.unwrap_or(0);
        if steps_offset > num_train_timesteps {
            return Err(SchedulerError::Config {
                field: "steps_offset",
                expected: format!("0 to {num_train_timesteps}"),
                found: steps_offset.to_string(),
            });
        }
        let spacing = config.timestep_spacing.unwrap_or(default_spacing);
        Ok(Self { num_train_timesteps, spacing, steps_offset })
    }

    /// Checks that there is at least one step, and at most as many as training timesteps.
    pub(crate) fn check_step_count(&self, num_inference_steps: usize) -> Result<(), SchedulerError> {
        if (1..=self.num_train_timesteps).contains(&num_inference_steps) {
            return Ok(());
        }
        Err(SchedulerError::StepCount {
            expected: format!("1 to {}", self.num_train_timesteps),
            found: num_inference_steps,
        })
    }

    /// Returns `count` descending timesteps: fractional with linspace spacing, otherwise integers.
    pub(crate) fn timesteps(&self, count: usize) -> Vec<f64> {
        let train = self.num_train_timesteps as f64;
        match self.spacing {
            TimestepSpacing::Linspace => {
                let step = (train - 1.0) / count.saturating_sub(1).max(1) as f64;
                // As in `numpy.linspace`, the end is exact.
                let value = |i| if i + 1 == count && i > 0 { train - 1.0 } else { i as f64 * step };
                (0..count).rev().map(value).collect()
            }
            TimestepSpacing::Leading => {
                let ratio = self.num_train_timesteps / count.max(1);
                (0..count).rev().map(|i| (i * ratio + self.steps_offset) as f64).collect()
            }
            TimestepSpacing::Trailing => {
                // `numpy.arange` steps by the rounded difference of its first two values. For some
                // counts, such as 61, it goes one step too far, to timestep −1, which is omitted
                // here.
                let step = (train - train / count as f64) - train;
                (0..count).map(|i| (train + i as f64 * step).round_ties_even() - 1.0).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timesteps(spacing: TimestepSpacing, count: usize) -> Result<Vec<f64>, SchedulerError> {
        let config = SchedulerConfig { steps_offset: Some(1), ..Default::default() };
        Ok(TimestepGrid::new(&config, spacing)?.timesteps(count))
    }

    #[test]
    fn spacings_follow_table_2() -> Result<(), SchedulerError> {
        assert_eq!(timesteps(TimestepSpacing::Leading, 4)?, [751.0, 501.0, 251.0, 1.0]);
        assert_eq!(timesteps(TimestepSpacing::Trailing, 4)?, [999.0, 749.0, 499.0, 249.0]);
        assert_eq!(timesteps(TimestepSpacing::Linspace, 4)?, [999.0, 666.0, 333.0, 0.0]);
        assert_eq!(timesteps(TimestepSpacing::Linspace, 1)?, [0.0]);
        assert_eq!(timesteps(TimestepSpacing::Trailing, 3)?, [999.0, 666.0, 332.0]);
        Ok(())
    }

    #[test]
    fn trailing_timesteps_are_training_timesteps() -> Result<(), SchedulerError> {
        for count in 1..=1000 {
            let timesteps = timesteps(TimestepSpacing::Trailing, count)?;
            assert_eq!(timesteps.len(), count);
            assert_eq!(timesteps[0], 999.0);
            assert!(timesteps.windows(2).all(|pair| pair[1] < pair[0]) && timesteps[count - 1] >= 0.0);
        }
        Ok(())
    }
}
