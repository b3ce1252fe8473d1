//! What tasks and documents are called across documents.

use std::collections::{BTreeMap, HashMap};

use crate::dependencies::ranges::{self, Range};
use crate::label::looks_like_id;
use crate::model::Plan;
use crate::text::strip_prefix_ci;

/// File names that say nothing: such a document is called by its folder as well.
const GENERIC: [&str; 7] = ["plan", "tasks", "prd", "todo", "readme", "index", "tasklist"];

/// What a reference means among several documents: (document, task), a task past the last being the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meant {
    /// Nothing that is known here.
    Nothing,
    /// These tasks.
    Tasks(Vec<(usize, usize)>),
    /// One of these.
    Several(Vec<(usize, usize)>),
    /// A task that this document does not have.
    Missing(usize),
    /// A document that is not there.
    NoDocument,
}

/// The tasks by id and key, the documents by every name they go by.
pub(super) struct Names<'a> {
    plans: &'a [&'a Plan],
    ids: HashMap<String, Vec<(usize, usize)>>,
    /// Ids without their last number; by document, that number and who has it.
    numbered: HashMap<String, BTreeMap<usize, BTreeMap<u64, Vec<usize>>>>,
    /// Per document the sections and their tasks.
    sections: Vec<Vec<(String, Vec<usize>)>>,
    documents: HashMap<String, Vec<usize>>,
    /// Every path, and every end of one that could be said for it.
    paths: HashMap<String, Vec<usize>>,
    whole_paths: HashMap<String, usize>,
}

