//! What people paused. Pure.

use std::collections::BTreeSet;

/// What the keys of the facts about pauses begin with.
pub const PAUSE: &str = "pause:";

/// What is paused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pauses {
    /// Everything.
    pub all: bool,
    /// These agents.
    pub agents: BTreeSet<String>,
    /// These accounts.
    pub accounts: BTreeSet<String>,
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_with_an_empty_value_or_of_another_kind_pauses_nothing() {
        let fact = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(Pauses::from_facts(&[fact("pause:all", ""), fact("pause:moon", "x")]), Pauses::default());
        let pauses = Pauses::from_facts(&[fact("pause:all", "x"), fact("pause:agent:a:b", "x")]);
        assert!(pauses.all && pauses.agents.contains("a:b"));
    }
}
