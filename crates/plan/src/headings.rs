//! The outline of a document: headings, what is under which, and sections that hold no tasks.

use std::ops::Range;

use crate::formats::Format;
use crate::label;
use crate::lines::{Kind, Line};

/// What the boxes of a section are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Work.
    Plain,
    /// Criteria.
    Acceptance,
    /// Commands that hold for the whole document.
    Commands,
    /// Legends, examples, how-tos.
    NotTasks,
}

/// A heading.
#[derive(Debug, Clone)]
pub(crate) struct Heading {
    pub line: usize,
    pub level: usize,
    /// Its text in the document.
    pub text: Range<usize>,
    /// The text without emphasis and ticks.
    pub title: String,
    pub parent: Option<usize>,
    pub role: Role,
}

/// All headings, and which one each line is under.
pub(crate) struct Outline {
    pub headings: Vec<Heading>,
    /// Per line the innermost heading; a heading's own line is under itself.
    pub of_line: Vec<Option<usize>>,
    title: Option<usize>,
}

impl Outline {
    /// The outline of a document in this format.
    pub(crate) fn new(document: &str, lines: &[Line<'_>], format: Format) -> Self {
        let mut headings: Vec<Heading> = Vec::new();
        let mut of_line = Vec::with_capacity(lines.len());
        let mut open: Vec<usize> = Vec::new();
        for (line, l) in lines.iter().enumerate() {
            if let Kind::Heading { level, text } = &l.kind {
                while open.last().and_then(|h| headings.get(*h)).is_some_and(|h| h.level >= *level) {
                    open.pop();
                }
                let parent = open.last().copied();
                let raw = document.get(text.clone()).unwrap_or_default();
                let inherited = parent.and_then(|p| headings.get(p)).map_or(Role::Plain, |p| p.role);
                let is_task = label::label(raw).is_some_and(|l| l.word);
                let role = match inherited {
                    Role::Plain => role(raw, *level),
                    // A task that happens to stand under criteria or commands is a task all the same.
                    Role::Acceptance | Role::Commands if is_task => Role::Plain,
                    other => other,
                };
                let role = if format.is_work(*level, raw, role) { Role::Plain } else { role };
                let title = label::without_ticks(raw).replace("**", "");
                open.push(headings.len());
                headings.push(Heading { line, level: *level, text: text.clone(), title, parent, role });
            }
            of_line.push(open.last().copied());
        }
        let mut first_level = headings.iter().enumerate().filter(|(_, h)| h.level == 1);
        let title = match (first_level.next(), first_level.next()) {
            (Some((0, _)), None) => Some(0),
            _ => None,
        };
        Self { headings, of_line, title }
    }

    /// The title of the document, where it has one.
    pub(crate) fn title(&self) -> Option<&str> {
        self.headings.get(self.title?).map(|heading| heading.title.as_str())
    }

    /// The heading and those around it, innermost first, without the document's title.
    pub(crate) fn around(&self, heading: Option<usize>) -> impl Iterator<Item = usize> {
        std::iter::successors(heading, |h| self.headings.get(*h)?.parent).filter(|h| Some(*h) != self.title)
    }

    pub(crate) fn get(&self, heading: Option<usize>) -> Option<&Heading> {
        self.headings.get(heading?)
    }

    pub(crate) fn role_of_line(&self, line: usize) -> Role {
        self.get(self.of_line.get(line).copied().flatten()).map_or(Role::Plain, |h| h.role)
    }
}

fn role(title: &str, level: usize) -> Role {
    // A task about criteria is a task; the title of a document says nothing about its sections.
    if level == 1 || label::label(title).is_some_and(|l| l.word) {
        return Role::Plain;
    }
    let title = title.to_lowercase();
    let name = title.trim_matches(|c: char| !c.is_alphanumeric());
    let name = name.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == ' ');
    let has = |phrases: &[&str]| phrases.iter().any(|p| name.contains(p));
    let begins = |phrases: &[&str]| phrases.iter().any(|p| name.starts_with(p));
    if name == "acceptance"
        || has(&["acceptance criteria", "success criteria", "completion criteria", "exit criteria", "success metrics"])
        || has(&["definition of done", "complete when", "done when"])
    {
        Role::Acceptance
    } else if begins(&["validation commands", "verification commands", "verify commands"]) {
        Role::Commands
    } else if has(&["legend", "quick reference", "how to use", "naming convention", "status markers", "task format"])
        || begins(&["example", "format:", "glossary", "template"])
        || matches!(
            name,
            "format" | "usage" | "notes" | "conventions" | "key" | "markers" | "out of scope" | "non-goals"
        )
    {
        Role::NotTasks
    } else {
        Role::Plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_that_hold_no_tasks_are_told_by_their_titles() {
        assert_eq!(role("Phase 1 Complete When:", 3), Role::Acceptance);
        assert_eq!(role("✅ Success Criteria", 2), Role::Acceptance);
        assert_eq!(role("Task Completion Legend", 2), Role::NotTasks);
        assert_eq!(role("Validation Commands", 2), Role::Commands);
        assert_eq!(role("Phase 5: Acceptance Testing", 2), Role::Plain);
        assert_eq!(role("Task 8: Verify acceptance criteria", 3), Role::Plain);
    }
}
