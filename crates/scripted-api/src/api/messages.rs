//! Anthropic's Messages.

use serde_json::{Value, json};

use super::{READ, WRITTEN, fill, server_sent};
use crate::request::Request;
use crate::scenario::Step;

/// The message that a step is.
pub(super) fn message(request: &Request, step: &Step, number: u64) -> Value {
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
pub(super) fn events(message: &Value) -> String {
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
    server_sent(&[
        json!({ "type": "message_start", "message": start }),
        json!({ "type": "content_block_start", "index": 0, "content_block": empty }),
        json!({ "type": "content_block_delta", "index": 0, "delta": delta }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": stop, "usage": { "output_tokens": WRITTEN } }),
        json!({ "type": "message_stop" }),
    ])
}
