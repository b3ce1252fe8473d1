//! GitHub task lists: boxes that name issues.
//!
//! The outermost boxes are the tasks, nested ones their steps. A box that begins or ends with a reference to an issue
//! is that issue; `blocked by #9` and `depends on #9` are what it waits for.

use super::Format;
use super::coditect;
use super::ids::{self, Mention};
use crate::diagnostic::Sink;
use crate::fields;
use crate::label;
use crate::lines::{self, Kind};
use crate::model::{Anchor, Plan};
use crate::note;
use crate::select;

/// Words before the issues that a task waits for.
const WAITS_FOR: [&str; 5] = ["blocked by", "depends on", "depends upon", "waits for", "requires"];

/// Lists of which at least one box names an issue, with GitHub's two markers only, and without ids and fields of
/// another kind.
pub(crate) fn recognises(document: &str) -> bool {
    // Every way to name an issue has one of these.
    let may = |text: &str| text.contains('#') || text.contains("/issues/") || text.contains("/pull/");
    let names = |text: &str| may(text) && (own(text).is_some() || !waits_for(text).is_empty());
    if !super::boxes(document).any(names) {
        return false;
    }
    let (lines, _) = lines::scan(document, Format::GitHub);
    let mut named = false;
    for line in &lines {
        let text = |range: &std::ops::Range<usize>| document.get(range.clone()).unwrap_or_default();
        let foreign = match &line.kind {
            Kind::Item { checkbox: Some(checkbox), text: range } => {
                let marker = text(&checkbox.marker);
                named |= names(text(range));
                !matches!(marker, " " | "x" | "X") || label::label(text(range)).is_some()
            }
            Kind::Heading { text: range, .. } => label::label(text(range)).is_some_and(|l| l.word),
            Kind::Item { text: range, .. } | Kind::Prose { text: range } => {
                fields::fields(document, range).iter().any(|f| f.key.is_of_task())
            }
            _ => false,
        };
        if foreign {
            return false;
        }
    }
    named
}

pub(crate) fn parse(path: &str, document: &str) -> Plan {
    let mut plan = coditect::parse_with(path, document, Format::GitHub, |source, sink| {
        let mut selection = select::outermost(source, &|_| None, sink);
        for draft in &mut selection.drafts {
            draft.id = own(draft.rest).map(|reference| reference.text);
        }
        selection
    });
    let mut sink = Sink::new(path);
    let mut mentions = Vec::with_capacity(plan.tasks.len());
    for task in &mut plan.tasks {
        let Anchor::Box { marker } = &task.anchor else { continue };
        let start = marker.end + 1;
        let text = note::without(document.get(start..task.span.end).unwrap_or_default());
        let head = document.get(task.span.start..start).unwrap_or_default().chars().count();
        if let Some(found) = own(text).filter(|found| found.start == text.len() - text.trim_start().len()) {
            let title = text.get(found.end..).unwrap_or_default().trim_start_matches([' ', '\t', ':', '-', '–', '—']);
            if !title.trim().is_empty() {
                task.title = label::clean_title(title).0;
            }
        }
        let mention = |found: Reference<'_>| {
            let before = text.get(..found.start).unwrap_or_default().chars().count();
            Mention { text: found.text.to_owned(), place: (task.line, head + before + 1) }
        };
        mentions.push(waits_for(text).into_iter().map(mention).collect());
    }
    ids::tie(&mut plan.tasks, mentions, &mut sink);
    sink.extend(std::mem::take(&mut plan.diagnostics));
    plan.diagnostics = sink.finish();
    plan
}

/// A reference to an issue, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reference<'a> {
    text: &'a str,
    start: usize,
    end: usize,
}

/// The reference that a word is: `#123`, `owner/name#123`, an issue's address; also within brackets.
fn reference(word: &str, at: usize) -> Option<Reference<'_>> {
    let inner = word.trim_start_matches(['(', '[']);
    let start = at + word.len() - inner.len();
    let inner = inner.trim_end_matches([')', ']', ',', '.', ';', ':']);
    let (before, number) = match inner.rsplit_once("/issues/").or_else(|| inner.rsplit_once("/pull/")) {
        Some((before, number)) if before.starts_with("http") => ("", number),
        _ => inner.rsplit_once('#')?,
    };
    let name = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let fits = !number.is_empty() && number.len() <= 10 && number.bytes().all(|b| b.is_ascii_digit());
    let place = before.is_empty() || (before.contains('/') && before.chars().all(name));
    (fits && place).then_some(Reference { text: inner, start, end: start + inner.len() })
}

/// The words of a text, and where they stand.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_whitespace().map(|word| (word.as_ptr() as usize - text.as_ptr() as usize, word))
}

/// The issue that a box is: the first word, or the last where nothing is waited for.
fn own(text: &str) -> Option<Reference<'_>> {
    let (first, word) = words(text).next()?;
    reference(word, first).or_else(|| {
        let (last, word) = words(text).last().filter(|_| waits_for(text).is_empty())?;
        reference(word, last)
    })
}

/// The issues that follow words such as `blocked by`.
fn waits_for(text: &str) -> Vec<Reference<'_>> {
    let lower = text.to_ascii_lowercase();
    let mut found: Vec<Reference<'_>> = Vec::new();
    for phrase in WAITS_FOR {
        for (at, _) in lower.match_indices(phrase) {
            let from = at + phrase.len();
            let rest = text.get(from..).unwrap_or_default();
            for (at, word) in words(rest.trim_start_matches(':')) {
                let at = from + rest.len() - rest.trim_start_matches(':').len() + at;
                match reference(word, at) {
                    Some(reference) => found.push(reference),
                    None if matches!(word.to_ascii_lowercase().as_str(), "and" | "&" | "," | "or") => {}
                    None => break,
                }
            }
        }
    }
    found.sort_by_key(|r| r.start);
    found.dedup();
    found
}
