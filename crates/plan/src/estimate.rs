//! Estimates as people write them, in minutes. A day has 8 hours, a week 40, a month 160.

/// A century of working time: anything above is a slip, not an estimate.
const MOST: f64 = 100.0 * 2000.0 * 60.0;

/// The minutes `text` speaks of: `4 hours`, `1.5h`, `30 min`, `96-120 hours` (the upper end),
/// `2 hours 30 min` (the sum), `3 days, 24 hours` (twice the same, counted once).
///
/// `None` where there is no number with a unit of time.
#[must_use]
pub fn parse_minutes(text: &str) -> Option<i64> {
    let mut total: Option<f64> = None;
    let mut last_unit = f64::INFINITY;
    for amount in amounts(text) {
        match total {
            None => total = Some(amount.minutes),
            // `1 hour to 2 hours`, `4h-6h`
            Some(sum) if amount.ranged => total = Some(sum.max(amount.minutes)),
            Some(sum) if (sum - amount.minutes).abs() < 0.5 => {}
            Some(sum) if amount.unit < last_unit && amount.joined => total = Some(sum + amount.minutes),
            Some(_) => break,
        }
        last_unit = amount.unit;
    }
    total.filter(|m| *m > 0.0 && *m <= MOST).map(rounded)
}

/// Whether `text` is an amount of time and nothing else to speak of.
pub(crate) fn is_only_time(text: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '.').filter(|w| !w.is_empty()).all(|w| {
        let unit = w.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        unit.is_empty() || unit_minutes(unit).is_some() || matches!(unit, "to" | "and" | "about" | "est" | "approx")
    })
}

/// Whether `text` begins with a unit, as after the number of an amount.
pub(crate) fn starts_with_unit(text: &str) -> bool {
    let word = text.trim_start().split(|c: char| !c.is_alphanumeric() && c != '%').next().unwrap_or_default();
    unit_minutes(word).is_some()
        || matches!(
            word.to_ascii_lowercase().as_str(),
            "gb" | "mb" | "kb" | "tb" | "ms" | "s" | "seconds" | "%" | "million" | "percent"
        )
}

struct Amount {
    minutes: f64,
    unit: f64,
    /// A dash or `to` stands before it.
    ranged: bool,
    /// Only blanks, commas or `and` stand before it.
    joined: bool,
}

#[allow(clippy::cast_possible_truncation)]
fn rounded(minutes: f64) -> i64 {
    minutes.round().max(1.0) as i64
}

fn unit_minutes(word: &str) -> Option<f64> {
    Some(match word.to_ascii_lowercase().as_str() {
        "m" | "min" | "mins" | "minute" | "minutes" => 1.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 60.0,
        "d" | "day" | "days" => 480.0,
        "w" | "wk" | "wks" | "week" | "weeks" => 2400.0,
        "month" | "months" => 9600.0,
        _ => return None,
    })
}

/// The amounts in `text`, in order. Numbers without a unit are the lower ends of ranges.
fn amounts(text: &str) -> Vec<Amount> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut between = String::new();
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        between.push_str(rest.get(..at).unwrap_or_default());
        let tail = rest.get(at..).unwrap_or_default();
        let len = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let (number, after) = tail.split_at_checked(len).unwrap_or((tail, ""));
        let word_start = after.trim_start_matches([' ', '\t', '-']);
        let word_len = word_start.len() - word_start.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (word, beyond) = word_start.split_at_checked(word_len).unwrap_or(("", word_start));
        if let (Ok(n), Some(unit)) = (number.trim_end_matches('.').parse::<f64>(), unit_minutes(word)) {
            let gap = between.trim();
            let ranged = matches!(gap, "-" | "–" | "—" | "to" | "..");
            let joined = matches!(gap, "" | "," | "and" | "+");
            found.push(Amount { minutes: n * unit, unit, ranged, joined });
            between.clear();
            rest = beyond;
        } else {
            rest = after;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_are_read_as_people_write_them() {
        for (text, minutes) in [
            ("4 hours", 240),
            ("1.5 hours", 90),
            ("30 min", 30),
            ("24h", 1440),
            ("10 days", 4800),
            ("4 weeks", 9600),
            ("(3 days, 24 hours)", 1440),
            ("96-120 hours", 7200),
            ("2–3 days", 1440),
            ("4h-6h", 360),
            ("1 hour to 2 hours", 120),
            ("2 hours 30 min", 150),
            ("2h30m", 150),
            ("~ 8 hours (per team member)", 480),
            ("2-hour", 120),
        ] {
            assert_eq!(parse_minutes(text), Some(minutes), "{text}");
        }
    }

    #[test]
    fn what_has_no_number_or_no_unit_is_no_estimate() {
        for text in ["TBD", "Ongoing", "4", "", "hours", "0 hours", "99999999999999999999 weeks", "10%"] {
            assert_eq!(parse_minutes(text), None, "{text}");
        }
    }

    #[test]
    fn only_pure_amounts_are_taken_out_of_titles() {
        assert!(is_only_time("2 hours") && is_only_time("3 days, 24 hours") && is_only_time("2-3h"));
        assert!(!is_only_time("see 2 hours video") && !is_only_time("32 shards"));
    }
}
