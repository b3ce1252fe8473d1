//! Attempts: opened once, fenced, ended with what came of them.

use coditect_core::{Change, FailureClass, TaskState, Trigger};
use coditect_store::testing::Database;
use coditect_store::{AttemptEnd, LogRow, TaskFilter};

use crate::plan::{assign, assigned, attempt, change, claim, id, intervene, life, pull, settle, sync, task};

pub(crate) async fn of_two_assignments_at_the_same_time_exactly_one_takes_effect(database: &Database) {
    sync(database, "1", &[task("a", &[])]).await;
    settle(database, "a").await;
    let seen = life(database, "a").await;
    let (here, there) = (database.again().await, database.again().await);
    let (one, other) = tokio::join!(assign(&here, "a", &seen, attempt(1)), assign(&there, "a", &seen, attempt(2)));
    assert_ne!(one.is_some(), other.is_some());
    let open = database.store.open_attempts().await.unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!(Some(open[0].id), life(database, "a").await.attempt);
}

pub(crate) async fn a_claim_needs_the_open_attempt_and_its_token(database: &Database) {
    let token = assigned(database).await;
    assert!(!claim(database, 1, token + 1).await, "a wrong token");
    assert!(!claim(database, 2, token).await, "a wrong attempt");
    let mut tx = database.store.begin().await.unwrap();
    assert_eq!(tx.current(&id("a"), attempt(1), token - 1).await.unwrap(), None);
    assert_eq!(tx.current(&id("b"), attempt(1), token).await.unwrap(), None);
    assert_eq!(tx.current(&id("a"), attempt(1), token).await.unwrap().unwrap().state, TaskState::Assigned);
    tx.commit().await.unwrap();

    assert!(claim(database, 1, token).await);
    let claimed = database.store.attempt(attempt(1)).await.unwrap().unwrap();
    assert_eq!((claimed.state.as_str(), claimed.executor.as_deref()), ("running", Some("executor-1")));
    assert_eq!((claimed.claimed_at_ms, claimed.lease_until_ms), (Some(40), Some(500)));
    assert_eq!((claimed.agent.as_str(), claimed.account.as_str(), claimed.token), ("coder", "default", token));
}

pub(crate) async fn an_attempt_is_claimed_once(database: &Database) {
    let token = assigned(database).await;
    assert!(claim(database, 1, token).await);
    assert!(!claim(database, 1, token).await);
}

pub(crate) async fn a_lease_is_renewed_only_while_its_attempt_is_open(database: &Database) {
    let token = assigned(database).await;
    claim(database, 1, token).await;
    let renew = async |until| {
        let mut tx = database.store.begin().await.unwrap();
        let renewed = tx.renew(attempt(1), until).await.unwrap();
        tx.commit().await.unwrap();
        renewed
    };
    assert!(renew(900).await);
    assert_eq!(database.store.attempt(attempt(1)).await.unwrap().unwrap().lease_until_ms, Some(900));
    intervene(database, "a", Trigger::Cancel).await;
    assert!(!renew(999).await);
    let mut tx = database.store.begin().await.unwrap();
    assert_eq!(tx.current(&id("a"), attempt(1), token).await.unwrap(), None);
    assert!(!tx.renew(attempt(9), 1).await.unwrap(), "no such attempt");
}

pub(crate) async fn attempts_are_numbered_within_their_generation(database: &Database) {
    let token = assigned(database).await;
    let again = async |number| {
        assert!(settle(database, "a").await);
        let seen = life(database, "a").await;
        assign(&database.store, "a", &seen, attempt(number)).await.unwrap().now.token
    };
    pull(database, "a", &[Trigger::Requeue]).await;
    assert_eq!(again(2).await, token + 1);
    claim(database, 2, token + 1).await;
    pull(database, "a", &[Trigger::Land]).await;
    intervene(database, "a", Trigger::Reopen).await;
    again(3).await;
    let all: Vec<_> = database.store.attempts_of(&id("a")).await.unwrap();
    let numbers: Vec<_> = all.iter().map(|a| (a.id, a.generation, a.number, a.token)).collect();
    assert_eq!(numbers, [(attempt(1), 1, 1, 1), (attempt(2), 1, 2, 2), (attempt(3), 2, 1, 3)]);
}

pub(crate) async fn landing_ends_the_attempt_as_landed(database: &Database) {
    let token = assigned(database).await;
    claim(database, 1, token).await;
    pull(database, "a", &[Trigger::BeginVerify, Trigger::BeginLanding]).await;
    let end = AttemptEnd {
        commit: Some("c0ffee".to_owned()),
        evidence: Some("{}".to_owned()),
        cost_micros: Some(1_250_000),
        tokens_in: Some(9),
        tokens_out: Some(7),
        ..AttemptEnd::default()
    };
    change(database, "a", Change::Plain(Trigger::Land), end.clone()).await;
    let ended = database.store.attempt(attempt(1)).await.unwrap().unwrap();
    assert_eq!((ended.state.as_str(), ended.ended_at_ms, ended.end), ("landed", Some(50), end));
    assert_eq!(life(database, "a").await.state, TaskState::Completed);
    assert!(database.store.open_attempts().await.unwrap().is_empty());
}

