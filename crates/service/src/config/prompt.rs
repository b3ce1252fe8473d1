//! The section about what agents are told.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What agents are told beside their task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PromptConfig {
    /// The file of the project's own template (see docs/prompt.md); without one, ours is used.
    pub template: Option<String>,
    /// Files of the repository in which it says how things are done there. Those that are there are passed on.
    pub conventions: Vec<String>,
}

impl Default for PromptConfig {
    fn default() -> Self {
        let conventions = ["AGENTS.md", "CLAUDE.md", "GEMINI.md", "CONTRIBUTING.md"].map(str::to_owned).into();
        Self { template: None, conventions }
    }
}

/// What is wrong with the section: the setting, its value as JSON, and what was expected.
pub(super) fn broken(config: &PromptConfig) -> Vec<(String, Option<String>, String)> {
    let inside = |path: &String| {
        let path = std::path::Path::new(path.as_str());
        path.components().next().is_some()
            && path.components().all(|part| matches!(part, std::path::Component::Normal(_)))
    };
    let wrong = config.conventions.iter().enumerate().filter(|(_, path)| !inside(path));
    wrong
        .map(|(at, path)| {
            let expected = "expected a path within the repository, like docs/CONVENTIONS.md";
            (format!("prompt.conventions.{at}"), Some(format!("{path:?}")), expected.to_owned())
        })
        .collect()
}
