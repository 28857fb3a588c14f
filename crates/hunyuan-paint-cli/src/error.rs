//! Errors of the program, and their exit codes.

use std::{error::Error, path::PathBuf};

use hunyuan_paint::{
    PaintError, bake::BakeError, hub::HubError, imaging::ImageError, mesh::MeshError, models::ModelError,
    raster::RasterError, scheduler::SchedulerError,
};

/// Exit codes; the table is part of `--help` and of the README.
pub(crate) mod exit_code {
    pub(crate) const SUCCESS: u8 = 0;
    pub(crate) const FAILURE: u8 = 1;
    pub(crate) const USAGE: u8 = 2;
    pub(crate) const INPUT: u8 = 3;
    pub(crate) const DEVICE: u8 = 4;
    pub(crate) const CANCELLED: u8 = 130;

    /// Returns the word that stands for a code in JSON.
    pub(crate) fn name(code: u8) -> &'static str {
        match code {
            SUCCESS => "success",
            USAGE => "usage",
            INPUT => "input",
            DEVICE => "device",
            CANCELLED => "cancelled",
            _ => "failure",
        }
    }
}

/// Why a subcommand failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// Arguments that do not go together, or are missing.
    #[error("{0}")]
    Usage(String),
    /// An input file or folder cannot be used.
    #[error("{}", path.display())]
    Input { path: PathBuf, source: Box<dyn Error + Send + Sync> },
    /// A mesh or a model folder was described, and cannot be painted or loaded.
    #[error("{}: not usable; the report lists the problems", path.display())]
    Unusable { path: PathBuf },
    /// A result cannot be written.
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: Box<dyn Error + Send + Sync> },
    /// The output path is taken by something else.
    #[error("cannot write {}: expected {expected}, found {found}", path.display())]
    Output { path: PathBuf, expected: &'static str, found: &'static str },
    /// A result cannot be printed.
    #[error("cannot print the result")]
    Print(#[from] std::io::Error),
    /// Ctrl-C.
    #[error("cancelled")]
    Cancelled,
    #[error(transparent)]
    Paint(#[from] PaintError),
    #[error(transparent)]
    Mesh(#[from] MeshError),
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(transparent)]
    Bake(#[from] BakeError),
    #[error(transparent)]
    Hub(#[from] HubError),
}

impl CliError {
    pub(crate) fn input(path: impl Into<PathBuf>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Input { path: path.into(), source: source.into() }
    }

    pub(crate) fn write(path: impl Into<PathBuf>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Write { path: path.into(), source: source.into() }
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => exit_code::USAGE,
            Self::Input { .. } | Self::Unusable { .. } => exit_code::INPUT,
            Self::Write { .. } | Self::Output { .. } | Self::Print(_) => exit_code::FAILURE,
            Self::Cancelled => exit_code::CANCELLED,
            Self::Paint(error) => paint_code(error),
            Self::Mesh(error) => mesh_code(error),
            Self::Image(error) => image_code(error),
            Self::Bake(error) => bake_code(error),
            Self::Hub(error) => hub_code(error),
        }
    }
}

fn paint_code(error: &PaintError) -> u8 {
    match error {
        PaintError::Mesh(error) => mesh_code(error),
        PaintError::Image(error) => image_code(error),
        PaintError::Model(error) => model_code(error),
        PaintError::Bake(error) => bake_code(error),
        PaintError::Hub(error) => hub_code(error),
        PaintError::Option { .. } => exit_code::USAGE,
        PaintError::DeviceMissing { .. } | PaintError::NoDevice { .. } | PaintError::TooSlowOnCpu { .. } => {
            exit_code::DEVICE
        }
        PaintError::Cancelled => exit_code::CANCELLED,
        _ => exit_code::FAILURE,
    }
}

fn mesh_code(error: &MeshError) -> u8 {
    match error {
        MeshError::File { source, .. } => mesh_code(source),
        MeshError::Parameter { .. } => exit_code::USAGE,
        MeshError::Cancelled => exit_code::CANCELLED,
        MeshError::Unwrap { .. } => exit_code::FAILURE,
        _ => exit_code::INPUT,
    }
}

fn image_code(_: &ImageError) -> u8 {
    exit_code::INPUT
}

fn model_code(error: &ModelError) -> u8 {
    match error {
        ModelError::Input { .. } => exit_code::USAGE,
        ModelError::Device { .. }
        | ModelError::OutOfMemory { .. }
        | ModelError::AllocationTooLarge { .. } => exit_code::DEVICE,
        ModelError::Cancelled => exit_code::CANCELLED,
        ModelError::Scheduler(error) => scheduler_code(error),
        _ => exit_code::INPUT,
    }
}

fn scheduler_code(error: &SchedulerError) -> u8 {
    match error {
        SchedulerError::StepCount { .. }
        | SchedulerError::Eta { .. }
        | SchedulerError::CustomTimesteps { .. } => exit_code::USAGE,
        // The configuration is a file of the model folder.
        SchedulerError::Json { .. }
        | SchedulerError::Config { .. }
        | SchedulerError::UnknownField { .. }
        | SchedulerError::Unsupported { .. } => exit_code::INPUT,
        _ => exit_code::FAILURE,
    }
}

fn bake_code(error: &BakeError) -> u8 {
    match error {
        BakeError::Option { .. } => exit_code::USAGE,
        BakeError::Raster { source: RasterError::NoGpu { .. } | RasterError::Gpu { .. } } => {
            exit_code::DEVICE
        }
        BakeError::Cancelled => exit_code::CANCELLED,
        BakeError::Raster { .. } | BakeError::Image { .. } => exit_code::FAILURE,
        _ => exit_code::INPUT,
    }
}

fn hub_code(error: &HubError) -> u8 {
    match error {
        HubError::RepoId { .. } | HubError::Option { .. } | HubError::LicenseRefused { .. } => {
            exit_code::USAGE
        }
        HubError::Cancelled => exit_code::CANCELLED,
        _ => exit_code::FAILURE,
    }
}

/// Returns the messages of an error's sources, outermost first.
pub(crate) fn chain(error: &dyn Error) -> Vec<String> {
    std::iter::successors(error.source(), |error| (*error).source()).map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_follow_the_innermost_error() {
        let missing = MeshError::Io(std::io::ErrorKind::NotFound.into());
        let in_file = MeshError::File { path: "a.glb".into(), source: Box::new(missing) };
        assert_eq!(CliError::from(PaintError::from(in_file)).exit_code(), exit_code::INPUT);
        assert_eq!(CliError::from(PaintError::from(BakeError::Cancelled)).exit_code(), exit_code::CANCELLED);
        let lost = ModelError::Device { source: "lost".into() };
        assert_eq!(CliError::from(PaintError::from(lost)).exit_code(), exit_code::DEVICE);
    }
}