impl<'a> Names<'a> {
    pub(super) fn new(plans: &'a [&'a Plan]) -> Self {
        let mut names = Self {
            plans,
            ids: HashMap::new(),
            numbered: HashMap::new(),
            sections: plans.iter().map(|plan| sections(plan)).collect(),
            documents: HashMap::new(),
            paths: HashMap::new(),
            whole_paths: HashMap::new(),
        };
        for (document, plan) in plans.iter().enumerate() {
            for (at, task) in plan.tasks.iter().enumerate() {
                let key = task.key.to_lowercase();
                let id = task.id.as_deref().map(str::to_lowercase);
                if let Some((stem, number)) = id.as_deref().and_then(ranges::split_number) {
                    let line = names.numbered.entry(stem.to_owned()).or_default().entry(document).or_default();
                    line.entry(number).or_default().push(at);
                }
                if let Some(id) = id.filter(|id| *id != key) {
                    names.ids.entry(id).or_default().push((document, at));
                }
                // A key without an id is a name for machines: nobody means it by chance in another document.
                names.ids.entry(key).or_default().push((document, at));
            }
            for name in called(plan) {
                push(&mut names.documents, name, document);
            }
            let path = plain(&plan.path);
            let cuts = std::iter::once(0).chain(path.match_indices('/').map(|(at, _)| at + 1));
            for tail in cuts.filter_map(|at| path.get(at..)) {
                push(&mut names.paths, tail.to_owned(), document);
            }
            names.whole_paths.entry(path).or_insert(document);
        }
        names
    }

    /// What `text` means in document `own`. `id`: it looks like a task's id, so that one is looked for first.
    pub(super) fn meaning(&self, text: &str, own: usize, id: bool) -> Meant {
        let text = text.trim().trim_matches('`').trim();
        let text = strip_prefix_ci(text, "after ").unwrap_or(text).trim();
        if let Some((label, target)) = hyperlink(text) {
            return self.target(label, target, own);
        }
        if let Some((document, part)) = text.rsplit_once('#').filter(|(document, _)| !document.trim().is_empty()) {
            match self.documents(document, own).as_slice() {
                [] if is_file(document) => return Meant::NoDocument,
                [] => {}
                found => return self.part(found, part, own).unwrap_or_else(|| missing(found)),
            }
        }
        let (word, rest) = word(text);
        if let Some(range) = ranges::apart(word, rest) {
            return self.numbers(range, |document| document != own, own);
        }
        if id || is_remark(rest) {
            let found = self.ids.get(&word.to_lowercase()).into_iter().flatten().copied();
            let others: Vec<_> = found.filter(|(document, _)| *document != own).collect();
            match (others.as_slice(), ranges::joined(word)) {
                ([], None) => {}
                ([], Some(range)) => return self.numbers(range, |document| document != own, own),
                ([_], _) => return Meant::Tasks(others),
                _ => return Meant::Several(others),
            }
        }
        let found = self.place(text, own).unwrap_or_else(|| self.whole(text, own));
        if found == Meant::Nothing && self.is_unknown_track(text, own) { Meant::NoDocument } else { found }
    }

    /// `[B.1](docs/b.md)`, `[the first](docs/b.md#B.1)`, `[Track B](docs/b.md)`.
    fn target(&self, label: &str, target: &str, own: usize) -> Meant {
        let (file, part) = target.split_once('#').unwrap_or((target, ""));
        let found = self.documents(file, own);
        if found.is_empty() {
            return if is_file(file) { Meant::NoDocument } else { Meant::Nothing };
        }
        let named = [part, label].into_iter().filter(|part| !part.is_empty());
        if let Some(named) = named.filter_map(|part| self.part(&found, part, own)).next() {
            return named;
        }
        if part.is_empty() && !looks_like_id(word(label).0) { self.whole(file, own) } else { missing(&found) }
    }

    /// `TRACK-B B.1`, `docs/b.md 1.2`, `docs-b/1.2`, `TRACK-B Phase 2`.
    fn place(&self, text: &str, own: usize) -> Option<Meant> {
        for (at, sign) in text.match_indices([' ', '/', ':']) {
            let (name, rest) = (text.get(..at)?, text.get(at + sign.len()..)?);
            let (name, rest) = (name.trim_end_matches([',', ':']), rest.trim_start());
            let found = self.documents(name, own);
            if found.is_empty() || rest.is_empty() {
                continue;
            }
            if let Some(part) = self.part(&found, rest, own) {
                return Some(part);
            }
            let surely = is_file(name) || is_track(&slug(name));
            let short = phrase(rest).split_whitespace().count() <= 2;
            if surely && short && phrase(rest).contains(|c: char| c.is_ascii_digit()) {
                return Some(missing(&found));
            }
        }
        None
    }

    /// The part of one of these documents that is called so: a task, a range of them, a section.
    fn part(&self, documents: &[usize], part: &str, own: usize) -> Option<Meant> {
        let part = part.trim();
        let (first, rest) = word(part);
        let within = |document: usize| documents.contains(&document);
        if let Some(range) = ranges::apart(first, rest) {
            return Some(self.numbers(range, within, usize::MAX));
        }
        let named = self.ids.get(&first.to_lowercase()).filter(|_| is_remark(rest)).into_iter().flatten();
        let found: Vec<_> = named.copied().filter(|(document, _)| within(*document)).collect();
        match (found.len(), ranges::joined(first)) {
            (0, Some(range)) => Some(self.numbers(range, within, usize::MAX)),
            (0, None) => self.section(documents, part, own),
            (1, _) => Some(Meant::Tasks(found)),
            _ => Some(Meant::Several(found)),
        }
    }

    /// The tasks of a range in the one document that has both its ends; a range that document `own` has is its own.
    fn numbers(&self, (stem, from, to): Range<'_>, within: impl Fn(usize) -> bool, own: usize) -> Meant {
        let Some(lines) = self.numbered.get(&stem.to_lowercase()).filter(|lines| !lines.contains_key(&own)) else {
            return Meant::Nothing;
        };
        let having = || lines.iter().filter(|(document, _)| within(**document));
        let mut both = having().filter(|(_, line)| from <= to && line.contains_key(&from) && line.contains_key(&to));
        match (both.next(), both.next()) {
            (Some((document, line)), None) => {
                let place = |at: &usize| (*document, *at);
                let mut found = Vec::new();
                for namesakes in line.range(from..=to).map(|(_, namesakes)| namesakes) {
                    match namesakes.as_slice() {
                        [one] => found.push(place(one)),
                        several => return Meant::Several(several.iter().map(place).collect()),
                    }
                }
                Meant::Tasks(found)
            }
            (None, _) => having().next().map_or(Meant::Nothing, |(document, _)| Meant::Missing(*document)),
            _ => Meant::Several(having().map(|(document, _)| (*document, usize::MAX)).collect()),
        }
    }

    /// The tasks of the sections of other documents whose titles begin so.
    fn section(&self, documents: &[usize], text: &str, own: usize) -> Option<Meant> {
        let name = slug(phrase(text));
        let begins = |title: &str| {
            let rest = title.strip_prefix(name.as_str());
            rest.is_some_and(|rest| {
                rest.is_empty() || rest.strip_prefix('-').is_some_and(|r| !r.starts_with(|c: char| c.is_ascii_digit()))
            })
        };
        if name.len() < 2 || !name.contains(char::is_alphabetic) {
            return None;
        }
        let mut found = Vec::new();
        for document in documents.iter().filter(|document| **document != own) {
            let sections = self.sections.get(*document).into_iter().flatten();
            let tasks = sections.filter(|(title, _)| begins(title)).flat_map(|(_, tasks)| tasks);
            found.extend(tasks.map(|at| (*document, *at)));
        }
        found.sort_unstable();
        found.dedup();
        (!found.is_empty()).then_some(Meant::Tasks(found))
    }

    /// `TRACK-X`, `Track X complete`, `TRACK-X X.1`, and no document is called so.
    fn is_unknown_track(&self, text: &str, own: usize) -> bool {
        let Some(rest) = strip_prefix_ci(text, "track").and_then(|rest| rest.strip_prefix([' ', '-'])) else {
            return false;
        };
        let (letter, rest) = word(rest);
        let one = letter.chars().count() == 1 || letter.bytes().all(|b| b.is_ascii_digit());
        let named = !letter.is_empty() && one && self.documents(&format!("track-{letter}"), own).is_empty();
        named && (is_remark(rest) || looks_like_id(word(rest.trim_start()).0))
    }

    /// All tasks of the document that `text` names.
    fn whole(&self, text: &str, own: usize) -> Meant {
        let name = phrase(text);
        let found: Vec<usize> = self.documents(name, own).into_iter().filter(|document| *document != own).collect();
        match found.as_slice() {
            [] if is_file(name) && name.contains('/') => Meant::NoDocument,
            [] => Meant::Nothing,
            [document] => {
                let count = self.plans.get(*document).map_or(0, |plan| plan.tasks.len());
                // A plan that is yet to be written is not done.
                if count == 0 {
                    Meant::Missing(*document)
                } else {
                    Meant::Tasks((0..count).map(|at| (*document, at)).collect())
                }
            }
            several => Meant::Several(several.iter().map(|document| (*document, usize::MAX)).collect()),
        }
    }

    /// The documents of this name, as document `own` says it.
    fn documents(&self, name: &str, own: usize) -> Vec<usize> {
        let name = name.trim();
        if name.is_empty() {
            return Vec::new();
        }
        let lower = plain(name);
        let exactly = |path: &str| self.whole_paths.get(path).copied();
        if is_file(&lower) {
            let own_path = self.plans.get(own).map(|plan| plain(&plan.path)).unwrap_or_default();
            let beside = relative(&own_path, &lower).and_then(|path| exactly(&path));
            if let Some(one) = beside.or_else(|| exactly(&lower)) {
                return vec![one];
            }
            let tail = lower.trim_start_matches("../");
            return self.paths.get(tail).cloned().unwrap_or_default();
        }
        self.documents.get(&slug(&lower)).cloned().unwrap_or_default()
    }
}

