//! What stands before a task that could start: a person, a mark in the plan, a wish.

use coditect_core::{Change, TaskState, Trigger};
use coditect_store::testing::Database;
use coditect_store::{AttemptEnd, HeldTask, PlannedTask};

use crate::plan::{assign, attempt, id, intervene, life, marked, settle, sync, task};

fn human(key: &str, depends_on: &[&str]) -> PlannedTask {
    PlannedTask { human: true, description: "Ask ünïcode\ntwice.".to_owned(), ..task(key, depends_on) }
}

fn optional(key: &str) -> PlannedTask {
    PlannedTask { optional: true, ..task(key, &[]) }
}

/// What a person asks for, under their own name.
async fn says(database: &Database, key: &str, trigger: Trigger) {
    let mut tx = database.store.begin().await.unwrap();
    let seen = tx.lifecycle(&id(key)).await.unwrap().unwrap();
    let change = Change::Intervene { trigger, reason: None };
    tx.change(&id(key), &seen, change, AttemptEnd::default(), "person:ada", 50).await.unwrap().unwrap();
    tx.commit().await.unwrap();
}

async fn settled(database: &Database, key: &str) -> TaskState {
    settle(database, key).await;
    life(database, key).await.state
}

pub(crate) async fn a_persons_task_is_put_to_them_when_it_could_start_and_never_to_an_agent(database: &Database) {
    sync(database, "1", &[task("a", &[]), human("b", &["a"])]).await;
    assert_eq!(settled(database, "b").await, TaskState::Pending, "a is not done");
    intervene(database, "a", Trigger::Complete).await;
    assert_eq!(settled(database, "b").await, TaskState::NeedsHuman);
    let asked = life(database, "b").await;
    assert_eq!((asked.reason.as_deref(), asked.attempts_started), (Some("Task b\nAsk ünïcode\ntwice."), 0));
    assert!(!settle(database, "b").await, "it is asked once");

    says(database, "b", Trigger::Retry).await;
    assert_eq!(settled(database, "b").await, TaskState::NeedsHuman, "it is put to them again");
    let events = database.store.events(&id("b")).await.unwrap();
    assert_eq!((events[0].actor.as_str(), events[0].to.as_str()), ("dependency-resolver", "needs_human"));
}

pub(crate) async fn a_ready_task_that_is_no_longer_for_agents_is_not_assigned(database: &Database) {
    sync(database, "1", &[task("a", &[]), task("b", &[]), task("c", &[])]).await;
    for key in ["a", "b", "c"] {
        settle(database, key).await;
    }
    let b = PlannedTask { marker: "blocked".to_owned(), ..task("b", &[]) };
    sync(database, "2", &[human("a", &[]), b, marked("c", "completed")]).await;
    for (key, number) in [("a", 1), ("b", 2), ("c", 3)] {
        let seen = life(database, key).await;
        assert_eq!(seen.state, TaskState::Ready);
        assert_eq!(assign(&database.store, key, &seen, attempt(number)).await, None);
    }
    assert_eq!(settled(database, "a").await, TaskState::NeedsHuman);
}

pub(crate) async fn a_question_is_withdrawn_when_the_plan_no_longer_asks_it(database: &Database) {
    sync(database, "1", &[task("a", &[]), human("b", &["a"])]).await;
    intervene(database, "a", Trigger::Complete).await;
    settle(database, "b").await;
    intervene(database, "a", Trigger::Reopen).await;
    assert_eq!(settled(database, "b").await, TaskState::Pending, "a is not done any more");
    intervene(database, "a", Trigger::Complete).await;
    assert_eq!(settled(database, "b").await, TaskState::NeedsHuman);
    sync(database, "2", &[marked("a", "completed"), task("b", &["a"])]).await;
    assert_eq!(settled(database, "b").await, TaskState::Pending, "an agent may do it now");
    assert_eq!(life(database, "b").await.reason, None);
}

pub(crate) async fn an_optional_task_is_left_out_until_a_person_asks_for_it(database: &Database) {
    sync(database, "1", &[optional("a"), task("b", &["a"])]).await;
    assert_eq!(settled(database, "a").await, TaskState::Skipped);
    assert_eq!(life(database, "a").await.reason.as_deref(), Some("optional in the plan"));
    assert_eq!(settled(database, "b").await, TaskState::Ready, "what is left out is met");
    says(database, "a", Trigger::Retry).await;
    assert_eq!(settled(database, "a").await, TaskState::Ready);
}

pub(crate) async fn an_optional_task_that_came_back_into_the_plan_is_still_optional(database: &Database) {
    sync(database, "1", &[optional("a"), optional("b")]).await;
    says(database, "a", Trigger::Retire).await;
    says(database, "a", Trigger::Restore).await;
    assert_eq!(settled(database, "a").await, TaskState::Skipped);
    // An agent that a person chose is to do something.
    let seen = life(database, "b").await;
    let mut tx = database.store.begin().await.unwrap();
    assert!(tx.override_agent(&id("b"), &seen, Some("coder"), "person:ada", 60).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(settled(database, "b").await, TaskState::Ready);
}

pub(crate) async fn what_was_left_out_comes_back_when_the_plan_or_the_configuration_wants_it(database: &Database) {
    sync(database, "1", &[optional("a"), optional("b"), optional("c")]).await;
    for key in ["a", "b"] {
        assert_eq!(settled(database, key).await, TaskState::Skipped);
    }
    intervene(database, "c", Trigger::Skip).await;
    sync(database, "2", &[task("a", &[]), optional("b"), task("c", &[])]).await;
    assert_eq!(settled(database, "a").await, TaskState::Pending);
    let mut tx = database.store.begin().await.unwrap();
    let moved = tx.settle(&id("b"), false, 70).await.unwrap().unwrap();
    assert_eq!(moved.now.state, TaskState::Pending);
    tx.commit().await.unwrap();
    assert_eq!(settled(database, "c").await, TaskState::Skipped, "a person left it out");
}

pub(crate) async fn a_mark_holds_a_task_until_it_is_gone(database: &Database) {
    sync(database, "1", &[task("a", &[]), marked("b", "in_progress")]).await;
    settle(database, "a").await;
    sync(database, "2", &[marked("a", "blocked"), marked("b", "in_progress")]).await;
    assert_eq!(settled(database, "a").await, TaskState::Pending);
    assert_eq!(settled(database, "b").await, TaskState::Ready, "only `blocked` holds");
    let held = HeldTask { task: id("a"), key: "a".to_owned(), path: "PLAN.md".to_owned(), line: 3 };
    assert_eq!(database.store.held_tasks().await.unwrap(), [held]);
    assert!(!database.store.any_unblocked().await.unwrap());
    sync(database, "3", &[task("a", &[]), task("b", &[])]).await;
    assert_eq!(settled(database, "a").await, TaskState::Ready);
    assert_eq!(database.store.held_tasks().await.unwrap(), []);
}

pub(crate) async fn a_task_that_is_about_to_be_ended_does_not_start(database: &Database) {
    sync(database, "1", &[task("a", &[]), human("b", &[])]).await;
    sync(database, "2", &[marked("a", "completed"), PlannedTask { marker: "cancelled".to_owned(), ..human("b", &[]) }])
        .await;
    for key in ["a", "b"] {
        assert_eq!(settled(database, key).await, TaskState::Pending);
    }
    let mut tx = database.store.begin().await.unwrap();
    for wish in database.store.open_wishes().await.unwrap() {
        tx.wish_applied(&wish.id, "means nothing", 60).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(settled(database, "a").await, TaskState::Ready);
}
