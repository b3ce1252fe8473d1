//! The mark between the brackets of a box, and what it means.

use serde::{Deserialize, Serialize};

/// The status a plan gives a task: what its marker says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkerStatus {
    /// `[ ]`, and every marker that is not known.
    Pending,
    /// `[~]` or `[>]`.
    InProgress,
    /// `[x]`, `[X]`, or the slips `[ x]` and `[x ]`.
    Completed,
    /// `[!]`.
    Blocked,
    /// `[-]`.
    Cancelled,
}

impl MarkerStatus {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Pending, Self::InProgress, Self::Completed, Self::Blocked, Self::Cancelled];

    /// The name as it is serialised.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Blocked => "blocked",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing remains to be done: completed or cancelled.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }

    /// What the text between the brackets means; `None` where it is no known marker.
    pub(crate) fn of_marker(marker: &str) -> Option<Self> {
        Some(match marker.trim_matches([' ', '\t']) {
            "" => Self::Pending,
            "x" | "X" => Self::Completed,
            "~" | ">" => Self::InProgress,
            "!" => Self::Blocked,
            "-" => Self::Cancelled,
            _ => return None,
        })
    }

    /// What the words of a `Status:` field mean.
    pub(crate) fn of_words(words: &str) -> Self {
        let tick = words.trim_start_matches(['*', '_', ' ', '\t']).starts_with(['✅', '✔', '☑']);
        let plain = words.trim_start_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        let starts = |heads: &[&str]| heads.iter().any(|head| plain.starts_with(head));
        if starts(&["complete", "done", "finished", "closed", "100%"]) || (tick && plain.is_empty()) {
            Self::Completed
        } else if starts(&["in progress", "in-progress", "in_progress", "started", "wip", "active", "ongoing"]) {
            Self::InProgress
        } else if starts(&["blocked", "waiting", "on hold"]) {
            Self::Blocked
        } else if starts(&["cancel", "dropped", "skipped", "abandoned"]) {
            Self::Cancelled
        } else {
            Self::Pending
        }
    }

    /// The words a `Status:` field gets for this status when the document shows no wording of its own.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Pending => "Not Started",
            Self::InProgress => "In Progress",
            Self::Completed => "Completed",
            Self::Blocked => "Blocked",
            Self::Cancelled => "Cancelled",
        }
    }
}

impl std::fmt::Display for MarkerStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is no status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no status: expected pending, in_progress, completed, blocked or cancelled")]
pub struct UnknownStatus(String);

impl std::str::FromStr for MarkerStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.trim().to_ascii_lowercase().replace('-', "_");
        Self::ALL.into_iter().find(|s| s.as_str() == name).ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_reads_back_from_its_words_and_name() {
        for status in MarkerStatus::ALL {
            assert_eq!(MarkerStatus::of_words(status.words()), status);
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
    }

    #[test]
    fn slips_and_capitals_are_done_and_unknown_markers_are_nothing() {
        for done in ["x", "X", " x", "x "] {
            assert_eq!(MarkerStatus::of_marker(done), Some(MarkerStatus::Completed));
        }
        assert_eq!(MarkerStatus::of_marker("?"), None);
        assert_eq!(MarkerStatus::of_marker("✅"), None);
    }

    #[test]
    fn status_words_are_read_through_their_decoration() {
        for (words, status) in [
            ("✅ **COMPLETE**", MarkerStatus::Completed),
            ("✅", MarkerStatus::Completed),
            ("Done (2025-01-02)", MarkerStatus::Completed),
            ("Not Started", MarkerStatus::Pending),
            ("80% complete", MarkerStatus::Pending),
            ("🔄 In Progress", MarkerStatus::InProgress),
            ("⏸️ Blocked by legal", MarkerStatus::Blocked),
        ] {
            assert_eq!(MarkerStatus::of_words(words), status, "{words}");
        }
    }
}
