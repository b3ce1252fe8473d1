//! Reads from an answer that passes by which model gave it, and what it used.
//!
//! The answer is a JSON document or a stream of events with one in each. Nothing of it is kept but a few small values.

use serde_json::Value;

use crate::api::Api;
use crate::scan::{Found, Scanner, Wanted};
use crate::sse::{Events, Part};
use crate::usage::Usage;

/// Bytes of text per token, where tokens have not been counted yet. English has four and more, code about three: rather too many tokens
/// than too few.
pub(crate) const BYTES_PER_TOKEN: u64 = 3;

/// The longest name of a model.
const LONGEST_NAME: usize = 200;

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Model,
    Usage,
    /// What the model writes.
    Text,
    /// An error's word for itself.
    Error,
    /// How long to wait, in an error's details: `34s`.
    Wait,
}

const fn value(path: &'static [&'static str], what: What) -> Wanted<What> {
    Wanted { path, what, only_length: false }
}

const fn text(path: &'static [&'static str]) -> Wanted<What> {
    Wanted { path, what: What::Text, only_length: true }
}

/// <https://docs.anthropic.com/en/api/messages-streaming>: `message_start` has what was read, `message_delta` what was written.
const ANTHROPIC: &[Wanted<What>] = &[
    value(&["model"], What::Model),
    value(&["message", "model"], What::Model),
    value(&["usage"], What::Usage),
    value(&["message", "usage"], What::Usage),
    value(&["error", "type"], What::Error),
    text(&["delta", "text"]),
    text(&["delta", "partial_json"]),
    text(&["delta", "thinking"]),
];

/// <https://platform.openai.com/docs/api-reference/responses-streaming>, and chat completions, whose last event has the usage where it was
/// asked for.
const OPEN_AI: &[Wanted<What>] = &[
    value(&["model"], What::Model),
    value(&["response", "model"], What::Model),
    value(&["usage"], What::Usage),
    value(&["response", "usage"], What::Usage),
    value(&["error", "code"], What::Error),
    value(&["response", "error", "code"], What::Error),
    text(&["delta"]),
    text(&["choices", "delta", "content"]),
    text(&["choices", "delta", "reasoning_content"]),
    text(&["choices", "delta", "tool_calls", "function", "arguments"]),
];

/// <https://ai.google.dev/api/generate-content>: every event has the usage until then.
const GEMINI: &[Wanted<What>] = &[
    value(&["modelVersion"], What::Model),
    value(&["usageMetadata"], What::Usage),
    value(&["error", "status"], What::Error),
    value(&["error", "details", "retryDelay"], What::Wait),
    text(&["candidates", "content", "parts", "text"]),
    text(&["candidates", "content", "parts", "functionCall"]),
];

/// An answer that passes by.
#[derive(Debug)]
pub(crate) struct Tap {
    api: Api,
    scanner: Scanner<What>,
    /// Its events, if it is a stream of them.
    events: Option<Events>,
    seen: Seen,
}

/// What was read.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) model: Option<String>,
    /// What the API has counted so far.
    pub(crate) counted: Option<Usage>,
    /// Bytes of text since.
    uncounted: u64,
    /// The present document has a count.
    has_count: bool,
    pub(crate) error: Option<String>,
    /// How long to wait, in milliseconds.
    pub(crate) wait_ms: Option<i64>,
}

impl Tap {
    /// An answer of this type.
    pub(crate) fn new(api: Api, content_type: &str) -> Self {
        let wanted = match api {
            Api::Anthropic => ANTHROPIC,
            Api::OpenAi => OPEN_AI,
            Api::Gemini => GEMINI,
        };
        let events = content_type.trim_start().starts_with("text/event-stream").then(Events::default);
        Self { api, scanner: Scanner::new(wanted), events, seen: Seen::default() }
    }

    /// Takes the next piece.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let Self { api, scanner, events, seen } = self;
        let Some(events) = events else {
            scanner.feed(bytes, &mut |what, found| seen.take(*api, what, found));
            return;
        };
        events.feed(bytes, &mut |part| match part {
            Part::Data(data) => scanner.feed(data, &mut |what, found| seen.take(*api, what, found)),
            Part::End => {
                scanner.reset();
                seen.document_ends();
            }
        });
    }

    /// The answer has ended.
    pub(crate) fn finish(&mut self) {
        self.seen.document_ends();
    }

    pub(crate) const fn seen(&self) -> &Seen {
        &self.seen
    }
}

