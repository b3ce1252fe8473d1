//! What an API's no means for a task, where a program tells it as a status and a text. Claude Code has words of its own for it, and
//! its own [`super::claude::classify`].

use coditect_core::FailureClass as Class;

use crate::job::Failure;

/// An error of the API, as a program tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Trouble {
    /// The HTTP status; none where there was no answer, or the program does not say.
    pub(super) status: Option<i64>,
    /// What was said.
    pub(super) text: String,
}

/// What says that the account is not paid, whatever the status: no pause mends it.
const BILLING: [&str; 5] = ["insufficient_quota", "billing", "credit balance", "payment required", "spend limit"];

/// What says that a quota is used up, where there is no status.
const LIMITED: [&str; 6] =
    ["usage limit", "rate limit", "rate_limit", "resource_exhausted", "too many requests", "exhausted your"];

/// What says that the credential is none.
const REFUSED: [&str; 5] =
    ["unauthenticated", "authentication_error", "invalid_api_key", "api key not valid", "incorrect api key"];

/// What says that the service cannot be reached or does not answer as it should.
const UNREACHABLE: [&str; 14] = [
    "overloaded",
    "stream disconnected",
    "error sending request",
    "connection",
    "fetch failed",
    "econn",
    "socket",
    "timed out",
    "timeout",
    "is not valid json",
    "json parsing failed",
    "invalid json",
    "unavailable",
    "at capacity",
];

impl Trouble {
    /// What is told in one text.
    pub(super) fn told(text: &str) -> Self {
        Self { status: status_in(text), text: text.to_owned() }
    }

    pub(super) fn class(&self) -> Class {
        let text = self.text.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        match self.status {
            Some(402) => Class::Auth,
            Some(400..=499) if says(&BILLING) => Class::Auth,
            Some(401 | 403) => Class::Auth,
            Some(429) => Class::RateLimited,
            Some(404) => Class::Config,
            Some(408 | 409 | 425) => Class::Overloaded,
            Some(400..=499) if says(&REFUSED) => Class::Auth,
            Some(400..=499) => Class::AgentError,
            Some(500..) => Class::Overloaded,
            _ if says(&BILLING) => Class::Auth,
            _ if says(&LIMITED) => Class::RateLimited,
            _ if says(&REFUSED) => Class::Auth,
            _ if text.contains("model") && (says(&["not found", "does not exist", "not supported"])) => Class::Config,
            // Gemini CLI says no more of a model that is not to be had.
            _ if text.contains("models/") && text.contains("is not found") => Class::Config,
            _ if says(&UNREACHABLE) => Class::Overloaded,
            _ => Class::AgentError,
        }
    }

    /// Why the run is no success. `setting` is where its runtime is configured.
    pub(super) fn failure(&self, setting: &str) -> Failure {
        let said = super::progress::beginning(self.text.trim(), 2_000);
        let class = self.class();
        let message = match class {
            Class::Auth => format!("the API refuses the account: {said}"),
            Class::RateLimited => format!("the account's limit is reached: {said}"),
            Class::Config => format!("the model is not to be had; set {setting}.model: {said}"),
            Class::Overloaded => format!("the model's service fails or cannot be reached: {said}"),
            _ => format!("the agent failed: {said}"),
        };
        Failure::new(class, message)
    }
}

/// A status that a text names: `unexpected status 401 Unauthorized`, `last status: 429`, `{"error":{"code":503,…`.
fn status_in(text: &str) -> Option<i64> {
    let number = |rest: &str| {
        let rest = rest.trim_start_matches([':', '"', ' ', '=']);
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest.get(..digits)?.parse::<i64>().ok().filter(|status| (400..=599).contains(status))
    };
    ["status", "\"code\""]
        .iter()
        .find_map(|word| text.match_indices(word).find_map(|(at, _)| number(text.get(at + word.len()..)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_say_of_an_api_is_told_apart() {
        for (said, class) in [
            ("unexpected status 401 Unauthorized: no, url: http://127.0.0.1:1/v1/responses", Class::Auth),
            (r#"[API Error: {"error":{"code":401,"message":"no","status":"UNAUTHENTICATED"}}]"#, Class::Auth),
            (r#"[API Error: {"error":{"code":400,"message":"API key not valid."}}]"#, Class::Auth),
            ("Quota exceeded. Check your plan and billing details.", Class::Auth),
            ("Reconnecting... 1/5 (exceeded retry limit, last status: 429 Too Many Requests)", Class::RateLimited),
            ("You’ve hit your usage limit. Try again later.", Class::RateLimited),
            (r#"[API Error: {"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}]"#, Class::RateLimited),
            ("unexpected status 503 Service Unavailable: Overloaded, url: http://127.0.0.1:1", Class::Overloaded),
            ("stream disconnected before completion: stream closed before response.completed", Class::Overloaded),
            ("[API Error: Unexpected token '<', \"<html>\"... is not valid JSON]", Class::Overloaded),
            ("unexpected status 404 Not Found: The model `x` does not exist", Class::Config),
            ("[API Error: models/x is not found]", Class::Config),
            (r#"{"error":{"message":"no","code":400}}"#, Class::AgentError),
            ("the model refuses", Class::AgentError),
        ] {
            assert_eq!(Trouble::told(said).class(), class, "{said}");
        }
    }
}
