//! Counts for metrics.

use coditect_core::{Change, FailureClass, Trigger};
use coditect_store::testing::Database;
use coditect_store::{AttemptEnd, DURATION_BOUNDS_MS, Durations, Used};

use crate::plan::{assign, assigned, attempt, change, claim, life, settle};

pub(crate) async fn counts_of_an_empty_database_are_empty(database: &Database) {
    let store = &database.store;
    assert_eq!(store.count_tasks().await.unwrap(), []);
    assert_eq!(store.durations().await.unwrap(), []);
    assert_eq!(store.count_retries().await.unwrap(), []);
    assert_eq!(store.count_failures().await.unwrap(), []);
    assert_eq!(store.used().await.unwrap(), []);
    assert_eq!(store.count_conflicts().await.unwrap(), 0);
}

pub(crate) async fn attempts_are_counted_by_what_came_of_them(database: &Database) {
    let store = &database.store;
    let token = assigned(database).await;
    claim(database, 1, token).await;
    let failed = AttemptEnd { failure: Some(FailureClass::Timeout), tokens_in: Some(2), ..AttemptEnd::default() };
    let (class, reason) = (FailureClass::Timeout, String::new());
    let fail = Change::Fail { trigger: Trigger::Requeue, class, reason, due_at_ms: None };
    change(database, "a", fail, failed).await;
    assert_eq!(store.count_retries().await.unwrap(), [], "nothing followed yet");
    settle(database, "a").await;
    let seen = life(database, "a").await;
    let token = assign(store, "a", &seen, attempt(2)).await.unwrap().now.token;
    claim(database, 2, token).await;
    let landed = AttemptEnd {
        commit: Some("c0ffee".to_owned()),
        cost_micros: Some(5),
        tokens_in: Some(3),
        tokens_out: Some(4),
        ..AttemptEnd::default()
    };
    change(database, "a", Change::Plain(Trigger::Land), landed).await;

    let text =
        |all: Vec<(String, String, i64)>| all.into_iter().map(|(a, b, n)| format!("{a} {b} {n}")).collect::<Vec<_>>();
    assert_eq!(text(store.count_tasks().await.unwrap()), ["coder completed 1"]);
    assert_eq!(text(store.count_retries().await.unwrap()), ["coder timeout 1"]);
    assert_eq!(store.count_failures().await.unwrap(), [("timeout".to_owned(), 1)]);
    // Claimed at 40, landed at 50.
    let within = vec![1; DURATION_BOUNDS_MS.len()];
    assert_eq!(
        store.durations().await.unwrap(),
        [Durations { agent: "coder".to_owned(), count: 1, sum_ms: 10, within }]
    );
    let (account, agent) = ("default".to_owned(), "coder".to_owned());
    assert_eq!(store.used().await.unwrap(), [Used { account, agent, cost_micros: 5, tokens_in: 5, tokens_out: 4 }]);
}
