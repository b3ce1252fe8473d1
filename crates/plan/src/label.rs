//! The id a heading or a box begins with, and the title after it.

use std::ops::Range;

use crate::estimate;
use crate::text::{is_tick, strip_prefix_ci};

/// An id found at the beginning of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Label<'a> {
    /// The id as written, without the word `Task` and decoration.
    pub id: &'a str,
    /// Whether the word `Task` stood before it.
    pub word: bool,
    /// What follows, not cleaned.
    pub rest: &'a str,
}

/// The label `text` begins with, if it carries an id.
pub(crate) fn label(text: &str) -> Option<Label<'_>> {
    let mut s = undecorated(text);
    let mut wrap = "";
    // Asked of every heading and box, nearly all of which begin with a letter.
    if s.starts_with(['*', '_', '`'])
        && let Some((mark, inner)) = ["**", "__", "`"].into_iter().find_map(|mark| Some((mark, s.strip_prefix(mark)?)))
    {
        (s, wrap) = (undecorated(inner), mark);
    }
    let word = strip_prefix_ci(s, "task").filter(|r| r.starts_with([' ', '\t', '#', '\u{a0}']));
    if let Some(rest) = word {
        s = rest.trim_start().trim_start_matches('#');
    }
    let run = s.len() - s.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')).len();
    let id = s.get(..run)?.trim_end_matches(['.', '-', '_']);
    let after = s.get(id.len()..)?;
    let dot = after.strip_prefix(['.', ')']).is_some_and(|r| r.is_empty() || r.starts_with([' ', '\t', '*', '_']));
    let mut rest = after.strip_prefix(['.', ')']).filter(|_| dot).unwrap_or(after);
    let mut colon = false;
    // `1.1:**`, `1.1**:` and `1.1**` alike.
    for _ in 0..2 {
        if let Some(tail) = rest.strip_prefix(':') {
            (rest, colon) = (tail, true);
        }
        if let Some(tail) = rest.strip_prefix(wrap).filter(|_| !wrap.is_empty()) {
            (rest, wrap) = (tail, "");
        }
    }
    let bold = after.len() != s.len() && text.trim_start().starts_with(['*', '_', '`']);
    let apart =
        rest.is_empty() || rest.starts_with(char::is_whitespace) || colon || dot || rest.starts_with(['–', '—']);
    let with_paren = word.is_some() && rest.starts_with('(');
    if !(apart || with_paren) || !id.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let fine = match word {
        Some(_) => has_digit(id) || (colon && id.len() <= 2 && id.bytes().all(|b| b.is_ascii_uppercase())),
        None => stands_alone(id, Context { bold, colon, dot, rest }),
    };
    let rest = rest.trim_start().trim_start_matches(['-', '–', '—', ':', '|']).trim_start();
    fine.then_some(Label { id, word: word.is_some(), rest })
}

/// A title as people want to read it, and the estimate that stood in it: without emphasis, closing
/// ticks and status words.
pub(crate) fn clean_title(rest: &str) -> (String, Option<i64>) {
    let mut title = undecorated(&without_ticks(rest)).replace("**", "");
    let mut minutes = None;
    loop {
        let before = title.len();
        title.truncate(title.trim_end().len());
        if let Some(open) = title.rfind('(').filter(|_| title.ends_with(')')) {
            let inner = title.get(open + 1..title.len() - 1).unwrap_or_default();
            if estimate::is_only_time(inner)
                && let Some(found) = estimate::parse_minutes(inner)
            {
                minutes = minutes.or(Some(found));
                title.truncate(open);
            }
        }
        if title.len() == before {
            return (title, minutes);
        }
    }
}

/// The bytes of each tick in `text`: with the status word that repeats it, and the blanks before it (or
/// after it, where it stands first).
pub(crate) fn ticks(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, tick) in text.char_indices().filter(|(_, c)| is_tick(*c)) {
        let after = text.get(at + tick.len_utf8()..).unwrap_or_default();
        let mut end = at + tick.len_utf8() + after.len() - after.trim_start_matches('\u{fe0f}').len();
        end += text.get(end..).map_or(0, status_word);
        let done = found.last().map_or(0, |r| r.end);
        let mut start = text.get(..at).map_or(0, |t| t.trim_end().len()).max(done);
        if start == 0 {
            let rest = text.get(end..).unwrap_or_default();
            end += rest.len() - rest.trim_start().len();
        }
        start = start.min(at);
        found.push(start..end);
    }
    found
}

/// `text` without its ticks.
pub(crate) fn without_ticks(text: &str) -> String {
    let mut rest = String::with_capacity(text.len());
    let mut at = 0;
    for tick in ticks(text) {
        rest.push_str(text.get(at..tick.start).unwrap_or_default());
        at = tick.end;
    }
    rest.push_str(text.get(at..).unwrap_or_default());
    rest
}

/// The length of the word after a tick that only repeats that the thing is finished, with its emphasis.
fn status_word(after: &str) -> usize {
    let body = after.trim_start();
    let inner = body.trim_start_matches(['*', '_']);
    let emphasis = body.len() - inner.len();
    let len = inner.len() - inner.trim_start_matches(|c: char| c.is_alphanumeric()).len();
    let (word, rest) = inner.split_at_checked(len).unwrap_or(("", inner));
    let closed = rest.len() - rest.trim_start_matches(['*', '_']).len() == emphasis;
    let tail = rest.get(emphasis..).unwrap_or_default();
    let alone = tail.is_empty() || tail.starts_with(|c: char| c.is_whitespace() || "(.,;".contains(c));
    let known = matches!(word.to_ascii_lowercase().as_str(), "complete" | "completed" | "done" | "finished");
    if known && closed && alone { after.len() - tail.len() } else { 0 }
}

