#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod config;
mod ddim;
mod error;
mod euler_ancestral;
mod kind;
mod lcm;
mod linear_combination;
mod noise_schedule;
mod prediction;
pub mod random;
mod scheduler;
mod timesteps;
mod unipc;

pub use config::{
    BetaSchedule, FinalSigmasType, PredictionType, SchedulerConfig, SolverType, TimestepSpacing,
};
pub use ddim::DdimScheduler;
pub use error::SchedulerError;
pub use euler_ancestral::EulerAncestralScheduler;
pub use kind::SchedulerKind;
pub use lcm::LcmScheduler;
pub use linear_combination::LinearCombination;
pub use scheduler::{Schedule, Scheduler, StepOutput};
pub use unipc::UniPcScheduler;
