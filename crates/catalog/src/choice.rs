//! The agent of a task, and why it is that one.

use std::collections::BTreeMap;
use std::fmt;

/// Why an agent was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because<'a> {
    /// The task asks for it by its own name.
    Declared,
    /// The task asks for it by this name, which is mapped to it.
    Mapped(&'a str),
    /// The task asks for none.
    Default,
}

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Declared => f.write_str("the task asks for it"),
            Self::Mapped(name) => write!(f, "the task asks for `{name}`, which is mapped to it"),
            Self::Default => f.write_str("the task asks for no agent; it is the default one"),
        }
    }
}

/// The agent of a task that asks for `declared`: by `mappings` where they know that name, else by its own name;
/// `default` where it asks for none.
#[must_use]
pub fn choose<'a>(
    declared: Option<&'a str>,
    mappings: &'a BTreeMap<String, String>,
    default: &'a str,
) -> (&'a str, Because<'a>) {
    match declared.map(str::trim).filter(|name| !name.is_empty()) {
        None => (default, Because::Default),
        Some(name) => match mappings.get(name) {
            Some(agent) => (agent, Because::Mapped(name)),
            None => (name, Because::Declared),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_agent_goes_through_its_mapping() {
        let mappings = BTreeMap::from([("frontend".to_owned(), "react-developer".to_owned())]);
        assert_eq!(choose(Some("frontend"), &mappings, "any"), ("react-developer", Because::Mapped("frontend")));
        assert_eq!(choose(Some("tester"), &mappings, "any"), ("tester", Because::Declared));
    }

    #[test]
    fn a_task_that_asks_for_nobody_gets_the_default_agent() {
        let mappings = BTreeMap::new();
        for declared in [None, Some(""), Some("  ")] {
            assert_eq!(choose(declared, &mappings, "any"), ("any", Because::Default));
        }
    }
}