pub(crate) async fn cancelling_ends_the_attempt_as_failed(database: &Database) {
    assigned(database).await;
    intervene(database, "a", Trigger::Cancel).await;
    let ended = database.store.attempt(attempt(1)).await.unwrap().unwrap();
    assert_eq!((ended.state.as_str(), ended.end.failure), ("failed", Some(FailureClass::Cancelled)));
    assert_eq!(ended.ended_at_ms, Some(50));
}

pub(crate) async fn an_attempt_follows_its_task(database: &Database) {
    let token = assigned(database).await;
    claim(database, 1, token).await;
    let state = async || database.store.attempt(attempt(1)).await.unwrap().unwrap().state;
    for (trigger, expected) in
        [(Trigger::BeginVerify, "verifying"), (Trigger::BeginLanding, "landing"), (Trigger::BeginVerify, "verifying")]
    {
        pull(database, "a", &[trigger]).await;
        assert_eq!(state().await, expected);
    }
    let (trigger, class) = (Trigger::RetryLater, FailureClass::VerificationFailed);
    let fail = Change::Fail { trigger, class, reason: "make test: 1".to_owned(), due_at_ms: Some(99) };
    let end = AttemptEnd { failure: Some(class), message: Some("make test: 1".to_owned()), ..AttemptEnd::default() };
    change(database, "a", fail, end.clone()).await;
    let ended = database.store.attempt(attempt(1)).await.unwrap().unwrap();
    assert_eq!((ended.state.as_str(), ended.end), ("failed", end));
    let task = life(database, "a").await;
    assert_eq!((task.state, task.due_at_ms, task.attempts_spent), (TaskState::WaitingRetry, Some(99), 1));
    assert_eq!((task.failure, task.reason.as_deref()), (Some(class), Some("make test: 1")));
}

pub(crate) async fn a_log_that_is_appended_twice_is_kept_once(database: &Database) {
    assigned(database).await;
    let line = |seq, text: &str| LogRow { seq, at_ms: 5, kind: "stdout".to_owned(), text: text.to_owned() };
    let mut tx = database.store.begin().await.unwrap();
    tx.append_log(attempt(1), &[line(1, "one"), line(2, "two")]).await.unwrap();
    tx.append_log(attempt(1), &[line(2, "again"), line(3, "three")]).await.unwrap();
    tx.commit().await.unwrap();
    let log = async |after, limit| database.store.log(attempt(1), after, limit).await.unwrap();
    assert_eq!(log(0, 10).await, [line(1, "one"), line(2, "two"), line(3, "three")]);
    assert_eq!(log(1, 1).await, [line(2, "two")]);
}

pub(crate) async fn evidence_outlives_the_end(database: &Database) {
    assigned(database).await;
    let mut tx = database.store.begin().await.unwrap();
    assert!(tx.keep_evidence(attempt(1), "[1]").await.unwrap());
    assert!(!tx.keep_evidence(attempt(2), "[2]").await.unwrap());
    tx.commit().await.unwrap();
    intervene(database, "a", Trigger::Skip).await;
    let ended = database.store.attempt(attempt(1)).await.unwrap().unwrap();
    assert_eq!(ended.end.evidence.as_deref(), Some("[1]"));
}

pub(crate) async fn what_an_agent_printed_is_kept_whatever_bytes_it_has(database: &Database) {
    let token = assigned(database).await;
    claim(database, 1, token).await;
    let text = || "before\0after".to_owned();
    let mut tx = database.store.begin().await.unwrap();
    let line = LogRow { seq: 1, at_ms: 1, kind: "stdout".to_owned(), text: text() };
    tx.append_log(attempt(1), &[line]).await.unwrap();
    tx.commit().await.unwrap();
    let class = FailureClass::AgentError;
    let fail = Change::Fail { trigger: Trigger::RetryLater, class, reason: text(), due_at_ms: Some(99) };
    let end = AttemptEnd { message: Some(text()), evidence: Some(text()), ..AttemptEnd::default() };
    change(database, "a", fail, end).await;
    let end = database.store.attempt(attempt(1)).await.unwrap().unwrap().end;
    let kept = "before\u{fffd}after";
    assert_eq!((end.message.as_deref(), end.evidence.as_deref()), (Some(kept), Some(kept)));
    assert_eq!(life(database, "a").await.reason.as_deref(), Some(kept));
    assert_eq!(database.store.log(attempt(1), 0, 9).await.unwrap()[0].text, kept);
}

pub(crate) async fn a_text_with_any_bytes_can_be_looked_for(database: &Database) {
    sync(database, "1", &[task("a", &[])]).await;
    let text = "\0".to_owned();
    let filter = TaskFilter { text: text.clone(), epic: text.clone(), agent: text.clone(), ..TaskFilter::default() };
    assert_eq!(database.store.find_tasks(&filter, 9, 0).await.unwrap().1, 0);
    assert!(database.store.tasks_named(&text).await.unwrap().is_empty());
}
