//! UniPC: Zhao et al. 2023, "UniPC: A Unified Predictor-Corrector Framework for Fast Sampling of
//! Diffusion Models", arXiv:2302.04867.

mod update;

use std::collections::VecDeque;

use crate::{
    FinalSigmasType, LinearCombination, PredictionType, Schedule, Scheduler, SchedulerConfig, SchedulerError,
    SchedulerKind, SolverType, StepOutput, TimestepSpacing,
    noise_schedule::{BetaDefaults, interpolate, sigmas},
    prediction::AlphaSigma,
    scheduler::{check_add_noise, check_shape, check_step, timestep_at},
    timesteps::TimestepGrid,
};
use update::{MAX_ORDER, Update};

/// UniPC: the predictor and corrector of type B(h).
///
/// This is a multistep solver, so steps must be taken in order. After [`Schedule::set_timesteps`] a
/// run can start at any step, and step 0 always starts a new run.
#[derive(Clone, Debug)]
pub struct UniPcScheduler<S> {
    train_sigmas: Vec<f32>,
    grid: TimestepGrid,
    prediction_type: PredictionType,
    solver_order: usize,
    solver_type: SolverType,
    predict_x0: bool,
    lower_order_final: bool,
    disable_corrector: Vec<usize>,
    final_sigmas_type: FinalSigmasType,
    timesteps: Vec<f32>,
    sigmas: Vec<f32>,
    run: Option<Run<S>>,
}

/// The state of a run after its last step.
#[derive(Clone, Debug)]
struct Run<S> {
    next_step_index: usize,
    /// The converted model outputs of at most `solver_order` steps, newest first.
    model_outputs: VecDeque<S>,
    /// The corrected sample that the last step started from.
    last_sample: S,
    /// The order of the last step's predictor. Its corrector uses the same order.
    order: usize,
}

impl<S> UniPcScheduler<S> {
    /// Creates a scheduler without timesteps.
    ///
    /// # Errors
    /// If a value of the configuration is out of range, not implemented, or leaves the last step
    /// undefined.
    pub fn new(config: &SchedulerConfig) -> Result<Self, SchedulerError> {
        let kind = SchedulerKind::UniPc;
        kind.refuse("thresholding", config.thresholding)?;
        kind.refuse("use_karras_sigmas", config.use_karras_sigmas)?;
        kind.refuse("use_exponential_sigmas", config.use_exponential_sigmas)?;
        kind.refuse("use_beta_sigmas", config.use_beta_sigmas)?;
        kind.refuse("use_flow_sigmas", config.use_flow_sigmas)?;
        kind.require(config.solver_p.is_none(), "solver_p", "null", "a scheduler")?;
        let solver_order = config.solver_order.unwrap_or(2);
        if !(1..=MAX_ORDER).contains(&solver_order) {
            return Err(SchedulerError::Config {
                field: "solver_order",
                expected: format!("1 to {MAX_ORDER}"),
                found: solver_order.to_string(),
            });
        }
        let predict_x0 = config.predict_x0.unwrap_or(true);
        let lower_order_final = config.lower_order_final.unwrap_or(true);
        let final_sigmas_type = config.final_sigmas_type.unwrap_or(FinalSigmasType::Zero);
        if final_sigmas_type == FinalSigmasType::Zero {
            // The last step is infinitely long in log-SNR, where only a first-order step in x₀ has
            // a limit.
            let why = "with final_sigmas_type zero";
            kind.require(predict_x0, "predict_x0", &format!("true {why}"), "false")?;
            let lowered = lower_order_final || solver_order == 1;
            kind.require(lowered, "lower_order_final", &format!("true {why}"), "false")?;
        }
        Ok(Self {
            train_sigmas: sigmas(config, &BetaDefaults::DDPM)?,
            grid: TimestepGrid::new(config, TimestepSpacing::Linspace)?,
            prediction_type: config.prediction_type.unwrap_or(PredictionType::Epsilon),
            solver_order,
            solver_type: config.solver_type.unwrap_or(SolverType::Bh2),
            predict_x0,
            lower_order_final,
            disable_corrector: config.disable_corrector.clone().unwrap_or_default(),
            final_sigmas_type,
            timesteps: Vec::new(),
            sigmas: Vec::new(),
            run: None,
        })
    }

    fn check_order(&self, step_index: usize) -> Result<(), SchedulerError> {
        match &self.run {
            Some(run) if step_index != 0 && step_index != run.next_step_index => {
                Err(SchedulerError::StepIndex {
                    expected: format!("{} (the next step) or 0 (a new run)", run.next_step_index),
                    found: step_index,
                })
            }
            _ => Ok(()),
        }
    }

