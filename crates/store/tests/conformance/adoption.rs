//! Rows of an earlier tool's database: kept, applied once, and told from people's edits.

use coditect_core::{TaskState, Trigger};
use coditect_store::Wish;
use coditect_store::adoption::{AdoptedRow, AdoptedTie};
use coditect_store::testing::Database;

use crate::plan::{document, id, intervene, life, marked, settle, sync, task};

fn row(name: &str, status: &str, key: Option<&str>) -> AdoptedRow {
    AdoptedRow {
        source: "old.db".to_owned(),
        id: name.to_owned(),
        title: format!("Row {name}"),
        description: "ünïcode \u{0}".to_owned(),
        word: status.to_uppercase(),
        status: status.to_owned(),
        priority: Some("P1".to_owned()),
        created_at: Some("2025-01-02T03:04:05Z".to_owned()),
        updated_at: None,
        tie: key.map(|key| AdoptedTie { document: "plan".to_owned(), key: key.to_owned(), by: "same id".to_owned() }),
    }
}

async fn import(database: &Database, rows: &[AdoptedRow], now_ms: i64) -> Vec<(coditect_core::TaskId, Wish)> {
    let mut tx = database.store.begin().await.unwrap();
    for row in rows {
        tx.keep_adopted(row, now_ms).await.unwrap();
    }
    let wishes = tx.apply_adopted("plan", now_ms).await.unwrap();
    tx.commit().await.unwrap();
    wishes
}

async fn results(database: &Database) -> Vec<Option<String>> {
    database.store.adopted().await.unwrap().into_iter().map(|(_, result)| result).collect()
}

pub(crate) async fn rows_wait_for_their_tasks_and_take_effect_with_them(database: &Database) {
    let rows = [row("1", "completed", Some("a")), row("2", "cancelled", Some("b")), row("3", "completed", None)];
    assert_eq!(import(database, &rows, 10).await, [], "there is no task yet");
    assert!(!database.store.any_adopted_due("plan").await.unwrap());

    let mut tx = database.store.begin().await.unwrap();
    tx.sync_document(&document("1", &[task("a", &[]), task("b", &[])]), "person", 20).await.unwrap();
    let wishes = tx.apply_adopted("plan", 20).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(wishes, [(id("a"), Wish::Complete), (id("b"), Wish::Cancel)]);
    assert!(!settle(database, "a").await, "what is about to be completed does not start");
    let open = database.store.open_wishes().await.unwrap();
    assert!(open.iter().all(|wish| wish.source.as_deref() == Some("old.db")), "{open:?}");
    assert_eq!(results(database).await, [Some("completes".to_owned()), Some("cancels".to_owned()), None]);
    let kept = database.store.adopted().await.unwrap();
    assert_eq!(kept[0].0.description, "ünïcode \u{fffd}");
    assert_eq!((kept[0].0.word.as_str(), kept[0].0.created_at.as_deref()), ("COMPLETED", Some("2025-01-02T03:04:05Z")));
    assert_eq!((kept[0].0.tie.clone(), kept[2].0.tie.clone()), (rows[0].tie.clone(), None));
}

pub(crate) async fn rows_that_come_again_do_nothing_unless_they_changed(database: &Database) {
    sync(database, "1", &[task("a", &[]), task("b", &[])]).await;
    let rows = [row("1", "completed", Some("a")), row("2", "pending", Some("b"))];
    assert_eq!(import(database, &rows, 10).await, [(id("a"), Wish::Complete)]);
    intervene(database, "a", Trigger::Complete).await;
    intervene(database, "a", Trigger::Reopen).await;
    assert_eq!(import(database, &rows, 20).await, [], "a person has reopened it since");
    assert_eq!(results(database).await, [Some("completes".to_owned()), Some("agrees".to_owned())]);
    let changed = [rows[0].clone(), row("2", "completed", Some("b"))];
    assert_eq!(import(database, &changed, 30).await, [(id("b"), Wish::Complete)]);
}

pub(crate) async fn where_the_plan_says_that_a_task_is_settled_the_plan_stands(database: &Database) {
    sync(database, "1", &[marked("a", "completed"), task("b", &[]), marked("c", "cancelled")]).await;
    intervene(database, "b", Trigger::Complete).await;
    let rows = [
        row("1", "pending", Some("a")),
        row("2", "cancelled", Some("b")),
        row("3", "completed", Some("c")),
        row("4", "completed", Some("nobody")),
    ];
    assert_eq!(import(database, &rows, 10).await, []);
    let stands = Some("plan_stands".to_owned());
    assert_eq!(results(database).await, [stands.clone(), stands.clone(), stands, None]);
    assert_eq!(life(database, "a").await.state, TaskState::Completed);
}

pub(crate) async fn a_row_is_due_when_its_task_is_there_and_it_was_not_applied(database: &Database) {
    sync(database, "1", &[task("a", &[])]).await;
    let mut tx = database.store.begin().await.unwrap();
    tx.keep_adopted(&row("1", "completed", Some("a")), 10).await.unwrap();
    tx.commit().await.unwrap();
    assert!(database.store.any_adopted_due("plan").await.unwrap());
    assert_eq!(import(database, &[], 20).await.len(), 1);
    assert!(!database.store.any_adopted_due("plan").await.unwrap());
}
