//! The state machine against its documentation and its invariants.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::fmt::Write as _;
use std::path::Path;

use coditect_core::state::table;
use coditect_core::{AttemptId, Change, FailureClass, Lifecycle, TaskState, Trigger, transition};
use proptest::prelude::*;

/// The table as `docs/state-machine.md` has it.
fn documented() -> String {
    let mut text = String::from("| from | trigger | to | service | stream entries |\n|---|---|---|---|---|\n");
    for row in table() {
        let streams = row.trigger.wakes().map_or_else(|| "`events`".to_owned(), |s| format!("`events`, `{s}`"));
        writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            row.from,
            row.trigger,
            row.to,
            row.trigger.service().as_str(),
            streams
        )
        .unwrap();
    }
    text
}

#[test]
fn the_documented_table_is_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/state-machine.md");
    let (begin, end) = ("<!-- table:begin -->\n", "<!-- table:end -->");
    let page = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once(begin).unwrap();
    let (table, tail) = rest.split_once(end).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{head}{begin}{}{end}{tail}", documented())).unwrap();
    } else {
        assert_eq!(table, documented(), "run `UPDATE_DOCS=1 cargo test -p coditect-core` to write the table anew");
    }
}

#[test]
fn an_open_attempt_can_always_end() {
    for state in TaskState::ALL.into_iter().filter(|s| s.is_active()) {
        assert_eq!(transition(state, Trigger::Requeue), Ok(TaskState::Pending));
        assert_eq!(transition(state, Trigger::Cancel), Ok(TaskState::Cancelled));
    }
}

#[test]
fn a_completed_task_is_done_again_only_by_reopening_it() {
    for trigger in Trigger::ALL {
        let to = transition(TaskState::Completed, trigger);
        match trigger {
            Trigger::Reopen => assert_eq!(to, Ok(TaskState::Pending)),
            Trigger::Retire => assert_eq!(to, Ok(TaskState::Retired)),
            _ => assert!(to.is_err(), "{trigger}"),
        }
    }
}

#[test]
fn reopening_opens_a_new_generation() {
    let done = Lifecycle::planned(TaskState::Completed, 5);
    let again = done.apply(Change::Intervene { trigger: Trigger::Reopen, reason: None }, 6).unwrap();
    assert_eq!((again.generation, again.completed_at_ms), (2, None));
}

fn any_change() -> impl Strategy<Value = Change> {
    let class = prop::sample::select(FailureClass::ALL.to_vec());
    let fail = prop::sample::select(vec![Trigger::RetryLater, Trigger::Requeue, Trigger::AskPerson, Trigger::GiveUp]);
    let person = prop::sample::select(vec![
        Trigger::Retry,
        Trigger::Cancel,
        Trigger::Skip,
        Trigger::Complete,
        Trigger::Reopen,
        Trigger::Retire,
        Trigger::Restore,
        Trigger::Gate,
        Trigger::LeaveOut,
        Trigger::Withdraw,
    ]);
    let plain = prop::sample::select(vec![
        Trigger::DependenciesMet,
        Trigger::DependenciesUnmet,
        Trigger::Claim,
        Trigger::BeginVerify,
        Trigger::BeginLanding,
        Trigger::Land,
        Trigger::Merge,
        Trigger::RetryDue,
    ]);
    prop_oneof![
        plain.prop_map(Change::Plain),
        any::<[u8; 10]>().prop_map(|r| Change::Assign { attempt: AttemptId::from_parts(1, &r) }),
        Just(Change::Deliver { reason: String::new() }),
        (fail, class).prop_map(|(trigger, class)| Change::Fail {
            trigger,
            class,
            reason: String::new(),
            due_at_ms: Some(9)
        }),
        person.prop_map(|trigger| Change::Intervene { trigger, reason: None }),
    ]
}

proptest! {
    #[test]
    fn tokens_generations_and_versions_only_grow(changes in prop::collection::vec(any_change(), 0..60)) {
        let mut task = Lifecycle::planned(TaskState::Pending, 0);
        for (now, change) in (1..).zip(changes) {
            let assign = matches!(change, Change::Assign { .. });
            let Ok(next) = task.apply(change, now) else { continue };
            prop_assert_eq!(next.version, task.version + 1);
            prop_assert_eq!(next.token, task.token + i64::from(assign));
            prop_assert!(next.generation >= task.generation);
            prop_assert!(next.due_at_ms.is_none() || !next.state.is_active());
            prop_assert!(!next.state.is_active() || next.attempt.is_some());
            task = next;
        }
    }
}