/// Whether a word in a dependency list is meant as an id, by its look.
pub(crate) fn looks_like_id(word: &str) -> bool {
    stands_alone(word, Context { bold: true, colon: true, dot: false, rest: "" })
}

fn undecorated(text: &str) -> &str {
    text.trim_start_matches(|c: char| !(c.is_alphanumeric() || c.is_ascii_punctuation()))
}

fn has_digit(id: &str) -> bool {
    id.bytes().any(|b| b.is_ascii_digit())
}

#[derive(Clone, Copy)]
struct Context<'a> {
    bold: bool,
    colon: bool,
    dot: bool,
    rest: &'a str,
}

/// Whether `id` is an id without the word `Task` before it. Strict, for many things that are not ids
/// have digits: versions, dates, amounts, `UTF-8`, `SHA256`, `S3`.
fn stands_alone(id: &str, context: Context<'_>) -> bool {
    let letters = id.len() - id.trim_start_matches(|c: char| c.is_ascii_uppercase()).len();
    let tail = id.get(letters..).unwrap_or_default();
    if letters == 0 {
        let parts = tail.split('.').count();
        let plain = tail.split('.').all(|p| !p.is_empty() && p.len() <= 4 && p.bytes().all(|b| b.is_ascii_digit()));
        let marked = (context.dot || context.colon) && tail.len() <= 3;
        return plain && (parts > 1 || marked) && !estimate::starts_with_unit(context.rest);
    }
    if !has_digit(tail) || tail.bytes().any(|b| b.is_ascii_lowercase() || b == b'_') {
        return false;
    }
    if id.len() == 2 && matches!(id, "P0" | "P1" | "P2" | "P3") {
        return false;
    }
    let dashes: Vec<&str> = id.split('-').collect();
    let digits_only = tail.bytes().all(|b| b.is_ascii_digit());
    if dashes.len() > 1 {
        let numbered = dashes.iter().filter(|p| has_digit(p)).count();
        return dashes.iter().all(|p| !p.is_empty())
            && dashes.last().is_some_and(|p| has_digit(p))
            && (numbered > 1 || dashes.len() > 2 || context.colon);
    }
    let dotted = tail.contains('.')
        && tail.trim_start_matches('.').split('.').all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    (dotted && letters <= 4)
        || (digits_only && letters <= 4 && context.colon)
        || (digits_only && letters == 1 && context.bold)
        || (digits_only && letters <= 2 && tail.len() >= 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Option<&str> {
        label(text).map(|l| l.id)
    }

    #[test]
    fn ids_are_read_in_every_spelling() {
        for (text, want, rest) in [
            ("Task 0.2: Title", "0.2", "Title"),
            ("3.2 Title", "3.2", "Title"),
            ("Task 1: Title", "1", "Title"),
            ("Task D2 (SaaS)", "D2", "(SaaS)"),
            ("Task A: Title", "A", "Title"),
            ("1. Title", "1", "Title"),
            ("**Task 1.2.1:** Title", "1.2.1", "Title"),
            ("**T1.1.1** Title", "T1.1.1", "Title"),
            ("**P1-T01:** Title", "P1-T01", "Title"),
            ("**P1-T01**: Title", "P1-T01", "Title"),
            ("**P1-T01 - Title**", "P1-T01", "Title**"),
            ("`T001` Title", "T001", "Title"),
            ("T001.001: Title", "T001.001", "Title"),
            ("A.9.1.3 Title", "A.9.1.3", "Title"),
            ("AB.1.2 Title", "AB.1.2", "Title"),
            ("E001-T001 Title", "E001-T001", "Title"),
            ("TASK-PROJ-1000 Title", "TASK-PROJ-1000", "Title"),
            ("ST0042 — Title", "ST0042", "Title"),
            ("✅ Task 1.1: Title", "1.1", "Title"),
        ] {
            let found = label(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((found.id, found.rest), (want, rest), "{text}");
        }
    }

    #[test]
    fn things_with_digits_that_are_no_ids_are_left_alone() {
        for text in [
            "1.5 hours of work",
            "2025-01-15 kickoff",
            "3.11+ needed",
            "v1.2 release",
            "UTF-8 everywhere",
            "SHA256 of files",
            "S3 bucket",
            "OAuth2 login",
            "P0 bug",
            "psycopg2-binary",
            "[OTHER repos] - Verify",
            "Task Completion Legend",
            "Phase 1: Setup",
            "10 initial workers",
            "**Pending** - not",
            "Tasks 4.1-4.36",
            "",
        ] {
            assert_eq!(id(text), None, "{text}");
        }
    }

    #[test]
    fn a_title_loses_its_estimate_and_its_status_words() {
        assert_eq!(clean_title("Setup (5 days) ✅ **COMPLETED**"), ("Setup".into(), Some(2400)));
        assert_eq!(clean_title("Move (10%) (7 days)"), ("Move (10%)".into(), Some(3360)));
        assert_eq!(clean_title("Gateway (Kong)"), ("Gateway (Kong)".into(), None));
        assert_eq!(clean_title("X ✅\u{fe0f} "), ("X".into(), None));
        assert_eq!(clean_title("X ✅ done (1 day) of it"), ("X (1 day) of it".into(), None));
        assert_eq!(clean_title("X ✅ Done-ish"), ("X Done-ish".into(), None));
        assert_eq!(clean_title("✅ ok at last"), ("ok at last".into(), None));
    }
}
