//! Which agent a task is for, how sure that is, and why.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::evidence::Evidence;
use crate::index::Scores;
use crate::names::{Names, Path};
use crate::neighbours::{self, Neighbours};
use crate::profile::{self, Profiles};
use crate::rules::{Prepared, Stems};
use crate::words::Reader;
use crate::{Definition, Rules, Trouble};

/// How sure it is that the agent is meant which the task names by another spelling.
const SPELLING: f64 = 0.95;
/// How sure it is that a rule holds.
const RULE: f64 = 0.9;
/// An agent that less speaks for is not chosen.
const LEAST: f64 = 0.15;
/// Nor is one for which only its definition speaks, and less than this.
const LEAST_ALONE: f64 = 0.2;

/// A task whose agent is declared: others are compared with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeclaredTask {
    /// What names the task, the same as in [`Query::key`]: a task is no neighbour of itself.
    pub key: String,
    /// Its title.
    pub title: String,
    /// What is written about it.
    pub description: String,
    /// The headings around it, outermost first.
    pub section: Vec<String>,
    /// Its steps, in words.
    pub steps: Vec<String>,
    /// The agent it asks for, as it was written.
    pub agent: String,
}

/// A task that wants an agent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// What names the task among those of [`Matcher::new`].
    pub key: String,
    /// Its title.
    pub title: String,
    /// What is written about it.
    pub description: String,
    /// The headings around it, outermost first.
    pub section: Vec<String>,
    /// Its steps, in words.
    pub steps: Vec<String>,
    /// The agent it asks for; none chooses by content alone.
    pub declared: Option<String>,
}

/// The agent of a task.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// The agent.
    pub chosen: String,
    /// How sure that is: 1 the task names it, 0.95 in another spelling, 0.9 a rule says so, below that how much speaks
    /// for it, 0 where nothing does and it is the default.
    pub confidence: f64,
    /// Why, in sentences for people; the weightiest first.
    pub because: Vec<String>,
    /// The agents that something speaks for, with how much from 0 to 1, best first. Begins with the chosen one.
    pub ranking: Vec<(String, f64)>,
}

/// Chooses agents. Make it once for many tasks: it keeps what it knows ready to be searched.
pub struct Matcher {
    definitions: Vec<Definition>,
    rules: Rules,
    names: Names,
    prepared: Vec<Prepared>,
    neighbours: Neighbours,
    profiles: Profiles,
    reader: Reader,
}

impl std::fmt::Debug for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Matcher").field("definitions", &self.definitions.len()).field("rules", &self.rules).finish()
    }
}

thread_local! {
    /// Scratch space of searches: two threads never share it.
    static SCORES: RefCell<Scores> = RefCell::default();
}

impl Matcher {
    /// From what is known: definitions (names are unique; of two with one name the first holds), the configuration, and
    /// the tasks whose agent is declared.
    #[must_use]
    pub fn new(definitions: Vec<Definition>, rules: Rules, declared: Vec<DeclaredTask>) -> Self {
        let mut seen = BTreeSet::new();
        let definitions: Vec<_> = definitions.into_iter().filter(|one| seen.insert(one.name.clone())).collect();
        let reader = Reader::new();
        let defined = definitions.iter().map(|one| one.name.as_str());
        let names = Names::new(defined, rules.mappings.clone(), declared.iter().map(|task| task.agent.as_str()));
        let prepared = rules.rules.iter().map(|rule| Prepared::new(rule, &names, &reader)).collect();
        let neighbours = Neighbours::new(&declared, |name| names.resolve(name).0, &reader);
        let profiles = Profiles::new(&definitions, &reader);
        Self { definitions, rules, names, prepared, neighbours, profiles, reader }
    }

    /// The definitions.
    #[must_use]
    pub fn definitions(&self) -> &[Definition] {
        &self.definitions
    }

    /// The definition of an agent, as [`Match::chosen`] names it.
    #[must_use]
    pub fn definition(&self, agent: &str) -> Option<&Definition> {
        self.definitions.iter().find(|one| one.name == agent)
    }

    /// Mappings and rules that name an agent without a definition.
    #[must_use]
    pub fn troubles(&self) -> Vec<Trouble> {
        self.rules.troubles(&self.names)
    }

