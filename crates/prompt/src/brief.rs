//! The facts that a prompt is made of. The names of the fields are what templates call them.

use serde::Serialize;

/// How much of an earlier failure is repeated, in bytes.
pub(crate) const FAILURE: usize = 4_000;

/// How much of a predecessor's summary is repeated, in bytes.
pub(crate) const SUMMARY: usize = 1_000;

/// How many predecessors are told of, and how many files of each.
pub(crate) const PREDECESSORS: usize = 20;
pub(crate) const FILES: usize = 20;

/// How much of the repository's conventions is passed on, in bytes.
pub(crate) const CONVENTIONS: usize = 64 * 1024;

/// What is known of an attempt before it begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Brief {
    /// The task, as the plan has it.
    pub task: Task,
    /// The branch that the result is to land on.
    pub target_branch: String,
    /// What proves the result.
    pub verify: Vec<Check>,
    /// Whether the task changes anything: `required`, `optional`, `none`.
    pub changes: String,
    /// What earlier attempts got wrong, oldest first.
    pub earlier: Vec<String>,
    /// What people said about the task, oldest first.
    pub answers: Vec<String>,
    /// What the tasks that this one depends on have delivered.
    pub predecessors: Vec<Predecessor>,
    /// Paths in which nothing lands.
    pub protected: Vec<String>,
}

/// A task, as its plan has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Task {
    /// What people call it.
    pub key: String,
    /// Its title.
    pub title: String,
    /// The headings above it, outermost first.
    pub section: Vec<String>,
    /// The text below it.
    pub description: String,
    /// Its steps.
    pub steps: Vec<String>,
    /// Its acceptance criteria.
    pub acceptance: Vec<String>,
}

/// A command that proves a result.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The command.
    pub command: String,
    /// Where it comes from: `task`, `plan`, `project`.
    pub source: String,
}

/// A completed task that this one depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Predecessor {
    /// What people call it.
    pub key: String,
    /// Its title.
    pub title: String,
    /// The commit that it landed as; empty where a person completed it.
    pub commit: String,
    /// What its agent said in the end.
    pub summary: String,
    /// The paths it changed.
    pub files: Vec<String>,
}

/// What was found where the agent works.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// What the repository tells everybody who works in it.
    pub conventions: Vec<Page>,
    /// The files with conflicts between an earlier result and what has landed meanwhile; none: there is no earlier result in the
    /// worktree.
    pub conflict: Option<Vec<String>>,
    /// The earlier result in the worktree is what a failed attempt left, and the task goes on from there.
    pub continued: bool,
    /// The folder the agent works in, where it goes on with a conversation that was held in another one.
    pub moved_to: Option<String>,
}

/// A file of conventions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Page {
    /// Its path in the repository.
    pub path: String,
    /// Its text.
    pub text: String,
}

impl Brief {
    /// The same, within the bounds of a prompt.
    pub(crate) fn bounded(&self) -> Self {
        let mut brief = self.clone();
        for failure in &mut brief.earlier {
            cut(failure, FAILURE);
        }
        brief.predecessors.truncate(PREDECESSORS);
        for before in &mut brief.predecessors {
            cut(&mut before.summary, SUMMARY);
            let more = before.files.len().saturating_sub(FILES);
            before.files.truncate(FILES);
            if more > 0 {
                before.files.push(format!("{more} more"));
            }
        }
        brief
    }
}

impl Found {
    /// The same, within the bounds of a prompt.
    pub(crate) fn bounded(&self) -> Self {
        let mut found = self.clone();
        let mut left = CONVENTIONS;
        for page in &mut found.conventions {
            cut(&mut page.text, left);
            left = left.saturating_sub(page.text.len());
        }
        found.conventions.retain(|page| !page.text.trim().is_empty());
        found
    }
}

/// Shortens a text to so many bytes, and says that it was.
fn cut(text: &mut String, most: usize) {
    if text.len() <= most {
        return;
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text.push_str(" […]");
}