    /// Returns the update from the noise level `from` to the next one, with `order − 1` earlier
    /// model outputs.
    fn update(&self, from: usize, order: usize) -> Update {
        Update::new(&self.sigmas[from + 1 - order..=from + 1], self.solver_type, self.predict_x0)
    }
}

impl<S: LinearCombination> Schedule for UniPcScheduler<S> {
    fn kind(&self) -> SchedulerKind {
        SchedulerKind::UniPc
    }

    fn set_timesteps(&mut self, num_inference_steps: usize) -> Result<(), SchedulerError> {
        self.grid.check_step_count(num_inference_steps)?;
        // Linspace and leading spacing spread one more timestep and leave out the last one, near 0.
        let count = match self.grid.spacing {
            TimestepSpacing::Trailing => num_inference_steps,
            TimestepSpacing::Linspace | TimestepSpacing::Leading => num_inference_steps + 1,
        };
        let timesteps = self.grid.timesteps(count).into_iter().take(num_inference_steps);
        let timesteps: Vec<f32> = timesteps.map(|t| t.round_ties_even() as f32).collect();
        let last = match self.final_sigmas_type {
            FinalSigmasType::Zero => 0.0,
            FinalSigmasType::SigmaMin => self.train_sigmas[0],
        };
        let sigma_at = |&timestep: &f32| interpolate(&self.train_sigmas, f64::from(timestep)) as f32;
        let sigmas: Vec<f32> = timesteps.iter().map(sigma_at).chain([last]).collect();
        if !sigmas.is_sorted_by(|from, to| from > to) {
            return Err(SchedulerError::StepCount {
                expected: "few enough steps for each to lower the noise".to_owned(),
                found: num_inference_steps,
            });
        }
        (self.timesteps, self.sigmas, self.run) = (timesteps, sigmas, None);
        Ok(())
    }

    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    fn sigmas(&self) -> &[f32] {
        &self.sigmas
    }

    fn needs_noise(&self, _step_index: usize) -> bool {
        false
    }
}

impl<S: LinearCombination> Scheduler<S> for UniPcScheduler<S> {
    fn scale_model_input(&self, sample: &S, step_index: usize) -> Result<S, SchedulerError> {
        timestep_at(self, step_index)?;
        Ok(sample.clone())
    }

    fn step(
        &mut self,
        step_index: usize,
        model_output: &S,
        sample: &S,
        noise: Option<&S>,
    ) -> Result<StepOutput<S>, SchedulerError> {
        check_step(self, step_index, model_output, sample, noise)?;
        self.check_order(step_index)?;
        if let Some(run) = &self.run {
            check_shape("sample", sample, &run.last_sample)?;
        }
        let run = self.run.take().filter(|_| step_index > 0);

        // 1. What the solver integrates: the predicted clean sample, or the predicted noise.
        let levels = AlphaSigma::of_sigma(self.sigmas[step_index]);
        let pred_original_sample = levels.pred_original_sample(self.prediction_type, model_output, sample);
        let model_output = if self.predict_x0 {
            pred_original_sample.clone()
        } else {
            levels.pred_epsilon(self.prediction_type, model_output, sample)
        };

        // 2. UniC: repeats the last step, now with the model's output at its end.
        let corrected = match &run {
            Some(run) if !self.disable_corrector.contains(&(step_index - 1)) => {
                let update = self.update(step_index - 1, run.order);
                update.correct(&run.last_sample, &run.model_outputs, &model_output)
            }
            _ => sample.clone(),
        };

        // 3. UniP: takes a step of the highest order that the history and the remaining steps
        //    allow.
        let mut model_outputs = run.map(|run| run.model_outputs).unwrap_or_default();
        model_outputs.push_front(model_output);
        model_outputs.truncate(self.solver_order);
        let steps_left = self.timesteps.len() - step_index;
        let final_order = if self.lower_order_final { steps_left } else { self.solver_order };
        let order = model_outputs.len().min(final_order);
        let prev_sample = self.update(step_index, order).predict(&corrected, &model_outputs);

        self.run =
            Some(Run { next_step_index: step_index + 1, model_outputs, last_sample: corrected, order });
        Ok(StepOutput { prev_sample, pred_original_sample })
    }

    fn add_noise(&self, original_samples: &S, noise: &S, step_index: usize) -> Result<S, SchedulerError> {
        check_add_noise(self, step_index, original_samples, noise)?;
        Ok(AlphaSigma::of_sigma(self.sigmas[step_index]).add_noise(original_samples, noise))
    }
}
