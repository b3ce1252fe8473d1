//! What a plan says: its tasks, with where each thing stands in the document.

use std::ops::Range;

use coditect_core::Priority;
use serde::{Serialize, Serializer};

use crate::diagnostic::Diagnostic;
use crate::formats::{Format, Words};
use crate::marker::MarkerStatus;

/// A plan as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The path as it was given to [`crate::parse`].
    pub path: String,
    /// The dialect.
    pub format: Format,
    /// The tasks in the order of the document.
    pub tasks: Vec<PlanTask>,
    /// Commands under a heading such as `## Validation Commands`: they hold for every task.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub verify: Vec<String>,
    /// What is odd about the plan, in the order of the document.
    #[serde(skip)]
    pub diagnostics: Vec<Diagnostic>,
    /// How finished headings and status fields are worded here.
    #[serde(skip)]
    pub(crate) style: Style,
}

impl Plan {
    /// The task people mean by `name`: a key, or an id (with or without the word `Task`) that only one
    /// task has.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&PlanTask> {
        let name = name.trim();
        if let Some(task) = self.tasks.iter().find(|t| t.key == name) {
            return Some(task);
        }
        let id = crate::text::strip_prefix_ci(name, "task ").unwrap_or(name).trim();
        let same = |t: &&PlanTask| t.id.as_deref().is_some_and(|i| i.eq_ignore_ascii_case(id));
        let mut found = self.tasks.iter().filter(same);
        found.next().filter(|_| found.next().is_none())
    }

    /// What the document is called, where its path is the one within the repository: the slug of that path. A file of
    /// Backlog.md is a task and is called by its id, so that it stays the same when it is retitled or moved.
    #[must_use]
    pub fn document_id(&self) -> String {
        let own = || self.tasks.first()?.id.as_deref();
        match own().filter(|_| self.format == Format::BacklogMd) {
            // A number alone would be no name beside other documents.
            Some(id) if id.bytes().all(|b| b.is_ascii_digit()) => format!("task-{id}"),
            Some(id) => coditect_core::document_slug(id),
            None => coditect_core::document_slug(&self.path),
        }
    }

    /// Whether any diagnostic is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == crate::Severity::Error)
    }
}

/// One task of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanTask {
    /// What the task is called everywhere else: unique in the document, fit for file and ref names.
    pub key: String,
    /// The id as written, where there is one.
    pub id: Option<String>,
    /// The title without id, emphasis, estimate and status words.
    pub title: String,
    /// What its marker says (of a task that is a heading: what its steps say).
    pub status: MarkerStatus,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1: where the heading or the bullet begins.
    pub column: usize,
    /// Titles of the headings around it, outermost first, without the document's title.
    pub section: Vec<String>,
    /// Its priority, or that of the headings around it.
    pub priority: Option<Priority>,
    /// The agent it asks for.
    pub agent: Option<String>,
    /// How long it is thought to take.
    pub estimate_minutes: Option<i64>,
    /// The tasks it waits for. A task that encloses others waits for those as well.
    pub dependencies: Vec<Dependency>,
    /// References that lead nowhere: the task cannot start until they are mended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unresolved: Vec<UnresolvedDependency>,
    /// What stands among its references and is none within the document: another document may know it.
    #[serde(skip)]
    pub(crate) asides: Vec<UnresolvedDependency>,
    /// Key of the task around it.
    pub parent: Option<String>,
    /// The boxes that are part of it, in order, nested ones included.
    pub steps: Vec<Step>,
    /// What must be true of the result.
    pub acceptance: Vec<String>,
    /// Commands that prove the result.
    pub verify: Vec<String>,
    /// Paths it says it changes.
    pub touches: Vec<String>,
    /// Its own fenced `sh` block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// The rest of what is written about it.
    pub description: String,
    /// Whether the plan can do without it.
    pub optional: bool,
    /// Whether a person has to do it.
    pub human: bool,
    /// Whether its result changes anything.
    pub changes: Changes,
    /// Bytes of its own line, without the line ending.
    #[serde(skip)]
    pub span: Range<usize>,
    /// Where its status is written.
    #[serde(skip)]
    pub(crate) anchor: Anchor,
}

/// Whether the result of a task changes anything in the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Changes {
    /// It does: a result without a change is none.
    #[default]
    Required,
    /// It may, or may not.
    Optional,
    /// It does not: whatever was changed is left behind.
    None,
}

impl Changes {
    /// The name in the database, on the wire and on screen.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Optional => "optional",
            Self::None => "none",
        }
    }
}

/// A box inside a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The text of the box.
    pub text: String,
    /// Whether it is ticked.
    pub done: bool,
    /// Line, from 1.
    pub line: usize,
    /// What its marker says.
    #[serde(skip)]
    pub status: MarkerStatus,
    /// Bytes between its brackets.
    #[serde(skip)]
    pub marker: Range<usize>,
}

/// A task that another waits for. Serialised as its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// Key of the task waited for.
    pub key: String,
    /// Line of the reference, from 1.
    pub line: usize,
    /// Column of the reference in characters, from 1.
    pub column: usize,
}

impl Serialize for Dependency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.key)
    }
}

/// A reference that leads to no task. Serialised as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnresolvedDependency {
    /// The reference as written.
    pub text: String,
    /// Line of the reference, from 1.
    pub line: usize,
    /// Column of the reference in characters, from 1.
    pub column: usize,
}

impl Serialize for UnresolvedDependency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// Where a task's status is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// Between the brackets of its own box.
    Box { marker: Range<usize> },
    /// In its steps, its heading and its status field.
    Heading {
        /// The text of the heading.
        text: Range<usize>,
        /// The ticks in the heading, with the blanks that go with them.
        ticks: Vec<Range<usize>>,
        /// The value of its `Status:` field.
        status_field: Option<Range<usize>>,
    },
    /// In a value of data: front matter or JSON.
    Value {
        /// Its own.
        own: Slot,
        /// Those of its steps, as many as there are steps; none where steps have no status of their own.
        steps: Vec<Slot>,
    },
}

/// Room for a word of status in data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    /// What is replaced (empty: something is inserted).
    pub range: Range<usize>,
    /// What is written before the word.
    pub before: &'static str,
    /// What is written behind it.
    pub after: &'static str,
    /// The words that can stand there.
    pub words: Words,
}

/// What is known of the document besides its tasks: how it words what is finished, its groups, its title.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Style {
    /// Boxes that are no tasks themselves, for they only gather the tasks beneath them.
    pub groups: Vec<Group>,
    /// The first tick of a finished heading.
    pub tick: Option<Tick>,
    /// The title of the document.
    pub title: Option<String>,
}

/// A tick in a heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tick {
    /// Whether it stands before the text.
    pub leading: bool,
    /// The tick and its status words.
    pub text: String,
}

/// A box around tasks: ticked when what it gathers is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    /// Between its brackets.
    pub marker: Range<usize>,
    /// What its marker says.
    pub status: MarkerStatus,
    /// The tasks that have to be settled: by number, the optional ones only where there are no others.
    pub required: Vec<usize>,
    /// Whether it has open boxes of its own beneath it, which are no tasks: then it is never ticked here.
    pub open: bool,
}