/// What a reference into documents comes to that does not lead to any of their tasks.
fn missing(documents: &[usize]) -> Meant {
    documents.first().map_or(Meant::Nothing, |document| Meant::Missing(*document))
}

/// The text and the target of a link that is all of `text`.
fn hyperlink(text: &str) -> Option<(&str, &str)> {
    let (label, target) = text.strip_prefix('[')?.strip_suffix(')')?.split_once("](")?;
    Some((label.trim().trim_matches(['*', '`']), target.trim()))
}

/// The sections with their tasks, in the order of the document; those of one title are one.
fn sections(plan: &Plan) -> Vec<(String, Vec<usize>)> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut found: Vec<(String, Vec<usize>)> = Vec::new();
    for (at, task) in plan.tasks.iter().enumerate() {
        for title in &task.section {
            let place = *places.entry(title).or_insert(found.len());
            if place == found.len() {
                found.push((slug(title), Vec::new()));
            }
            if let Some((_, tasks)) = found.get_mut(place) {
                tasks.push(at);
            }
        }
    }
    found
}

/// Every name of a document but its path.
fn called(plan: &Plan) -> Vec<String> {
    let path = plain(&plan.path);
    let mut parts = path.rsplit('/');
    let file = parts.next().unwrap_or_default();
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let mut names = vec![plan.document_id()];
    names.push(if GENERIC.contains(&stem) { slug(parts.next().unwrap_or_default()) } else { slug(stem) });
    names.extend(plan.style.title.as_deref().map(slug));
    // A track is called by its letter, whatever it is about: `TRACK-B-DASHBOARD.md`, `# Track B: Dashboard`.
    let tracks: Vec<String> = names.iter().filter_map(|name| track(name)).collect();
    names.extend(tracks);
    names.retain(|name| !name.is_empty() && name != "plan");
    names
}

