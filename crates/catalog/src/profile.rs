//! What definitions say of themselves, and how well a task fits that: BM25 over name, description, keywords and prompt.

use std::collections::BTreeMap;

use crate::Definition;
use crate::evidence::{Evidence, list};
use crate::index::{Index, Scores, smooth_idf};
use crate::words::{Bag, Reader};

/// What a word is worth by the part of the definition it is in.
const IN_NAME: f64 = 3.0;
const IN_DESCRIPTION: f64 = 1.5;
const IN_KEYWORDS: f64 = 2.0;
const IN_PROMPT: f64 = 0.2;
/// How soon further mentions of a word count for nothing (k1 of BM25).
const SATURATION: f64 = 1.2;
/// How much long texts are held against them (b of BM25).
const LENGTH: f64 = 0.4;
/// What a fit of every word is worth.
const WORTH: f64 = 0.85;
/// How many agents of the best ones are of interest.
const BEST: usize = 24;

/// What the words of a task weigh, by where they stand.
const TITLE: f64 = 3.0;
const TEXT: f64 = 1.0;
const STEP: f64 = 0.15;
const SECTION: f64 = 0.15;

/// The words of a task that are compared with definitions.
pub(crate) fn bag(reader: &Reader, title: &str, description: &str, section: &[String], steps: &[String]) -> Bag {
    let mut bag = Bag::default();
    bag.add(reader, title, TITLE);
    bag.add(reader, description, TEXT);
    steps.iter().for_each(|step| bag.add(reader, step, STEP));
    section.iter().for_each(|heading| bag.add(reader, heading, SECTION));
    bag
}

/// The definitions.
#[derive(Debug)]
pub(crate) struct Profiles {
    names: Vec<String>,
    parts: Vec<[(&'static str, Bag); 4]>,
    index: Index,
}

impl Profiles {
    pub(crate) fn new(definitions: &[Definition], reader: &Reader) -> Self {
        let parts: Vec<_> = definitions.iter().map(|definition| parts(definition, reader)).collect();
        let sums: Vec<BTreeMap<String, f64>> = parts.iter().map(sum).collect();
        let lengths: Vec<f64> = sums.iter().map(|words| words.values().sum()).collect();
        #[expect(clippy::cast_precision_loss, reason = "a count of files")]
        let mean = (lengths.iter().sum::<f64>() / lengths.len().max(1) as f64).max(f64::MIN_POSITIVE);
        let saturated = |weight: f64, length: f64| {
            weight * (SATURATION + 1.0) / (weight + SATURATION * (1.0 - LENGTH + LENGTH * length / mean))
        };
        let index = Index::new(
            smooth_idf,
            sums.iter()
                .zip(&lengths)
                .map(|(words, length)| words.iter().map(move |(stem, weight)| (stem, saturated(*weight, *length)))),
        );
        Self { names: definitions.iter().map(|definition| definition.name.clone()).collect(), parts, index }
    }

    /// How well this task fits which agent.
    pub(crate) fn fit(&self, task: &Bag, scores: &mut Scores) -> Evidence<'_> {
        let weight = |stem: &str, weight: f64| weight.ln_1p() * self.index.idf(stem);
        self.index.search(task.weights.iter().map(|(stem, w)| (stem.as_str(), weight(stem, *w))), scores);
        let all: f64 = task.weights.iter().map(|(stem, w)| weight(stem, *w)).sum::<f64>() * (SATURATION + 1.0);
        let mut found: Vec<_> = scores.found().collect();
        let name = |at: usize| self.names.get(at).map_or("", String::as_str);
        found.sort_by(|(one, a), (two, b)| b.total_cmp(a).then_with(|| name(*one).cmp(name(*two))));
        found.truncate(BEST);
        let mut evidence = Evidence::default();
        for (at, score) in found {
            evidence.add(name(at), WORTH * score / all.max(f64::MIN_POSITIVE));
        }
        evidence
    }

    /// Which words of the task are where in a definition, the most telling first.
    pub(crate) fn said(&self, agent: &str, task: &Bag) -> Option<String> {
        let at = self.names.iter().position(|name| name == agent)?;
        let mut shared: Vec<_> =
            task.weights.iter().map(|(stem, w)| (w.ln_1p() * self.index.idf(stem), stem)).collect();
        shared.sort_by(|(a, one), (b, two)| b.total_cmp(a).then_with(|| one.cmp(two)));
        let mut said = Vec::new();
        let mut told = Vec::new();
        for (part, words) in self.parts.get(at).into_iter().flatten() {
            let here: Vec<_> = shared
                .iter()
                .map(|(_, stem)| *stem)
                .filter(|stem| words.weights.contains_key(*stem) && !told.contains(stem))
                .collect();
            told.extend(here.iter().copied());
            let written: Vec<_> = here.iter().filter_map(|stem| task.written.get(*stem)).collect();
            match written.len() {
                0 => {}
                1 => said.push(format!("the word {} is in its {part}", list(&written))),
                _ => said.push(format!("the words {} are in its {part}", list(&written))),
            }
        }
        (!said.is_empty()).then(|| said.join("; "))
    }
}

fn parts(definition: &Definition, reader: &Reader) -> [(&'static str, Bag); 4] {
    let bag = |text: &str, weight: f64| {
        let mut bag = Bag::default();
        bag.add(reader, text, weight);
        bag
    };
    [
        ("name", bag(&definition.name, IN_NAME)),
        ("description", bag(&definition.description, IN_DESCRIPTION)),
        ("keywords", bag(&definition.keywords.join(" "), IN_KEYWORDS)),
        ("instructions", bag(&definition.prompt, IN_PROMPT)),
    ]
}

fn sum(parts: &[(&'static str, Bag); 4]) -> BTreeMap<String, f64> {
    let mut all = BTreeMap::new();
    for (stem, weight) in parts.iter().flat_map(|(_, bag)| &bag.weights) {
        *all.entry(stem.clone()).or_default() += weight;
    }
    all
}
