//! What is wrong with a configuration, said so that it can be mended.

use std::{fmt, path::PathBuf};

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}; name one that can be read with --config FILE", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no JSON, or no object.
    #[error(
        "{}:{line}:{column}: this is not a JSON object: {reason}. Mend the line; `coditect config check {}` checks the file",
        file.display(),
        file.display()
    )]
    Malformed {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What the parser says.
        reason: String,
    },
    /// A file that a `…_FILE` variable names cannot be read.
    #[error("{variable} names {}, which cannot be read", file.display())]
    UnreadableSecret {
        /// The variable.
        variable: String,
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A variable and its `…_FILE` variant are both set.
    #[error("{0} and {0}_FILE are both set: unset one of them")]
    SetTwice(&'static str),
    /// An environment variable is not text.
    #[error("the environment variable {0} is not valid UTF-8: set it to text, or unset it")]
    NotText(String),
    /// Settings that are not known, or have values that cannot be.
    #[error("{}", list(.0))]
    Refused(Vec<Problem>),
}

/// One setting that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting, like `executor.slots`.
    pub path: String,
    /// Its value as JSON; none for a secret or where a value is not the matter.
    pub value: Option<String>,
    /// What is wrong and what was expected.
    pub expected: String,
    /// The file or variable that it comes from.
    pub origin: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, value, expected, origin } = self;
        match value {
            Some(value) => write!(f, "`{path}` is {value} in {origin}: {expected}"),
            None => write!(f, "`{path}` in {origin}: {expected}"),
        }
    }
}

fn list(problems: &[Problem]) -> String {
    match problems {
        [problem] => format!("a setting is refused: {problem}"),
        _ => {
            let lines: String = problems.iter().map(|problem| format!("\n  {problem}")).collect();
            format!("{} settings are refused:{lines}", problems.len())
        }
    }
}
