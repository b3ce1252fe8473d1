//! The section about agents: where they are defined, what they are called, and which tasks they get.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use coditect_catalog::{Rule, Rules};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where agents are defined, what they are called, and which tasks they get.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AgentsConfig {
    /// Folders of agent definitions, relative to the repository. Of two definitions with one name, that in the first
    /// folder holds.
    pub directories: Vec<String>,
    /// Other names for agents: the name a plan uses, and the agent it means.
    pub mappings: BTreeMap<String, String>,
    /// Agents for tasks that ask for none. The first rule that fits a task holds.
    pub rules: Vec<AgentRule>,
}

/// Tasks with one of these words, of this section, are for this agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentRule {
    /// The agent.
    pub agent: String,
    /// Words or phrases of which one must be in the title or the description of a task, in any of their forms. Without
    /// words, the section alone decides.
    #[serde(default)]
    pub words: Vec<String>,
    /// A word or phrase that must be in one of the headings around a task.
    #[serde(default)]
    pub section: Option<String>,
}

impl AgentsConfig {
    /// The folders of definitions, seen from the folder of the repository.
    #[must_use]
    pub fn folders(&self, repository: &Path) -> Vec<PathBuf> {
        self.directories.iter().map(|folder| repository.join(folder)).collect()
    }

    /// What a [`coditect_catalog::Matcher`] wants to know of the configuration.
    #[must_use]
    pub fn rules(&self, default_agent: &str) -> Rules {
        let rule = |AgentRule { agent, words, section }: &AgentRule| Rule {
            agent: agent.clone(),
            words: words.clone(),
            section: section.clone(),
        };
        Rules {
            mappings: self.mappings.clone(),
            rules: self.rules.iter().map(rule).collect(),
            default: default_agent.to_owned(),
        }
    }
}

/// What is wrong with the section: the setting, its value as JSON, and what was expected.
pub(super) fn broken(config: &AgentsConfig) -> Vec<(String, Option<String>, String)> {
    let AgentsConfig { directories, mappings, rules } = config;
    let mut broken = Vec::new();
    let mut need = |path: String, text: &str| {
        if text.trim().is_empty() {
            broken.push((path, Some(format!("{text:?}")), "expected some text".to_owned()));
        }
    };
    for (at, folder) in directories.iter().enumerate() {
        need(format!("agents.directories.{at}"), folder);
    }
    for (name, agent) in mappings {
        need(format!("agents.mappings.{name}"), agent);
    }
    for (at, AgentRule { agent, words, section }) in rules.iter().enumerate() {
        need(format!("agents.rules.{at}.agent"), agent);
        for (word_at, word) in words.iter().enumerate() {
            need(format!("agents.rules.{at}.words.{word_at}"), word);
        }
        if let Some(section) = section {
            need(format!("agents.rules.{at}.section"), section);
        }
    }
    for (at, rule) in rules.iter().enumerate() {
        if rule.words.is_empty() && rule.section.is_none() {
            let expected = "expected a word, or a `section`: a rule without either would fit no task";
            broken.push((format!("agents.rules.{at}.words"), Some("[]".to_owned()), expected.to_owned()));
        }
    }
    broken
}
