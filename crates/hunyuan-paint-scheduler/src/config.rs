//! The fields of diffusers' `scheduler_config.json` that change results.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{SchedulerError, SchedulerKind};

/// How the noise variances grow over the training timesteps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub enum BetaSchedule {
    /// Linear from `beta_start` to `beta_end`.
    #[serde(rename = "linear")]
    Linear,
    /// Linear in the square roots (latent diffusion).
    #[serde(rename = "scaled_linear")]
    ScaledLinear,
    /// `alphas_cumprod` follows a squared cosine (Nichol & Dhariwal 2021). Variances are at most 0.999.
    #[serde(rename = "squaredcos_cap_v2")]
    SquaredCosCapV2,
}

/// The quantity that the model predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PredictionType {
    /// The noise.
    Epsilon,
    /// The clean sample.
    Sample,
    /// The velocity `v = √ᾱ·ε − √(1−ᾱ)·x₀` (Salimans & Ho 2022).
    VPrediction,
}

/// How inference timesteps are spread over the training timesteps (Lin et al. 2023, table 2,
/// arXiv:2305.08891).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TimestepSpacing {
    /// Integer multiples of a rounded-down ratio, plus `steps_offset`.
    Leading,
    /// Backwards from the last training timestep.
    Trailing,
    /// Linear from the first to the last training timestep.
    Linspace,
}

/// The function B(h) of UniPC (Zhao et al. 2023, section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SolverType {
    /// `B(h) = h`.
    Bh1,
    /// `B(h) = eʰ − 1`. As in diffusers, the solver names of DPM-Solver are aliases of it.
    #[serde(alias = "midpoint", alias = "heun", alias = "logrho")]
    Bh2,
}

/// The noise level at which UniPC's last step ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FinalSigmasType {
    /// No noise.
    Zero,
    /// The noise of training timestep 0.
    SigmaMin,
}

/// The configuration of a scheduler.
///
/// `None` stands for the default of the scheduler that is built from it. So one scheduler can be
/// built from the configuration of another, as diffusers' `from_config` does. A scheduler ignores
/// fields that it does not have.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub struct SchedulerConfig {
    /// The scheduler that the file was written for (`_class_name`).
    pub class_name: Option<String>,
    /// The number of training timesteps; 1000 by default.
    pub num_train_timesteps: Option<usize>,
    /// The first variance, in 0…1.
    pub beta_start: Option<f64>,
    /// The last variance, in 0…1.
    pub beta_end: Option<f64>,
    /// How the variances grow.
    pub beta_schedule: Option<BetaSchedule>,
    /// The variances, one per training timestep. Replaces the three fields above.
    pub trained_betas: Option<Vec<f32>>,
    /// The quantity that the model predicts; epsilon by default.
    pub prediction_type: Option<PredictionType>,
    /// How inference timesteps are spread over the training timesteps.
    pub timestep_spacing: Option<TimestepSpacing>,
    /// Added to every timestep of leading spacing; 0 by default.
    pub steps_offset: Option<usize>,
    /// Rescales the variances so that the last timestep is pure noise (algorithm 1 of Lin et al.
    /// 2023); off by default.
    pub rescale_betas_zero_snr: Option<bool>,
    /// DDIM, LCM: clamps the predicted clean sample. On by default for DDIM, off for LCM.
    pub clip_sample: Option<bool>,
    /// DDIM, LCM: the predicted clean sample is clamped to ± this value; 1 by default.
    pub clip_sample_range: Option<f32>,
    /// DDIM: ends the last step without noise (the default) rather than with that of timestep 0.
    pub set_alpha_to_one: Option<bool>,
    /// LCM: the number of steps of the schedule that the model was distilled with; 50 by default.
    pub original_inference_steps: Option<usize>,
    /// LCM: the factor on the timestep in the boundary condition; 10 by default.
    pub timestep_scaling: Option<f64>,
    /// UniPC: the order of the predictor, 1 to 6; 2 by default.
    pub solver_order: Option<usize>,
    /// UniPC: the function B(h); `bh2` by default.
    pub solver_type: Option<SolverType>,
    /// UniPC: integrates the predicted clean sample (the default) rather than the predicted noise.
    pub predict_x0: Option<bool>,
    /// UniPC: lowers the order in the last steps; on by default.
    pub lower_order_final: Option<bool>,
    /// UniPC: the steps after which the corrector is skipped; none by default.
    pub disable_corrector: Option<Vec<usize>>,
    /// UniPC: the noise level at the end; zero by default.
    pub final_sigmas_type: Option<FinalSigmasType>,
    /// DDIM, LCM, UniPC: dynamic thresholding. Not implemented: `true` is an error.
    pub thresholding: Option<bool>,
    /// UniPC: Karras' sigmas. Not implemented: `true` is an error.
    pub use_karras_sigmas: Option<bool>,
    /// UniPC: exponential sigmas. Not implemented: `true` is an error.
    pub use_exponential_sigmas: Option<bool>,
    /// UniPC: beta-distributed sigmas. Not implemented: `true` is an error.
    pub use_beta_sigmas: Option<bool>,
    /// UniPC: sigmas of flow matching. Not implemented: `true` is an error.
    pub use_flow_sigmas: Option<bool>,
    /// UniPC: another scheduler as predictor. Not implemented: any value is an error.
    pub solver_p: Option<Value>,
}

/// Fields that may be `null`: their default in diffusers is `None`, or `None` means `false`.
const NULLABLE: [&str; 6] = [
    "trained_betas",
    "solver_p",
    "use_karras_sigmas",
    "use_exponential_sigmas",
    "use_beta_sigmas",
    "use_flow_sigmas",
];

