//! What a run that has ended means for its task.
//!
//! Exit code 1 is every failure, and `success` with `is_error` is a failure of the API, so the order of the questions
//! matters. Whether we ended the run ourselves is asked before all of them, by the caller.

use coditect_core::FailureClass as Class;

use super::event::{Trouble, Verdict};
use super::session::is_account_error;
use crate::git::tail;
use crate::job::Failure;
use crate::run::{End, Ended};

/// How much of standard error a message repeats.
const TAIL: usize = 2_000;

/// What the program says where the service cannot be reached, or what it answers is no answer.
const UNREACHABLE: [&str; 5] =
    ["Request timed out", "empty or malformed response", "JSON Parse error", "Connection error", "Unable to connect"];

/// What was seen of a run.
#[derive(Debug, Default)]
pub struct Seen {
    /// It began to work.
    pub started: bool,
    /// The last result: the one that counts.
    pub verdict: Option<Verdict>,
    /// The last error of the API that the agent told of.
    pub trouble: Option<Trouble>,
    /// The error it was stopped for, as no retry mends it.
    pub refused: Option<String>,
    /// The account's quota was said to be used up.
    pub exhausted: bool,
    /// When it is there again.
    pub reset_at_ms: Option<i64>,
}

/// Why the run is no success; none if it is one.
#[must_use]
pub fn failure(seen: &Seen, ended: &Ended) -> Option<Failure> {
    if let Some(error) = &seen.refused {
        let message = format!("the API refuses the account's credential ({error}): renew it, or its bill");
        return Some(Failure::auth(message));
    }
    let Some(verdict) = &seen.verdict else { return Some(without_result(seen, ended)) };
    if let Some(reason) = &verdict.startup_failure {
        return Some(Failure::config(format!("Claude Code did not start ({reason}): {}", verdict.text)));
    }
    if !verdict.is_error && verdict.subtype == "success" {
        return (ended.end != End::Exited || ended.code != Some(0)).then(|| {
            let message = format!("Claude Code reported success, and then ended with {}", ended.status());
            Failure::new(Class::AgentError, with_tail(message, ended))
        });
    }
    if !seen.started && verdict.turns == 0 {
        return Some(Failure::config(format!("Claude Code did not start: {}", words(verdict, ended))));
    }
    let said = words(verdict, ended);
    Some(match (verdict.subtype.as_str(), verdict.terminal_reason.as_str()) {
        ("error_max_turns", _) | (_, "max_turns") => {
            Failure::new(Class::TurnLimit, format!("the agent used all its turns: {said}"))
        }
        ("error_max_budget_usd", _) | (_, "budget_exhausted") => {
            Failure::new(Class::BudgetExceeded, format!("the attempt's budget is spent: {said}"))
        }
        ("success", _) => api_error(seen, verdict, &said),
        (subtype, reason) => {
            let what = if reason.is_empty() { subtype.to_owned() } else { format!("{subtype}, {reason}") };
            Failure::new(Class::AgentError, format!("the agent failed ({what}): {said}"))
        }
    })
}

/// A process that ended without saying what came of it.
fn without_result(seen: &Seen, ended: &Ended) -> Failure {
    if seen.exhausted {
        return rate_limited("the account's quota is used up", seen.reset_at_ms);
    }
    if !seen.started && ended.code == Some(1) {
        return Failure::config(with_tail("Claude Code did not start".to_owned(), ended));
    }
    Failure::new(Class::AgentError, with_tail(format!("Claude Code ended with {} in its work", ended.status()), ended))
}

/// Whether the conversation itself is more than the API takes: to go on with it would fail again.
pub fn is_too_much(verdict: &Verdict) -> bool {
    matches!(verdict.terminal_reason.as_str(), "prompt_too_long" | "blocking_limit" | "image_error")
}

/// The API failed, and the program gave up.
fn api_error(seen: &Seen, verdict: &Verdict, said: &str) -> Failure {
    let trouble = seen.trouble.clone().unwrap_or_default();
    let error = trouble.error.as_str();
    let status = verdict.status.or(trouble.status);
    let text = verdict.text.as_str();
    let no_login = status.is_none() && text.contains("Not logged in");
    if matches!(status, Some(401..=403))
        || is_account_error(error)
        || no_login
        || text.contains("specified API usage limits")
    {
        return Failure::auth(format!("the API refuses the account: {said}"));
    }
    if status == Some(429) || error == "rate_limit" || verdict.api_error == "usage_limit_reached" || seen.exhausted {
        return rate_limited(&format!("the account's limit is reached: {said}"), seen.reset_at_ms);
    }
    if verdict.stop_reason == "refusal" {
        return Failure::new(Class::AgentError, format!("the model refuses the task: {said}"));
    }
    if verdict.api_error == "max_output_tokens" || error == "max_output_tokens" {
        return Failure::new(Class::AgentError, format!("the model's answer was too long: {said}"));
    }
    if error == "model_not_found" || status == Some(404) {
        let message = format!("the model is not to be had; set executor.claude.model or the agent's own: {said}");
        return Failure::config(message);
    }
    if is_too_much(verdict) || matches!(status, Some(400..=499)) || (status.is_none() && error == "invalid_request") {
        return Failure::new(Class::AgentError, format!("the API refuses the request: {said}"));
    }
    if status == Some(529) || verdict.api_error_type == "overloaded_error" || error == "overloaded" {
        return Failure::new(Class::Overloaded, format!("the model's service is overloaded: {said}"));
    }
    if matches!(status, Some(500..)) {
        return Failure::new(Class::Overloaded, format!("the model's service fails: {said}"));
    }
    let unreachable = verdict.api_error == "connection_failed" || UNREACHABLE.iter().any(|words| text.contains(words));
    if unreachable {
        return Failure::new(Class::Overloaded, format!("the model's service cannot be reached: {said}"));
    }
    Failure::new(Class::AgentError, format!("the agent failed: {said}"))
}

fn rate_limited(message: &str, reset_at_ms: Option<i64>) -> Failure {
    Failure { reset_at_ms, ..Failure::new(Class::RateLimited, message) }
}

/// The last words, or what else there is.
fn words(verdict: &Verdict, ended: &Ended) -> String {
    match verdict.text.trim() {
        "" => with_tail(ended.status(), ended),
        said => tail(said, TAIL).to_owned(),
    }
}

fn with_tail(message: String, ended: &Ended) -> String {
    // Its standard output is events, which the log has.
    match tail(&ended.stderr_tail, TAIL) {
        "" => message,
        end => format!("{message}:\n{end}"),
    }
}
