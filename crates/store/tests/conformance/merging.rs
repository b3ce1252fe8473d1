//! Edits that meet what the database decided: identity, stale files, conflicts, revisions.

use coditect_core::{Change, TaskState, Trigger};
use coditect_plan::MarkerStatus;
use coditect_store::testing::Database;
use coditect_store::{AttemptEnd, Editor, PlannedTask, Side, Synced, Wish};

use crate::plan::{document, id, intervene, life, marked, pull, sync, task, written};

const MINUTE: i64 = 60_000;

/// A box without an id, at this place.
fn boxed(place: usize, title: &str, marker: &str) -> PlannedTask {
    PlannedTask { plan_id: None, title: title.to_owned(), ..marked(&format!("phase-1-{place}"), marker) }
}

async fn sync_at(database: &Database, hash: &str, tasks: &[PlannedTask], now_ms: i64) -> Synced {
    let mut tx = database.store.begin().await.unwrap();
    let synced = tx.sync_document(&document(hash, tasks), "person", now_ms).await.unwrap();
    tx.commit().await.unwrap();
    synced
}

async fn write(database: &Database, hash: &str, keys: &[&str], marker: MarkerStatus, now_ms: i64) {
    let marks: Vec<_> = keys.iter().map(|key| (id(key), marker)).collect();
    let mut tx = database.store.begin().await.unwrap();
    tx.document_written("plan", written(hash, &marks), now_ms).await.unwrap();
    tx.commit().await.unwrap();
}

/// Grants every wish that can be, as the orchestrator does.
async fn grant(database: &Database) {
    for wish in database.store.open_wishes().await.unwrap() {
        let mut tx = database.store.begin().await.unwrap();
        let seen = tx.lifecycle(&wish.task).await.unwrap().unwrap();
        let change = Change::Intervene { trigger: wish.wish.trigger(), reason: None };
        match tx.change(&wish.task, &seen, change, AttemptEnd::default(), &wish.actor, 50).await.unwrap() {
            Some(_) => tx.wish_applied(&wish.id, "applied", 50).await.unwrap(),
            None => tx.refuse_wish(&wish, 50).await.unwrap(),
        }
        tx.commit().await.unwrap();
    }
}

async fn causes(database: &Database, key: &str) -> Vec<String> {
    database.store.events(&id(key)).await.unwrap().into_iter().map(|event| event.cause).collect()
}

pub(crate) async fn boxes_that_change_places_keep_their_ids_and_exchange_their_keys(database: &Database) {
    sync(database, "1", &[boxed(1, "A", "pending"), boxed(2, "B", "pending"), boxed(3, "C", "pending")]).await;
    intervene(database, "phase-1-1", Trigger::Complete).await;
    let moved =
        [boxed(1, "New", "pending"), boxed(2, "C", "pending"), boxed(3, "A", "pending"), boxed(4, "B", "pending")];
    let synced = sync(database, "2", &moved).await;
    assert_eq!((synced.wishes.len(), synced.conflicts.len()), (0, 0));
    let names: Vec<_> =
        database.store.tasks().await.unwrap().into_iter().map(|t| (t.id.to_string(), t.key, t.title)).collect();
    let name = |id: &str, key: &str, title: &str| (format!("plan/{id}"), key.to_owned(), title.to_owned());
    assert_eq!(
        names,
        [
            name("phase-1-1@2", "phase-1-1", "New"),
            name("phase-1-3", "phase-1-2", "C"),
            name("phase-1-1", "phase-1-3", "A"),
            name("phase-1-2", "phase-1-4", "B"),
        ]
    );
    let due = database.store.marks_due("plan", false).await.unwrap();
    assert_eq!((due.len(), due[0].task.clone(), due[0].key.as_str()), (1, id("phase-1-1"), "phase-1-3"));
    assert_eq!(database.store.tasks_named("phase-1-3").await.unwrap(), [id("phase-1-1")], "as the plan has it now");
    assert_eq!(database.store.tasks_named("plan/phase-1-3").await.unwrap(), [id("phase-1-3")]);
    assert_eq!(database.store.tasks_named("phase-1-1@2").await.unwrap(), [id("phase-1-1@2")]);
}

