//! One line of the event stream. What is not known, or not as expected, is left out and never an error: the stream
//! gains types and fields every few weeks, and the order of keys is not stable.

use serde_json::Value;

use crate::runtime::{Progress, Spent};

/// A line that is an event.
#[derive(Debug, Clone)]
pub struct Event(Value);

/// What is used of a `result`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verdict {
    /// `success`, `error_max_turns`, …
    pub subtype: String,
    /// It is an error, whatever the subtype says.
    pub is_error: bool,
    /// The last words.
    pub text: String,
    /// The HTTP status of the API's last answer, if that was an error.
    pub status: Option<i64>,
    /// The API's own name for the error.
    pub api_error_type: String,
    /// The program's name for it.
    pub api_error: String,
    /// Why the run was over.
    pub terminal_reason: String,
    /// Why the model stopped.
    pub stop_reason: String,
    /// Why the program did not start to work.
    pub startup_failure: Option<String>,
    /// The tools that were not allowed.
    pub denied: Vec<String>,
    /// What was used since the process started.
    pub spent: Spent,
    /// How many times the model was called.
    pub turns: i64,
}

/// What is used of a synthetic answer that tells of an error of the API.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trouble {
    /// `authentication_failed`, `rate_limit`, …
    pub error: String,
    /// The HTTP status.
    pub status: Option<i64>,
    /// When the quota is there again.
    pub reset_at_ms: Option<i64>,
}

