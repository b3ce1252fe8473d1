//! Finding tasks by what people call them.

use std::collections::{BTreeMap, HashMap};

use crate::headings::Outline;
use crate::keys;
use crate::label;
use crate::model::PlanTask;
use crate::select::Draft;
use crate::text::{code_spans, distance, strip_prefix_ci};

use super::Meaning;
use super::ranges::{self, split_number, token};

/// More tasks than this with one id are not told apart by their place.
const MOST_NAMESAKES: usize = 64;

/// Nothing longer is looked for among the ids that are nearly the same.
const LONGEST_NEAR: usize = 64;

/// Tasks by key, id, step id, range and section.
pub(super) struct Index {
    by_key: HashMap<String, usize>,
    by_id: HashMap<String, Vec<usize>>,
    by_step: HashMap<String, usize>,
    by_title: HashMap<String, Vec<usize>>,
    /// Ids without their last number, then that number.
    numbered: HashMap<String, BTreeMap<u64, Vec<usize>>>,
    /// Those with tasks.
    sections: Vec<Section>,
    /// Per task the headings around it, outermost first.
    paths: Vec<Vec<usize>>,
}

struct Section {
    title: String,
    tasks: Vec<usize>,
}

impl Index {
    pub(super) fn new(outline: &Outline, drafts: &[Draft<'_>], tasks: &[PlanTask]) -> Self {
        let mut index = Self {
            by_key: HashMap::new(),
            by_id: HashMap::new(),
            by_step: HashMap::new(),
            by_title: HashMap::new(),
            numbered: HashMap::new(),
            sections: outline.headings.iter().map(|h| Section { title: normal(&h.title), tasks: Vec::new() }).collect(),
            paths: Vec::with_capacity(tasks.len()),
        };
        for (at, (draft, task)) in drafts.iter().zip(tasks).enumerate() {
            index.by_key.insert(task.key.clone(), at);
            index.by_title.entry(normal(&task.title)).or_default().push(at);
            if let Some(id) = &task.id {
                let id = id.to_ascii_lowercase();
                if let Some((stem, number)) = split_number(&id) {
                    index.numbered.entry(stem.to_owned()).or_default().entry(number).or_default().push(at);
                }
                index.by_id.entry(id).or_default().push(at);
            }
            if draft.checkbox.is_some() {
                for label in task.steps.iter().filter_map(|s| label::label(&s.text)) {
                    index.by_step.entry(label.id.to_ascii_lowercase()).or_insert(at);
                }
            }
            let mut path: Vec<usize> = outline.around(keys::section(draft, outline)).collect();
            path.reverse();
            for heading in &path {
                if let Some(section) = index.sections.get_mut(*heading) {
                    section.tasks.push(at);
                }
            }
            index.paths.push(path);
        }
        index.sections.retain(|s| !s.tasks.is_empty());
        index
    }

    /// What `text` means in the dependency list of task `owner`.
    pub(super) fn meaning(&self, text: &str, owner: usize) -> Meaning {
        if is_nothing(text) {
            return Meaning::Nothing;
        }
        if text.starts_with('`') {
            let Some(found) = code_spans(text).next().and_then(|name| self.named(name, owner)) else {
                return Meaning::Nothing;
            };
            return found;
        }
        let text = strip_prefix_ci(text, "after ").unwrap_or(text);
        if let Some(rest) = strip_prefix_ci(text, "all ") {
            return self.all(rest, owner);
        }
        let bare = ["tasks ", "task "].into_iter().find_map(|w| strip_prefix_ci(text, w));
        let word = bare.is_some();
        let bare = bare.unwrap_or(text).trim_start().trim_start_matches('#');
        let (token, rest) = token(bare);
        if let Some(range) = self.range(token, rest, owner) {
            return range;
        }
        if let Some(found) = self.named(token, owner) {
            return found;
        }
        if let Some(found) = self.section(text, owner) {
            return found;
        }
        let title = self.by_title.get(&normal(text)).filter(|t| t.len() == 1);
        if let Some(found) = title {
            return Meaning::Tasks(found.clone(), None);
        }
        let counted = !token.is_empty() && token.bytes().all(|b| b.is_ascii_digit());
        let id_like = label::looks_like_id(token) && (!counted || rest.trim().is_empty());
        if (word && !token.is_empty()) || id_like || token.contains('@') || names_section(text) {
            Meaning::Unknown
        } else {
            Meaning::Prose
        }
    }

    /// The key most like `text`, if one is like it at all.
    pub(super) fn nearest(&self, text: &str, tasks: &[PlanTask]) -> Option<String> {
        let text = strip_prefix_ci(text, "task ").unwrap_or(text);
        let (word, _) = token(text);
        if word.len() > LONGEST_NEAR {
            return None;
        }
        let lower = word.to_ascii_lowercase();
        tasks
            .iter()
            .map(|task| (distance(&lower, &task.key.to_ascii_lowercase()), &task.key))
            .filter(|(d, _)| *d <= 2 && *d < lower.len())
            .min_by_key(|(d, _)| *d)
            .map(|(_, key)| key.clone())
    }

    /// The task with this key or id, or whose step has it.
    fn named(&self, name: &str, owner: usize) -> Option<Meaning> {
        if let Some(at) = self.by_key.get(name) {
            return Some(Meaning::Tasks(vec![*at], None));
        }
        let lower = name.to_ascii_lowercase();
        match self.by_id.get(&lower).map(Vec::as_slice) {
            Some([one]) => Some(Meaning::Tasks(vec![*one], None)),
            Some(several) => Some(self.closest(several, owner)),
            None => self.by_step.get(&lower).map(|at| Meaning::Tasks(vec![*at], None)),
        }
    }

    /// Of tasks with one id, the one that shares most of the owner's sections.
    fn closest(&self, several: &[usize], owner: usize) -> Meaning {
        if several.len() > MOST_NAMESAKES {
            return Meaning::Ambiguous(several.to_vec());
        }
        let path = |at: usize| self.paths.get(at).map(Vec::as_slice).unwrap_or_default();
        let shared = |at: usize| path(at).iter().zip(path(owner)).take_while(|(a, b)| a == b).count();
        let most = several.iter().map(|at| shared(*at)).max().unwrap_or_default();
        let nearest: Vec<usize> = several.iter().copied().filter(|at| shared(*at) == most).collect();
        if nearest.len() == 1 { Meaning::Tasks(nearest, None) } else { Meaning::Ambiguous(nearest) }
    }

    /// `7.1-7.9`, `7.1 – 7.9`, `7.1 to 7.9`, `7.1..7.9`, `7.1-9`.
    fn range(&self, first: &str, rest: &str, owner: usize) -> Option<Meaning> {
        if let Some((stem, from, to)) = ranges::apart(first, rest) {
            return self.numbers(stem, from, to, owner);
        }
        if self.by_id.contains_key(&first.to_ascii_lowercase()) {
            return None;
        }
        let (stem, from, to) = ranges::joined(first)?;
        self.numbers(stem, from, to, owner)
    }

    fn numbers(&self, stem: &str, from: u64, to: u64, owner: usize) -> Option<Meaning> {
        let Some(line) = self.numbered.get(&stem.to_ascii_lowercase()).filter(|_| from <= to) else {
            return Some(Meaning::Unknown);
        };
        let mut found = Vec::new();
        for namesakes in line.range(from..=to).map(|(_, n)| n) {
            match self.closest(namesakes, owner) {
                Meaning::Tasks(one, _) => found.extend(one),
                other => return Some(other),
            }
        }
        if found.is_empty() {
            return Some(Meaning::Unknown);
        }
        let missing = [from, to].into_iter().find(|n| !line.contains_key(n)).map(|n| format!("{stem}{n}"));
        // A range that runs up to its own task stops before it.
        if found.len() > 1 {
            found.retain(|at| *at != owner);
        }
        Some(Meaning::Tasks(found, missing))
    }

    /// `Phase 2 complete`: the tasks of the sections whose titles begin so.
    fn section(&self, text: &str, owner: usize) -> Option<Meaning> {
        let phrase = phrase(text);
        if phrase.len() < 2 || !phrase.contains([' ', '.']) && !label::looks_like_id(&phrase.to_uppercase()) {
            return None;
        }
        let begins = |s: &&Section| {
            s.title
                .strip_prefix(phrase.as_str())
                .is_some_and(|r| !r.starts_with(|c: char| c.is_alphanumeric() || c == '.'))
        };
        self.gathered(self.sections.iter().filter(begins), owner)
    }

    fn all(&self, rest: &str, owner: usize) -> Meaning {
        let phrase = phrase(rest);
        if matches!(phrase.as_str(), "" | "previous" | "prior" | "above" | "other" | "earlier" | "the above") {
            return Meaning::Tasks((0..owner).collect(), None);
        }
        if let Some(found) = self.section(&phrase, owner) {
            return found;
        }
        let mentions = |s: &&Section| s.title.split(|c: char| !c.is_alphanumeric()).any(|w| w == phrase);
        // A bare word such as `backend` is clear only where one section speaks of it.
        let mut speaking = self.sections.iter().filter(mentions);
        let found = match (speaking.next(), speaking.next()) {
            (Some(one), None) => self.gathered(std::iter::once(one), owner),
            _ => None,
        };
        found.unwrap_or(Meaning::Unknown)
    }

    /// The tasks of sections; of a section the owner is in itself, only those before it.
    fn gathered<'s>(&self, sections: impl Iterator<Item = &'s Section>, owner: usize) -> Option<Meaning> {
        let mut found: Vec<usize> = Vec::new();
        let mut any = false;
        for section in sections {
            any = true;
            let inside = section.tasks.binary_search(&owner).is_ok();
            found.extend(section.tasks.iter().copied().filter(|at| !inside || *at < owner));
        }
        found.sort_unstable();
        found.dedup();
        any.then_some(Meaning::Tasks(found, None))
    }
}