pub(crate) async fn a_finished_task_that_is_cut_and_pasted_back_is_still_finished(database: &Database) {
    sync(database, "1", &[task("a", &[]), task("b", &[])]).await;
    intervene(database, "a", Trigger::Complete).await;
    write(database, "2", &["a"], MarkerStatus::Completed, 20).await;
    sync(database, "3", &[task("b", &[])]).await;
    let back = sync(database, "4", &[task("b", &[]), marked("a", "completed")]).await;
    assert_eq!(back.wishes, [(id("a"), Wish::Restore), (id("a"), Wish::Complete)]);
    grant(database).await;
    let a = life(database, "a").await;
    assert_eq!((a.state, a.generation), (TaskState::Completed, 1));
    // Taken out, retired, and pasted back unticked: a person wants it done again.
    sync(database, "5", &[task("b", &[])]).await;
    grant(database).await;
    assert_eq!(life(database, "a").await.state, TaskState::Retired);
    sync_at(database, "6", &[task("b", &[]), task("a", &[])], 10 * MINUTE).await;
    grant(database).await;
    let a = life(database, "a").await;
    assert_eq!((a.state, a.generation), (TaskState::Pending, 2));
}

pub(crate) async fn an_untick_undoes_a_lone_young_tick_of_the_daemon_only_after_a_minute(database: &Database) {
    sync(database, "1", &[task("a", &[]), task("b", &[])]).await;
    intervene(database, "a", Trigger::Complete).await;
    write(database, "2", &["a"], MarkerStatus::Completed, MINUTE).await;
    let early = sync_at(database, "3", &[task("a", &[]), marked("b", "in_progress")], 2 * MINUTE - 1).await;
    assert_eq!((early.wishes.len(), early.undone), (0, vec![id("a")]));
    assert_eq!(database.store.marks_due("plan", false).await.unwrap()[0].task, id("a"), "ticked again");
    assert!(causes(database, "a").await.last().unwrap().starts_with("stale_plan"));

    write(database, "4", &["a"], MarkerStatus::Completed, 3 * MINUTE).await;
    let late = sync_at(database, "5", &[task("a", &[]), task("b", &[])], 4 * MINUTE).await;
    assert_eq!((late.wishes, late.undone.len()), (vec![(id("a"), Wish::Reopen)], 0));
}

pub(crate) async fn a_file_without_any_of_the_daemons_last_ticks_is_an_older_one(database: &Database) {
    let plan = [task("a", &[]), task("b", &[]), task("c", &[])];
    sync(database, "1", &plan).await;
    for (hash, key) in [("2", "a"), ("3", "b"), ("4", "c")] {
        intervene(database, key, Trigger::Complete).await;
        write(database, hash, &[key], MarkerStatus::Completed, MINUTE).await;
    }
    let later = 100 * MINUTE;
    // It has the first tick, and neither of the two after it; and a person's new title.
    let old = [marked("a", "completed"), task("b", &[]), PlannedTask { agent: Some("x".to_owned()), ..task("c", &[]) }];
    let synced = sync_at(database, "5", &old, later).await;
    assert_eq!((synced.wishes.len(), synced.undone.len(), synced.stale), (0, 2, false));
    assert_eq!(database.store.task(&id("c")).await.unwrap().unwrap().agent.as_deref(), Some("x"), "text is the file's");
    write(database, "6", &["b", "c"], MarkerStatus::Completed, later).await;
    // It has one of the two that were ticked together: the other was unticked by a person.
    let one = [marked("a", "completed"), task("b", &[]), marked("c", "completed")];
    assert_eq!(sync_at(database, "7", &one, later).await.wishes, [(id("b"), Wish::Reopen)]);
}

