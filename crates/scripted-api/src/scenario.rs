//! What a scenario says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The rules; the first that fits answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// In the order in which they are asked.
    pub rules: Vec<Rule>,
}

/// When to answer, and what.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// What the server calls it where it tells what it has answered.
    pub name: String,
    /// Fits where the agent was told this.
    pub contains: Option<String>,
    /// Fits where this is the credential.
    pub credential: Option<String>,
    /// How often it answers at most; then it fits no more.
    pub times: Option<u32>,
    /// Answers with a failure.
    pub fail: Option<Fail>,
    /// Does not answer as an API should.
    pub fault: Option<Fault>,
    /// Answers with the first step, then the second… and with the last for ever.
    pub steps: Vec<Step>,
}

/// A failure of the API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fail {
    /// The HTTP status.
    pub status: u16,
    /// The API's name for it: `rate_limit_error`, `authentication_error`…
    #[serde(rename = "type")]
    pub kind: String,
    /// What it says.
    pub message: String,
    /// Headers beside the usual ones.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// What is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Nothing comes, ever.
    Hang,
    /// The answer begins, and nothing more of it comes.
    Stall,
    /// What comes is no answer of the API's.
    Malformed,
    /// The answer begins, and the connection is closed.
    Cut,
}

/// One answer of the model. In every text of it `{cwd}`, `{key}` and `{title}` are the agent's folder, and the key and
/// title of its task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Step {
    /// It uses a tool.
    Tool {
        /// The tool.
        tool: String,
        /// What it is given.
        input: Value,
        /// How long the answer takes, in milliseconds.
        #[serde(default)]
        wait_ms: u64,
    },
    /// It says something and is done.
    Text {
        /// The words.
        text: String,
        /// How long the answer takes, in milliseconds.
        #[serde(default)]
        wait_ms: u64,
    },
}

/// Why a scenario cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// Its file cannot be read.
    #[error("the scenario {} cannot be read", .0.display())]
    Unreadable(PathBuf, #[source] std::io::Error),
    /// It is not what a scenario must be.
    #[error("the scenario {} is not valid", .0.display())]
    Invalid(PathBuf, #[source] serde_json::Error),
}

impl Scenario {
    /// Reads a scenario from its file.
    pub fn read(file: &Path) -> Result<Self, ScenarioError> {
        let text = std::fs::read(file).map_err(|error| ScenarioError::Unreadable(file.to_owned(), error))?;
        serde_json::from_slice(&text).map_err(|error| ScenarioError::Invalid(file.to_owned(), error))
    }

    /// A scenario with one more rule.
    #[must_use]
    pub fn with(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }
}

impl Rule {
    /// Answers those who were told this with steps.
    #[must_use]
    pub fn steps(contains: &str, steps: Vec<Step>) -> Self {
        Self { contains: Some(contains.to_owned()), steps, ..Self::default() }
    }

    /// Fails with a status.
    #[must_use]
    pub fn fail(status: u16, kind: &str, message: &str) -> Self {
        let fail = Fail { status, kind: kind.to_owned(), message: message.to_owned(), headers: BTreeMap::new() };
        Self { fail: Some(fail), ..Self::default() }
    }

    /// Does not answer as an API should.
    #[must_use]
    pub fn fault(fault: Fault) -> Self {
        Self { fault: Some(fault), ..Self::default() }
    }

    /// Answers so often, and then no more.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    /// Sends this header with its failure.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        if let Some(fail) = &mut self.fail {
            fail.headers.insert(name.to_owned(), value.to_owned());
        }
        self
    }
}

impl Step {
    /// Uses a tool.
    #[must_use]
    pub fn tool(tool: &str, input: Value) -> Self {
        Self::Tool { tool: tool.to_owned(), input, wait_ms: 0 }
    }

    /// Says something.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text { text: text.to_owned(), wait_ms: 0 }
    }

    pub(crate) const fn wait_ms(&self) -> u64 {
        match self {
            Self::Tool { wait_ms, .. } | Self::Text { wait_ms, .. } => *wait_ms,
        }
    }
}
