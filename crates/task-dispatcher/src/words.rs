//! How long and how much, in words.

/// A span of time.
#[must_use]
pub fn span(ms: i64) -> String {
    let seconds = ms.max(0).saturating_add(999) / 1_000;
    match (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0, seconds) => format!("{seconds} s"),
        (0, 0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (0, hours, minutes, _) => format!("{hours} h {minutes} min"),
        (days, hours, ..) => format!("{days} d {hours} h"),
    }
}

/// Millionths of a dollar.
#[must_use]
pub fn dollars(micros: i64) -> String {
    let cents = micros.saturating_add(5_000) / 10_000;
    format!("${}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_sums_are_read_easily() {
        let spans = [1, 61_000, 3_660_000, 90_000_000].map(span);
        assert_eq!(spans, ["1 s", "1 min 1 s", "1 h 1 min", "1 d 1 h"]);
        assert_eq!([5_000_000, 1_234_567, 0].map(dollars), ["$5.00", "$1.23", "$0.00"]);
    }
}