pub(crate) async fn one_stale_copy_after_another_undoes_nothing(database: &Database) {
    let done = |key| marked(key, "completed");
    sync(database, "1", &[task("a", &[]), task("b", &[]), task("c", &[]), task("d", &[])]).await;
    for (hash, key) in [("2", "a"), ("3", "b"), ("4", "c")] {
        intervene(database, key, Trigger::Complete).await;
        write(database, hash, &[key], MarkerStatus::Completed, MINUTE).await;
    }
    let renamed = |key, title: &str| PlannedTask { title: title.to_owned(), ..task(key, &[]) };
    let later = 100 * MINUTE;
    // Saved before `b` and `c` were ticked, with another title of `c`; again, with yet another one of `b`.
    let first = [done("a"), task("b", &[]), renamed("c", "Something else"), task("d", &[])];
    assert_eq!(sync_at(database, "5", &first, later).await.undone, [id("b"), id("c")]);
    intervene(database, "d", Trigger::Complete).await;
    write(database, "6", &["b", "c", "d"], MarkerStatus::Completed, later).await;
    let second = [done("a"), renamed("b", "And now"), renamed("c", "Something else"), task("d", &[])];
    let synced = sync_at(database, "7", &second, later).await;
    assert_eq!((synced.wishes.len(), synced.undone), (0, vec![id("b"), id("c"), id("d")]));
    write(database, "8", &["b", "c", "d"], MarkerStatus::Completed, later).await;
    // A copy that is older than the tick of `c` has that of `b`, which was written again since.
    let between = [done("a"), done("b"), renamed("c", "Third"), task("d", &[])];
    let synced = sync_at(database, "9", &between, 2 * later).await;
    assert_eq!((synced.wishes.len(), synced.undone), (0, vec![id("c"), id("d")]));
    // And a file that has the last tick, not one before, is a person's.
    write(database, "10", &["c", "d"], MarkerStatus::Completed, 2 * later).await;
    let unticked = [done("a"), task("b", &[]), done("c"), done("d")];
    assert_eq!(sync_at(database, "11", &unticked, 2 * later).await.wishes, [(id("b"), Wish::Reopen)]);
}

pub(crate) async fn a_tick_in_a_file_that_was_changed_before_it_was_noted_is_the_daemons(database: &Database) {
    sync(database, "1", &[task("a", &[]), task("b", &[])]).await;
    intervene(database, "a", Trigger::Complete).await;
    let marks = [(id("a"), MarkerStatus::Completed)];
    let mut tx = database.store.begin().await.unwrap();
    tx.intend("plan", written("2", &marks)).await.unwrap();
    tx.commit().await.unwrap();
    let edited = PlannedTask { title: "Edited".to_owned(), ..task("b", &[]) };
    sync_at(database, "3", &[marked("a", "completed"), edited], MINUTE).await;
    let stale = PlannedTask { title: "Edited again".to_owned(), ..task("b", &[]) };
    let synced = sync_at(database, "4", &[task("a", &[]), stale], MINUTE + 1).await;
    assert_eq!((synced.wishes.len(), synced.undone), (0, vec![id("a")]));
}

pub(crate) async fn what_people_ticked_and_unticked_is_not_undone_by_a_copy_without_the_daemons_ticks(
    database: &Database,
) {
    sync(database, "1", &[task("a", &[]), marked("b", "completed"), task("c", &[])]).await;
    // A person ticks `a` and unticks `b`.
    sync(database, "2", &[marked("a", "completed"), task("b", &[]), task("c", &[])]).await;
    grant(database).await;
    intervene(database, "c", Trigger::Complete).await;
    write(database, "3", &["c"], MarkerStatus::Completed, MINUTE).await;
    let old = PlannedTask { title: "Edited".to_owned(), ..task("c", &[]) };
    let synced = sync_at(database, "4", &[task("a", &[]), marked("b", "completed"), old.clone()], MINUTE + 1).await;
    assert_eq!((synced.wishes.len(), synced.conflicts.len()), (0, 0));
    assert_eq!(synced.undone, [id("a"), id("b"), id("c")]);
    let due: Vec<_> =
        database.store.marks_due("plan", false).await.unwrap().into_iter().map(|due| due.marker).collect();
    assert_eq!(due, [MarkerStatus::Completed, MarkerStatus::Pending, MarkerStatus::Completed]);
    let mut tx = database.store.begin().await.unwrap();
    let marks = [(id("a"), due[0]), (id("b"), due[1]), (id("c"), due[2])];
    tx.document_written("plan", written("5", &marks), MINUTE + 2).await.unwrap();
    tx.commit().await.unwrap();
    // With the daemon's last tick in the file it is a person who changes their mind.
    let done = PlannedTask { marker: "completed".to_owned(), ..old };
    let synced = sync_at(database, "6", &[task("a", &[]), marked("b", "completed"), done], MINUTE + 3).await;
    assert_eq!(synced.wishes, [(id("a"), Wish::Reopen), (id("b"), Wish::Complete)]);
}

