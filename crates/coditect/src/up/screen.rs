//! What a person sees of a run: lines of all processes in one stream, and below them one that tells how it stands.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use coditect_proto::v1;
use indicatif::{ProgressBar, ProgressStyle};
use owo_colors::{AnsiColors, OwoColorize};

use crate::commands::status;

/// The width of the names in front of lines.
const WIDTH: usize = 19;

/// Standard error, shared by everyone. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    bar: Option<ProgressBar>,
    said: Arc<AtomicBool>,
}

impl Screen {
    /// With a live line if standard error is a terminal; with a bar in it if there is an end to wait for.
    pub(super) fn new(has_end: bool) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            let template = if has_end { "{spinner} [{bar:24}] {msg}" } else { "{spinner} {msg}" };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.set_message("starting");
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { bar, said: Arc::default() }
    }

    /// A line that a process printed.
    pub(super) fn child(&self, name: &str, line: &str) {
        // Services begin their lines with their name, in which they would stand twice.
        let line = line.strip_prefix(name).map_or(line, str::trim_start);
        self.write(format_args!("{} {line}", format!("{name:<WIDTH$}").color(colour(name))));
    }

    /// A line of our own.
    pub(super) fn say(&self, text: impl Display) {
        self.write(format_args!("{} {text}", format!("{:<WIDTH$}", "coditect").bold()));
    }

    /// A line of our own that is said once until the work moves on.
    pub(super) fn once(&self, text: &str) {
        if !self.said.swap(true, Ordering::Relaxed) {
            self.say(text);
        }
    }

    /// How it stands.
    pub(super) fn progress(&self, status: &v1::Status) {
        if !status.done && !status.stuck {
            self.said.store(false, Ordering::Relaxed);
        }
        let Some(bar) = &self.bar else { return };
        let count = |state: &str| status.by_state.get(state).copied().unwrap_or(0);
        let over = count("cancelled") + count("retired");
        bar.set_length(u64::try_from(status.total - over).unwrap_or(0));
        bar.set_position(u64::try_from(count("completed") + count("skipped")).unwrap_or(0));
        bar.set_message(status::line(status));
    }

    /// Takes the live line away.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn write(&self, line: impl Display) {
        let write = || {
            let _ = writeln!(anstream::stderr(), "{line}");
        };
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

fn colour(name: &str) -> AnsiColors {
    match name {
        "orchestrator" => AnsiColors::Magenta,
        "sync-daemon" => AnsiColors::Green,
        "dependency-resolver" => AnsiColors::Blue,
        "task-dispatcher" => AnsiColors::Yellow,
        "agent-executor" => AnsiColors::Cyan,
        _ => AnsiColors::BrightBlack,
    }
}