/// Fields without effect here: parameters of options that are not implemented, and fields of
/// diffusers' other schedulers, which diffusers keeps when it converts a configuration.
const WITHOUT_EFFECT: [&str; 16] = [
    "algorithm_type",
    "dynamic_thresholding_ratio",
    "euler_at_final",
    "flow_shift",
    "interpolation_type",
    "lambda_min_clipped",
    "rho",
    "sample_max_value",
    "sigma_data",
    "sigma_max",
    "sigma_min",
    "sigma_schedule",
    "skip_prk_steps",
    "timestep_type",
    "use_lu_lambdas",
    "variance_type",
];

impl SchedulerConfig {
    /// Parses the text of a `scheduler_config.json`.
    ///
    /// Fields that start with `_` are notes of diffusers and are ignored, except for `_class_name`.
    ///
    /// # Errors
    /// If the text is not a JSON object, a value has the wrong type, or no scheduler of diffusers
    /// has such a field.
    pub fn from_json(json: &str) -> Result<Self, SchedulerError> {
        serde_json::from_str::<Value>(json)?.try_into()
    }

    /// Returns the scheduler that the configuration was written for.
    ///
    /// # Errors
    /// If `_class_name` is absent or unknown.
    pub fn kind(&self) -> Result<SchedulerKind, SchedulerError> {
        let class_name = self.class_name.as_deref();
        let kind = SchedulerKind::ALL.iter().find(|kind| Some(kind.class_name()) == class_name);
        let names = || SchedulerKind::ALL.iter().map(|kind| kind.class_name()).collect::<Vec<_>>().join(", ");
        kind.copied().ok_or_else(|| SchedulerError::Config {
            field: "_class_name",
            expected: format!("one of {}", names()),
            found: class_name.map_or_else(|| "none".to_owned(), |name| format!("\"{name}\"")),
        })
    }
}

impl TryFrom<Value> for SchedulerConfig {
    type Error = SchedulerError;

    fn try_from(value: Value) -> Result<Self, SchedulerError> {
        const STEPS: &str = "a non-negative integer";
        const NUMBER: &str = "a number";
        const FLAG: &str = "true or false";
        let Value::Object(fields) = value else {
            return Err(SchedulerError::Config {
                field: "(the whole file)",
                expected: "an object".to_owned(),
                found: value.to_string(),
            });
        };
        let mut fields = Fields(fields);
        let config = Self {
            class_name: fields.take("_class_name", "a string")?,
            num_train_timesteps: fields.take("num_train_timesteps", STEPS)?,
            beta_start: fields.take("beta_start", NUMBER)?,
            beta_end: fields.take("beta_end", NUMBER)?,
            beta_schedule: fields.take("beta_schedule", "linear, scaled_linear or squaredcos_cap_v2")?,
            trained_betas: fields.take("trained_betas", "null or a list of numbers")?,
            prediction_type: fields.take("prediction_type", "epsilon, sample or v_prediction")?,
            timestep_spacing: fields.take("timestep_spacing", "leading, trailing or linspace")?,
            steps_offset: fields.take("steps_offset", STEPS)?,
            rescale_betas_zero_snr: fields.take("rescale_betas_zero_snr", FLAG)?,
            clip_sample: fields.take("clip_sample", FLAG)?,
            clip_sample_range: fields.take("clip_sample_range", NUMBER)?,
            set_alpha_to_one: fields.take("set_alpha_to_one", FLAG)?,
            original_inference_steps: fields.take("original_inference_steps", STEPS)?,
            timestep_scaling: fields.take("timestep_scaling", NUMBER)?,
            solver_order: fields.take("solver_order", STEPS)?,
            solver_type: fields.take("solver_type", "bh1 or bh2")?,
            predict_x0: fields.take("predict_x0", FLAG)?,
            lower_order_final: fields.take("lower_order_final", FLAG)?,
            disable_corrector: fields.take("disable_corrector", "a list of non-negative integers")?,
            final_sigmas_type: fields.take("final_sigmas_type", "zero or sigma_min")?,
            thresholding: fields.take("thresholding", FLAG)?,
            use_karras_sigmas: fields.take("use_karras_sigmas", FLAG)?,
            use_exponential_sigmas: fields.take("use_exponential_sigmas", FLAG)?,
            use_beta_sigmas: fields.take("use_beta_sigmas", FLAG)?,
            use_flow_sigmas: fields.take("use_flow_sigmas", FLAG)?,
            solver_p: fields.take("solver_p", "null")?,
        };
        fields.finish()?;
        Ok(config)
    }
}

/// The fields that are not read yet.
struct Fields(Map<String, Value>);

impl Fields {
    fn take<T: DeserializeOwned>(
        &mut self,
        field: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, SchedulerError> {
        match self.0.remove(field) {
            None => Ok(None),
            Some(Value::Null) if NULLABLE.contains(&field) => Ok(None),
            Some(value) => {
                let found = value.to_string();
                let wrong = |_| SchedulerError::Config { field, expected: expected.to_owned(), found };
                serde_json::from_value(value).map(Some).map_err(wrong)
            }
        }
    }

    fn finish(self) -> Result<(), SchedulerError> {
        let known = |field: &str| field.starts_with('_') || WITHOUT_EFFECT.contains(&field);
        match self.0.into_iter().find(|(field, _)| !known(field)) {
            Some((field, _)) => Err(SchedulerError::UnknownField { field }),
            None => Ok(()),
        }
    }
}
