//! The section about how results are proved.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Config;
use crate::guarded::Guarded;

/// What becomes of a result that makes tests prove less: removes them, skips them, or takes from them what they assert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RemovedTests {
    /// It is held for a person, and lands when one approves it.
    #[default]
    Hold,
    /// It lands, and the evidence says so.
    Note,
    /// It lands, and nobody looks.
    Ignore,
}

/// How results are verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VerifyConfig {
    /// Shell commands that must succeed on the merged tree of every task, after the task's own and the plan's.
    pub commands: Vec<String>,
    /// Whether a task that no command proves (neither its own, nor the plan's, nor one of `commands`) is put to a person
    /// instead of run.
    pub required: bool,
    /// What becomes of a result that makes tests prove less.
    pub removed_tests: RemovedTests,
    /// How long each verify command may take, in milliseconds.
    #[schemars(range(min = 1_000, max = 604_800_000))]
    pub wall_limit_ms: u64,
}

impl Default for VerifyConfig {
    fn default() -> Self {
        Self { commands: Vec::new(), required: false, removed_tests: RemovedTests::default(), wall_limit_ms: 1_800_000 }
    }
}

impl VerifyConfig {
    /// How long each verify command may take.
    #[must_use]
    pub const fn wall_limit(&self) -> Duration {
        Duration::from_millis(self.wall_limit_ms)
    }
}

/// What is wrong with the proof of results: the setting, its value as JSON, and what was expected.
pub(super) fn broken(config: &Config) -> Vec<(String, Option<String>, String)> {
    let mut broken = Vec::new();
    for (at, command) in config.verify.commands.iter().enumerate().filter(|(_, command)| command.trim().is_empty()) {
        let expected = "expected a shell command: an empty one succeeds whatever the result is";
        broken.push((format!("verify.commands.{at}"), Some(format!("{command:?}")), expected.to_owned()));
    }
    for (at, glob) in config.repository.protected.iter().enumerate() {
        if let Err(error) = Guarded::new([glob.as_str()]) {
            let expected = format!("expected a path or a glob like .github/workflows/**; {error}");
            broken.push((format!("repository.protected.{at}"), Some(format!("{glob:?}")), expected));
        }
    }
    broken
}