pub(crate) async fn a_stale_file_retires_nothing_and_holds_no_dependency_back(database: &Database) {
    sync(database, "1", &[task("a", &[])]).await;
    sync(database, "2", &[task("a", &[]), task("b", &["a"])]).await;
    let stale = sync(database, "1", &[task("a", &[])]).await;
    assert!(stale.stale && stale.wishes.is_empty());
    assert_eq!(database.store.dependencies(&id("b")).await.unwrap().len(), 1, "it waits still");
    intervene(database, "b", Trigger::Complete).await;
    assert!(database.store.marks_due("plan", false).await.unwrap().is_empty(), "it has no line to tick");
    let back = sync(database, "2", &[task("a", &[]), task("b", &["a"])]).await;
    assert!(back.wishes.is_empty());
    assert_eq!(database.store.marks_due("plan", false).await.unwrap()[0].task, id("b"));
}

pub(crate) async fn both_changed_to_different_things_is_a_conflict_until_a_side_is_taken(database: &Database) {
    sync(database, "1", &[task("a", &[]), task("b", &[])]).await;
    for key in ["a", "b"] {
        intervene(database, key, Trigger::Complete).await;
    }
    let synced = sync(database, "2", &[marked("a", "cancelled"), marked("b", "cancelled")]).await;
    assert_eq!((synced.wishes.len(), synced.conflicts), (0, vec![id("a"), id("b")]));
    assert!(database.store.marks_due("plan", false).await.unwrap().is_empty(), "the file is not touched");
    let open = database.store.conflicts(false).await.unwrap();
    assert_eq!(database.store.count_conflicts().await.unwrap(), 2);
    let told = |c: &coditect_store::ConflictRow| (c.base.clone(), c.plan.clone(), c.database.clone());
    assert_eq!(told(&open[0]), ("pending".to_owned(), "cancelled".to_owned(), "completed".to_owned()));

    for conflict in &open {
        let side = if conflict.task == id("a") { Side::Plan } else { Side::Database };
        let mut tx = database.store.begin().await.unwrap();
        tx.settle_conflict(conflict, side, "person:ada", 60).await.unwrap();
        tx.commit().await.unwrap();
    }
    grant(database).await;
    assert_eq!(life(database, "a").await.state, TaskState::Cancelled, "reopened and cancelled");
    assert_eq!(life(database, "b").await.state, TaskState::Completed);
    let due = database.store.marks_due("plan", false).await.unwrap();
    assert_eq!((due.len(), due[0].task.clone(), due[0].marker), (1, id("b"), MarkerStatus::Completed));
    assert!(database.store.conflicts(false).await.unwrap().is_empty());
    let settled = database.store.conflicts(true).await.unwrap();
    assert!(settled.iter().all(|c| c.settled_by.as_deref() == Some("person:ada")) && settled.len() == 2);
    assert!(causes(database, "b").await.iter().any(|cause| cause == "conflict_settled: status: database"));
}

pub(crate) async fn a_refused_wish_is_a_conflict_and_one_that_solves_itself_is_closed(database: &Database) {
    sync(database, "1", &[task("a", &[])]).await;
    let asked = sync(database, "2", &[marked("a", "cancelled")]).await;
    assert_eq!(asked.wishes, [(id("a"), Wish::Cancel)]);
    intervene(database, "a", Trigger::Complete).await;
    grant(database).await;
    let open = database.store.conflicts(false).await.unwrap();
    assert_eq!((open.len(), open[0].base.as_str(), open[0].plan.as_str()), (1, "pending", "cancelled"));

    let again = sync(database, "3", &[marked("a", "completed")]).await;
    assert!(again.wishes.is_empty() && again.conflicts.is_empty());
    let closed = database.store.conflicts(true).await.unwrap();
    assert_eq!(closed[0].choice.as_deref(), Some("converged"));
}

