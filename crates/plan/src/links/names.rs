//! What tasks and documents are called across documents.

use std::collections::HashMap;

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
    documents: HashMap<String, Vec<usize>>,
    paths: HashMap<String, Vec<usize>>,
}

impl<'a> Names<'a> {
    pub(super) fn new(plans: &'a [&'a Plan]) -> Self {
        let mut names = Self { plans, ids: HashMap::new(), documents: HashMap::new(), paths: HashMap::new() };
        for (document, plan) in plans.iter().enumerate() {
            for (at, task) in plan.tasks.iter().enumerate() {
                let key = task.key.to_lowercase();
                if let Some(id) = task.id.as_deref().map(str::to_lowercase).filter(|id| *id != key) {
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
        }
        names
    }

    /// What `text` means in document `own`. `id`: it looks like a task's id, so that one is looked for first.
    pub(super) fn meaning(&self, text: &str, own: usize, id: bool) -> Meant {
        let text = text.trim().trim_matches('`').trim();
        let text = strip_prefix_ci(text, "after ").unwrap_or(text).trim();
        if let Some((document, task)) = text.rsplit_once('#').filter(|(document, _)| !document.trim().is_empty()) {
            match self.documents(document, own).as_slice() {
                [] if is_file(document) => return Meant::NoDocument,
                [] => {}
                found => return self.task_of(found, task),
            }
        }
        let (word, rest) = word(text);
        if id || is_remark(rest) {
            let found: Vec<_> = self.ids.get(&word.to_lowercase()).into_iter().flatten().copied().collect();
            let others: Vec<_> = found.into_iter().filter(|(document, _)| *document != own).collect();
            match others.as_slice() {
                [] => {}
                [_] => return Meant::Tasks(others),
                _ => return Meant::Several(others),
            }
        }
        self.place(text, own).unwrap_or_else(|| self.whole(text, own))
    }

    /// `TRACK-B B.1`, `docs/b.md 1.2`, `docs-b/1.2`.
    fn place(&self, text: &str, own: usize) -> Option<Meant> {
        for (at, sign) in text.match_indices([' ', '/', ':']) {
            let (name, rest) = (text.get(..at)?, text.get(at + sign.len()..)?);
            let (name, rest) = (name.trim_end_matches([',', ':']), rest.trim_start());
            let rest = strip_prefix_ci(rest, "task ").unwrap_or(rest);
            let found = self.documents(name, own);
            if found.is_empty() || rest.is_empty() {
                continue;
            }
            let (task, remark) = word(rest);
            let named = self.task_of(&found, task);
            let surely = is_file(name) || is_track(&slug(name));
            let like_id = task.contains(|c: char| c.is_ascii_digit());
            match named {
                Meant::Missing(_) if !(surely && like_id) => {}
                _ if task.is_empty() || !is_remark(remark) => {}
                named => return Some(named),
            }
        }
        None
    }

    /// The task of one of these documents that is called so.
    fn task_of(&self, documents: &[usize], task: &str) -> Meant {
        let task = task.trim();
        let task = strip_prefix_ci(task, "task ").unwrap_or(task).trim();
        let named = self.ids.get(&task.to_lowercase()).map(Vec::as_slice).unwrap_or_default();
        let found: Vec<_> = named.iter().copied().filter(|(document, _)| documents.contains(document)).collect();
        match (found.len(), documents) {
            (0, [document, ..]) => Meant::Missing(*document),
            (0, []) => Meant::Nothing,
            (1, _) => Meant::Tasks(found),
            _ => Meant::Several(found),
        }
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
        let own_path = self.plans.get(own).map(|plan| plain(&plan.path)).unwrap_or_default();
        let exactly = |path: &str| self.plans.iter().position(|plan| plain(&plan.path) == path);
        if is_file(&lower) {
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
    let text = strip_prefix_ci(text, "task ").unwrap_or(text).trim_start().trim_start_matches('#');
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
        for tail in [" complete", " completed", " done", " finished", " tasks", " is", " are"] {
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
