//! Rules that people write: which agent gets the tasks with these words, or of this section.

use std::collections::BTreeMap;
use std::fmt;

use crate::Query;
use crate::names::Names;
use crate::words::Reader;

/// Tasks with one of these words, of this section, are for this agent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rule {
    /// The agent.
    pub agent: String,
    /// Words or phrases of which one must be in the title or the description; with none, the section decides.
    pub words: Vec<String>,
    /// A word or phrase that must be in one of the headings around the task.
    pub section: Option<String>,
}

/// What the configuration says about agents.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// Other names for agents: the name a plan uses, and the agent it means.
    pub mappings: BTreeMap<String, String>,
    /// In the order in which they apply: the first that fits a task holds.
    pub rules: Vec<Rule>,
    /// The agent for tasks that no other one fits.
    pub default: String,
}

/// A mapping or a rule names an agent that has no definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The setting, like `agents.rules.1.agent`.
    pub setting: String,
    /// The agent it names.
    pub agent: String,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, agent } = self;
        write!(f, "`{setting}` names the agent `{agent}`, of which there is no definition")
    }
}

impl Rules {
    /// Every mapping and rule that names an agent without a definition.
    pub(crate) fn troubles(&self, names: &Names) -> Vec<Trouble> {
        let mappings = self.mappings.iter().map(|(name, agent)| (format!("agents.mappings.{name}"), agent));
        let rules = self.rules.iter().enumerate().map(|(at, rule)| (format!("agents.rules.{at}.agent"), &rule.agent));
        mappings
            .chain(rules)
            .filter(|(_, agent)| {
                !names.is_defined(&names.resolve(agent).0) && !names.is_defined(&names.definition_of(agent))
            })
            .map(|(setting, agent)| Trouble { setting, agent: agent.clone() })
            .collect()
    }
}

/// A rule, ready to be compared.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// The agent it names.
    pub(crate) agent: String,
    words: Vec<(String, Vec<String>)>,
    section: Option<(String, Vec<String>)>,
}

impl Prepared {
    pub(crate) fn new(rule: &Rule, names: &Names, reader: &Reader) -> Self {
        let phrase = |text: &String| (text.trim().to_owned(), reader.phrase(text));
        Self {
            agent: names.resolve(&rule.agent).0,
            words: rule.words.iter().map(phrase).filter(|(_, stems)| !stems.is_empty()).collect(),
            section: rule.section.as_ref().map(phrase).filter(|(_, stems)| !stems.is_empty()),
        }
    }

    /// Why this rule, the `at`-th, fits a task; nothing if it does not.
    pub(crate) fn fits(&self, at: usize, task: &Stems) -> Option<String> {
        let mut why = Vec::new();
        if !self.words.is_empty() {
            let found: Vec<_> =
                self.words.iter().filter(|(_, stems)| task.text.iter().any(|text| holds(text, stems))).collect();
            if found.is_empty() {
                return None;
            }
            let named: Vec<_> = found.iter().map(|(word, _)| format!("`{word}`")).collect();
            why.push(format!("tasks that say {}", named.join(", ")));
        }
        if let Some((section, stems)) = &self.section {
            if !task.section.iter().any(|heading| holds(heading, stems)) {
                return None;
            }
            why.push(format!("tasks of the section `{section}`"));
        }
        (!why.is_empty()).then(|| format!("`agents.rules.{at}` gives it {}", why.join(", and only ")))
    }
}

/// A task, ready to be compared with rules.
#[derive(Debug)]
pub(crate) struct Stems {
    text: [Vec<String>; 2],
    section: Vec<Vec<String>>,
}

impl Stems {
    pub(crate) fn of(query: &Query, reader: &Reader) -> Self {
        let text = [&query.title, &query.description].map(|text| reader.phrase(text));
        Self { text, section: query.section.iter().map(|heading| reader.phrase(heading)).collect() }
    }
}

fn holds(text: &[String], phrase: &[String]) -> bool {
    text.windows(phrase.len()).any(|window| window == phrase)
}