    /// The agent of a task.
    #[must_use]
    pub fn choose(&self, query: &Query) -> Match {
        let Query { key, title, description, section, steps, declared } = query;
        let (like, words) = (
            neighbours::bag(&self.reader, title, description, section, steps),
            profile::bag(&self.reader, title, description, section, steps),
        );
        let rule = self.rule(query);
        let (votes, fits) = SCORES
            .with_borrow_mut(|scores| (self.neighbours.vote(key, &like, scores), self.profiles.fit(&words, scores)));
        let candidates = self.candidates(rule.as_ref(), &votes.evidence, &fits);
        if let Some(declared) = declared.as_deref().map(str::trim).filter(|name| !name.is_empty()) {
            return self.declared(declared, candidates);
        }
        match candidates.first().copied() {
            Some(Candidate { agent, worth, alone }) if worth >= if alone { LEAST_ALONE } else { LEAST } => {
                let said = rule.filter(|(named, _)| *named == agent).map(|(_, said)| said);
                let because = [said, votes.said(agent), self.profiles.said(agent, &words), self.undefined(agent)];
                with(agent.to_owned(), worth, because.into_iter().flatten().collect(), candidates)
            }
            _ => {
                let because = vec!["no other agent fits well enough; it is the default one".to_owned()];
                with(self.rules.default.clone(), 0.0, because, candidates)
            }
        }
    }

    fn declared(&self, declared: &str, candidates: Vec<Candidate<'_>>) -> Match {
        let (chosen, path) = self.names.resolve(declared);
        let (confidence, said) = match path {
            Path::Own => (1.0, "the task asks for it".to_owned()),
            Path::Mapped => (1.0, format!("the task asks for `{declared}`, which is mapped to it")),
            Path::Spelling { mapped: false } => {
                (SPELLING, format!("the task asks for `{declared}`, which is another spelling of its name"))
            }
            Path::Spelling { mapped: true } => {
                (SPELLING, format!("the task asks for `{declared}`, which up to its spelling is mapped to it"))
            }
        };
        let mut because = vec![said];
        because.extend(self.undefined(&chosen));
        with(chosen, confidence, because, candidates)
    }

    /// What there is to say about an agent without a definition, where others have one.
    fn undefined(&self, agent: &str) -> Option<String> {
        (self.names.any() && !self.names.is_defined(agent))
            .then(|| format!("warning: there is no definition of `{agent}`, so it has no instructions of its own"))
    }

    /// The first rule that fits: its agent, and why.
    fn rule(&self, query: &Query) -> Option<(&str, String)> {
        if self.prepared.is_empty() {
            return None;
        }
        let stems = Stems::of(query, &self.reader);
        let fitting = |(at, rule): (usize, &'_ Prepared)| Some((at, rule.fits(at, &stems)?));
        let (at, said) = self.prepared.iter().enumerate().find_map(fitting)?;
        Some((self.prepared.get(at)?.agent.as_str(), said))
    }

    /// The agents that something speaks for, best first. A rule holds whatever else is said; the other sources add to
    /// each other.
    fn candidates<'a>(
        &self,
        rule: Option<&(&'a str, String)>,
        votes: &Evidence<'a>,
        fits: &Evidence<'a>,
    ) -> Vec<Candidate<'a>> {
        let ruled = rule.map(|(agent, _)| *agent);
        let agents: BTreeSet<&str> = votes.agents().chain(fits.agents()).chain(ruled).collect();
        let candidate = |agent: &'a str| {
            let doubt = (1.0 - votes.worth(agent)) * (1.0 - fits.worth(agent) * self.neighbours.openness(agent));
            let worth = if ruled == Some(agent) { RULE } else { (1.0 - doubt).min(RULE - 0.01) };
            Candidate { agent, worth, alone: ruled != Some(agent) && votes.worth(agent) == 0.0 }
        };
        let mut candidates: Vec<_> = agents.into_iter().map(candidate).collect();
        candidates.sort_by(|a, b| b.worth.total_cmp(&a.worth).then_with(|| a.agent.cmp(b.agent)));
        candidates
    }
}

/// An agent, with how much speaks for it.
#[derive(Debug, Clone, Copy)]
struct Candidate<'a> {
    agent: &'a str,
    worth: f64,
    /// Whether only its definition speaks for it.
    alone: bool,
}

/// The answer, its ranking led by the chosen agent.
fn with(chosen: String, confidence: f64, because: Vec<String>, candidates: Vec<Candidate<'_>>) -> Match {
    let others = candidates.into_iter().filter(|one| one.agent != chosen).map(|one| (one.agent.to_owned(), one.worth));
    let ranking = std::iter::once((chosen.clone(), confidence)).chain(others).collect();
    Match { chosen, confidence, because, ranking }
}
