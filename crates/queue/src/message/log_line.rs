//! One line of what an agent says while it works.

use super::Message;
use crate::entry::{Fields, MalformedEntry};

/// A line of an attempt's log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogLine {
    /// When it was said, in milliseconds since the epoch.
    pub at_ms: i64,
    /// What it is: the agent's text, a tool it used, its error output, and so on.
    pub kind: String,
    /// The line.
    pub text: String,
}

impl Message for LogLine {
    fn to_fields(&self) -> Vec<(&'static str, String)> {
        vec![("at_ms", self.at_ms.to_string()), ("kind", self.kind.clone()), ("text", self.text.clone())]
    }

    fn from_fields(fields: &Fields) -> Result<Self, MalformedEntry> {
        Ok(Self {
            at_ms: fields.parse("at_ms", "time in milliseconds")?,
            kind: fields.text("kind")?,
            text: fields.text("text")?,
        })
    }
}