pub(crate) async fn an_agent_that_a_person_chose_stands_and_another_one_in_the_plan_is_a_conflict(database: &Database) {
    let with = |agent: &str| PlannedTask { agent: Some(agent.to_owned()), ..task("a", &[]) };
    sync(database, "1", &[with("coder")]).await;
    let seen = life(database, "a").await;
    let mut tx = database.store.begin().await.unwrap();
    assert!(tx.override_agent(&id("a"), &seen, Some("mine"), "person:ada", 20).await.unwrap());
    tx.commit().await.unwrap();
    let synced = sync(database, "2", &[with("other")]).await;
    assert_eq!(synced.conflicts, [id("a")]);
    let open = database.store.conflicts(false).await.unwrap();
    assert_eq!((open[0].field.as_str(), open[0].plan.as_str(), open[0].database.as_str()), ("agent", "other", "mine"));
    let mut tx = database.store.begin().await.unwrap();
    tx.settle_conflict(&open[0], Side::Plan, "person:ada", 30).await.unwrap();
    tx.commit().await.unwrap();
    let task = database.store.task(&id("a")).await.unwrap().unwrap();
    assert_eq!((task.agent.as_deref(), task.agent_override), (Some("other"), None));
}

pub(crate) async fn what_the_daemon_was_about_to_write_is_its_own_also_after_a_crash(database: &Database) {
    sync(database, "1", &[task("a", &[])]).await;
    intervene(database, "a", Trigger::Complete).await;
    let marks = [(id("a"), MarkerStatus::Completed)];
    let mut tx = database.store.begin().await.unwrap();
    tx.intend("plan", written("2", &marks)).await.unwrap();
    tx.commit().await.unwrap();
    // It wrote, died, and somebody reopened the task meanwhile: the tick in the file is no wish.
    intervene(database, "a", Trigger::Reopen).await;
    let found = sync(database, "2", &[marked("a", "completed")]).await;
    assert_eq!((found.revision, found.wishes.len()), (2, 0));
    assert_eq!(database.store.revisions("plan", 0, 1).await.unwrap()[0].actor, "sync-daemon");
    let due = database.store.marks_due("plan", false).await.unwrap();
    assert_eq!((due[0].task.clone(), due[0].marker), (id("a"), MarkerStatus::Pending));
}

pub(crate) async fn tasks_under_way_are_marked_only_if_that_is_wanted(database: &Database) {
    sync(database, "1", &[task("a", &[])]).await;
    crate::plan::settle(database, "a").await;
    let seen = life(database, "a").await;
    crate::plan::assign(&database.store, "a", &seen, crate::plan::attempt(1)).await.unwrap();
    assert!(database.store.marks_due("plan", false).await.unwrap().is_empty());
    assert_eq!(database.store.marks_due("plan", true).await.unwrap()[0].marker, MarkerStatus::InProgress);
    write(database, "2", &["a"], MarkerStatus::InProgress, 40).await;
    assert!(database.store.marks_due("plan", true).await.unwrap().is_empty());
    pull(database, "a", &[Trigger::Requeue]).await;
    assert_eq!(database.store.marks_due("plan", true).await.unwrap()[0].marker, MarkerStatus::Pending);
}

pub(crate) async fn sections_that_are_gone_are_forgotten(database: &Database) {
    let within = |key: &str, section: &[&str]| PlannedTask {
        section: section.iter().map(ToString::to_string).collect(),
        ..task(key, &[])
    };
    sync(database, "1", &[within("a", &["One", "x"]), within("b", &["Two", "y"])]).await;
    sync(database, "2", &[within("a", &["One"])]).await;
    let epics = database.store.epics().await.unwrap();
    assert_eq!(epics.into_iter().map(|epic| epic.title).collect::<Vec<_>>(), ["One"]);
}

