//! Readiness, and how tasks are found.

use coditect_core::{Priority, TaskState, Trigger};
use coditect_store::testing::Database;
use coditect_store::{PlannedTask, Store};

use crate::plan::{id, intervene, life, marked, settle, sync, task};

pub(crate) async fn a_task_is_ready_when_all_it_depends_on_is_met(database: &Database) {
    sync(database, "1", &[task("a", &[]), task("b", &[]), task("c", &["a", "b"])]).await;
    assert!(!settle(database, "c").await);
    intervene(database, "a", Trigger::Complete).await;
    assert!(!settle(database, "c").await, "one of two");
    intervene(database, "b", Trigger::Complete).await;
    assert!(settle(database, "c").await);
    assert!(!settle(database, "c").await, "it is there already");
    let ready = life(database, "c").await;
    assert_eq!((ready.state, ready.ready_at_ms), (TaskState::Ready, Some(20)));
    let events = database.store.events(&id("c")).await.unwrap();
    assert_eq!((events[0].actor.as_str(), events[0].cause.as_str()), ("dependency-resolver", "dependencies_met"));
}

pub(crate) async fn a_skipped_dependency_is_met(database: &Database) {
    sync(database, "1", &[task("a", &[]), task("b", &["a"])]).await;
    intervene(database, "a", Trigger::Cancel).await;
    assert!(!settle(database, "b").await, "a cancelled one is not");
    intervene(database, "a", Trigger::Skip).await;
    assert!(settle(database, "b").await);
}

pub(crate) async fn a_reference_to_nothing_holds_a_task(database: &Database) {
    let dangling = PlannedTask { dangling: vec!["7".to_owned()], ..task("a", &[]) };
    sync(database, "1", &[dangling]).await;
    assert!(!settle(database, "a").await);
    sync(database, "2", &[task("a", &[])]).await;
    assert!(settle(database, "a").await);
}

pub(crate) async fn a_ready_task_goes_back_when_a_dependency_is_reopened(database: &Database) {
    sync(database, "1", &[marked("a", "completed"), task("b", &["a"])]).await;
    assert!(settle(database, "b").await);
    intervene(database, "a", Trigger::Reopen).await;
    assert!(settle(database, "b").await);
    assert_eq!(life(database, "b").await.state, TaskState::Pending);
}

pub(crate) async fn the_graph_has_every_task_and_edge(database: &Database) {
    let first = PlannedTask { estimate_minutes: Some(30), ..task("a", &[]) };
    sync(database, "1", &[first, task("b", &["a"]), task("c", &["a", "b"])]).await;
    let mut tx = database.store.begin().await.unwrap();
    tx.set_rank(&id("a"), 240).await.unwrap();
    tx.commit().await.unwrap();
    let (tasks, edges) = database.store.graph().await.unwrap();
    let keys: Vec<_> = tasks.iter().map(|task| task.id.key()).collect();
    assert_eq!(keys, ["a", "b", "c"]);
    assert_eq!((tasks[0].path.as_str(), tasks[0].rank, tasks[0].estimate_minutes), ("PLAN.md", 240, Some(30)));
    let edges: Vec<_> = edges.iter().map(|e| (e.task.key(), e.depends_on.key(), e.kind.as_str())).collect();
    assert_eq!(edges, [("b", "a", "blocks"), ("c", "a", "blocks"), ("c", "b", "blocks")]);

    let synced = sync(database, "2", &[task("a", &[]), task("b", &[]), task("c", &["b"])]).await;
    assert!(synced.changed >= 2, "two edges were removed");
    assert_eq!(database.store.graph().await.unwrap().1.len(), 1);
}

pub(crate) async fn dependencies_and_dependents_are_found(database: &Database) {
    sync(database, "1", &[task("a", &[]), task("b", &[]), task("c", &["b", "a"])]).await;
    let dependencies = database.store.dependencies(&id("c")).await.unwrap();
    let found: Vec<_> = dependencies.iter().map(|d| (d.task.key(), d.title.as_str(), d.state)).collect();
    assert_eq!(found, [("a", "Task a", TaskState::Pending), ("b", "Task b", TaskState::Pending)]);
    assert_eq!(database.store.dependents(&id("a")).await.unwrap(), [id("c")]);
    assert_eq!(database.store.dependents(&id("c")).await.unwrap(), []);
}

pub(crate) async fn ready_tasks_come_in_dispatch_order(database: &Database) {
    let of = |key: &str, priority| PlannedTask { priority, ..task(key, &[]) };
    let tasks = [of("later", Priority::P2), of("low", Priority::P3), of("long", Priority::P2), of("top", Priority::P0)];
    sync(database, "1", &tasks).await;
    let mut tx = database.store.begin().await.unwrap();
    tx.set_rank(&id("long"), 60).await.unwrap();
    for key in ["later", "low", "long", "top"] {
        tx.settle(&id(key), true, 20).await.unwrap().unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(ready(&database.store, 10).await, ["top", "long", "later", "low"]);
    assert_eq!(ready(&database.store, 2).await, ["top", "long"]);
}

pub(crate) async fn a_task_that_waits_long_overtakes_more_urgent_ones(database: &Database) {
    let of = |key: &str, priority| PlannedTask { priority, ..task(key, &[]) };
    sync(database, "1", &[of("low", Priority::P3), of("top", Priority::P1)]).await;
    let mut tx = database.store.begin().await.unwrap();
    tx.settle(&id("low"), true, 20).await.unwrap().unwrap();
    tx.settle(&id("top"), true, 1_000).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    assert_eq!(database.store.promote_waiting(1_000, 1_019).await.unwrap(), 0);
    assert_eq!(ready(&database.store, 10).await, ["top", "low"]);
    assert_eq!(database.store.promote_waiting(500, 1_520).await.unwrap(), 2);
    assert_eq!(ready(&database.store, 10).await, ["low", "top"], "P3 for three, P1 for one");
    assert_eq!(database.store.promote_waiting(500, 900_000).await.unwrap(), 0, "there is nothing above P0");
    assert_eq!(database.store.promote_waiting(1_000_000, 1_520).await.unwrap(), 2, "and back");
}

async fn ready(store: &Store, limit: i64) -> Vec<String> {
    store.tasks_in(TaskState::Ready, limit).await.unwrap().into_iter().map(|task| task.key).collect()
}

pub(crate) async fn tasks_are_found_by_id_and_by_key(database: &Database) {
    sync(database, "1", &[task("1.1", &[]), task("1.10", &[])]).await;
    let named = async |name| database.store.tasks_named(name).await.unwrap();
    assert_eq!(named("1.1").await, [id("1.1")]);
    assert_eq!(named("plan/1.10").await, [id("1.10")]);
    assert_eq!(named("2").await, []);
    assert_eq!(database.store.task(&id("2")).await.unwrap(), None);
}

pub(crate) async fn tasks_are_counted_by_state(database: &Database) {
    sync(database, "1", &[task("a", &[]), task("b", &[]), marked("c", "completed")]).await;
    let mut counts = database.store.count_by_state().await.unwrap();
    counts.sort();
    assert_eq!(counts, [(TaskState::Pending, 2), (TaskState::Completed, 1)]);
}
