//! What the user sees: one result on standard output, errors and logs on standard error.

#![expect(clippy::print_stderr, reason = "this is what the user sees")]

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use hunyuan_paint::PaintWarning;
use serde::Serialize;
use tracing_subscriber::EnvFilter;

use crate::{
    arguments::GlobalArguments,
    error::{CliError, chain, exit_code},
};

/// How results and errors are printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Console {
    pub(crate) quiet: bool,
    pub(crate) json: bool,
}

#[derive(Serialize)]
struct ErrorReport<'a> {
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    code: u8,
    kind: &'static str,
    message: &'a str,
    /// What led to it, outermost first.
    chain: &'a [String],
}

impl Console {
    pub(crate) fn new(arguments: GlobalArguments) -> Self {
        Self { quiet: arguments.quiet, json: arguments.json }
    }

    /// Sends logs to standard error; `RUST_LOG` replaces the default filter.
    pub(crate) fn init_logging(self) {
        let default = if self.quiet { "error" } else { "warn" };
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
        let ansi = io::stderr().is_terminal();
        let logs = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(ansi).with_target(false);
        logs.without_time().with_writer(io::stderr).init();
    }

    /// Prints a result: as one JSON object, as text, or not at all.
    pub(crate) fn print(self, result: &(impl Serialize + Display)) -> Result<(), CliError> {
        if self.json {
            write_line(&serde_json::to_string(result).map_err(io::Error::from)?)?;
        } else if !self.quiet {
            write_line(&result.to_string())?;
        }
        Ok(())
    }

    /// Prints text that was asked for, even with `--quiet`.
    pub(crate) fn print_always(self, result: &(impl Serialize + Display)) -> Result<(), CliError> {
        Self { quiet: false, ..self }.print(result)
    }

    /// Prints an error with its sources, and returns the exit code.
    pub(crate) fn fail(self, error: &CliError) -> ExitCode {
        let code = error.exit_code();
        // The report on standard output is the one JSON object.
        if self.json && matches!(error, CliError::Unusable { .. }) {
            return ExitCode::from(code);
        }
        self.print_error(code, &error.to_string(), &chain(error));
        ExitCode::from(code)
    }

    /// Prints what clap has to say: help and versions to standard output, errors to standard error.
    pub(crate) fn fail_usage(self, error: &clap::Error) -> ExitCode {
        if !error.use_stderr() {
            let _ = write_line(error.render().to_string().trim_end());
            return ExitCode::from(exit_code::SUCCESS);
        }
        if self.json {
            let text = error.render().to_string();
            let message = text.trim().trim_start_matches("error: ");
            self.print_error(exit_code::USAGE, message, &[]);
        } else {
            eprint!("{}", error.render());
        }
        ExitCode::from(exit_code::USAGE)
    }

    fn print_error(self, code: u8, message: &str, chain: &[String]) {
        if self.json {
            let kind = exit_code::name(code);
            let report = ErrorReport { error: ErrorBody { code, kind, message, chain } };
            if let Ok(json) = serde_json::to_string(&report) {
                let _ = write_line(&json);
            }
        } else {
            let sources: String = chain.iter().map(|source| format!(": {source}")).collect();
            eprintln!("error: {message}{sources}");
        }
    }

    /// Prints warnings to standard error, a line each. With `--json` the result lists them.
    pub(crate) fn warn(self, warnings: &[PaintWarning]) {
        if !self.json && !self.quiet {
            warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
        }
    }

    /// Shows text that must be seen, such as a license, on standard error.
    pub(crate) fn notice(text: &str) {
        eprintln!("{text}");
    }
}

/// Writes a line to standard output. A reader that has gone, such as `head`, is not an error.
fn write_line(line: &str) -> io::Result<()> {
    match writeln!(io::stdout().lock(), "{line}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