pub(crate) async fn every_content_is_kept_and_comes_back_byte_for_byte(database: &Database) {
    let mut texts = vec!["\u{feff}- [ ] a Ünï\r\n\0- [ ] b\n".repeat(300)];
    for n in 1..300 {
        let last = texts[n - 1].clone();
        texts.push(if n % 7 == 0 { format!("{last}line {n}\n") } else { last.replacen("[ ]", "[x]", 1) });
    }
    for (n, text) in texts.iter().enumerate() {
        let mut planned = document(&format!("{n}"), &[task("a", &[])]);
        planned.text = Some(text.clone());
        let mut tx = database.store.begin().await.unwrap();
        tx.sync_document(&planned, "person", 1).await.unwrap();
        tx.commit().await.unwrap();
    }
    for n in [0, 1, 127, 128, 129, 200, 299] {
        let text = database.store.revision_text("plan", i64::try_from(n).unwrap() + 1).await.unwrap();
        assert!(text.as_deref() == Some(texts[n].as_str()), "revision {n}");
    }
    assert_eq!(database.store.revision_text("plan", 301).await.unwrap(), None);
    assert_eq!(database.store.revision_text("plan", 0).await.unwrap(), None);
}

pub(crate) async fn history_says_who_changed_what(database: &Database) {
    sync(database, "1", &[task("a", &[]), task("b", &[])]).await;
    let renamed = PlannedTask { title: "Renamed".to_owned(), ..task("a", &[]) };
    sync(database, "2", &[renamed, task("c", &["a"])]).await;
    write(database, "3", &["a"], MarkerStatus::Completed, 40).await;
    let told: Vec<_> = database
        .store
        .revisions("plan", 0, 10)
        .await
        .unwrap()
        .into_iter()
        .map(|row| {
            let changes: Vec<_> =
                row.changes.iter().map(|c| format!("{} {}: {} > {}", c.task, c.field, c.from, c.to)).collect();
            (row.revision, row.actor, changes)
        })
        .collect();
    let changes = [
        "plan/a title: Task a > Renamed",
        "plan/c task:  > added",
        "plan/b task:  > gone",
        "plan/c dependencies:  > plan/a",
    ];
    assert_eq!(told[0], (3, "sync-daemon".to_owned(), vec!["plan/a status: pending > completed".to_owned()]));
    assert_eq!(told[1], (2, "person:ada".to_owned(), changes.map(str::to_owned).to_vec()));
    assert_eq!(told[2], (1, "person:ada".to_owned(), Vec::new()));
}

pub(crate) async fn a_restored_content_asks_for_nothing_and_retires_what_is_not_in_it(database: &Database) {
    sync(database, "1", &[task("a", &[])]).await;
    intervene(database, "a", Trigger::Complete).await;
    sync(database, "2", &[marked("a", "completed"), task("b", &[])]).await;
    let mut tx = database.store.begin().await.unwrap();
    let editor = Editor { actor: "person:ada", restores: true };
    let synced = tx.sync_edited(&document("1", &[task("a", &[])]), editor, 30).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(synced.wishes, [(id("b"), Wish::Retire)]);
    assert_eq!(life(database, "a").await.state, TaskState::Completed);
    assert_eq!(database.store.marks_due("plan", false).await.unwrap()[0].task, id("a"));
}

pub(crate) async fn a_task_of_another_document_is_depended_on_by_what_its_plan_calls_it_now(database: &Database) {
    sync(database, "1", &[boxed(1, "A", "pending"), boxed(2, "B", "pending")]).await;
    sync(database, "2", &[boxed(1, "B", "pending"), boxed(2, "A", "pending")]).await;
    let mut other = document("3", &[task("x", &["plan/phase-1-2", "plan/nothing"])]);
    (other.id, other.path) = ("other".to_owned(), "OTHER.md".to_owned());
    let mut tx = database.store.begin().await.unwrap();
    tx.sync_document(&other, "person", 1).await.unwrap();
    tx.commit().await.unwrap();
    let x = coditect_core::TaskId::new("other", "x");
    let on: Vec<_> = database.store.dependencies(&x).await.unwrap().into_iter().map(|row| row.task).collect();
    assert_eq!(on, [id("phase-1-1")]);
    assert_eq!(database.store.task(&x).await.unwrap().unwrap().dangling, ["plan/nothing"], "it is held, and says why");
}
