//! Tasks whose agent is declared, and whose of them a task resembles most.
//!
//! Each task is a vector of its words (TF-IDF, length 1). An agent is the sum of the vectors of the tasks that ask for
//! it; how much a task resembles those is the cosine of the angle between the two. That follows from the similarities
//! of the task to each other task, so one search of the index is enough, and the task's own vector can be taken out of
//! the sum: no task speaks for itself.

use std::collections::BTreeMap;

use crate::evidence::{Evidence, list};
use crate::index::{Index, Scores, plain_idf};
use crate::matcher::DeclaredTask;
use crate::words::{Bag, Reader};

/// An agent whose tasks are less similar than this gets no vote.
const LEAST_SIMILAR: f64 = 0.04;
/// At this similarity, a vote is worth half.
const HALF_SIMILAR: f64 = 0.06;
/// What the votes are worth where all are for one agent.
const WORTH: f64 = 0.9;
/// With so many declared tasks, their votes are worth half: of two tasks, one is the nearest to anything.
const FEW: f64 = 5.0;
/// How many agents of the nearest are of interest.
const BEST: usize = 24;
/// At so many declared tasks, an agent that none of them asks for is half as likely.
const TEAM: f64 = 20.0;
/// What the words of a task weigh, by where they stand; two words that stand side by side in a title count beside them.
const TITLE: f64 = 4.0;
const TITLE_PAIR: f64 = 2.0;
const TEXT: f64 = 0.5;
const SECTION: f64 = 0.3;

/// The words of a task that are compared with other tasks.
pub(crate) fn bag(reader: &Reader, title: &str, description: &str, section: &[String], steps: &[String]) -> Bag {
    let mut bag = Bag::default();
    bag.add(reader, title, TITLE);
    bag.add_pairs(reader, title, TITLE_PAIR);
    bag.add(reader, description, TEXT);
    steps.iter().for_each(|step| bag.add(reader, step, TEXT));
    section.iter().for_each(|heading| bag.add(reader, heading, SECTION));
    bag
}

/// One declared task.
#[derive(Debug)]
struct Neighbour {
    key: String,
    /// Its place in [`Neighbours::agents`].
    agent: usize,
}

/// An agent that declared tasks ask for.
#[derive(Debug)]
struct Wanted {
    name: String,
    /// The squared length of the sum of its tasks.
    squares: f64,
}

/// The declared tasks.
#[derive(Debug)]
pub(crate) struct Neighbours {
    tasks: Vec<Neighbour>,
    agents: Vec<Wanted>,
    index: Index,
    /// The agents by the keys of the tasks that ask for them.
    own: BTreeMap<String, usize>,
}

/// What the declared tasks say of one task.
#[derive(Debug, Default)]
pub(crate) struct Votes<'a> {
    /// How much speaks for whom.
    pub(crate) evidence: Evidence<'a>,
    /// The tasks that share a word with it, with their similarity.
    near: Vec<(f64, &'a Neighbour)>,
    agents: &'a [Wanted],
}

impl Neighbours {
    /// Of these tasks; `agent` says which agent a declared name means.
    pub(crate) fn new(declared: &[DeclaredTask], agent: impl Fn(&str) -> String, reader: &Reader) -> Self {
        let declared: Vec<_> = declared.iter().filter(|task| !task.agent.trim().is_empty()).collect();
        let bags: Vec<_> = declared
            .iter()
            .map(|task| bag(reader, &task.title, &task.description, &task.section, &task.steps))
            .collect();
        let mut index =
            Index::new(plain_idf, bags.iter().map(|bag| bag.weights.iter().map(|(stem, w)| (stem, dampened(*w)))));
        let lengths: Vec<_> = bags.iter().map(|bag| length(bag, &index)).collect();
        index.scale(|at| lengths.get(at as usize).map_or(0.0, |length| 1.0 / length));
        let names: Vec<_> = declared.iter().map(|task| agent(&task.agent)).collect();
        let mut sums: BTreeMap<&str, BTreeMap<&str, f64>> = BTreeMap::new();
        for ((name, bag), length) in names.iter().zip(&bags).zip(&lengths) {
            let sum = sums.entry(name).or_default();
            for (stem, weight) in &bag.weights {
                *sum.entry(stem).or_default() += dampened(*weight) * index.idf(stem) / length;
            }
        }
        let agents: Vec<_> = sums
            .iter()
            .map(|(name, sum)| Wanted { name: (*name).to_owned(), squares: sum.values().map(|x| x * x).sum() })
            .collect();
        let place = |name: &String| agents.partition_point(|wanted| wanted.name < *name);
        let tasks: Vec<_> = declared
            .iter()
            .zip(&names)
            .map(|(task, name)| Neighbour { key: task.key.clone(), agent: place(name) })
            .collect();
        let keyed = tasks.iter().filter(|task| !task.key.is_empty());
        let own = keyed.map(|task| (task.key.clone(), task.agent)).collect();
        Self { tasks, agents, index, own }
    }

