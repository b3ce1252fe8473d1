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

#[cfg(test)]
mod tests {
    use super::*;

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
