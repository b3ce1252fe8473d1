//! The one live line below the log, on a terminal.

use std::io::IsTerminal;

use coditect_proto::v1::Status;
use indicatif::{ProgressBar, ProgressStyle};

use super::children::Printer;

/// The line.
#[derive(Debug)]
pub(crate) struct Progress(Option<ProgressBar>);

impl Progress {
    /// A line below what the printer prints; none where standard error is no terminal.
    pub(crate) fn new(printer: Printer) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = printer.0.add(ProgressBar::new(0));
        if let Ok(style) = ProgressStyle::with_template("{bar:30.green} {msg}") {
            bar.set_style(style);
        }
        Self(Some(bar))
    }

    /// Shows how it stands.
    pub(crate) fn show(&self, status: &Status) {
        let Some(bar) = &self.0 else { return };
        bar.set_length(u64::try_from(status.total).unwrap_or(0));
        bar.set_position(u64::try_from(count(status, &["completed"])).unwrap_or(0));
        bar.set_message(words(status));
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// How it stands, in one line of words.
pub(crate) fn words(status: &Status) -> String {
    let mut words = format!("{}/{} done", count(status, &["completed"]), status.total);
    for (states, name) in [
        (&["assigned", "running", "verifying", "landing"][..], "running"),
        (&["ready"], "ready"),
        (&["waiting_retry"], "to be retried"),
        (&["pending"], "waiting"),
        (&["needs_human", "failed"], "need you"),
    ] {
        let number = count(status, states);
        if number > 0 {
            words.push_str(&format!(" · {number} {name}"));
        }
    }
    if status.paused {
        words.push_str(" · paused");
    }
    words
}

/// How many tasks are in any of the states.
pub(crate) fn count(status: &Status, states: &[&str]) -> i64 {
    states.iter().filter_map(|state| status.by_state.get(*state)).sum()
}
