//! Results that are left on a branch to be merged by others.

use coditect_core::{AttemptId, Change, FailureClass, TaskState, Trigger};
use coditect_store::testing::Database;
use coditect_store::{AttemptEnd, Deliver, Delivered, DeliveryVerdict, PullRequest, Tx};

use crate::plan::{assign, attempt, change, claim, id, intervene, life, pull, settle, sync, task};

async fn write<T>(database: &Database, work: impl AsyncFnOnce(&mut Tx) -> T) -> T {
    let mut tx = database.store.begin().await.unwrap();
    let done = work(&mut tx).await;
    tx.commit().await.unwrap();
    done
}

/// Works the task until its result is on a branch.
async fn delivered(database: &Database, number: u8, requested: bool) {
    assert!(settle(database, "a").await);
    let seen = life(database, "a").await;
    let token = assign(&database.store, "a", &seen, attempt(number)).await.unwrap().now.token;
    assert!(claim(database, number, token).await);
    pull(database, "a", &[Trigger::BeginVerify, Trigger::BeginLanding]).await;
    let end = AttemptEnd { commit: Some(format!("c{number}")), ..AttemptEnd::default() };
    change(database, "a", Change::Deliver { reason: "it waits".to_owned() }, end).await;
    let result = Deliver { branch: "work/a".to_owned(), commit: format!("c{number}"), requested };
    write(database, async |tx| {
        tx.deliver(&id("a"), attempt(number), 1, &result, i64::from(number)).await.unwrap();
        tx.deliver(&id("a"), attempt(number), 1, &result, 99).await.unwrap();
    })
    .await;
}

async fn first(database: &Database, requested: bool) {
    sync(database, "1", &[task("a", &[])]).await;
    delivered(database, 1, requested).await;
}

async fn last(database: &Database) -> Delivered {
    database.store.delivered(&id("a"), 1).await.unwrap().unwrap()
}

async fn state(database: &Database, number: u8) -> (String, Option<FailureClass>, Option<String>) {
    let row = database.store.attempt(attempt(number)).await.unwrap().unwrap();
    (row.state, row.end.failure, row.end.commit)
}

/// Nothing of the result was merged, for a reason that an agent, or a person, is told.
async fn unmerged(database: &Database, trigger: Trigger) {
    let class = FailureClass::NotMerged;
    let reason = "make it blue".to_owned();
    let end = AttemptEnd { failure: Some(class), message: Some(reason.clone()), ..AttemptEnd::default() };
    change(database, "a", Change::Fail { trigger, class, reason, due_at_ms: None }, end).await;
}

pub(crate) async fn a_result_on_a_branch_waits_while_its_attempt_is_the_last_and_ends_as_landed_when_it_is_merged(
    database: &Database,
) {
    first(database, false).await;
    let now = life(database, "a").await;
    assert_eq!((now.state, now.failure, now.reason.as_deref()), (TaskState::AwaitingMerge, None, Some("it waits")));
    let row = last(database).await;
    assert_eq!((row.result.branch.as_str(), row.at_ms, row.round, row.verdict), ("work/a", 1, 0, None));
    assert!(row.waits(&now) && !row.goes_on());
    assert_eq!(state(database, 1).await, ("delivered".to_owned(), None, Some("c1".to_owned())));
    assert!(database.store.open_attempts().await.unwrap().is_empty(), "its slot is free");
    let end = AttemptEnd { commit: Some("merged".to_owned()), ..AttemptEnd::default() };
    change(database, "a", Change::Plain(Trigger::Merge), end).await;
    let now = life(database, "a").await;
    assert_eq!((now.state, now.reason.clone()), (TaskState::Completed, None));
    let row = last(database).await;
    assert_eq!(row.verdict, Some(DeliveryVerdict::Merged));
    assert!(!row.waits(&now));
    assert_eq!(state(database, 1).await, ("landed".to_owned(), None, Some("merged".to_owned())));
}

pub(crate) async fn what_is_sent_back_is_gone_on_with_and_the_rounds_are_counted(database: &Database) {
    first(database, true).await;
    for round in 1..=2_u8 {
        unmerged(database, Trigger::Requeue).await;
        assert!(last(database).await.goes_on());
        assert_eq!(state(database, round).await.1, Some(FailureClass::NotMerged));
        delivered(database, round + 1, true).await;
        let row = last(database).await;
        assert_eq!((row.round, row.since_ms), (i64::from(round), 50));
    }
    let told = database.store.earlier_failures(&id("a"), 1, 3).await.unwrap();
    assert_eq!(told.iter().map(|failure| failure.message.as_str()).collect::<Vec<_>>(), ["make it blue"; 2]);
    assert_eq!(life(database, "a").await.attempts_spent, 0, "it spends no attempt");
    unmerged(database, Trigger::AskPerson).await;
    assert_eq!(last(database).await.verdict, Some(DeliveryVerdict::Refused));
    // What a person answers is gone on with, too, and the counting begins anew.
    intervene(database, "a", Trigger::Retry).await;
    write(database, async |tx| tx.go_on_with_delivered(&id("a"), 1).await.unwrap()).await;
    assert!(last(database).await.goes_on());
    delivered(database, 4, true).await;
    assert_eq!(last(database).await.round, 0);
}

pub(crate) async fn any_other_word_of_a_person_drops_what_was_delivered(database: &Database) {
    first(database, true).await;
    intervene(database, "a", Trigger::Retry).await;
    let row = last(database).await;
    assert_eq!((row.verdict, row.decided_by.is_some()), (Some(DeliveryVerdict::Dropped), true));
    assert_eq!(state(database, 1).await.1, Some(FailureClass::Cancelled));
    delivered(database, 2, true).await;
    unmerged(database, Trigger::Requeue).await;
    intervene(database, "a", Trigger::Cancel).await;
    assert_eq!(last(database).await.verdict, Some(DeliveryVerdict::Dropped));
    intervene(database, "a", Trigger::Retry).await;
    delivered(database, 3, true).await;
    intervene(database, "a", Trigger::Complete).await;
    assert_eq!(last(database).await.verdict, Some(DeliveryVerdict::Merged), "a tick says that it was merged");
    write(database, async |tx| tx.go_on_with_delivered(&id("a"), 1).await.unwrap()).await;
    assert!(!last(database).await.goes_on(), "what is merged is not gone on with");
}

pub(crate) async fn only_requests_that_wait_are_looked_after(database: &Database) {
    first(database, false).await;
    assert_eq!(database.store.requests().await.unwrap(), []);
    intervene(database, "a", Trigger::Retry).await;
    delivered(database, 2, true).await;
    let waiting = |rows: Vec<Delivered>| rows.into_iter().map(|row| row.attempt).collect::<Vec<AttemptId>>();
    assert_eq!(waiting(database.store.requests().await.unwrap()), [attempt(2)]);
    let request = PullRequest { number: 7, url: "https://forge.test/7".to_owned() };
    write(database, async |tx| tx.forge_troubles(attempt(2), Some("no")).await.unwrap()).await;
    assert_eq!(last(database).await.trouble.as_deref(), Some("no"));
    write(database, async |tx| tx.request_opened(attempt(2), &request).await.unwrap()).await;
    let row = last(database).await;
    assert_eq!((row.request, row.trouble), (Some(request), None));
    change(database, "a", Change::Plain(Trigger::Merge), AttemptEnd::default()).await;
    assert_eq!(database.store.requests().await.unwrap(), []);
}
