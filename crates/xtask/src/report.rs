//! What people read: one line a step, times, and the counts that cargo's tests end with.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

/// Writes a line of result. Whoever stopped reading does not want it.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Writes a line about what is going on.
pub(crate) fn remark(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Shows, on a terminal, what is being done until [`result`] takes its place.
pub(crate) fn doing(what: &str) {
    if io::stdout().is_terminal() {
        let _ = write!(io::stdout(), "...      {what}");
        let _ = io::stdout().flush();
    }
}

/// How a step ended, in one line.
pub(crate) fn result(word: &str, what: &str, took: Duration) {
    let back = if io::stdout().is_terminal() { "\r\x1b[2K" } else { "" };
    say(&format!("{back}{word:<8} {what} ({})", time(took)));
}

/// A duration as people say it.
pub(crate) fn time(duration: Duration) -> String {
    match duration.as_secs() {
        0..60 => format!("{:.1} s", duration.as_secs_f64()),
        seconds => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

/// What the `test result:` lines of a run add up to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that failed.
    pub(crate) failed: u64,
    /// Tests that were left out.
    pub(crate) ignored: u64,
}

impl Counts {
    /// Adds a line, if it is a result.
    pub(crate) fn add(&mut self, line: &str) {
        let Some(result) = line.trim().strip_prefix("test result: ") else { return };
        let numbers = result.split(['.', ';']).filter_map(|part| {
            let (number, what) = part.trim().split_once(' ')?;
            Some((number.parse::<u64>().ok()?, what))
        });
        for (number, what) in numbers {
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_added_up() {
        let mut counts = Counts::default();
        for line in [
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.31s",
            "test ignored::by_name ... ok",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 4 filtered out; finished in 1.02s",
        ] {
            counts.add(line);
        }
        assert_eq!(counts, Counts { passed: 15, failed: 2, ignored: 1 });
    }

    #[test]
    fn times_are_short() {
        assert_eq!(time(Duration::from_millis(840)), "0.8 s");
        assert_eq!(time(Duration::from_secs(125)), "2 min 05 s");
    }
}
