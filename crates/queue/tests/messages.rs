//! Every message comes back from its fields as it was.

use coditect_core::FailureClass;
use coditect_queue::message::{Event, LogLine, PlanChanged, Ready, ResultEntry, ResultKind, Work};
use coditect_queue::{Fields, Message};
use proptest::option;
use proptest::prelude::*;

fn back<M: Message + PartialEq + std::fmt::Debug>(message: &M) {
    let fields: Fields = message.to_fields().into_iter().collect();
    assert_eq!(M::from_fields(&fields).as_ref(), Ok(message));
}

/// An optional text that is empty travels as one that is not there.
fn some_text() -> impl Strategy<Value = Option<String>> {
    option::of(any::<String>().prop_filter("not empty", |text| !text.is_empty()))
}

prop_compose! {
    fn results()(
        (task, attempt, token, outcome) in any::<(String, String, i64, String)>(),
        kind in prop::sample::select(ResultKind::ALL.to_vec()),
        failure in option::of(prop::sample::select(FailureClass::ALL.to_vec())),
        (account, message, traceparent) in any::<(String, String, String)>(),
        (reset_at_ms, tokens_in, tokens_out) in any::<(Option<i64>, Option<i64>, Option<i64>)>(),
        cost_usd in option::of(prop::num::f64::NORMAL | prop::num::f64::ZERO),
        (commit, evidence) in (some_text(), some_text()),
        (held, delivered, branch) in (some_text(), some_text(), some_text()),
    ) -> ResultEntry {
        ResultEntry {
            task, attempt, token, kind, outcome, failure, account, reset_at_ms, cost_usd, tokens_in, tokens_out,
            commit, held, delivered, branch, evidence, message, traceparent,
        }
    }
}

proptest! {
    #[test]
    fn plan_changes((document, revision, changed, traceparent) in any::<(String, i64, i64, String)>()) {
        back(&PlanChanged { document, revision, changed, traceparent });
    }

    #[test]
    fn ready((task, attempt, priority, rank, traceparent) in any::<(String, String, i64, i64, String)>()) {
        back(&Ready { task, attempt, priority, rank, traceparent });
    }

    #[test]
    fn work(
        (task, attempt, token, agent) in any::<(String, String, i64, String)>(),
        (account, deadline_ms, traceparent) in any::<(String, i64, String)>(),
    ) {
        back(&Work { task, attempt, token, agent, account, deadline_ms, traceparent });
    }

    #[test]
    fn result(entry in results()) {
        back(&entry);
    }

    #[test]
    fn events(
        (task, from, to, attempt) in any::<(String, String, String, String)>(),
        (actor, at_ms, traceparent) in any::<(String, i64, String)>(),
    ) {
        back(&Event { task, from, to, attempt, actor, at_ms, traceparent });
    }

    #[test]
    fn log_lines((at_ms, kind, text) in any::<(i64, String, String)>()) {
        back(&LogLine { at_ms, kind, text });
    }
}
