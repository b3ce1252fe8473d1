//! Gemini's `generateContent` and `streamGenerateContent`.

use serde_json::{Value, json};

use super::{READ, WRITTEN, fill};
use crate::request::Request;
use crate::scenario::Step;

/// The answer that a step is.
pub(super) fn answer(request: &Request, step: &Step) -> Value {
    let part = match step {
        Step::Text { text, .. } => json!({ "text": request.fill(text) }),
        Step::Tool { tool, input, .. } => json!({ "functionCall": { "name": tool, "args": fill(request, input) } }),
    };
    json!({
        "candidates": [{ "content": { "role": "model", "parts": [part] }, "finishReason": "STOP", "index": 0 }],
        "usageMetadata": {
            "promptTokenCount": READ,
            "candidatesTokenCount": WRITTEN,
            "totalTokenCount": READ + WRITTEN,
        },
        "modelVersion": request.model(),
    })
}