    /// How likely it still is that a task is for an agent that no declared task asks for: such a plan has its team.
    #[expect(clippy::cast_precision_loss, reason = "a count of tasks")]
    pub(crate) fn openness(&self, agent: &str) -> f64 {
        let known = self.agents.binary_search_by(|wanted| wanted.name.as_str().cmp(agent)).is_ok();
        if known { 1.0 } else { TEAM / (TEAM + self.tasks.len() as f64) }
    }

    /// How much the votes of so many tasks are to be trusted.
    #[expect(clippy::cast_precision_loss, reason = "a count of tasks")]
    fn trust(&self) -> f64 {
        let tasks = self.tasks.len() as f64;
        tasks / (tasks + FEW)
    }

    /// What the tasks like this one say. `key` is the task's own.
    pub(crate) fn vote(&self, key: &str, bag: &Bag, scores: &mut Scores) -> Votes<'_> {
        if self.tasks.is_empty() {
            return Votes::default();
        }
        let weight = |stem: &str, weight: f64| dampened(weight) * self.index.idf(stem).powi(2);
        self.index.search(bag.weights.iter().map(|(stem, w)| (stem.as_str(), weight(stem, *w))), scores);
        let length = length(bag, &self.index);
        let mut sums = vec![0.0; self.agents.len()];
        let mut near = Vec::new();
        for (at, score) in scores.found() {
            if let Some(task) = self.tasks.get(at)
                && let Some(sum) = sums.get_mut(task.agent)
                && (key.is_empty() || task.key != key)
            {
                *sum += score / length;
                near.push((score / length, task));
            }
        }
        let own = self.own.get(key).copied();
        let similarity = |(at, (wanted, sum)): (usize, (&Wanted, f64))| wanted.similarity(sum, own == Some(at));
        let mut votes: Vec<(f64, &str)> = self
            .agents
            .iter()
            .zip(sums)
            .enumerate()
            .map(|one| (similarity(one), one.1.0.name.as_str()))
            .filter(|(similarity, _)| *similarity >= LEAST_SIMILAR)
            .collect();
        let all: f64 = votes.iter().map(|(similarity, _)| similarity.powi(2)).sum();
        votes.sort_by(|(a, one), (b, two)| b.total_cmp(a).then_with(|| one.cmp(two)));
        let mut evidence = Evidence::default();
        for (similarity, name) in votes.into_iter().take(BEST) {
            let worth = WORTH * self.trust() * (similarity.powi(2) / all) * (similarity / (similarity + HALF_SIMILAR));
            evidence.add(name, worth);
        }
        Votes { evidence, near, agents: &self.agents }
    }
}

impl Wanted {
    /// The cosine between a task and the sum of this agent's tasks, its own left out; `sum` is that of their
    /// similarities.
    fn similarity(&self, sum: f64, own: bool) -> f64 {
        let others = if own { self.squares - 2.0 * sum - 1.0 } else { self.squares };
        (sum / others.max(f64::EPSILON).sqrt()).clamp(0.0, 1.0)
    }
}

impl Votes<'_> {
    /// The most similar tasks that ask for an agent, in words.
    pub(crate) fn said(&self, agent: &str) -> Option<String> {
        let place = self.agents.iter().position(|wanted| wanted.name == agent)?;
        let voters = || self.near.iter().filter(|(_, task)| task.agent == place);
        let best = voters().map(|(similarity, _)| *similarity).reduce(f64::max)?;
        let mut near: Vec<_> = voters()
            .filter(|(similarity, task)| *similarity >= best / 2.0 && !task.key.is_empty())
            .map(|(similarity, task)| (*similarity, task.key.as_str()))
            .collect();
        near.sort_by(|(a, one), (b, two)| b.total_cmp(a).then_with(|| one.cmp(two)));
        near.dedup_by_key(|(_, key)| *key);
        let named: Vec<_> = near.iter().map(|(_, key)| *key).collect();
        Some(match named.len() {
            0 => "tasks like this one ask for it".to_owned(),
            1 => format!("the task most like this one asks for it: {}", list(&named)),
            _ => format!("tasks like this one ask for it: {}", list(&named)),
        })
    }
}

/// The tenth mention of a word says little more than the second.
fn dampened(weight: f64) -> f64 {
    weight.ln_1p()
}

fn length(bag: &Bag, index: &Index) -> f64 {
    let squares = bag.weights.iter().map(|(stem, weight)| (dampened(*weight) * index.idf(stem)).powi(2));
    squares.sum::<f64>().sqrt().max(f64::MIN_POSITIVE)
}
