//! The APIs that are played. Each has its own shape of a request, of an answer, of the pieces of a stream, and of a failure.

mod gemini;
mod messages;
mod responses;

use serde_json::{Value, json};

use crate::request::Request;
use crate::scenario::{Fail, Step};

/// What every answer says it used: tokens read.
const READ: u32 = 100;

/// Tokens written.
const WRITTEN: u32 = 20;

/// An API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    /// Anthropic's Messages: Claude Code, opencode.
    Messages,
    /// OpenAI's Responses: Codex.
    Responses,
    /// Gemini's `generateContent`: Gemini CLI.
    Gemini,
}

impl Api {
    /// The answer that a step is; `number` tells it from all others.
    pub(crate) fn answer(self, request: &Request, step: &Step, number: u64) -> Value {
        match self {
            Self::Messages => messages::message(request, step, number),
            Self::Responses => responses::response(request, step, number),
            Self::Gemini => gemini::answer(request, step),
        }
    }

    /// The same answer in the pieces of a stream.
    pub(crate) fn events(self, answer: &Value) -> String {
        match self {
            Self::Messages => messages::events(answer),
            Self::Responses => responses::events(answer),
            // A piece has the shape of the whole, and one may be all.
            Self::Gemini => format!("data: {answer}\r\n\r\n"),
        }
    }

    /// The body of a failure.
    pub(crate) fn failure(self, fail: &Fail) -> Value {
        let Fail { status, kind, message, .. } = fail;
        match self {
            Self::Messages => json!({ "type": "error", "error": { "type": kind, "message": message } }),
            Self::Responses => json!({ "error": { "message": message, "type": kind, "param": null, "code": kind } }),
            Self::Gemini => json!({ "error": { "code": status, "message": message, "status": kind } }),
        }
    }

    /// What is used of the conversation in a request's body: every field with what the agent was told.
    pub(crate) const fn told(self) -> &'static [&'static str] {
        match self {
            Self::Messages => &["system", "messages"],
            Self::Responses => &["instructions", "input"],
            Self::Gemini => &["systemInstruction", "contents"],
        }
    }

    /// How many answers the conversation has so far.
    pub(crate) fn answers(self, body: &Value) -> usize {
        let all = |name: &str| body.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let role = |value: &Value, wanted: &str| value.get("role").and_then(Value::as_str) == Some(wanted);
        match self {
            Self::Messages => all("messages").iter().filter(|message| role(message, "assistant")).count(),
            Self::Gemini => all("contents").iter().filter(|content| role(content, "model")).count(),
            Self::Responses => {
                let call = |item: &&Value| {
                    let kind = item.get("type").and_then(Value::as_str).unwrap_or_default();
                    role(item, "assistant") || kind.ends_with("_call")
                };
                all("input").iter().filter(call).count()
            }
        }
    }
}

/// A value with every text in it filled in.
fn fill(request: &Request, value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(request.fill(text)),
        Value::Array(values) => values.iter().map(|value| fill(request, value)).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), fill(request, value))).collect())
        }
        other => other.clone(),
    }
}

/// Events as they are sent: each with its type as its name.
fn server_sent(events: &[Value]) -> String {
    events
        .iter()
        .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default()))
        .collect()
}