impl Seen {
    fn take(&mut self, api: Api, what: What, found: Found<'_>) {
        let value = match found {
            Found::Length(length) => {
                self.uncounted = self.uncounted.saturating_add(length);
                return;
            }
            Found::Value(value) => value,
        };
        let Ok(value) = serde_json::from_slice::<Value>(value) else { return };
        let word = || value.as_str().filter(|word| word.len() <= LONGEST_NAME).map(str::to_owned);
        match what {
            What::Model => self.model = word().or(self.model.take()),
            What::Error => self.error = word().or(self.error.take()),
            What::Wait => self.wait_ms = value.as_str().and_then(crate::quota::duration_ms).or(self.wait_ms),
            What::Usage if value.is_object() => {
                let now = Usage::parse(api, &value);
                self.counted = Some(self.counted.unwrap_or_default().then(api, now));
                self.has_count = true;
            }
            What::Usage | What::Text => {}
        }
    }

    /// What the document says it used includes its own text, wherever in it that stands.
    fn document_ends(&mut self) {
        if std::mem::take(&mut self.has_count) {
            self.uncounted = 0;
        }
    }

    /// The tokens until now: counted by the API where it has, else by the length of the text.
    pub(crate) fn until_now(&self) -> Usage {
        let counted = self.counted.unwrap_or_default();
        let more = if self.has_count { 0 } else { self.uncounted.div_ceil(BYTES_PER_TOKEN) };
        Usage { output: counted.output.saturating_add(more), ..counted }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(api: Api, content_type: &str, pieces: &[&[u8]]) -> Seen {
        let mut tap = Tap::new(api, content_type);
        for piece in pieces {
            tap.feed(piece);
        }
        tap.finish();
        tap.seen().clone()
    }

    fn events(events: &[&str]) -> String {
        events.iter().map(|event| format!("event: x\ndata: {event}\n\n")).collect()
    }

    fn anthropic() -> String {
        events(&[
            r#"{"type":"message_start","message":{"id":"m","model":"claude-sonnet-4-5","usage":{"input_tokens":25,"cache_creation_input_tokens":10,"cache_read_input_tokens":1000,"output_tokens":1}}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"twelve bytes"}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\": 1}"}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":15}}"#,
            r#"{"type":"message_stop"}"#,
        ])
    }

    fn responses() -> String {
        events(&[
            r#"{"type":"response.created","response":{"id":"r","model":"gpt-5","usage":null}}"#,
            r#"{"type":"response.output_text.delta","delta":"words"}"#,
            r#"{"type":"response.completed","response":{"model":"gpt-5","output":[{"content":"words"}],"usage":{"input_tokens":50,"input_tokens_details":{"cached_tokens":20},"output_tokens":9}}}"#,
        ])
    }

    fn chat() -> String {
        events(&[
            r#"{"model":"gpt-4o","choices":[{"delta":{"content":"words"}}],"usage":null}"#,
            r#"{"model":"gpt-4o","choices":[],"usage":{"prompt_tokens":50,"completion_tokens":9,"prompt_tokens_details":{"cached_tokens":20}}}"#,
            "[DONE]",
        ])
    }

    fn gemini() -> String {
        events(&[
            r#"{"usageMetadata":{"promptTokenCount":50,"candidatesTokenCount":2},"candidates":[{"content":{"parts":[{"text":"wo"}]}}],"modelVersion":"gemini-3-pro"}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"rds"}]}}],"usageMetadata":{"promptTokenCount":50,"candidatesTokenCount":5,"thoughtsTokenCount":4,"cachedContentTokenCount":20},"modelVersion":"gemini-3-pro"}"#,
        ])
    }

    fn cases() -> [(Api, String, &'static str, Usage); 4] {
        let usual = Usage { input: 30, output: 9, cache_read: 20, ..Usage::default() };
        let own = Usage { input: 25, output: 15, cache_write: 10, cache_read: 1_000, ..Usage::default() };
        [
            (Api::Anthropic, anthropic(), "claude-sonnet-4-5", own),
            (Api::OpenAi, responses(), "gpt-5", usual),
            (Api::OpenAi, chat(), "gpt-4o", usual),
            (Api::Gemini, gemini(), "gemini-3-pro", usual),
        ]
    }

    #[test]
    fn every_stream_is_understood_wherever_it_is_cut() {
        for (api, stream, model, usage) in cases() {
            for at in 0..=stream.len() {
                let (a, b) = stream.as_bytes().split_at(at);
                let seen = read(api, "text/event-stream; charset=utf-8", &[a, b]);
                assert_eq!((seen.model.as_deref(), seen.counted), (Some(model), Some(usage)), "{api:?} at {at}");
                assert_eq!(seen.until_now(), usage, "{api:?} at {at}");
            }
        }
    }

    #[test]
    fn whole_documents_are_understood_too() {
        let body = r#"{"model":"claude-x","content":[{"text":"usage"}],"usage":{"input_tokens":3,"output_tokens":4}}"#;
        let seen = read(Api::Anthropic, "application/json", &[body.as_bytes()]);
        assert_eq!(seen.until_now(), Usage { input: 3, output: 4, ..Usage::default() });
        // Without `alt=sse`, Gemini streams an array.
        let body = r#"[{"candidates":[{"content":{"parts":[{"text":"ab"}]}}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":1}},
            {"candidates":[{"content":{"parts":[{"text":"ab"}]}}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2}}]"#;
        let seen = read(Api::Gemini, "application/json", &[body.as_bytes()]);
        assert_eq!(seen.until_now(), Usage { input: 3, output: 2, ..Usage::default() });
    }

    #[test]
    fn what_is_not_counted_yet_is_estimated_from_its_text() {
        let stream = anthropic();
        let upto = stream.find("event: x\ndata: {\"type\":\"message_delta\"").unwrap();
        let seen = read(Api::Anthropic, "text/event-stream", &[&stream.as_bytes()[..upto]]);
        // One token at the beginning, and 12 + 10 bytes.
        assert_eq!(
            seen.until_now(),
            Usage { input: 25, output: 1 + 8, cache_write: 10, cache_read: 1_000, ..Usage::default() }
        );
        let stream = responses();
        let upto = stream.find("event: x\ndata: {\"type\":\"response.completed\"").unwrap();
        let seen = read(Api::OpenAi, "text/event-stream", &[&stream.as_bytes()[..upto]]);
        assert_eq!((seen.counted, seen.until_now().output), (None, 2));
    }

    #[test]
    fn errors_say_what_they_are_and_how_long_to_wait() {
        let body =
            r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{"@type":"x"},{"retryDelay":"34.5s"}]}}"#;
        let seen = read(Api::Gemini, "application/json", &[body.as_bytes()]);
        assert_eq!((seen.error.as_deref(), seen.wait_ms), (Some("RESOURCE_EXHAUSTED"), Some(34_500)));
        let body = r#"{"error":{"message":"no money","type":"insufficient_quota","code":"insufficient_quota"}}"#;
        assert_eq!(
            read(Api::OpenAi, "application/json", &[body.as_bytes()]).error.as_deref(),
            Some("insufficient_quota")
        );
    }

    proptest! {
        #[test]
        fn junk_before_between_and_in_the_stream_is_survived(
            junk in prop::collection::vec(any::<u8>().prop_filter("no line break", |b| !b"\r\n".contains(b)), 0..80),
            sizes in prop::collection::vec(1_usize..40, 1..20),
            case in 0_usize..4,
        ) {
            let (api, stream, _, usage) = cases()[case].clone();
            let mut bytes = junk.clone();
            bytes.extend_from_slice(b"\n\n: ");
            bytes.extend_from_slice(&junk);
            bytes.extend_from_slice(b"\n\n");
            bytes.extend_from_slice(stream.as_bytes());
            let (mut pieces, mut rest, mut sizes) = (Vec::new(), bytes.as_slice(), sizes.into_iter().cycle());
            while !rest.is_empty() {
                let (piece, more) = rest.split_at(sizes.next().unwrap().min(rest.len()));
                pieces.push(piece);
                rest = more;
            }
            let seen = read(api, "text/event-stream", &pieces);
            // A line of junk may itself be one of data, but for being this long it has too few characters to count tokens.
            prop_assert_eq!(seen.counted, Some(usage));
        }
    }
}
