//! Tasks whose agent is declared, and which of them a task resembles.

use std::collections::BTreeMap;

use crate::evidence::{Evidence, list};
use crate::index::{Index, Scores};
use crate::matcher::DeclaredTask;
use crate::words::{Bag, Reader};

/// How many of the most similar tasks have a vote.
const VOTERS: usize = 9;
/// Tasks less similar than this (the cosine of their words) have none.
const LEAST_SIMILAR: f64 = 0.12;
/// What the votes of tasks that are all for one agent, and all but the same, are worth.
const WORTH: f64 = 0.9;
/// At this similarity, votes are worth half.
const HALF_SIMILAR: f64 = 0.12;

/// What the words of a task weigh, by where they stand.
pub(crate) fn bag(reader: &Reader, title: &str, description: &str, section: &[String], steps: &[String]) -> Bag {
    let mut bag = Bag::default();
    bag.add(reader, title, 3.0);
    bag.add(reader, description, 1.0);
    steps.iter().for_each(|step| bag.add(reader, step, 1.0));
    section.iter().for_each(|heading| bag.add(reader, heading, 1.0));
    bag
}

/// The declared tasks.
#[derive(Debug)]
pub(crate) struct Neighbours {
    tasks: Vec<(String, String)>,
    index: Index,
}

impl Neighbours {
    /// Of these tasks; `agent` says which agent a declared name means.
    pub(crate) fn new(declared: &[DeclaredTask], agent: impl Fn(&str) -> String, reader: &Reader) -> Self {
        let declared: Vec<_> = declared.iter().filter(|task| !task.agent.trim().is_empty()).collect();
        let bags: Vec<_> = declared
            .iter()
            .map(|task| bag(reader, &task.title, &task.description, &task.section, &task.steps))
            .collect();
        let mut index = Index::new(bags.iter().map(|bag| bag.weights.iter().map(|(stem, w)| (stem, dampened(*w)))));
        let lengths: Vec<_> = bags.iter().map(|bag| length(bag, &index)).collect();
        index.scale(|at| lengths.get(at as usize).map_or(0.0, |length| 1.0 / length));
        let tasks = declared.iter().map(|task| (task.key.clone(), agent(&task.agent))).collect();
        Self { tasks, index }
    }

    /// How the tasks like this one vote. `key` is the task's own: it is no neighbour of itself.
    pub(crate) fn vote(&self, key: &str, bag: &Bag, scores: &mut Scores) -> Evidence {
        if self.tasks.is_empty() {
            return Evidence::default();
        }
        let weight = |stem: &str, weight: f64| dampened(weight) * self.index.idf(stem).powi(2);
        self.index.search(bag.weights.iter().map(|(stem, w)| (stem.as_str(), weight(stem, *w))), scores);
        let own = length(bag, &self.index);
        let mut near: Vec<(f64, &str, &str)> = scores
            .found()
            .map(|(at, score)| (score / own, at))
            .filter(|(similarity, _)| *similarity >= LEAST_SIMILAR)
            .filter_map(|(similarity, at)| {
                self.tasks.get(at).map(|(k, agent)| (similarity, k.as_str(), agent.as_str()))
            })
            .filter(|(_, other, _)| key.is_empty() || *other != key)
            .collect();
        near.sort_by(|(a, one, _), (b, two, _)| b.total_cmp(a).then_with(|| one.cmp(two)));
        near.truncate(VOTERS);
        let mut votes: BTreeMap<&str, (f64, f64, Vec<&str>)> = BTreeMap::new();
        let mut all = 0.0;
        for (similarity, other, agent) in near {
            let vote = similarity.powi(2);
            all += vote;
            let (sum, best, voters) = votes.entry(agent).or_default();
            *sum += vote;
            *best = best.max(similarity);
            voters.push(other);
        }
        let mut evidence = Evidence::default();
        for (agent, (sum, best, voters)) in votes {
            let worth = WORTH * (sum / all) * (best / (best + HALF_SIMILAR));
            let said = match voters.len() {
                1 => format!("a task like this one asks for it: {}", list(&voters)),
                _ => format!("tasks like this one ask for it: {}", list(&voters)),
            };
            evidence.add(agent, worth, said);
        }
        evidence
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
