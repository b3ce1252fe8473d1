//! Results that wait for a person's word.

use coditect_core::{Change, FailureClass, TaskState, Trigger};
use coditect_plan::Changes;
use coditect_store::testing::Database;
use coditect_store::{AttemptEnd, HeldVerdict, HoldResult, PlannedTask, Tx};

use crate::plan::{assigned, attempt, change, claim, id, intervene, life, sync, task};

/// An attempt whose result is held.
async fn held(database: &Database) {
    let token = assigned(database).await;
    claim(database, 1, token).await;
    let (trigger, class) = (Trigger::AskPerson, FailureClass::Held);
    let fail = Change::Fail { trigger, class, reason: "look".to_owned(), due_at_ms: None };
    change(database, "a", fail, AttemptEnd { failure: Some(class), ..AttemptEnd::default() }).await;
    let result = HoldResult {
        branch: "coditect/held/a-1".to_owned(),
        commit: "c0ffee".to_owned(),
        flags: vec!["tests are removed from `ä`: `x`".to_owned()],
    };
    write(database, async |tx| tx.hold(&id("a"), attempt(1), 1, &result, 50).await.unwrap()).await;
}

async fn write<T>(database: &Database, work: impl AsyncFnOnce(&mut Tx) -> T) -> T {
    let mut tx = database.store.begin().await.unwrap();
    let done = work(&mut tx).await;
    tx.commit().await.unwrap();
    done
}

pub(crate) async fn a_held_result_waits_while_its_attempt_is_the_last_and_nobody_has_decided(database: &Database) {
    held(database).await;
    let row = database.store.held(&id("a"), 1).await.unwrap().unwrap();
    assert_eq!((row.result.branch.as_str(), row.result.commit.as_str()), ("coditect/held/a-1", "c0ffee"));
    assert_eq!((row.result.flags.len(), row.at_ms, row.verdict), (1, 50, None));
    let now = life(database, "a").await;
    assert_eq!(now.state, TaskState::NeedsHuman);
    assert!(row.waits(&now) && !row.is_approved());
    assert_eq!(database.store.attempt(attempt(1)).await.unwrap().unwrap().state, "held");
    assert_eq!(database.store.held(&id("a"), 2).await.unwrap(), None, "another generation has none");
}

pub(crate) async fn an_approved_result_stays_approved_until_it_has_landed(database: &Database) {
    held(database).await;
    intervene(database, "a", Trigger::Retry).await;
    write(database, async |tx| tx.approve_held(attempt(1), "person:ann", 60).await.unwrap()).await;
    let row = database.store.held(&id("a"), 1).await.unwrap().unwrap();
    assert!(row.is_approved());
    assert_eq!((row.decided_by.as_deref(), row.decided_at_ms), (Some("person:ann"), Some(60)));
    write(database, async |tx| tx.approved_is(&id("a"), 1, HeldVerdict::Landed).await.unwrap()).await;
    write(database, async |tx| tx.approved_is(&id("a"), 1, HeldVerdict::Overtaken).await.unwrap()).await;
    let row = database.store.held(&id("a"), 1).await.unwrap().unwrap();
    assert_eq!((row.verdict, row.decided_by.as_deref()), (Some(HeldVerdict::Landed), Some("person:ann")));
}

pub(crate) async fn any_other_word_of_a_person_drops_what_is_held_or_approved(database: &Database) {
    held(database).await;
    intervene(database, "a", Trigger::Retry).await;
    let dropped = database.store.held(&id("a"), 1).await.unwrap().unwrap();
    assert_eq!(dropped.verdict, Some(HeldVerdict::Dropped));
    write(database, async |tx| tx.approve_held(attempt(1), "person:ann", 60).await.unwrap()).await;
    intervene(database, "a", Trigger::Cancel).await;
    let row = database.store.held(&id("a"), 1).await.unwrap().unwrap();
    assert_eq!(row.verdict, Some(HeldVerdict::Dropped));
    assert!(!row.waits(&life(database, "a").await));
}

pub(crate) async fn what_a_plan_says_of_proof_comes_with_its_tasks(database: &Database) {
    let planned = PlannedTask {
        verify: vec!["own".to_owned()],
        verify_plan: vec!["all".to_owned()],
        touches: vec!["src/a".to_owned()],
        changes: Changes::None,
        ..task("a", &[])
    };
    sync(database, "1", std::slice::from_ref(&planned)).await;
    let row = database.store.task(&id("a")).await.unwrap().unwrap();
    assert_eq!((row.verify, row.verify_plan, row.touches), (planned.verify, planned.verify_plan, planned.touches));
    assert_eq!(row.changes, Changes::None);
    sync(database, "2", &[task("a", &[])]).await;
    assert_eq!(database.store.task(&id("a")).await.unwrap().unwrap().changes, Changes::Required);
}
