//! Which agent a task gets, and why.

use std::sync::Arc;

use coditect_catalog::choose;
use coditect_service::Config;
use coditect_store::TaskRow;

/// An agent for a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The agent.
    pub agent: String,
    /// Why that one, in sentences.
    pub because: Vec<String>,
}

/// The agents there are.
#[derive(Debug)]
pub struct Agents {
    config: Arc<Config>,
}

impl Agents {
    /// The agents of this configuration.
    #[must_use]
    pub fn new(config: Arc<Config>) -> Self {
        Self { config }
    }

    /// The agent of a task: the one that a person gave it to, else what the plan and the configuration say.
    #[must_use]
    pub fn choose(&self, task: &TaskRow) -> Choice {
        if let Some(agent) = &task.agent_override {
            return Choice { agent: agent.clone(), because: vec!["a person gave the task to it".to_owned()] };
        }
        let (mappings, default) = (&self.config.agents.mappings, &self.config.dispatch.default_agent);
        let (agent, because) = choose(task.agent.as_deref(), mappings, default);
        Choice { agent: agent.to_owned(), because: vec![because.to_string()] }
    }
}
