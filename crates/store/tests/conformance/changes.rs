//! The compare-and-set, and the history it leaves.

use coditect_core::{Change, FailureClass, TaskState, Trigger};
use coditect_store::AttemptEnd;
use coditect_store::testing::Database;

use crate::plan::{assign, assigned, attempt, change, id, intervene, life, pull, settle, sync, task};

pub(crate) async fn a_change_by_an_old_snapshot_writes_nothing(database: &Database) {
    sync(database, "1", &[task("a", &[])]).await;
    let old = life(database, "a").await;
    pull(database, "a", &[Trigger::DependenciesMet, Trigger::DependenciesUnmet]).await;
    let now = life(database, "a").await;
    assert_eq!((old.state, old.version + 2), (now.state, now.version), "the state alone does not tell");

    let mut tx = database.store.begin().await.unwrap();
    let change = Change::Plain(Trigger::DependenciesMet);
    let moved = tx.change(&id("a"), &old, change, AttemptEnd::default(), "late", 60).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(moved, None);
    assert_eq!(life(database, "a").await, now);
    assert_eq!(database.store.events(&id("a")).await.unwrap().len(), 2);
}

pub(crate) async fn of_two_writers_that_saw_the_same_one_wins(database: &Database) {
    sync(database, "1", &[task("a", &[])]).await;
    let seen = life(database, "a").await;
    let write = async |trigger| {
        let store = database.again().await;
        let mut tx = store.begin().await.unwrap();
        let change = Change::Intervene { trigger, reason: None };
        let moved = tx.change(&id("a"), &seen, change, AttemptEnd::default(), "person:ada", 60).await.unwrap();
        tx.commit().await.unwrap();
        moved
    };
    let (skip, cancel) = tokio::join!(write(Trigger::Skip), write(Trigger::Cancel));
    let winner = match (skip, cancel) {
        (Some(moved), None) | (None, Some(moved)) => moved,
        both => panic!("not exactly one won: {both:?}"),
    };
    assert_eq!(life(database, "a").await, winner.now);
    assert_eq!(database.store.events(&id("a")).await.unwrap().len(), 1);
}

pub(crate) async fn an_illegal_change_writes_nothing(database: &Database) {
    sync(database, "1", &[task("a", &[])]).await;
    let seen = life(database, "a").await;
    let mut tx = database.store.begin().await.unwrap();
    let land = Change::Plain(Trigger::Land);
    let moved = tx.change(&id("a"), &seen, land, AttemptEnd::default(), "orchestrator", 60).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!((moved, life(database, "a").await), (None, seen));
    assert!(database.store.events(&id("a")).await.unwrap().is_empty());
}

pub(crate) async fn history_is_told_in_the_order_it_happened(database: &Database) {
    sync(database, "1", &[task("a", &[])]).await;
    // Enough for two digits, and all in one millisecond.
    for _ in 0..6 {
        pull(database, "a", &[Trigger::DependenciesMet, Trigger::DependenciesUnmet]).await;
    }
    let reason = Some("no longer wanted".to_owned());
    change(database, "a", Change::Intervene { trigger: Trigger::Cancel, reason }, AttemptEnd::default()).await;
    let events = database.store.events(&id("a")).await.unwrap();
    assert_eq!(events.len(), 13);
    for pair in events.windows(2) {
        assert_eq!(pair[0].to, pair[1].from);
    }
    let last = &events[12];
    assert_eq!((last.cause.as_str(), last.actor.as_str()), ("cancel: no longer wanted", "orchestrator"));
    assert_eq!((last.to.as_str(), last.attempt.clone(), last.at_ms), ("cancelled", None, 50));
}

pub(crate) async fn a_change_tells_its_own_cause_and_no_earlier_one(database: &Database) {
    assigned(database).await;
    let (class, reason) = (FailureClass::ExecutorLost, "it is gone".to_owned());
    let fail = Change::Fail { trigger: Trigger::Requeue, class, reason, due_at_ms: None };
    change(database, "a", fail, AttemptEnd::default()).await;
    assert_eq!(life(database, "a").await.reason.as_deref(), Some("it is gone"), "why it is pending again");
    assert!(settle(database, "a").await);
    let seen = life(database, "a").await;
    assign(&database.store, "a", &seen, attempt(2)).await.unwrap();
    let events = database.store.events(&id("a")).await.unwrap();
    let causes: Vec<_> = events.iter().map(|event| event.cause.as_str()).collect();
    assert_eq!(causes, ["dependencies_met", "assign", "requeue: it is gone", "dependencies_met", "assign"]);
    assert_eq!(life(database, "a").await.reason, None, "the new attempt is no fault of the old one");
}

pub(crate) async fn a_reopened_task_is_of_a_new_generation(database: &Database) {
    sync(database, "1", &[task("a", &[])]).await;
    intervene(database, "a", Trigger::Complete).await;
    assert_eq!(life(database, "a").await.completed_at_ms, Some(50));
    intervene(database, "a", Trigger::Reopen).await;
    let reopened = life(database, "a").await;
    assert_eq!((reopened.state, reopened.generation), (TaskState::Pending, 2));
    assert_eq!(reopened.completed_at_ms, None);

    assert!(settle(database, "a").await);
    let seen = life(database, "a").await;
    assign(&database.store, "a", &seen, attempt(1)).await.unwrap();
    let open = database.store.attempt(attempt(1)).await.unwrap().unwrap();
    assert_eq!((open.generation, open.number), (2, 1));
}
