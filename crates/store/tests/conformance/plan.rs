//! Plans to work on, and the moves that the cases share.

use coditect_core::{AttemptId, Change, Lifecycle, Priority, TaskId, Trigger};
use coditect_plan::MarkerStatus;
use coditect_store::testing::Database;
use coditect_store::{AttemptEnd, Moved, OpenAttempt, PlannedDocument, PlannedTask, Store, Synced, Written};

/// A task that depends on these.
pub(crate) fn task(key: &str, depends_on: &[&str]) -> PlannedTask {
    PlannedTask {
        key: key.to_owned(),
        plan_id: Some(key.to_owned()),
        title: format!("Task {key}"),
        section: vec!["Phase 1".to_owned()],
        description: String::new(),
        line: 3,
        priority: Priority::P2,
        agent: None,
        estimate_minutes: None,
        steps: Vec::new(),
        acceptance: Vec::new(),
        verify: Vec::new(),
        touches: Vec::new(),
        script: None,
        depends_on: depends_on.iter().map(ToString::to_string).collect(),
        dangling: Vec::new(),
        human: false,
        optional: false,
        verify_plan: Vec::new(),
        changes: Default::default(),
        marker: "pending".to_owned(),
    }
}

/// A task with this marker.
pub(crate) fn marked(key: &str, marker: &str) -> PlannedTask {
    PlannedTask { marker: marker.to_owned(), ..task(key, &[]) }
}

/// The document `plan` with content that hashes to `hash`.
pub(crate) fn document(hash: &str, tasks: &[PlannedTask]) -> PlannedDocument {
    PlannedDocument {
        id: "plan".to_owned(),
        path: "PLAN.md".to_owned(),
        format: "coditect".to_owned(),
        hash: hash.to_owned(),
        text: None,
        diagnostics: "[]".to_owned(),
        tasks: tasks.to_vec(),
    }
}

/// Syncs [`document`].
pub(crate) async fn sync(database: &Database, hash: &str, tasks: &[PlannedTask]) -> Synced {
    let mut tx = database.store.begin().await.unwrap();
    let synced = tx.sync_document(&document(hash, tasks), "person:ada", 10).await.unwrap();
    tx.commit().await.unwrap();
    synced
}

/// What the daemon writes: content that hashes to `hash`, with these marks.
pub(crate) fn written<'a>(hash: &'a str, marks: &'a [(TaskId, MarkerStatus)]) -> Written<'a> {
    Written { hash, text: None, marks }
}

pub(crate) fn id(key: &str) -> TaskId {
    TaskId::new("plan", key)
}

pub(crate) fn attempt(number: u8) -> AttemptId {
    AttemptId::from_parts(1_000 + i64::from(number), &[number; 10])
}

pub(crate) async fn life(database: &Database, key: &str) -> Lifecycle {
    database.store.task(&id(key)).await.unwrap().unwrap().life
}

/// Changes a task as it is now; the change must take effect.
pub(crate) async fn change(database: &Database, key: &str, change: Change, end: AttemptEnd) -> Moved {
    let mut tx = database.store.begin().await.unwrap();
    let seen = tx.lifecycle(&id(key)).await.unwrap().unwrap();
    let moved = tx.change(&id(key), &seen, change, end, "orchestrator", 50).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    moved
}

/// Pulls triggers that carry nothing, one after another.
pub(crate) async fn pull(database: &Database, key: &str, triggers: &[Trigger]) {
    for trigger in triggers {
        change(database, key, Change::Plain(*trigger), AttemptEnd::default()).await;
    }
}

/// What a person asks for.
pub(crate) async fn intervene(database: &Database, key: &str, trigger: Trigger) {
    change(database, key, Change::Intervene { trigger, reason: None }, AttemptEnd::default()).await;
}

/// Settles the readiness of a task; answers whether it moved.
pub(crate) async fn settle(database: &Database, key: &str) -> bool {
    let mut tx = database.store.begin().await.unwrap();
    let moved = tx.settle(&id(key), true, 20).await.unwrap();
    tx.commit().await.unwrap();
    moved.is_some()
}

/// Assigns a task by what was seen of it, as one dispatcher would.
pub(crate) async fn assign(store: &Store, key: &str, seen: &Lifecycle, attempt: AttemptId) -> Option<Moved> {
    let mut tx = store.begin().await.unwrap();
    let open = OpenAttempt {
        id: attempt,
        agent: "coder".to_owned(),
        account: "default".to_owned(),
        because: vec!["it is asked for".to_owned()],
    };
    let moved = tx.assign(&id(key), seen, open, "task-dispatcher", 30).await.unwrap();
    tx.commit().await.unwrap();
    moved
}

/// The plan with the one task `a`, which is assigned as attempt 1; answers its token.
pub(crate) async fn assigned(database: &Database) -> i64 {
    sync(database, "1", &[task("a", &[])]).await;
    assert!(settle(database, "a").await);
    let seen = life(database, "a").await;
    assign(&database.store, "a", &seen, attempt(1)).await.unwrap().now.token
}

/// Claims attempt `number` of task `a`; answers whether it was to be had.
pub(crate) async fn claim(database: &Database, number: u8, token: i64) -> bool {
    let mut tx = database.store.begin().await.unwrap();
    let moved = tx.claim(&id("a"), attempt(number), token, "executor-1", 500, 40).await.unwrap();
    tx.commit().await.unwrap();
    moved.is_some()
}
