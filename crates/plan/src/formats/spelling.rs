//! How each dialect spells a status between the brackets of a box.
//!
//! A dialect without a spelling for a status has none because its own tools would no longer take the line for a task:
//! OpenSpec and spec-kit count `[ ]` and `[x]` only, and so does GitHub.

use super::Format;
use crate::marker::MarkerStatus;

impl Format {
    /// What is written between the brackets for a status; `None` where this dialect cannot say it.
    pub(crate) const fn marker(self, status: MarkerStatus) -> Option<&'static str> {
        use MarkerStatus::{Blocked, Cancelled, Completed, InProgress, Pending};
        match (self, status) {
            (_, Pending) => Some(" "),
            (_, Completed) => Some("x"),
            (Self::Coditect, InProgress) => Some("~"),
            (Self::Coditect, Blocked) => Some("!"),
            (Self::Kiro, InProgress) => Some("-"),
            (Self::Obsidian, InProgress) => Some("/"),
            (Self::Coditect | Self::Obsidian, Cancelled) => Some("-"),
            (_, InProgress | Blocked | Cancelled) => None,
        }
    }

    /// What the text between the brackets means; `None` where it is no marker known here.
    pub(crate) fn status_of(self, marker: &str) -> Option<MarkerStatus> {
        use MarkerStatus::{InProgress, Pending};
        match (self, marker.trim_matches([' ', '\t'])) {
            (Self::Kiro, "-") | (Self::Obsidian, "/") => Some(InProgress),
            // Kiro's mark of a task that waits for its turn.
            (Self::Kiro, "~") => Some(Pending),
            (_, marker) => MarkerStatus::of_marker(marker),
        }
    }
}

/// The words a format that keeps its status in data has for it. One without a word for a status cannot say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Words(&'static [(MarkerStatus, &'static str)]);

impl Words {
    /// Backlog.md's statuses where a project has not set its own.
    pub(crate) const BACKLOG_MD: Self = Self(&[
        (MarkerStatus::Pending, "To Do"),
        (MarkerStatus::InProgress, "In Progress"),
        (MarkerStatus::Completed, "Done"),
    ]);
    /// Those of Task Master.
    pub(crate) const TASK_MASTER: Self = Self(&[
        (MarkerStatus::Pending, "pending"),
        (MarkerStatus::InProgress, "in-progress"),
        (MarkerStatus::Completed, "done"),
        (MarkerStatus::Blocked, "blocked"),
        (MarkerStatus::Cancelled, "cancelled"),
    ]);
    /// ralph's `passes`.
    pub(crate) const PASSES: Self = Self(&[(MarkerStatus::Pending, "false"), (MarkerStatus::Completed, "true")]);
    /// The `status` that some variants of ralph have in place of it.
    pub(crate) const STORY: Self = Self(&[
        (MarkerStatus::Pending, "pending"),
        (MarkerStatus::InProgress, "in_progress"),
        (MarkerStatus::Completed, "done"),
    ]);

    /// The word for a status.
    pub(crate) fn word(self, status: MarkerStatus) -> Option<&'static str> {
        self.0.iter().find(|(s, _)| *s == status).map(|(_, word)| *word)
    }
}

/// What a word of status means, whatever its case and the marks between its parts; `None` where it is not known.
/// Work that waits for a person (a review, a draft) is blocked: nothing may start on it.
pub(crate) fn status_word(text: &str) -> Option<MarkerStatus> {
    let plain: String = text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    Some(match plain.as_str() {
        "todo" | "pending" | "open" | "backlog" | "ready" | "new" | "notstarted" | "planned" => MarkerStatus::Pending,
        "inprogress" | "doing" | "started" | "active" | "wip" => MarkerStatus::InProgress,
        "done" | "complete" | "completed" | "closed" | "finished" | "resolved" => MarkerStatus::Completed,
        "blocked" | "onhold" | "waiting" | "deferred" | "review" | "inreview" | "draft" | "testing" | "paused" => {
            MarkerStatus::Blocked
        }
        "cancelled" | "canceled" | "dropped" | "abandoned" | "wontfix" | "wontdo" | "archived" | "obsolete" => {
            MarkerStatus::Cancelled
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_as_what_was_meant() {
        for words in [Words::BACKLOG_MD, Words::TASK_MASTER, Words::STORY] {
            for status in MarkerStatus::ALL {
                if let Some(word) = words.word(status) {
                    assert_eq!(status_word(word), Some(status), "{word}");
                }
            }
        }
        assert_eq!(status_word("IN-PROGRESS "), Some(MarkerStatus::InProgress));
        assert_eq!(status_word("someday"), None);
    }

    #[test]
    fn every_spelling_reads_back_as_what_was_meant() {
        for format in Format::ALL {
            for status in MarkerStatus::ALL {
                if let Some(marker) = format.marker(status) {
                    assert_eq!(format.status_of(marker), Some(status), "{format} {status}");
                }
            }
        }
    }

    #[test]
    fn a_dash_is_in_progress_for_kiro_and_cancelled_elsewhere() {
        assert_eq!(Format::Kiro.status_of("-"), Some(MarkerStatus::InProgress));
        assert_eq!(Format::Obsidian.status_of("-"), Some(MarkerStatus::Cancelled));
    }
}
