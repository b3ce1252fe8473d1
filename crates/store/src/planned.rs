//! A plan file as it was read, in the terms of the database.

use coditect_core::Priority;
use coditect_plan::Changes;
use serde::Serialize;

/// A plan file as parsed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlannedDocument {
    /// Its slug.
    pub id: String,
    /// Its path within the repository.
    pub path: String,
    /// The name of its format.
    pub format: String,
    /// The hash of its content.
    pub hash: String,
    /// Its content, to be kept.
    pub text: Option<String>,
    /// JSON: what is wrong with it.
    pub diagnostics: String,
    /// Its tasks, in order.
    pub tasks: Vec<PlannedTask>,
}

/// A task as planned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlannedTask {
    /// What the plan calls it.
    pub key: String,
    /// The id as written, where there is one.
    pub plan_id: Option<String>,
    /// Its title.
    pub title: String,
    /// The headings above it, outermost first.
    pub section: Vec<String>,
    /// Its prose.
    pub description: String,
    /// Its line.
    pub line: i64,
    /// How urgent it is.
    pub priority: Priority,
    /// The agent it asks for.
    pub agent: Option<String>,
    /// How long it should take.
    pub estimate_minutes: Option<i64>,
    /// Its steps, in words.
    pub steps: Vec<String>,
    /// When it counts as done, in words.
    pub acceptance: Vec<String>,
    /// The commands that prove it.
    pub verify: Vec<String>,
    /// The commands that prove every task of the document.
    pub verify_plan: Vec<String>,
    /// The paths it touches.
    pub touches: Vec<String>,
    /// Its own block of shell commands.
    pub script: Option<String>,
    /// The keys of what it depends on: in the same document, or as `document/key`.
    pub depends_on: Vec<String>,
    /// References that resolved to nothing.
    pub dangling: Vec<String>,
    /// Whether a person does it.
    pub human: bool,
    /// Whether the plan can do without it.
    pub optional: bool,
    /// Whether its result changes anything.
    pub changes: Changes,
    /// Its status marker: `pending`, `in_progress`, `completed`, `blocked` or `cancelled`.
    pub marker: String,
}

/// What a revision changed of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct FieldChange {
    /// The task's id.
    pub task: String,
    /// The field; `task` where it was added, taken out, or came back.
    pub field: String,
    /// What it was.
    pub from: String,
    /// What it is.
    pub to: String,
}

/// Longer values are told by their beginning: the revision's text has them whole.
const TOLD: usize = 200;

impl FieldChange {
    /// A change, shortened to what is told of it.
    pub(crate) fn new(task: &str, field: &str, from: &str, to: &str) -> Self {
        let told = |text: &str| {
            let mut told: String = text.chars().take(TOLD).collect();
            if told.len() < text.len() {
                told.push('…');
            }
            told
        };
        Self { task: task.to_owned(), field: field.to_owned(), from: told(from), to: told(to) }
    }
}

impl PlannedTask {
    /// What differs from `before`, but for its place in the document and what it depends on.
    pub(crate) fn changes(&self, before: &Self, id: &str) -> Vec<FieldChange> {
        let fields = [
            ("key", before.key.clone(), self.key.clone()),
            ("title", before.title.clone(), self.title.clone()),
            ("section", before.section.join(" › "), self.section.join(" › ")),
            ("status", before.marker.clone(), self.marker.clone()),
            ("priority", before.priority.to_string(), self.priority.to_string()),
            ("agent", before.agent.clone().unwrap_or_default(), self.agent.clone().unwrap_or_default()),
            ("estimate", minutes(before.estimate_minutes), minutes(self.estimate_minutes)),
            ("description", before.description.clone(), self.description.clone()),
            ("steps", before.steps.join("\n"), self.steps.join("\n")),
            ("acceptance", before.acceptance.join("\n"), self.acceptance.join("\n")),
            ("verify", before.verify.join("\n"), self.verify.join("\n")),
            ("verify of the plan", before.verify_plan.join("\n"), self.verify_plan.join("\n")),
            ("changes", before.changes.as_str().to_owned(), self.changes.as_str().to_owned()),
            ("touches", before.touches.join(", "), self.touches.join(", ")),
            ("script", before.script.clone().unwrap_or_default(), self.script.clone().unwrap_or_default()),
        ];
        let differ = fields.into_iter().filter(|(_, from, to)| from != to);
        differ.map(|(field, from, to)| FieldChange::new(id, field, &from, &to)).collect()
    }
}

fn minutes(estimate: Option<i64>) -> String {
    estimate.map(|minutes| format!("{minutes} min")).unwrap_or_default()
}
