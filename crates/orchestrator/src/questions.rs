//! What a person is asked when a task cannot go on by itself: what happened, and a question with what to do about it. Pure.

use coditect_core::FailureClass;

/// Why a person is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The attempt could not be started, and no other one could.
    CannotStart,
    /// That was the last attempt.
    Attempts(i64),
    /// It was started so often, though not through a fault of its own.
    Starts(i64),
    /// It cost, and might have cost, so many millionths of a dollar.
    Budget {
        /// What it cost.
        spent: i64,
        /// What it might have.
        budget: i64,
    },
}

/// The question about the task that people call `key`, whose last attempt failed as `class`.
pub(crate) fn question(key: &str, class: FailureClass, message: Option<&str>, why: Why) -> String {
    let message = message.map(str::trim).filter(|text| !text.is_empty());
    let first = message.and_then(|text| text.lines().next()).unwrap_or_default();
    let last = if first.is_empty() { class.to_string() } else { format!("{class}, {first}") };
    let mut text = match why {
        Why::CannotStart => format!(
            "It could not be started: {first}. Is a setting wrong? Mend it, then `coditect task retry {key}`.",
            first = if first.is_empty() { class.as_str() } else { first }.trim_end_matches('.'),
        ),
        Why::Attempts(number) => format!(
            "{} failed, the last one with {}. What should the next one do differently? \
             Say so with `coditect task answer {key} TEXT`, or retry, skip or cancel it.",
            if number == 1 { "Its only attempt".to_owned() } else { format!("{number} attempts") },
            last.trim_end_matches('.'),
        ),
        Why::Starts(number) => format!(
            "It was started {number} times and came to no end, the last time because of {}. Is something wrong with the \
             executors or the accounts? Mend it, then `coditect task retry {key}`.",
            last.trim_end_matches('.'),
        ),
        Why::Budget { spent, budget } => format!(
            "It has cost {} of the {} that a task may cost, and is not done; the last attempt ended with {}. \
             May it cost as much again? Then `coditect task retry {key}`; else make it smaller, or skip or cancel it.",
            dollars(spent),
            dollars(budget),
            last.trim_end_matches('.'),
        ),
    };
    if let Some(whole) = message.filter(|text| text.lines().count() > 1) {
        text.push_str("\n\n");
        text.push_str(whole);
    }
    text
}

fn dollars(micros: i64) -> String {
    let cents = micros.saturating_add(5_000) / 10_000;
    format!("${}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_says_what_happened_asks_and_names_what_to_do() {
        let whys =
            [Why::CannotStart, Why::Attempts(3), Why::Starts(21), Why::Budget { spent: 5_120_000, budget: 5_000_000 }];
        for why in whys {
            let text = question("1.2", FailureClass::VerificationFailed, Some("make test: exit 2.\nline two"), why);
            let first = text.lines().next().unwrap();
            assert!(first.contains('?') && first.contains("coditect task"), "{text}");
            assert!(first.contains("make test: exit 2"), "{text}");
            assert!(text.ends_with("line two"), "the whole of it follows: {text}");
        }
        assert!(question("1", FailureClass::NoChange, None, Why::Attempts(1)).contains("with no_change."));
        let budget = question("1", FailureClass::Silent, None, Why::Budget { spent: 5_120_000, budget: 5_000_000 });
        assert!(budget.contains("$5.12 of the $5.00"), "{budget}");
    }
}
