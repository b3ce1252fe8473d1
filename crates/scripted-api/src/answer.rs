//! Answers as the API gives them: whole, or as a stream of server-sent events.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::request::Request;
use crate::scenario::{Fail, Step};

/// What every answer says it used.
const READ: u32 = 100;
const WRITTEN: u32 = 20;

/// The message that a step is.
pub(crate) fn message(request: &Request, step: &Step, number: u64) -> Value {
    let (block, reason) = match step {
        Step::Text { text, .. } => (json!({ "type": "text", "text": request.fill(text) }), "end_turn"),
        Step::Tool { tool, input, .. } => {
            let id = format!("toolu_scripted_{number:08}");
            let input = fill(request, input);
            (json!({ "type": "tool_use", "id": id, "name": tool, "input": input }), "tool_use")
        }
    };
    json!({
        "id": format!("msg_scripted_{number:08}"),
        "type": "message",
        "role": "assistant",
        "model": request.model(),
        "content": [block],
        "stop_reason": reason,
        "stop_sequence": null,
        "usage": { "input_tokens": READ, "output_tokens": WRITTEN },
    })
}

/// The same message in the pieces of a stream.
pub(crate) fn events(message: &Value) -> String {
    let mut start = message.clone();
    start["content"] = json!([]);
    start["stop_reason"] = Value::Null;
    start["usage"]["output_tokens"] = json!(1);
    let block = &message["content"][0];
    let (empty, delta) = match block["type"].as_str() {
        Some("tool_use") => {
            let mut empty = block.clone();
            empty["input"] = json!({});
            (empty, json!({ "type": "input_json_delta", "partial_json": block["input"].to_string() }))
        }
        _ => (json!({ "type": "text", "text": "" }), json!({ "type": "text_delta", "text": block["text"] })),
    };
    let stop = json!({ "stop_reason": message["stop_reason"], "stop_sequence": null });
    let events = [
        json!({ "type": "message_start", "message": start }),
        json!({ "type": "content_block_start", "index": 0, "content_block": empty }),
        json!({ "type": "content_block_delta", "index": 0, "delta": delta }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": stop, "usage": { "output_tokens": WRITTEN } }),
        json!({ "type": "message_stop" }),
    ];
    let mut text = String::new();
    for event in events {
        let _ = write!(text, "event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default());
    }
    text
}

/// The body of a failure.
pub(crate) fn failure(fail: &Fail) -> Value {
    json!({ "type": "error", "error": { "type": fail.kind, "message": fail.message } })
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
