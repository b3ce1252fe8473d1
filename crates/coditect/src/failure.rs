//! How a command fails: what, where, what to do, and the exit code that says so to programs.

use std::io::Write;

use coditect_service::ConfigError;
use owo_colors::OwoColorize;

/// Done, and the answer is yes.
pub(crate) const OK: u8 = 0;
/// The thing asked about is wrong, or failed.
pub(crate) const WRONG: u8 = 1;
/// Wrong usage: flags, paths or configuration.
pub(crate) const USAGE: u8 = 2;
/// The system, or what it stands on, cannot be reached.
pub(crate) const UNREACHABLE: u8 = 3;

/// A command that could not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) code: u8,
    /// What is wrong, and where.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) help: Option<String>,
}

impl Failure {
    /// The thing asked about is wrong, or failed.
    pub(crate) fn wrong(message: impl Into<String>) -> Self {
        Self { code: WRONG, message: message.into(), help: None }
    }

    /// The command line or the configuration cannot be used.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { code: USAGE, message: message.into(), help: None }
    }

    /// The system, or what it stands on, cannot be reached.
    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        Self { code: UNREACHABLE, message: message.into(), help: None }
    }

    /// With what to do about it.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Writes the failure to standard error.
    pub(crate) fn print(&self) {
        let mut stderr = anstream::stderr();
        let _ = writeln!(stderr, "{} {}", "error:".red().bold(), self.message);
        if let Some(help) = &self.help {
            let _ = writeln!(stderr, "  {} {help}", "help:".cyan());
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::wrong(format!("{error:#}"))
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::usage(format!("{:#}", anyhow::Error::from(error)))
    }
}

/// Names a failed input or output by the path it is about.
pub(crate) fn at<E: std::fmt::Display>(doing: &str, path: &std::path::Path) -> impl FnOnce(E) -> Failure {
    move |error| Failure::wrong(format!("cannot {doing} {}: {error}", path.display()))
}
