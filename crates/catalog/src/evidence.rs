//! How much speaks for which agent.

use std::collections::BTreeMap;
use std::fmt::Display;

/// How many things a sentence names.
const NAMED: usize = 4;

/// How much speaks for agents, from one source: from 0 to 1.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Evidence<'a> {
    agents: BTreeMap<&'a str, f64>,
}

impl<'a> Evidence<'a> {
    /// Adds how much speaks for an agent.
    pub(crate) fn add(&mut self, agent: &'a str, worth: f64) {
        self.agents.insert(agent, worth.clamp(0.0, 1.0));
    }

    /// How much speaks for an agent.
    pub(crate) fn worth(&self, agent: &str) -> f64 {
        self.agents.get(agent).copied().unwrap_or_default()
    }

    /// The agents that something speaks for.
    pub(crate) fn agents(&self) -> impl Iterator<Item = &'a str> {
        self.agents.keys().copied()
    }
}

/// `a`, `b`, `c`, `d` and 3 more.
pub(crate) fn list<T: Display>(items: &[T]) -> String {
    let named: Vec<_> = items.iter().take(NAMED).map(|item| format!("`{item}`")).collect();
    match items.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
