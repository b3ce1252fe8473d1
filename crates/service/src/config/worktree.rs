//! The section about the folders that agents work in.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The folders that agents work in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WorktreeConfig {
    /// Shell commands that make a fresh checkout ready to work in, like `npm ci`: run before the agent starts, and on the
    /// clean checkout before results are verified.
    pub setup: Vec<String>,
    /// How long each of them may take, in milliseconds.
    #[schemars(range(min = 1_000, max = 86_400_000))]
    pub setup_limit_ms: u64,
    /// How much of the executor's disk stays free, in MiB: with less, it takes no new work.
    #[schemars(range(max = 1_048_576))]
    pub min_free_mib: u64,
    /// How much the executor's folder may hold, in MiB: with more, it takes no new work. 0: as much as there is.
    #[schemars(range(max = 1_073_741_824))]
    pub max_mib: u64,
    /// How much of what failed attempts leave is kept for the attempts after them, in MiB: their work and their agents'
    /// conversations. 0: nothing, and every attempt begins anew.
    #[schemars(range(max = 1_048_576))]
    pub keep_mib: u64,
    /// How long it is kept, in hours.
    #[schemars(range(min = 1, max = 8_760))]
    pub keep_hours: u64,
}

impl Default for WorktreeConfig {
    fn default() -> Self {
        Self {
            setup: Vec::new(),
            setup_limit_ms: 900_000,
            min_free_mib: 512,
            max_mib: 0,
            keep_mib: 512,
            keep_hours: 72,
        }
    }
}

impl WorktreeConfig {
    /// How long what failed attempts leave is kept.
    #[must_use]
    pub const fn keep(&self) -> Duration {
        Duration::from_secs(self.keep_hours.saturating_mul(60 * 60))
    }

    /// How long each command may take.
    #[must_use]
    pub const fn setup_limit(&self) -> Duration {
        Duration::from_millis(self.setup_limit_ms)
    }
}

/// What is wrong with the section: the setting, its value as JSON, and what was expected.
pub(super) fn broken(config: &WorktreeConfig) -> Vec<(String, Option<String>, String)> {
    let empty = config.setup.iter().enumerate().filter(|(_, command)| command.trim().is_empty());
    let expected = "expected a shell command, like \"npm ci\"";
    empty
        .map(|(at, command)| (format!("worktree.setup.{at}"), Some(format!("{command:?}")), expected.to_owned()))
        .collect()
}
