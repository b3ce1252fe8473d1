//! The decision: which ready tasks start now, with which agent, on which account. Pure.

use std::collections::{BTreeMap, BTreeSet};

use coditect_catalog::choose;

/// The account that work is charged to.
pub const ACCOUNT: &str = "default";

/// What the keys of the facts about pauses begin with.
pub const PAUSE: &str = "pause:";

/// What is paused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pauses {
    /// Everything.
    pub all: bool,
    agents: BTreeSet<String>,
    accounts: BTreeSet<String>,
}

impl Pauses {
    /// From the facts whose key begins with [`PAUSE`]: `pause:all`, `pause:agent:<name>`, `pause:account:<name>`. One
    /// with an empty value does not hold.
    #[must_use]
    pub fn from_facts(facts: &[(String, String)]) -> Self {
        let mut pauses = Self::default();
        for (key, _) in facts.iter().filter(|(_, value)| !value.is_empty()) {
            match key.strip_prefix(PAUSE).map(|what| what.split_once(':').unwrap_or((what, ""))) {
                Some(("all", "")) => pauses.all = true,
                Some(("agent", name)) => _ = pauses.agents.insert(name.to_owned()),
                Some(("account", name)) => _ = pauses.accounts.insert(name.to_owned()),
                _ => {}
            }
        }
        pauses
    }

    /// Whether some ready tasks may have to wait while others start.
    #[must_use]
    pub fn select(&self) -> bool {
        !self.agents.is_empty() || !self.accounts.is_empty()
    }

    fn hold(&self, agent: &str, account: &str) -> bool {
        self.all || self.agents.contains(agent) || self.accounts.contains(account)
    }
}

/// What agents are called.
#[derive(Debug, Clone, Copy)]
pub struct Agents<'a> {
    /// Other names for agents.
    pub mappings: &'a BTreeMap<String, String>,
    /// The agent of tasks that ask for none.
    pub default: &'a str,
}

/// A task to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment<T> {
    /// The task.
    pub task: T,
    /// Its agent.
    pub agent: String,
    /// Why that one.
    pub because: String,
    /// The account it is charged to.
    pub account: &'static str,
}

/// Chooses what starts: the first `free` of the ready tasks that nothing holds. `ready` is in dispatch order, each task
/// with the agent it asks for.
pub fn decide<'a, T>(
    ready: impl IntoIterator<Item = (T, Option<&'a str>)>,
    free: usize,
    pauses: &Pauses,
    agents: Agents<'a>,
) -> Vec<Assignment<T>> {
    ready
        .into_iter()
        .map(|(task, declared)| (task, choose(declared, agents.mappings, agents.default)))
        .filter(|(_, (agent, _))| !pauses.hold(agent, ACCOUNT))
        .take(free)
        .map(|(task, (agent, because))| Assignment {
            task,
            agent: agent.to_owned(),
            because: because.to_string(),
            account: ACCOUNT,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(keys: &[&str]) -> Pauses {
        Pauses::from_facts(&keys.iter().map(|key| ((*key).to_owned(), "yes".to_owned())).collect::<Vec<_>>())
    }

    /// The tasks that start, each with its agent.
    fn decided(ready: &[(&str, Option<&str>)], free: usize, pauses: &Pauses) -> Vec<String> {
        let mappings = BTreeMap::from([("ui".to_owned(), "painter".to_owned())]);
        let agents = Agents { mappings: &mappings, default: "any" };
        let assignments = decide(ready.iter().copied(), free, pauses, agents);
        assignments.into_iter().map(|a| format!("{} {}", a.task, a.agent)).collect()
    }

    const READY: [(&str, Option<&str>); 3] = [("a", Some("ui")), ("b", None), ("c", Some("tester"))];

    #[test]
    fn the_first_tasks_get_the_free_slots() {
        let none = Pauses::default();
        assert_eq!(decided(&READY, 2, &none), ["a painter", "b any"]);
        assert_eq!(decided(&READY, 9, &none), ["a painter", "b any", "c tester"]);
        assert!(decided(&READY, 0, &none).is_empty());
    }

    #[test]
    fn nothing_starts_while_everything_or_the_account_is_paused() {
        assert!(decided(&READY, 9, &pauses(&["pause:all"])).is_empty());
        assert!(decided(&READY, 9, &pauses(&["pause:account:default"])).is_empty());
    }

    #[test]
    fn a_paused_agent_leaves_its_slots_to_the_tasks_of_others() {
        assert_eq!(decided(&READY, 2, &pauses(&["pause:agent:painter"])), ["b any", "c tester"]);
    }

    #[test]
    fn a_pause_of_somebody_else_or_with_an_empty_value_holds_nothing() {
        let forgotten = Pauses::from_facts(&[("pause:all".to_owned(), String::new())]);
        assert_eq!(forgotten, Pauses::default());
        assert_eq!(decided(&READY, 1, &pauses(&["pause:account:other", "pause:agent:ui"])), ["a painter"]);
        assert!(!forgotten.select() && pauses(&["pause:account:other"]).select());
    }
}
