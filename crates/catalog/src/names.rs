//! What a plan calls an agent, and which agent that is.

use std::collections::{BTreeMap, BTreeSet};

/// How a name leads to an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Path {
    /// It is the agent's own name, or one without a definition.
    Own,
    /// It is mapped to the agent.
    Mapped,
    /// It is the agent's name, or that of a mapping, up to case, blanks, underscores and an `@`.
    Spelling {
        /// Whether a mapping leads on from there.
        mapped: bool,
    },
}

/// The agents that are known by name.
#[derive(Debug)]
pub(crate) struct Names {
    defined: BTreeSet<String>,
    mappings: BTreeMap<String, String>,
    spellings: BTreeMap<String, String>,
    mapped_spellings: BTreeMap<String, String>,
}

impl Names {
    /// From the agents with a definition, the mappings, and the names that tasks ask for: the first spelling of an
    /// agent without a definition is its name.
    pub(crate) fn new<'a>(
        defined: impl IntoIterator<Item = &'a str>,
        mappings: BTreeMap<String, String>,
        asked: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let defined: BTreeSet<String> = defined.into_iter().map(str::to_owned).collect();
        let first = |names: Vec<(String, String)>| {
            let mut all = BTreeMap::new();
            for (spelling, agent) in names {
                all.entry(spelling).or_insert(agent);
            }
            all
        };
        let asked = asked.into_iter().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
        let spellings = first(defined.iter().cloned().chain(asked).map(|name| (plain(&name), name)).collect());
        let mapped_spellings = first(mappings.iter().map(|(name, agent)| (plain(name), agent.clone())).collect());
        Self { defined, mappings, spellings, mapped_spellings }
    }

    /// Whether there is a definition of this agent.
    pub(crate) fn is_defined(&self, agent: &str) -> bool {
        self.defined.contains(agent)
    }

    /// Whether there is any definition.
    pub(crate) fn any(&self) -> bool {
        !self.defined.is_empty()
    }

    /// The agent that `name` means, and how.
    pub(crate) fn resolve(&self, name: &str) -> (String, Path) {
        let name = name.trim();
        if let Some(agent) = self.mappings.get(name) {
            return (self.definition_of(agent), Path::Mapped);
        }
        if self.is_defined(name) {
            return (name.to_owned(), Path::Own);
        }
        let spelling = plain(name);
        if let Some(agent) = self.mapped_spellings.get(&spelling) {
            return (self.definition_of(agent), Path::Spelling { mapped: true });
        }
        match self.spellings.get(&spelling) {
            Some(agent) if agent != name => (agent.clone(), Path::Spelling { mapped: false }),
            _ => (name.to_owned(), Path::Own),
        }
    }

    /// The defined agent of this name, however it is spelled; else the name itself.
    pub(crate) fn definition_of(&self, agent: &str) -> String {
        let agent = agent.trim();
        if self.is_defined(agent) {
            return agent.to_owned();
        }
        self.spellings.get(&plain(agent)).map_or_else(|| agent.to_owned(), Clone::clone)
    }
}

/// A name without what people spell differently.
fn plain(name: &str) -> String {
    let name = name.trim().trim_start_matches('@').trim().to_lowercase();
    let parts: Vec<_> = name.split([' ', '_', '-', '\t']).filter(|part| !part.is_empty()).collect();
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_exactly_by_mapping_or_by_spelling() {
        let mappings = BTreeMap::from([("UI Team".to_owned(), "Painter".to_owned())]);
        let names = Names::new(["painter", "smith-at-work"], mappings, ["tester"]);
        let resolved = |name| {
            let (agent, path) = names.resolve(name);
            (agent, path)
        };
        assert_eq!(resolved(" painter "), ("painter".into(), Path::Own));
        assert_eq!(resolved("UI Team"), ("painter".into(), Path::Mapped));
        assert_eq!(resolved("@ui_team"), ("painter".into(), Path::Spelling { mapped: true }));
        assert_eq!(resolved("Smith at Work"), ("smith-at-work".into(), Path::Spelling { mapped: false }));
        assert_eq!(resolved("Tester"), ("tester".into(), Path::Spelling { mapped: false }));
        assert_eq!(resolved("nobody"), ("nobody".into(), Path::Own));
        assert!(names.is_defined("painter") && !names.is_defined("nobody"));
    }
}
