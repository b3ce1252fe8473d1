//! What a person is asked when a task cannot go on by itself: what happened, and a question with what to do about it. Pure.

use coditect_core::FailureClass;
use coditect_store::{Deliver, HoldResult};

/// Why a person is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The attempt could not be started, and no other one could.
    CannotStart,
    /// A result waits for a person's word.
    Held,
    /// Its pull request was closed and not merged.
    Closed,
    /// It went back to an agent so often because of what was said of it, and is still asked to be different.
    Unmerged(i64),
    /// Its results conflict with what lands meanwhile, again and again.
    Conflicts,
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
        Why::Held => format!(
            "Its result is held: {first}. What is to become of it? `coditect task retry {key}` has an agent do it again.",
            first = if first.is_empty() { class.as_str() } else { first }.trim_end_matches('.'),
        ),
        Why::Conflicts => format!(
            "Its result conflicts with what has landed, though an agent was given the conflict to settle: {first}. Should it wait for \
             others (give it a dependency), or be tried again now (`coditect task retry {key}`)?",
            first = if first.is_empty() { class.as_str() } else { first }.trim_end_matches('.'),
        ),
        Why::Closed => format!(
            "{first}. Is it not wanted? Then `coditect task cancel {key}` or `skip`. Else say what should be different with \
             `coditect task answer {key} TEXT`, or have it done from the beginning with `coditect task retry {key}`.",
            first = if first.is_empty() { class.as_str() } else { first }.trim_end_matches('.'),
        ),
        Why::Unmerged(rounds) => format!(
            "An agent was given it back {}, and it is asked to be different still: {first}. What should be done about it? Say \
             so with `coditect task answer {key} TEXT`; where it was merged all the same, `coditect task approve {key}`.",
            if rounds == 1 { "once".to_owned() } else { format!("{rounds} times") },
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

/// What is to be known of the task that people call `key`, whose result waits to be merged into the branch `target`.
pub(crate) fn waits(key: &str, result: &Deliver, target: &str) -> String {
    let Deliver { branch, commit, requested } = result;
    let look = format!("It is commit {commit} on the branch {branch}:\n  git diff {target}...{branch}");
    let differently =
        format!("`coditect task answer {key} TEXT` has an agent go on with it, `retry {key}` do it again.");
    if *requested {
        return format!("Its result is verified and put to people as a pull request; {differently}\n\n{look}");
    }
    format!(
        "Its result is verified and waits on a branch. Merge it into {target}, then say so: `coditect task approve {key}`; \
         {differently}\n\n{look}"
    )
}

/// The question about a result of the task that people call `key`, which would go to the branch `target`.
pub(crate) fn held_question(key: &str, held: &HoldResult, target: &str) -> String {
    let HoldResult { branch, commit, flags } = held;
    let first = flags.first().map_or("what it changes", String::as_str);
    let more = match flags.len() {
        0 | 1 => String::new(),
        2 => " (and one thing more)".to_owned(),
        several => format!(" (and {} things more)", several - 1),
    };
    let mut text = format!(
        "Its result is verified and waits for you: {first}{more}. Shall it land as it is? `coditect task approve {key}` lands \
         it; `coditect task retry {key}`, or `answer {key} TEXT`, has an agent do it again, told of this."
    );
    text.push_str("\n\nWhat was flagged:");
    for flag in flags {
        text.push_str("\n- ");
        text.push_str(flag);
    }
    text.push_str(&format!("\n\nIt is commit {commit} on the branch {branch}:\n  git diff {target}...{branch}"));
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
    fn a_held_result_is_asked_about_with_where_to_look_and_what_to_do() {
        let held = HoldResult {
            branch: "coditect/held/1.2-abc".to_owned(),
            commit: "c0ffee".to_owned(),
            flags: vec!["tests are removed from `a.rs`: `x`".to_owned(), "`ci.yml` is changed".to_owned()],
        };
        let text = held_question("1.2", &held, "main");
        let first = text.lines().next().unwrap();
        assert!(first.contains("tests are removed from `a.rs`: `x` (and one thing more)."), "{text}");
        assert!(first.contains('?') && first.contains("`coditect task approve 1.2`"), "{text}");
        assert!(text.contains("git diff main...coditect/held/1.2-abc") && text.contains("c0ffee"), "{text}");
    }

    #[test]
    fn what_waits_to_be_merged_says_where_it_is_and_what_to_do() {
        let mut result = Deliver { branch: "work/1.2".to_owned(), commit: "c0ffee".to_owned(), requested: false };
        let text = waits("1.2", &result, "main");
        for part in ["`coditect task approve 1.2`", "`coditect task answer 1.2", "git diff main...work/1.2", "c0ffee"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        result.requested = true;
        let text = waits("1.2", &result, "main");
        assert!(text.contains("pull request") && !text.contains("approve"), "{text}");
    }

    #[test]
    fn every_question_says_what_happened_asks_and_names_what_to_do() {
        let whys = [
            Why::CannotStart,
            Why::Held,
            Why::Closed,
            Why::Unmerged(3),
            Why::Attempts(3),
            Why::Starts(21),
            Why::Budget { spent: 5_120_000, budget: 5_000_000 },
        ];
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
