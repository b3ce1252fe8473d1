//! What speaks for which agent.

use std::collections::BTreeMap;

/// How many things a sentence names.
const NAMED: usize = 4;

/// What speaks for agents, from one source.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Evidence {
    agents: BTreeMap<String, (f64, String)>,
}

impl Evidence {
    /// Adds what speaks for an agent: how much, from 0 to 1, and in words.
    pub(crate) fn add(&mut self, agent: &str, worth: f64, said: String) {
        self.agents.insert(agent.to_owned(), (worth.clamp(0.0, 1.0), said));
    }

    /// How much speaks for an agent.
    pub(crate) fn worth(&self, agent: &str) -> f64 {
        self.agents.get(agent).map_or(0.0, |(worth, _)| *worth)
    }

    /// What speaks for an agent, in words.
    pub(crate) fn said(&self, agent: &str) -> Option<&str> {
        self.agents.get(agent).map(|(_, said)| said.as_str())
    }

    /// The agents that something speaks for.
    pub(crate) fn agents(&self) -> impl Iterator<Item = &str> {
        self.agents.keys().map(String::as_str)
    }
}

/// `a`, `b`, `c`, `d` and 3 more.
pub(crate) fn list<T: std::fmt::Display>(items: &[T]) -> String {
    let named: Vec<_> = items.iter().take(NAMED).map(|item| format!("`{item}`")).collect();
    match items.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
