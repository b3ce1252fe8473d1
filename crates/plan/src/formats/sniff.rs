//! Telling a dialect by a path and by the look of lines, without reading the whole document.

use std::ops::ControlFlow;

use crate::fields::{self, Key};
use crate::note;
use crate::text;

/// The folders and the file name of a path, whatever its separators.
pub(super) fn parts(path: &str) -> Vec<&str> {
    path.split(['/', '\\']).filter(|p| !matches!(*p, "" | ".")).collect()
}

/// Whether `folder` is one of the folders of a path.
pub(super) fn has_folder(path: &str, folder: &str) -> bool {
    let parts = parts(path);
    parts.split_last().is_some_and(|(_, folders)| folders.contains(&folder))
}

/// Whether a path ends in this file name, whatever its case.
pub(super) fn is_file(path: &str, name: &str) -> bool {
    parts(path).last().is_some_and(|last| last.eq_ignore_ascii_case(name))
}

/// A line that tells something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign<'a> {
    /// Level and text of a heading.
    Heading(usize, &'a str),
    /// Columns before a box, and its text.
    Box(usize, &'a str),
    /// A bullet without a box, or prose: its text.
    Text(&'a str),
}

/// Shows the lines outside code fences, until `look` breaks off.
pub(super) fn signs<'a>(document: &'a str, mut look: impl FnMut(Sign<'a>) -> ControlFlow<()>) {
    let mut fenced = false;
    for line in document.trim_start_matches(text::BOM).lines() {
        let (indent, bytes) = text::indent(line);
        let body = note::without(line.get(bytes..).unwrap_or_default());
        if body.starts_with("```") || body.starts_with("~~~") {
            fenced = !fenced;
        }
        if fenced || body.is_empty() {
            continue;
        }
        let after = body.trim_start_matches('#');
        let level = body.len() - after.len();
        let sign = if (1..=6).contains(&level) && indent < 4 && after.starts_with([' ', '\t']) {
            Sign::Heading(level, after.trim())
        } else {
            let item = body.strip_prefix(['-', '*', '+']).filter(|r| r.starts_with([' ', '\t'])).map(str::trim_start);
            match item.and_then(boxed) {
                Some(text) => Sign::Box(indent, text),
                None => Sign::Text(item.unwrap_or(body)),
            }
        };
        if look(sign).is_break() {
            return;
        }
    }
}

/// The text behind a box.
fn boxed(item: &str) -> Option<&str> {
    let inner = item.strip_prefix('[')?;
    let close = inner.find(']').filter(|at| *at <= 4)?;
    let rest = inner.get(close + 1..)?;
    let rest = rest.strip_prefix('*').unwrap_or(rest);
    (rest.is_empty() || rest.starts_with([' ', '\t'])).then(|| rest.trim_start())
}

/// Whether a line is a field of the CODITECT dialect that the others do not have (`**Agent:** …`).
pub(super) fn is_own_field(text: &str) -> bool {
    text.starts_with("**")
        && fields::fields(text, &(0..text.len()))
            .iter()
            .any(|f| f.key == Key::Status || (f.key.is_of_task() && f.key != Key::Touches))
}

/// The number `text` begins with (`1.`, `1.2`, `1.2.3.`), and what follows it.
pub(super) fn number(text: &str) -> Option<(&str, &str)> {
    let run = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
    let (written, rest) = text.split_at_checked(run)?;
    // Some write the star of an optional task behind its number.
    let rest = rest.strip_prefix('*').unwrap_or(rest);
    let id = written.strip_suffix('.').unwrap_or(written);
    let plain = id.split('.').all(|part| !part.is_empty() && part.len() <= 4);
    let apart = rest.is_empty() || rest.starts_with([' ', '\t']);
    (plain && apart && (written.contains('.'))).then(|| (id, rest.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_from_amounts() {
        assert_eq!(number("1. Set up"), Some(("1", "Set up")));
        assert_eq!(number("1.2 Set up"), Some(("1.2", "Set up")));
        assert_eq!(number("10.2.3. Set up"), Some(("10.2.3", "Set up")));
        assert_eq!(number("7.9* Maybe"), Some(("7.9", "Maybe")));
        for none in ["3 files", "1.5x faster", "2025-01-02 kickoff", "v1.2", ".5 of it", ""] {
            assert_eq!(number(none), None, "{none}");
        }
    }

    #[test]
    fn folders_are_whole_names_and_the_file_is_none_of_them() {
        assert!(
            has_folder(r"a\.kiro\specs\x\tasks.md", ".kiro") && has_folder("./openspec/changes/a/tasks.md", "openspec")
        );
        assert!(!has_folder("docs/openspec.md", "openspec.md") && !has_folder("my-openspec/tasks.md", "openspec"));
        assert!(is_file("specs/001-a/Tasks.md", "tasks.md") && !is_file("specs/subtasks.md", "tasks.md"));
    }

    #[test]
    fn lines_in_fences_are_no_signs() {
        let mut seen = Vec::new();
        signs("# T\n```\n- [ ] a\n```\n  - [ ]* b\n- c\n", |sign| {
            seen.push(sign);
            ControlFlow::Continue(())
        });
        assert_eq!(seen, [Sign::Heading(1, "T"), Sign::Text("```"), Sign::Box(2, "b"), Sign::Text("c")]);
    }
}
