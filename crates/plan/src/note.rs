//! What may stand behind a task that the system has finished: who did it, when, and in which commit.
//!
//! ` <!-- coditect: agent=coder, date=2026-01-31, commit=abc1234 -->` at the end of the task's own line, which nobody's tools
//! show or take for text. Obsidian's Tasks plugin knows no comment there but a date of its own: ` ✅ 2026-01-31`. Formats
//! that are data, and front matter, have no place for either.

use std::ops::Range;

use crate::edit::Splice;
use crate::formats::Format;
use crate::marker::MarkerStatus;
use crate::model::{Anchor, PlanTask};

const OPEN: &str = "<!-- coditect:";
const CLOSE: &str = "-->";
const DONE: &str = "✅ ";

/// What is said of a finished task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The agent that did it.
    pub agent: Option<String>,
    /// The day, as `2026-01-31`.
    pub date: String,
    /// The commit that landed.
    pub commit: Option<String>,
}

impl Note {
    /// As it stands in the line.
    fn written(&self) -> String {
        let agent = self.agent.as_deref().map(|agent| format!("agent={}, ", plain(agent))).unwrap_or_default();
        let commit = self.commit.as_deref().map(|commit| format!(", commit={}", plain(commit))).unwrap_or_default();
        format!(" {OPEN} {agent}date={}{commit} {CLOSE}", plain(&self.date))
    }
}

/// Only what cannot end a comment or a line.
fn plain(value: &str) -> String {
    let fine = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '_' | '@') { c } else { '-' };
    let mut plain = String::new();
    for c in value.chars().map(fine).take(64) {
        if !(c == '-' && plain.ends_with('-')) {
            plain.push(c);
        }
    }
    plain.trim_end_matches('-').to_owned()
}

/// Where the text of a line ends: before its note, and before the blanks at its end.
pub(crate) fn text_end(line: &str) -> usize {
    let end = line.trim_end();
    let note = end.ends_with(CLOSE).then(|| end.rfind(OPEN)).flatten();
    let note = note.filter(|at| end.get(*at..).is_some_and(is_note));
    note.and_then(|at| line.get(..at)).map_or(end.len(), |text| text.trim_end().len())
}

/// A line, or its text, without its note and the blanks at its end.
pub(crate) fn without(line: &str) -> &str {
    line.get(..text_end(line)).unwrap_or(line)
}

/// Whether a comment is a note and not what a person writes: nothing but names and values that are written here.
fn is_note(comment: &str) -> bool {
    let said = comment.strip_prefix(OPEN).and_then(|inner| inner.strip_suffix(CLOSE)).unwrap_or_default();
    said.split(',').all(|one| {
        let (name, value) = one.trim().split_once('=').unwrap_or_default();
        matches!(name, "agent" | "date" | "commit") && plain(value) == value
    })
}

/// What changes in the line of a task that gets this status.
pub(crate) fn splice(
    text: &str,
    format: Format,
    task: &PlanTask,
    status: MarkerStatus,
    note: Option<&Note>,
) -> Option<Splice> {
    if matches!(task.anchor, Anchor::Value { .. }) {
        return None;
    }
    let line = text.get(task.span.clone())?;
    let note = note.filter(|_| status == MarkerStatus::Completed);
    let (place, new) = match format {
        Format::Obsidian => (obsidian(line, note.is_some())?, note.map(|note| format!(" {DONE}{}", plain(&note.date)))),
        _ => (of_line(text, line, task), note.map(Note::written)),
    };
    let new = new.unwrap_or_default();
    let range = task.span.start + place.start..task.span.start + place.end;
    (text.get(range.clone())? != new).then_some(Splice { range, text: new })
}

/// Where the note of a line is, or goes: of a heading before the marks that close it, which behind it would be text.
fn of_line(text: &str, line: &str, task: &PlanTask) -> Range<usize> {
    let Anchor::Heading { text: heading, .. } = &task.anchor else {
        return text_end(line)..line.trim_end().len();
    };
    let behind = text.get(heading.end..task.span.end).unwrap_or_default();
    let close = behind.find(CLOSE).map_or(0, |at| at + CLOSE.len());
    let note = behind.get(..close).filter(|note| is_note(note.trim_start())).map_or(0, str::len);
    let start = heading.end - task.span.start;
    start..start + note
}

