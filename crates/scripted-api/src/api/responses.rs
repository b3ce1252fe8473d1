//! OpenAI's Responses.

use serde_json::{Value, json};

use super::{READ, WRITTEN, fill, server_sent};
use crate::request::Request;
use crate::scenario::Step;

/// The response that a step is.
pub(super) fn response(request: &Request, step: &Step, number: u64) -> Value {
    let item = match step {
        Step::Text { text, .. } => json!({
            "type": "message",
            "id": format!("msg_scripted_{number:08}"),
            "role": "assistant",
            "status": "completed",
            "content": [{ "type": "output_text", "text": request.fill(text), "annotations": [] }],
        }),
        Step::Tool { tool, input, .. } => json!({
            "type": "function_call",
            "id": format!("fc_scripted_{number:08}"),
            "call_id": format!("call_scripted_{number:08}"),
            "name": tool,
            "arguments": fill(request, input).to_string(),
            "status": "completed",
        }),
    };
    json!({
        "id": format!("resp_scripted_{number:08}"),
        "object": "response",
        "created_at": 1_700_000_000,
        "status": "completed",
        "model": request.model(),
        "output": [item],
        "usage": {
            "input_tokens": READ,
            "input_tokens_details": { "cached_tokens": 0 },
            "output_tokens": WRITTEN,
            "output_tokens_details": { "reasoning_tokens": 0 },
            "total_tokens": READ + WRITTEN,
        },
    })
}

/// The same response in the pieces of a stream.
pub(super) fn events(response: &Value) -> String {
    let mut begun = response.clone();
    begun["status"] = json!("in_progress");
    begun["output"] = json!([]);
    begun["usage"] = Value::Null;
    let item = &response["output"][0];
    server_sent(&[
        json!({ "type": "response.created", "sequence_number": 0, "response": begun }),
        json!({ "type": "response.output_item.added", "sequence_number": 1, "output_index": 0, "item": item }),
        json!({ "type": "response.output_item.done", "sequence_number": 2, "output_index": 0, "item": item }),
        json!({ "type": "response.completed", "sequence_number": 3, "response": response }),
    ])
}
