//! Plans: what a sync writes, what an edit asks for, what is to be ticked.

use coditect_core::{Priority, TaskState, Trigger};
use coditect_plan::MarkerStatus;
use coditect_store::testing::Database;
use coditect_store::{PlannedTask, Synced, Wish};

use crate::plan::{id, intervene, life, marked, settle, sync, task, written};

pub(crate) async fn a_new_document_brings_its_tasks(database: &Database) {
    let planned = PlannedTask {
        section: vec!["Phase 1".to_owned(), "Set-up".to_owned()],
        priority: Priority::P0,
        agent: Some("coder".to_owned()),
        estimate_minutes: Some(90),
        steps: vec!["one \"step\"".to_owned()],
        acceptance: vec!["it works — ünïcode".to_owned()],
        verify: vec!["make test".to_owned()],
        script: Some("true\n".to_owned()),
        dangling: vec!["9.9".to_owned()],
        ..task("a", &[])
    };
    let synced = sync(database, "1", &[planned.clone(), marked("b", "completed"), marked("c", "cancelled")]).await;
    assert_eq!(synced, Synced { revision: 1, changed: 3, ..Synced::default() });

    let [a, b, c] = <[_; 3]>::try_from(database.store.tasks().await.unwrap()).unwrap();
    assert_eq!((a.key, a.title, a.section, a.position), (planned.key, planned.title, planned.section, 0));
    assert_eq!((a.priority, a.agent, a.estimate_minutes), (planned.priority, planned.agent, planned.estimate_minutes));
    assert_eq!((a.steps, a.acceptance, a.verify), (planned.steps, planned.acceptance, planned.verify));
    assert_eq!((a.script, a.dangling, a.marker), (planned.script, planned.dangling, planned.marker));
    assert_eq!((a.life.state, a.life.generation, a.life.version), (TaskState::Pending, 1, 0));
    assert_eq!((b.life.state, b.life.completed_at_ms), (TaskState::Completed, Some(10)));
    assert_eq!(c.life.state, TaskState::Cancelled, "at once: nobody can begin it before a wish is granted");
    let events = database.store.events(&id("c")).await.unwrap();
    assert_eq!(events[0].cause, "cancel: marked cancelled in the plan from the first");
    let documents = database.store.documents().await.unwrap();
    assert_eq!((documents[0].path.as_str(), documents[0].revision, documents[0].hash.as_str()), ("PLAN.md", 1, "1"));
}

pub(crate) async fn equal_content_changes_nothing(database: &Database) {
    sync(database, "1", &[task("a", &[])]).await;
    let again = sync(database, "1", &[task("a", &[])]).await;
    assert_eq!(again, Synced { revision: 1, ..Synced::default() });
}

pub(crate) async fn changed_content_updates_what_is_planned_and_leaves_progress_alone(database: &Database) {
    sync(database, "1", &[task("a", &[])]).await;
    settle(database, "a").await;
    let before = life(database, "a").await;
    let changed = PlannedTask { title: "Renamed".to_owned(), priority: Priority::P1, ..task("a", &[]) };
    let synced = sync(database, "2", &[task("b", &[]), changed]).await;
    assert_eq!((synced.revision, synced.wishes.len()), (2, 0));
    let a = database.store.task(&id("a")).await.unwrap().unwrap();
    assert_eq!((a.title.as_str(), a.priority, a.position), ("Renamed", Priority::P1, 1));
    assert_eq!(a.life, before);
}

pub(crate) async fn content_seen_before_is_stale_and_wishes_nothing(database: &Database) {
    sync(database, "1", &[task("a", &[]), task("b", &[])]).await;
    sync(database, "2", &[marked("a", "completed"), task("b", &[])]).await;
    let stale = sync(database, "1", &[task("a", &[])]).await;
    assert_eq!((stale.stale, stale.wishes), (true, Vec::new()));
}

pub(crate) async fn a_tick_is_a_wish_and_an_untick_too(database: &Database) {
    sync(database, "1", &[task("a", &[]), task("b", &[])]).await;
    let ticked = sync(database, "2", &[marked("a", "completed"), task("b", &[])]).await;
    assert_eq!((ticked.changed, ticked.wishes), (1, vec![(id("a"), Wish::Complete)]));
    assert_eq!(life(database, "a").await.state, TaskState::Pending, "a wish is not granted by the sync");
    intervene(database, "a", Trigger::Complete).await;
    let unticked = sync(database, "3", &[marked("a", "pending"), task("b", &[])]).await;
    assert_eq!(unticked.wishes, [(id("a"), Wish::Reopen)]);
}