fn is_nothing(text: &str) -> bool {
    let lower = text.trim().to_ascii_lowercase();
    let after =
        ["none", "nothing", "n/a", "no dependencies", "no dependency"].into_iter().find_map(|n| lower.strip_prefix(n));
    after.is_some_and(|r| !r.starts_with(|c: char| c.is_alphanumeric() || c == '-'))
        || lower.starts_with('(')
        || !lower.contains(|c: char| c.is_alphanumeric())
}

/// Lower case, blanks single, emphasis and decoration gone.
fn normal(title: &str) -> String {
    let lower = title.to_lowercase();
    let start = lower.trim_start_matches(|c: char| !c.is_alphanumeric());
    start.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches([':', '.']).to_owned()
}

/// What is left of a reference to a section without words such as `complete` and remarks.
fn phrase(text: &str) -> String {
    let mut phrase = normal(text.split('(').next().unwrap_or_default());
    loop {
        let before = phrase.len();
        for tail in [" complete", " completed", " done", " finished", " tasks", "tasks", " is", " are"] {
            if let Some(head) = phrase.strip_suffix(tail) {
                phrase.truncate(head.trim_end().len());
            }
        }
        if phrase.len() == before {
            return phrase;
        }
    }
}

/// Whether a reference is meant as one to a section: `Phase 9`.
fn names_section(text: &str) -> bool {
    let phrase = phrase(text);
    let mut words = phrase.split(' ');
    let kind = matches!(
        words.next(),
        Some(
            "phase"
                | "week"
                | "sprint"
                | "milestone"
                | "track"
                | "epic"
                | "feature"
                | "stage"
                | "section"
                | "group"
                | "part"
        )
    );
    let number = words.next().is_some_and(|w| w.len() == 1 || w.contains(|c: char| c.is_ascii_digit()));
    kind && number && words.next().is_none()
}
