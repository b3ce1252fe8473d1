//! What commands print: data on standard output, messages on standard error.

use std::fmt::Display;
use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};
use owo_colors::{OwoColorize, Style};
use serde::Serialize;

use crate::failure::Failure;

/// A terminal narrower than this is not what a table is made for.
const NARROW: u16 = 40;

/// Writes text to standard output. A reader that has gone away, like `head`, is no failure.
pub(crate) fn out(text: impl Display) -> Result<(), Failure> {
    written(write!(anstream::stdout(), "{text}").and_then(|()| anstream::stdout().flush()))
}

/// Writes a line to standard output.
pub(crate) fn line(text: impl Display) -> Result<(), Failure> {
    out(format_args!("{text}\n"))
}

/// Writes one indented JSON document to standard output.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::wrong(error.to_string()))?;
    line(text)
}

/// Writes a JSON object on one line, for streams.
pub(crate) fn json_line(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure::wrong(error.to_string()))?;
    line(text)
}

/// Says something to the person, on standard error.
pub(crate) fn say(text: impl Display) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Warns the person, on standard error.
pub(crate) fn warn(text: impl Display) {
    say(format_args!("{} {text}", "warning:".yellow().bold()));
}

/// A table without frames, as wide as the terminal at most.
pub(crate) fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header(header);
    // Some terminals say they have no width at all.
    if table.width().is_some_and(|width| width < NARROW) {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 1));
    }
    table
}

/// The colour a state is shown in.
pub(crate) fn state_style(state: &str) -> Style {
    let style = Style::new();
    match state {
        "completed" | "landed" => style.green(),
        "assigned" | "running" | "verifying" | "landing" => style.cyan(),
        "ready" => style.blue(),
        "waiting_retry" | "awaiting_merge" => style.yellow(),
        "needs_human" | "failed" => style.red(),
        _ => style.dimmed(),
    }
}

/// A length of time as people say it: `850 ms`, `12 s`, `3 min 5 s`, `2 h 10 min`.
pub(crate) fn duration(ms: i64) -> String {
    let seconds = ms / 1000;
    match ms {
        i64::MIN..1_000 => format!("{} ms", ms.max(0)),
        1_000..60_000 if ms < 10_000 => format!("{}.{} s", seconds, (ms % 1000) / 100),
        1_000..60_000 => format!("{seconds} s"),
        60_000..3_600_000 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// `1 commit`, `2 commits`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The first `limit` characters of the first line of a text.
pub(crate) fn short(text: &str, limit: usize) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}

/// Milliseconds since the epoch.
pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::wrong(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        let said: Vec<_> = [-5, 850, 1_250, 12_900, 185_000, 7_800_000].map(duration).to_vec();
        assert_eq!(said, ["0 ms", "850 ms", "1.2 s", "12 s", "3 min 5 s", "2 h 10 min"]);
    }

    #[test]
    fn only_the_first_line_is_shown_and_cut_between_characters() {
        assert_eq!(short("één\ntwee", 2), "éé…");
        assert_eq!(short("een", 3), "een");
    }
}
