//! An attempt that an executor is to run: ids only, the specification comes with the claim.

use super::Message;
use crate::entry::{Fields, MalformedEntry};

/// The dispatcher assigned a task to a pool of executors.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Work {
    /// The task.
    pub task: String,
    /// The attempt to claim.
    pub attempt: String,
    /// The fencing token of the attempt.
    pub token: i64,
    /// The agent definition that was chosen.
    pub agent: String,
    /// The account whose quota is used.
    pub account: String,
    /// When the attempt must have been claimed, in milliseconds since the epoch.
    pub deadline_ms: i64,
    /// The trace this belongs to (W3C `traceparent`), or empty.
    pub traceparent: String,
}

impl Message for Work {
    fn to_fields(&self) -> Vec<(&'static str, String)> {
        vec![
            ("task", self.task.clone()),
            ("attempt", self.attempt.clone()),
            ("token", self.token.to_string()),
            ("agent", self.agent.clone()),
            ("account", self.account.clone()),
            ("deadline_ms", self.deadline_ms.to_string()),
            ("traceparent", self.traceparent.clone()),
        ]
    }

    fn from_fields(fields: &Fields) -> Result<Self, MalformedEntry> {
        Ok(Self {
            task: fields.text("task")?,
            attempt: fields.text("attempt")?,
            token: fields.parse("token", "whole number")?,
            agent: fields.text("agent")?,
            account: fields.text("account")?,
            deadline_ms: fields.parse("deadline_ms", "time in milliseconds")?,
            traceparent: fields.optional("traceparent").unwrap_or_default(),
        })
    }
}
