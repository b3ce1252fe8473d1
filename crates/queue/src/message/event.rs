//! A task changed its state. For whoever wants to know; the database knows it already.

use super::Message;
use crate::entry::{Fields, MalformedEntry};

/// One transition of one task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// The task.
    pub task: String,
    /// The state it was in.
    pub from: String,
    /// The state it is in.
    pub to: String,
    /// The attempt it was about, or empty.
    pub attempt: String,
    /// Who did it: a service or a person.
    pub actor: String,
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
    /// The trace this belongs to (W3C `traceparent`), or empty.
    pub traceparent: String,
}

impl Message for Event {
    fn to_fields(&self) -> Vec<(&'static str, String)> {
        vec![
            ("task", self.task.clone()),
            ("from", self.from.clone()),
            ("to", self.to.clone()),
            ("attempt", self.attempt.clone()),
            ("actor", self.actor.clone()),
            ("at_ms", self.at_ms.to_string()),
            ("traceparent", self.traceparent.clone()),
        ]
    }

    fn from_fields(fields: &Fields) -> Result<Self, MalformedEntry> {
        Ok(Self {
            task: fields.text("task")?,
            from: fields.text("from")?,
            to: fields.text("to")?,
            attempt: fields.optional("attempt").unwrap_or_default(),
            actor: fields.text("actor")?,
            at_ms: fields.parse("at_ms", "time in milliseconds")?,
            traceparent: fields.optional("traceparent").unwrap_or_default(),
        })
    }
}
