//! The schedulers by name.

use strum::VariantArray;

use crate::{
    DdimScheduler, EulerAncestralScheduler, LcmScheduler, LinearCombination, Scheduler, SchedulerConfig,
    SchedulerError, UniPcScheduler,
};

/// The name of a scheduler.
///
/// `Display` writes the name of diffusers' class. `FromStr` reads the short name or the class name.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(parse_err_ty = SchedulerError, parse_err_fn = unknown_scheduler)]
#[non_exhaustive]
pub enum SchedulerKind {
    /// [`DdimScheduler`].
    #[strum(to_string = "DDIMScheduler", serialize = "ddim")]
    Ddim,
    /// [`EulerAncestralScheduler`].
    #[strum(to_string = "EulerAncestralDiscreteScheduler", serialize = "euler_ancestral")]
    EulerAncestral,
    /// [`LcmScheduler`].
    #[strum(to_string = "LCMScheduler", serialize = "lcm")]
    Lcm,
    /// [`UniPcScheduler`].
    #[strum(to_string = "UniPCMultistepScheduler", serialize = "unipc")]
    UniPc,
}

impl SchedulerKind {
    /// Every scheduler.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Returns the short name: `ddim`, `euler_ancestral`, `lcm` or `unipc`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ddim => "ddim",
            Self::EulerAncestral => "euler_ancestral",
            Self::Lcm => "lcm",
            Self::UniPc => "unipc",
        }
    }

    /// Returns the name of diffusers' class.
    pub fn class_name(self) -> &'static str {
        self.into()
    }

    /// Builds this scheduler from a configuration, which may have been written for another
    /// scheduler.
    ///
    /// # Errors
    /// If the scheduler does not support a value of the configuration.
    pub fn init<S: LinearCombination + 'static>(
        self,
        config: &SchedulerConfig,
    ) -> Result<Box<dyn Scheduler<S>>, SchedulerError> {
        Ok(match self {
            Self::Ddim => Box::new(DdimScheduler::new(config)?),
            Self::EulerAncestral => Box::new(EulerAncestralScheduler::new(config)?),
            Self::Lcm => Box::new(LcmScheduler::new(config)?),
            Self::UniPc => Box::new(UniPcScheduler::new(config)?),
        })
    }

    /// Refuses an option that changes diffusers' results and is not implemented here.
    pub(crate) fn refuse(self, field: &'static str, value: Option<bool>) -> Result<(), SchedulerError> {
        self.require(value != Some(true), field, "false", "true")
    }

    pub(crate) fn require(
        self,
        supported: bool,
        field: &'static str,
        expected: &str,
        found: &str,
    ) -> Result<(), SchedulerError> {
        if supported {
            return Ok(());
        }
        let (expected, found) = (expected.to_owned(), found.to_owned());
        Err(SchedulerError::Unsupported { scheduler: self, field, expected, found })
    }
}

fn unknown_scheduler(name: &str) -> SchedulerError {
    let names: Vec<&str> = SchedulerKind::ALL.iter().map(|kind| kind.name()).collect();
    SchedulerError::UnknownScheduler {
        expected: format!("one of {}", names.join(", ")),
        found: name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_and_class_names_are_parsed() {
        for &kind in SchedulerKind::ALL {
            assert!(kind.name().parse().is_ok_and(|k: SchedulerKind| k == kind));
            assert!(kind.class_name().parse().is_ok_and(|k: SchedulerKind| k == kind));
            assert_eq!(kind.to_string(), kind.class_name());
        }
    }

    #[test]
    fn an_unknown_name_is_an_error_that_lists_the_names() {
        let error = "heun".parse::<SchedulerKind>().err().map(|error| error.to_string());
        let expected = "scheduler: expected one of ddim, euler_ancestral, lcm, unipc, found 'heun'";
        assert_eq!(error.as_deref(), Some(expected));
    }
}
