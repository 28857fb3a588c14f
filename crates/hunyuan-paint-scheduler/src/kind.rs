//! The four schedulers by name.

use std::{fmt, str::FromStr};

use crate::{
    DdimScheduler, EulerAncestralScheduler, LcmScheduler, LinearCombination, Scheduler, SchedulerConfig,
    SchedulerError, UniPcScheduler,
};

/// One of the four schedulers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SchedulerKind {
    /// [`DdimScheduler`].
    Ddim,
    /// [`EulerAncestralScheduler`].
    EulerAncestral,
    /// [`LcmScheduler`].
    Lcm,
    /// [`UniPcScheduler`].
    UniPc,
}

impl SchedulerKind {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Ddim, Self::EulerAncestral, Self::Lcm, Self::UniPc];

    /// A short name: `ddim`, `euler_ancestral`, `lcm` or `unipc`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ddim => "ddim",
            Self::EulerAncestral => "euler_ancestral",
            Self::Lcm => "lcm",
            Self::UniPc => "unipc",
        }
    }

    /// The name of diffusers' class.
    pub fn class_name(self) -> &'static str {
        match self {
            Self::Ddim => "DDIMScheduler",
            Self::EulerAncestral => "EulerAncestralDiscreteScheduler",
            Self::Lcm => "LCMScheduler",
            Self::UniPc => "UniPCMultistepScheduler",
        }
    }

    /// Builds this scheduler from a configuration, whichever scheduler that was written for.
    ///
    /// # Errors
    /// If the configuration has a value that the scheduler cannot work with.
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

/// Reads the short name or diffusers' class name.
impl FromStr for SchedulerKind {
    type Err = SchedulerError;

    fn from_str(name: &str) -> Result<Self, SchedulerError> {
        let kind = Self::ALL.into_iter().find(|kind| kind.name() == name || kind.class_name() == name);
        kind.ok_or_else(|| SchedulerError::UnknownScheduler { found: name.to_owned() })
    }
}

impl fmt::Display for SchedulerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.class_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_names_are_read_back() {
        for kind in SchedulerKind::ALL {
            assert!(kind.name().parse().is_ok_and(|k: SchedulerKind| k == kind));
            assert!(kind.class_name().parse().is_ok_and(|k: SchedulerKind| k == kind));
        }
        assert!("heun".parse::<SchedulerKind>().is_err());
    }
}