pub(crate) async fn a_task_gone_from_the_plan_is_to_be_retired_and_restored_when_it_is_back(database: &Database) {
    sync(database, "1", &[task("a", &[]), task("b", &["a"])]).await;
    let gone = sync(database, "2", &[task("a", &[])]).await;
    assert_eq!(gone.wishes, [(id("b"), Wish::Retire)]);
    intervene(database, "b", Trigger::Retire).await;
    assert_eq!(sync(database, "3", &[marked("a", "in_progress")]).await.wishes, [], "gone already");
    let back = sync(database, "4", &[task("a", &[]), task("b", &["a"])]).await;
    assert_eq!(back.wishes, [(id("b"), Wish::Restore)]);
}

pub(crate) async fn a_wish_is_open_until_it_is_applied(database: &Database) {
    sync(database, "1", &[task("a", &[]), task("b", &[])]).await;
    sync(database, "2", &[marked("a", "completed"), task("b", &[])]).await;
    sync(database, "3", &[marked("a", "completed"), marked("b", "cancelled")]).await;
    let open = database.store.open_wishes().await.unwrap();
    let asked: Vec<_> = open.iter().map(|wish| (wish.task.clone(), wish.wish, wish.revision)).collect();
    assert_eq!(asked, [(id("a"), Wish::Complete, 2), (id("b"), Wish::Cancel, 3)]);
    let mut tx = database.store.begin().await.unwrap();
    tx.wish_applied(&open[0].id, "completed", 60).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(database.store.open_wishes().await.unwrap(), open[1..]);
}

pub(crate) async fn completed_tasks_are_to_be_ticked_until_they_are(database: &Database) {
    let due = async || {
        let due = database.store.marks_due("plan", false).await.unwrap();
        due.into_iter().map(|due| (due.task, due.key)).collect::<Vec<_>>()
    };
    sync(database, "1", &[task("a", &[]), marked("b", "completed"), task("c", &[])]).await;
    assert_eq!(due().await, []);
    intervene(database, "c", Trigger::Complete).await;
    intervene(database, "a", Trigger::Complete).await;
    assert_eq!(due().await, [(id("a"), "a".to_owned()), (id("c"), "c".to_owned())]);

    // An untick that is not applied yet must not be ticked away.
    sync(database, "2", &[marked("a", "completed"), marked("b", "pending"), task("c", &[])]).await;
    assert_eq!(due().await, [(id("c"), "c".to_owned())]);

    let mut tx = database.store.begin().await.unwrap();
    assert_eq!(tx.document_written("plan", written("3", &[(id("c"), MarkerStatus::Completed)]), 70).await.unwrap(), 3);
    tx.commit().await.unwrap();
    assert_eq!(due().await, []);
}

pub(crate) async fn what_the_daemon_wrote_itself_is_no_wish(database: &Database) {
    sync(database, "1", &[task("a", &[])]).await;
    intervene(database, "a", Trigger::Complete).await;
    let mut tx = database.store.begin().await.unwrap();
    tx.document_written("plan", written("2", &[(id("a"), MarkerStatus::Completed)]), 70).await.unwrap();
    tx.commit().await.unwrap();
    let read_back = sync(database, "2", &[marked("a", "completed")]).await;
    assert_eq!(read_back, Synced { revision: 2, ..Synced::default() });
    let older = sync(database, "1", &[task("a", &[])]).await;
    assert!(older.stale && older.wishes.is_empty());
}

pub(crate) async fn sections_that_change_places_do_not_get_in_each_others_way(database: &Database) {
    let within = |key: &str, section: &[&str]| PlannedTask {
        section: section.iter().map(ToString::to_string).collect(),
        ..task(key, &[])
    };
    sync(database, "1", &[within("a", &["One", "x"]), within("b", &["Two", "y"]), within("c", &[])]).await;
    sync(database, "2", &[within("b", &["Two", "y"]), within("a", &["One", "x", "deep"]), within("c", &["Two"])]).await;
    let sections: Vec<_> = database.store.tasks().await.unwrap().into_iter().map(|t| t.section.join("/")).collect();
    assert_eq!(sections, ["Two/y", "One/x/deep", "Two"]);
}