/// Where the date of completion goes: behind all but a block's id. None where there is one already: it stays, for it may
/// be somebody else's.
fn obsidian(line: &str, wanted: bool) -> Option<Range<usize>> {
    if !wanted || line.contains(DONE.trim_end()) {
        return None;
    }
    let end = without(line);
    let last = end.rsplit(' ').next().unwrap_or_default();
    let at = if last.starts_with('^') { end.get(..end.len() - last.len())?.trim_end().len() } else { end.len() };
    Some(at..at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mark, parse, parse_as};

    fn note() -> Note {
        Note { agent: Some("rust--dev -->".into()), date: "2026-01-31".into(), commit: Some("abc1234".into()) }
    }

    fn noted(format: Format, text: &str, key: &str, status: MarkerStatus, note: Option<&Note>) -> String {
        parse_as(format, "p", text).set_marks(text, &[Mark { key, status, note }]).unwrap().text
    }

    const NOTED: &str =
        "- [x] 1.1 One <!-- coditect: agent=rust-dev, date=2026-01-31, commit=abc1234 -->\r\n- [ ] 1.2 Two";

    #[test]
    fn a_note_stands_at_the_end_of_the_line_is_replaced_and_goes_with_the_tick() {
        let text = "- [ ] 1.1 One\r\n- [ ] 1.2 Two";
        let done = noted(Format::Coditect, text, "1.1", MarkerStatus::Completed, Some(&note()));
        assert_eq!(done, NOTED);
        let plan = parse("p", &done);
        assert_eq!((plan.tasks[0].title.as_str(), plan.tasks[0].status), ("One", MarkerStatus::Completed));
        assert_eq!(noted(Format::Coditect, &done, "1.1", MarkerStatus::Pending, None), text);
    }

    #[test]
    fn a_comment_that_a_person_wrote_is_no_note() {
        for text in [
            "a <!-- coditect: is good -->",
            "a <!-- coditect: agent=a --> and <!-- more -->",
            "a <!-- coditect: agent=a, later -->",
            "a <!-- later -->",
            "a <!-- coditect: agent=a",
            "a `<!-- coditect: agent=a -->`",
        ] {
            assert_eq!(without(text), text);
        }
    }

    #[test]
    fn a_heading_keeps_its_title_and_its_tick() {
        let text = "### Task 1: A ✅\n\n- [x] a\n\n### Task 2: B\n\n- [ ] b\n";
        let done = noted(Format::Coditect, text, "2", MarkerStatus::Completed, Some(&note()));
        assert!(done.contains("### Task 2: B ✅ <!-- coditect: "), "{done}");
        assert_eq!(parse("p", &done).tasks[1].title, "B");
        assert_eq!(noted(Format::Coditect, &done, "2", MarkerStatus::Pending, None), text);
    }

    #[test]
    fn obsidian_gets_its_own_date_before_the_blocks_id_and_what_is_there_stays() {
        let text = "- [ ] One 🆔 a1 ^x\n";
        let done = noted(Format::Obsidian, text, "a1", MarkerStatus::Completed, Some(&note()));
        assert_eq!(done, "- [x] One 🆔 a1 ✅ 2026-01-31 ^x\n");
        let again = noted(Format::Obsidian, &done, "a1", MarkerStatus::Pending, None);
        assert_eq!(again, "- [ ] One 🆔 a1 ✅ 2026-01-31 ^x\n");
    }

    #[test]
    fn data_has_no_place_for_a_note() {
        let text = r#"{"userStories":[{"id":"US-1","title":"A","passes":false}]}"#;
        let done = noted(Format::Ralph, text, "US-1", MarkerStatus::Completed, Some(&note()));
        assert_eq!(done, text.replace("false", "true"));
    }
}
