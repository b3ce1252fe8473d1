//! What an executor reports about an attempt or an account.

use std::fmt;
use std::str::FromStr;

use coditect_core::FailureClass;

use super::{Message, or_empty};
use crate::entry::{Fields, MalformedEntry};

/// What a result entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ResultKind {
    /// The attempt goes on and came to a new stage.
    #[default]
    Progress,
    /// The attempt is over.
    Finished,
    /// The account's quota or credential changed, whatever the attempt does.
    Account,
}

impl ResultKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Progress, Self::Finished, Self::Account];

    /// The name in the stream.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Progress => "progress",
            Self::Finished => "finished",
            Self::Account => "account",
        }
    }
}

impl fmt::Display for ResultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no kind of result.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no kind of result: expected progress, finished or account")]
pub struct UnknownResultKind(pub String);

impl FromStr for ResultKind {
    type Err = UnknownResultKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| UnknownResultKind(text.to_owned()))
    }
}

/// A report of an executor. It is recorded in any case, and applied only while its token is the current one.
///
/// An optional text that is empty travels as one that is not there.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ResultEntry {
    /// The task.
    pub task: String,
    /// The attempt.
    pub attempt: String,
    /// The fencing token the attempt was claimed with.
    pub token: i64,
    /// What the entry is about.
    pub kind: ResultKind,
    /// The stage reached, or how it ended.
    pub outcome: String,
    /// Why the attempt failed, if it did.
    pub failure: Option<FailureClass>,
    /// The account whose quota was used, or empty.
    pub account: String,
    /// When the account's quota is there again, in milliseconds since the epoch.
    pub reset_at_ms: Option<i64>,
    /// What the attempt has cost so far, in US dollars.
    pub cost_usd: Option<f64>,
    /// Tokens read by the model so far.
    pub tokens_in: Option<i64>,
    /// Tokens written by the model so far.
    pub tokens_out: Option<i64>,
    /// The commit of the result.
    pub commit: Option<String>,
    /// The commit of a result that is held for a person.
    pub held: Option<String>,
    /// The commit of a result that was left on a branch to be merged by others.
    pub delivered: Option<String>,
    /// The branch that either was published on.
    pub branch: Option<String>,
    /// Where the evidence is (a reference), or a little of it as compact JSON.
    pub evidence: Option<String>,
    /// What there is to say to a person, or empty.
    pub message: String,
    /// The trace this belongs to (W3C `traceparent`), or empty.
    pub traceparent: String,
}

/// What stands for evidence that was uploaded.
#[must_use]
pub fn evidence_reference(attempt: &str) -> String {
    format!("uploaded:{attempt}")
}

/// Whether evidence is elsewhere.
#[must_use]
pub fn is_evidence_reference(evidence: &str) -> bool {
    evidence.starts_with("uploaded:")
}

impl Message for ResultEntry {
    fn to_fields(&self) -> Vec<(&'static str, String)> {
        vec![
            ("task", self.task.clone()),
            ("attempt", self.attempt.clone()),
            ("token", self.token.to_string()),
            ("kind", self.kind.to_string()),
            ("outcome", self.outcome.clone()),
            ("failure", or_empty(self.failure.as_ref())),
            ("account", self.account.clone()),
            ("reset_at_ms", or_empty(self.reset_at_ms.as_ref())),
            ("cost_usd", or_empty(self.cost_usd.filter(|cost| cost.is_finite()).as_ref())),
            ("tokens_in", or_empty(self.tokens_in.as_ref())),
            ("tokens_out", or_empty(self.tokens_out.as_ref())),
            ("commit", or_empty(self.commit.as_ref())),
            ("held", or_empty(self.held.as_ref())),
            ("delivered", or_empty(self.delivered.as_ref())),
            ("branch", or_empty(self.branch.as_ref())),
            ("evidence", or_empty(self.evidence.as_ref())),
            ("message", self.message.clone()),
            ("traceparent", self.traceparent.clone()),
        ]
    }

    fn from_fields(fields: &Fields) -> Result<Self, MalformedEntry> {
        let cost_usd: Option<f64> = fields.parse_optional("cost_usd", "amount")?;
        Ok(Self {
            task: fields.text("task")?,
            attempt: fields.text("attempt")?,
            token: fields.parse("token", "whole number")?,
            kind: fields.parse("kind", "kind of result")?,
            outcome: fields.optional("outcome").unwrap_or_default(),
            failure: fields.parse_optional("failure", "failure class")?,
            account: fields.optional("account").unwrap_or_default(),
            reset_at_ms: fields.parse_optional("reset_at_ms", "time in milliseconds")?,
            cost_usd: cost_usd.filter(|cost| cost.is_finite()),
            tokens_in: fields.parse_optional("tokens_in", "whole number")?,
            tokens_out: fields.parse_optional("tokens_out", "whole number")?,
            commit: fields.optional("commit"),
            held: fields.optional("held"),
            delivered: fields.optional("delivered"),
            branch: fields.optional("branch"),
            evidence: fields.optional("evidence"),
            message: fields.optional("message").unwrap_or_default(),
            traceparent: fields.optional("traceparent").unwrap_or_default(),
        })
    }
}
