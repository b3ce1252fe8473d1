//! The names of things: tasks, attempts, executors.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A task, named by its document and its key in it: `plan/1.2`.
///
/// Both halves are made of `[A-Za-z0-9._@-]` only, so that the whole is also a valid git ref path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(String);

impl TaskId {
    /// The id of the task `key` of the document `document` (its slug).
    #[must_use]
    pub fn new(document: &str, key: &str) -> Self {
        Self(format!("{document}/{key}"))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The slug of the document the task is planned in.
    #[must_use]
    pub fn document(&self) -> &str {
        self.0.split_once('/').map_or("", |(document, _)| document)
    }

    /// The key of the task within its document: what a person calls it.
    #[must_use]
    pub fn key(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(_, key)| key)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no task id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no task id: expected document/key, such as plan/1.2")]
pub struct InvalidTaskId(pub String);

impl FromStr for TaskId {
    type Err = InvalidTaskId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fine = |part: &str| {
            !part.is_empty()
                && !part.starts_with(['.', '-'])
                && !part.ends_with('.')
                && !part.ends_with(".lock")
                && !part.contains("..")
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "._@-".contains(c))
        };
        match text.split_once('/') {
            Some((document, key)) if fine(document) && fine(key) => Ok(Self(text.to_owned())),
            _ => Err(InvalidTaskId(text.to_owned())),
        }
    }
}

/// The slug of a plan document, from its path within the repository: `docs/PLAN.md` is `docs-plan`.
///
/// Deterministic, so that an id means the same task on every machine.
#[must_use]
pub fn document_slug(path: &str) -> String {
    let stem = path.strip_suffix(".md").or_else(|| path.strip_suffix(".json")).unwrap_or(path);
    let mut slug = String::with_capacity(stem.len());
    for c in stem.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_matches('-');
    if slug.is_empty() { "plan".to_owned() } else { slug.to_owned() }
}

/// One try at a task: a UUIDv7, so that attempts sort by the time they were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttemptId(Uuid);

impl AttemptId {
    /// An id from the time it is made at (epoch milliseconds) and ten random bytes.
    #[must_use]
    pub fn from_parts(at_ms: i64, random: &[u8; 10]) -> Self {
        let at_ms = u64::try_from(at_ms).unwrap_or_default();
        Self(uuid::Builder::from_unix_timestamp_millis(at_ms, random).into_uuid())
    }

    /// The W3C `traceparent` of the attempt: one trace per attempt, its id being the attempt's.
    #[must_use]
    pub fn traceparent(&self) -> String {
        let trace = self.0.simple().to_string();
        let span = trace.get(16..).unwrap_or_default();
        format!("00-{trace}-{span}-01")
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// The text is no attempt id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no attempt id: expected a UUID")]
pub struct InvalidAttemptId(pub String);

impl FromStr for AttemptId {
    type Err = InvalidAttemptId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self).map_err(|_| InvalidAttemptId(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_id_names_its_document_and_key() {
        let id: TaskId = "plan/1.2".parse().unwrap();
        assert_eq!((id.document(), id.key()), ("plan", "1.2"));
    }

    #[test]
    fn an_id_that_git_would_refuse_as_a_ref_is_refused() {
        for bad in ["plan", "plan/", "/1", "plan/1..2", "plan/.a", "plan/a.lock", "plan/a b", "plan/a/b", "plan/a."] {
            assert!(bad.parse::<TaskId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_document_is_named_by_its_path() {
        assert_eq!(document_slug("PLAN.md"), "plan");
        assert_eq!(document_slug("docs/TASKLIST-V2.md"), "docs-tasklist-v2");
        assert_eq!(document_slug("../.."), "plan");
    }

    #[test]
    fn attempts_sort_by_time_and_carry_their_trace() {
        let (a, b) = (AttemptId::from_parts(1, &[255; 10]), AttemptId::from_parts(2, &[0; 10]));
        assert!(a < b && a.to_string() < b.to_string());
        assert_eq!(a.traceparent().len(), 55);
        assert_eq!(a.to_string().parse(), Ok(a));
    }
}
