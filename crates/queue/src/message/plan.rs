//! From the plan to readiness: a document changed, a task is ready.

use super::Message;
use crate::entry::{Fields, MalformedEntry};

/// The daemon brought a new revision of a plan document into the database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlanChanged {
    /// The document's slug.
    pub document: String,
    /// Its revision in the database.
    pub revision: i64,
    /// How many tasks differ from the revision before.
    pub changed: i64,
    /// The trace this belongs to (W3C `traceparent`), or empty.
    pub traceparent: String,
}

impl Message for PlanChanged {
    fn to_fields(&self) -> Vec<(&'static str, String)> {
        vec![
            ("document", self.document.clone()),
            ("revision", self.revision.to_string()),
            ("changed", self.changed.to_string()),
            ("traceparent", self.traceparent.clone()),
        ]
    }

    fn from_fields(fields: &Fields) -> Result<Self, MalformedEntry> {
        Ok(Self {
            document: fields.text("document")?,
            revision: fields.parse("revision", "whole number")?,
            changed: fields.parse("changed", "whole number")?,
            traceparent: fields.optional("traceparent").unwrap_or_default(),
        })
    }
}

/// A task has nothing left to wait for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ready {
    /// The task.
    pub task: String,
    /// The attempt before this one, or empty.
    pub attempt: String,
    /// The task's priority, as it is ordered: lower goes first.
    pub priority: i64,
    /// The task's place in the dispatch order within its priority.
    pub rank: i64,
    /// The trace this belongs to (W3C `traceparent`), or empty.
    pub traceparent: String,
}

impl Message for Ready {
    fn to_fields(&self) -> Vec<(&'static str, String)> {
        vec![
            ("task", self.task.clone()),
            ("attempt", self.attempt.clone()),
            ("priority", self.priority.to_string()),
            ("rank", self.rank.to_string()),
            ("traceparent", self.traceparent.clone()),
        ]
    }

    fn from_fields(fields: &Fields) -> Result<Self, MalformedEntry> {
        Ok(Self {
            task: fields.text("task")?,
            attempt: fields.optional("attempt").unwrap_or_default(),
            priority: fields.parse("priority", "whole number")?,
            rank: fields.parse("rank", "whole number")?,
            traceparent: fields.optional("traceparent").unwrap_or_default(),
        })
    }
}