impl Event {
    /// Reads a line; none if it is no JSON object.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(line.trim_ascii()).ok()?;
        value.is_object().then_some(Self(value))
    }

    /// The type, and the subtype or nothing.
    #[must_use]
    pub fn kind(&self) -> (&str, &str) {
        (text(&self.0, "type"), text(&self.0, "subtype"))
    }

    /// What began, of a `system/init`: the program's version and the model.
    #[must_use]
    pub fn started(&self) -> (String, String) {
        (text(&self.0, "claude_code_version").to_owned(), text(&self.0, "model").to_owned())
    }

    /// The conversation's id.
    #[must_use]
    pub fn session_id(&self) -> Option<String> {
        Some(text(&self.0, "session_id")).filter(|id| !id.is_empty()).map(str::to_owned)
    }

    /// What a request failed with, of a `system/api_retry`.
    #[must_use]
    pub fn retry(&self) -> Progress {
        Progress::Retry {
            attempt: number(&self.0, "attempt").unwrap_or_default(),
            of: number(&self.0, "max_retries").unwrap_or_default(),
            delay_ms: number(&self.0, "retry_delay_ms").unwrap_or_default(),
            status: number(&self.0, "error_status"),
            error: text(&self.0, "error").to_owned(),
        }
    }

    /// Of a `system/permission_denied`.
    #[must_use]
    pub fn denied(&self) -> Progress {
        // What follows is advice for the model.
        let why = text(&self.0, "message").split(" IMPORTANT:").next().unwrap_or_default().to_owned();
        Progress::Denied { tool: text(&self.0, "tool_name").to_owned(), why }
    }

    /// Of a `system/model_fallback`.
    #[must_use]
    pub fn fallback(&self) -> Progress {
        let (from, to) = (text(&self.0, "original_model"), text(&self.0, "fallback_model"));
        Progress::Note(format!("the model {from} is not to be had; {to} goes on"))
    }

    /// Of a `rate_limit_event`; none while nothing is near its end.
    #[must_use]
    pub fn limit(&self) -> Option<Progress> {
        let info = self.0.get("rate_limit_info")?;
        let exhausted = match text(info, "status") {
            "rejected" => true,
            "allowed_warning" => false,
            _ => return None,
        };
        let used = info.get("utilization").and_then(Value::as_f64);
        let used = used.map_or_else(String::new, |used| format!(", {:.0} % used", used * 100.0));
        let what = format!("{}{used}", text(info, "rateLimitType").replace('_', " "));
        Some(Progress::Limit { exhausted, what, reset_at_ms: reset(info) })
    }

    /// The error that an `assistant` event tells of, if it does.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        let error = text(&self.0, "error");
        let synthetic = self.0.pointer("/message/model").and_then(Value::as_str) == Some("<synthetic>");
        if error.is_empty() && !synthetic {
            return None;
        }
        let info = self.0.pointer("/api_error_params/rate_limit_info");
        Some(Trouble {
            error: error.to_owned(),
            status: number(&self.0, "api_error_status"),
            reset_at_ms: info.and_then(reset),
        })
    }

    /// What an `assistant` event says and does.
    #[must_use]
    pub fn said(&self) -> Vec<Progress> {
        let block = |block: &Value| match text(block, "type") {
            "text" => Some(Progress::Text(text(block, "text").to_owned())),
            "tool_use" => Some(Progress::Tool {
                name: text(block, "name").to_owned(),
                input: block.get("input").map(tool_input).unwrap_or_default(),
            }),
            _ => None,
        };
        self.blocks().iter().filter_map(block).collect()
    }

    /// What tools answered, of a `user` event.
    #[must_use]
    pub fn answered(&self) -> Vec<Progress> {
        let block = |block: &Value| {
            (text(block, "type") == "tool_result").then(|| Progress::Answer {
                failed: block.get("is_error").and_then(Value::as_bool).unwrap_or_default(),
                text: block.get("content").map(content).unwrap_or_default(),
            })
        };
        self.blocks().iter().filter_map(block).collect()
    }

    /// The message's id and what it used, of an `assistant` event. What was written is not final there.
    #[must_use]
    pub fn used(&self) -> Option<(&str, i64, i64)> {
        let message = self.0.get("message")?;
        let usage = message.get("usage")?;
        let read = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"];
        let read = read.iter().filter_map(|name| number(usage, name)).fold(0, i64::saturating_add);
        Some((text(message, "id"), read, number(usage, "output_tokens").unwrap_or_default()))
    }

    /// Of a `result`.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let value = &self.0;
        let texts = |name: &str, of: fn(&Value) -> Option<&str>| -> Vec<String> {
            let all = value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            all.iter().filter_map(of).map(str::to_owned).collect()
        };
        let mut said = text(value, "result").to_owned();
        if said.is_empty() {
            said = texts("errors", Value::as_str).join("\n");
        }
        Verdict {
            subtype: text(value, "subtype").to_owned(),
            is_error: value.get("is_error").and_then(Value::as_bool).unwrap_or_default(),
            text: said,
            status: number(value, "api_error_status"),
            api_error_type: text(value, "api_error_type").to_owned(),
            api_error: text(value, "api_error").to_owned(),
            terminal_reason: text(value, "terminal_reason").to_owned(),
            stop_reason: text(value, "stop_reason").to_owned(),
            startup_failure: value.get("startup_failure_reason").and_then(Value::as_str).map(str::to_owned),
            denied: texts("permission_denials", |denial| denial.get("tool_name")?.as_str()),
            spent: spent(value),
            turns: number(value, "num_turns").unwrap_or_default(),
        }
    }

    fn blocks(&self) -> &[Value] {
        self.0.pointer("/message/content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The sums over all models of what was used since the process started; the `usage` beside it is the last turn's.
fn spent(result: &Value) -> Spent {
    let models: Vec<&Value> =
        result.get("modelUsage").and_then(Value::as_object).map(|all| all.values().collect()).unwrap_or_default();
    let sum = |names: &[&str]| {
        let each = models.iter().flat_map(|model| names.iter().filter_map(|name| number(model, name)));
        each.reduce(i64::saturating_add)
    };
    let costs = models.iter().filter_map(|model| model.get("costUSD").and_then(Value::as_f64));
    let cost = costs.reduce(|a, b| a + b).or_else(|| result.get("total_cost_usd").and_then(Value::as_f64));
    Spent {
        cost_usd: cost.filter(|cost| cost.is_finite() && *cost >= 0.0),
        tokens_in: sum(&["inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens"]),
        tokens_out: sum(&["outputTokens"]),
    }
}

/// What a tool is given, in the word that says most; else all of it.
fn tool_input(input: &Value) -> String {
    let telling = ["command", "file_path", "path", "pattern", "url", "query", "prompt", "description"];
    let word = telling.iter().map(|name| text(input, name)).find(|value| !value.is_empty());
    match word {
        Some(word) => word.to_owned(),
        None if input.as_object().is_some_and(serde_json::Map::is_empty) => String::new(),
        None => input.to_string(),
    }
}

/// The text of a tool's answer: a string or blocks of it.
fn content(value: &Value) -> String {
    match value {
        Value::String(said) => said.clone(),
        Value::Array(blocks) => blocks.iter().map(|block| text(block, "text")).collect::<Vec<_>>().join("\n"),
        _ => String::new(),
    }
}

/// The time a quota is there again.
fn reset(info: &Value) -> Option<i64> {
    number(info, "resetsAt").filter(|seconds| *seconds > 0).map(|seconds| seconds.saturating_mul(1_000))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A whole number, or one that was written with a fraction.
fn number(value: &Value, name: &str) -> Option<i64> {
    let value = value.get(name)?;
    value.as_i64().or_else(|| value.as_f64().filter(|number| number.is_finite()).map(|number| number as i64))
}