/// `track-b` of `track-b-dashboard`.
fn track(name: &str) -> Option<String> {
    let mut words = name.split('-');
    let (first, second) = (words.next()?, words.next()?);
    (first == "track").then(|| format!("track-{second}"))
}

fn is_track(slug: &str) -> bool {
    track(slug).is_some_and(|track| track == slug)
}

fn push(map: &mut HashMap<String, Vec<usize>>, name: String, document: usize) {
    let known = map.entry(name).or_default();
    if !known.contains(&document) {
        known.push(document);
    }
}

/// Lower case, `/` between the parts, no `./`.
fn plain(path: &str) -> String {
    let path = path.replace('\\', "/").to_lowercase();
    path.trim_start_matches("./").to_owned()
}

/// Where `name` leads from the folder of `own`.
fn relative(own: &str, name: &str) -> Option<String> {
    let mut parts: Vec<&str> = own.split('/').collect();
    parts.pop();
    for part in name.split('/') {
        match part {
            ".." => drop(parts.pop()?),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn is_file(name: &str) -> bool {
    let lower = name.trim().to_ascii_lowercase();
    [".md", ".markdown", ".json"].iter().any(|ending| lower.ends_with(ending)) && !lower.contains(' ')
}

/// Lower case, one hyphen between the words.
fn slug(text: &str) -> String {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join("-")
}

/// The word of id characters that `text` begins with, and the rest.
fn word(text: &str) -> (&str, &str) {
    let text = ["tasks ", "task "].into_iter().find_map(|w| strip_prefix_ci(text, w)).unwrap_or(text);
    let text = text.trim_start().trim_start_matches('#');
    let run = text.len() - text.trim_start_matches(|c: char| c.is_alphanumeric() || "._@-".contains(c)).len();
    let word = text.get(..run).unwrap_or_default().trim_end_matches(['.', '-', '_']);
    (word, text.get(word.len()..).unwrap_or_default())
}

/// Whether what follows a reference says nothing more: a remark in parentheses, `complete`.
fn is_remark(rest: &str) -> bool {
    let rest = rest.trim().trim_end_matches('.').to_lowercase();
    rest.is_empty() || rest.starts_with(['(', '[', ':']) || phrase(&format!("x {rest}")) == "x"
}

/// The name in a reference to a whole document: without `all`, `tasks`, `complete` and remarks.
fn phrase(text: &str) -> &str {
    let mut phrase = text.split('(').next().unwrap_or_default().trim();
    phrase = strip_prefix_ci(phrase, "all of ").or_else(|| strip_prefix_ci(phrase, "all ")).unwrap_or(phrase);
    loop {
        let before = phrase.len();
        for tail in [" complete", " completed", " completion", " done", " finished", " tasks", " is", " are"] {
            let cut = phrase.len().saturating_sub(tail.len());
            if phrase.get(cut..).is_some_and(|end| end.eq_ignore_ascii_case(tail)) {
                phrase = phrase.get(..cut).unwrap_or_default().trim_end();
            }
        }
        if phrase.len() == before {
            return phrase;
        }
    }
}
