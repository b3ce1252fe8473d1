//! What goes wrong elsewhere between plan and database, and the traps of real plan files, each as it ends here.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod fixture;

use std::fs;

use coditect_core::{TaskState, Trigger};
use coditect_store::Wish;
use fixture::Fixture;
use sync_daemon::marking::Ready;
use sync_daemon::sync::{Looked, Marks, Restored, Ticked};

const PLAN: &str = "# Plan\n\n## One\n\n- [ ] 1.1 Alpha\n- [ ] 1.2 Beta\n\n## Two\n\n- [ ] 2.1 Gamma\n";

/// Trap 6, and the incident: the daemon's own write was read back as a human edit and reverted a finished task.
#[tokio::test]
async fn the_daemons_own_write_is_never_a_human_edit_also_if_it_died_before_it_noted_it() {
    let mut fixture = Fixture::with(PLAN).await;
    fixture.complete("1.1").await;
    let Ready::Prepared(prepared) = fixture.plans.prepare(0, 1_000).await.unwrap() else { panic!() };
    fixture.plans.intend(0, &prepared).await.unwrap();
    fixture.plans.write(0, &prepared).await.unwrap();
    fixture.restart();
    assert!(fixture.pull("1.1", Trigger::Reopen).await, "a person wants it done again meanwhile");
    assert!(fixture.wishes().await.is_empty());
    fixture.settle().await;
    assert_eq!(fixture.state("1.1").await, TaskState::Pending);
    assert_eq!(fixture.text(), PLAN);
}

/// Trap 7, and the incident: a stale export overwrote newer edits.
#[tokio::test]
async fn a_stale_copy_that_is_saved_over_a_newer_file_reopens_nothing_and_its_edit_is_kept() {
    let mut fixture = Fixture::with(PLAN).await;
    for key in ["1.1", "2.1"] {
        fixture.complete(key).await;
        fixture.tick().await;
        fixture.now_ms += 600_000;
    }
    fixture.save(&PLAN.replace("Beta", "Better"));
    fixture.settle().await;
    assert_eq!(fixture.text(), PLAN.replace("Beta", "Better").replace("[ ] 1.1", "[x] 1.1").replace("[ ] 2.1", "[x] 2.1"));
    assert_eq!(fixture.state("1.1").await, TaskState::Completed);
}

/// Trap 7.
#[tokio::test]
async fn an_editor_that_saves_by_renaming_and_two_saves_before_a_look_come_to_the_last_one() {
    let mut fixture = Fixture::with(PLAN).await;
    for text in [PLAN.replace("Beta", "Draft"), PLAN.replace("Beta", "Final")] {
        let aside = fixture.folder.path().join("PLAN.md~");
        fs::write(&aside, text).unwrap();
        fs::rename(&aside, fixture.file()).unwrap();
    }
    assert!(fixture.wishes().await.is_empty());
    let titles: Vec<_> = fixture.store.tasks().await.unwrap().into_iter().map(|task| task.title).collect();
    assert_eq!(titles, ["Alpha", "Final", "Gamma"]);
}

/// Trap 7.
#[tokio::test]
async fn a_file_that_is_deleted_and_restored_or_half_written_loses_nothing() {
    let mut fixture = Fixture::with(PLAN).await;
    fixture.complete("1.1").await;
    fixture.tick().await;
    let ticked = fixture.text();
    fs::remove_file(fixture.file()).unwrap();
    assert!(matches!(fixture.sync().await, Looked::Unreadable(_)));
    fixture.save("");
    assert_eq!(fixture.sync().await, Looked::HalfWritten);
    fixture.save(&ticked);
    assert_eq!(fixture.sync().await, Looked::InStep);
    assert!(fixture.store.open_wishes().await.unwrap().is_empty());
}

/// Trap 7.
#[tokio::test]
async fn a_branch_switch_and_back_reopens_and_retires_nothing() {
    let mut fixture = Fixture::with(PLAN).await;
    let more = format!("{PLAN}- [ ] 2.2 Delta\n");
    fixture.save(&more);
    fixture.settle().await;
    fixture.complete("1.1").await;
    fixture.complete("2.2").await;
    fixture.settle().await;
    let ticked = fixture.text();
    fixture.now_ms += 600_000;

    fixture.save(PLAN);
    fixture.settle().await;
    assert_eq!(fixture.text(), PLAN.replace("[ ] 1.1", "[x] 1.1"), "what is finished is ticked on the other branch too");
    assert_eq!(fixture.state("2.2").await, TaskState::Completed, "it is on the branch that was left");
    fixture.save(&ticked);
    fixture.settle().await;
    assert_eq!(fixture.text(), ticked);
    assert!(fixture.store.conflicts(true).await.unwrap().is_empty());
}

/// Trap 8.
#[tokio::test]
async fn two_branches_that_each_added_a_task_with_one_id_keep_both_after_the_merge() {
    let mut fixture = Fixture::with(PLAN).await;
    fixture.save(&PLAN.replace("- [ ] 1.2 Beta\n", "- [ ] 1.2 Beta\n- [ ] 1.3 Mine\n"));
    fixture.settle().await;
    fixture.complete("1.3").await;
    fixture.settle().await;
    let merged = fixture.text().replace("- [x] 1.3 Mine\n", "- [ ] 1.3 Theirs\n- [x] 1.3 Mine\n");
    fixture.save(&merged);
    fixture.settle().await;
    let tasks = fixture.store.tasks().await.unwrap();
    let find = |title: &str| tasks.iter().find(|task| task.title == title).unwrap();
    assert_eq!((find("Mine").id.as_str(), find("Mine").life.state), ("plan/1.3", TaskState::Completed));
    assert_eq!(find("Theirs").life.state, TaskState::Pending);
    assert_eq!(fixture.text(), merged);
}

/// Trap 9.
#[tokio::test]
async fn what_happens_in_one_section_changes_no_byte_of_another() {
    let two = "## Two\r\n\r\n* [X]\t2.1 Gamma  \r\n\r\n\r\n- [ x] 2.2 slip\r\n";
    let mut fixture = Fixture::with(&format!("## One\n\n- [ ] 1.1 Alpha\n\n{two}")).await;
    fixture.complete("1.1").await;
    fixture.settle().await;
    assert_eq!(fixture.text(), format!("## One\n\n- [x] 1.1 Alpha\n\n{two}"));
}

/// Trap 10, and the incident: blocked because the dependency was already complete when the task was added.
#[tokio::test]
async fn a_task_that_is_added_behind_a_finished_one_can_start() {
    let mut fixture = Fixture::with(PLAN).await;
    fixture.complete("1.1").await;
    fixture.settle().await;
    let text = format!("{}- [ ] 2.2 Delta (depends on 1.1)\n", fixture.text());
    fixture.save(&text);
    fixture.settle().await;
    let id = coditect_core::TaskId::new("plan", "2.2");
    let mut tx = fixture.store.begin().await.unwrap();
    assert_eq!(tx.settle_readiness(&id, 1).await.unwrap().unwrap().now.state, TaskState::Ready);
}

/// The incident: multi-parent dependencies were treated as OR.
#[tokio::test]
async fn a_task_with_two_dependencies_waits_for_both() {
    let mut fixture = Fixture::with(&format!("{PLAN}- [ ] 2.2 Delta (depends on 1.1, 1.2)\n")).await;
    let id = coditect_core::TaskId::new("plan", "2.2");
    for (key, ready) in [("1.1", false), ("1.2", true)] {
        fixture.complete(key).await;
        fixture.tick().await;
        let mut tx = fixture.store.begin().await.unwrap();
        assert_eq!(tx.settle_readiness(&id, 1).await.unwrap().is_some(), ready);
        tx.commit().await.unwrap();
    }
}

/// The incident: on conflict both versions are kept.
#[tokio::test]
async fn where_both_were_changed_to_different_things_both_are_kept_until_a_side_is_taken() {
    let mut fixture = Fixture::with(PLAN).await;
    fixture.complete("1.1").await;
    let cancelled = PLAN.replace("[ ] 1.1", "[-] 1.1");
    fixture.save(&cancelled);
    fixture.settle().await;
    assert_eq!((fixture.text(), fixture.state("1.1").await), (cancelled, TaskState::Completed));
    let open = fixture.store.conflicts(false).await.unwrap();
    let mut tx = fixture.store.begin().await.unwrap();
    tx.settle(&open[0], coditect_store::Side::Database, "person:ada", 5).await.unwrap();
    tx.commit().await.unwrap();
    fixture.settle().await;
    assert_eq!(fixture.text(), PLAN.replace("[ ] 1.1", "[x] 1.1"));
}

#[tokio::test]
async fn a_daemon_that_is_killed_at_any_step_leaves_the_old_file_or_the_new_one_and_the_next_settles_the_rest() {
    for steps in 0..=3 {
        let mut fixture = Fixture::with(PLAN).await;
        fixture.complete("1.1").await;
        let new = PLAN.replace("[ ] 1.1", "[x] 1.1");
        let Ready::Prepared(prepared) = fixture.plans.prepare(0, 1_000).await.unwrap() else { panic!() };
        if steps > 0 {
            fixture.plans.intend(0, &prepared).await.unwrap();
        }
        if steps > 1 {
            fixture.plans.write(0, &prepared).await.unwrap();
        }
        if steps > 2 {
            fixture.plans.note(0, &prepared, 1_000).await.unwrap();
        }
        fixture.restart();
        assert_eq!(fixture.text(), if steps > 1 { new.clone() } else { PLAN.to_owned() });
        fixture.settle().await;
        assert_eq!((fixture.text(), fixture.state("1.1").await), (new, TaskState::Completed));
        assert_eq!(fixture.store.documents().await.unwrap()[0].revision, 2, "after {steps} steps");
    }
}

#[tokio::test]
async fn a_save_between_reading_and_writing_is_taken_over_first() {
    let mut fixture = Fixture::with(PLAN).await;
    fixture.complete("1.1").await;
    let Ready::Prepared(prepared) = fixture.plans.prepare(0, 1_000).await.unwrap() else { panic!() };
    fixture.plans.intend(0, &prepared).await.unwrap();
    fixture.save(&PLAN.replace("Beta", "Better"));
    fixture.plans.write(0, &prepared).await.unwrap();
    fixture.settle().await;
    assert_eq!(fixture.text(), PLAN.replace("Beta", "Better").replace("[ ] 1.1", "[x] 1.1"));
}

#[tokio::test]
async fn a_hundred_rapid_saves_end_in_one_state_that_is_right_in_both_places() {
    let mut fixture = Fixture::with(PLAN).await;
    for n in 0..100 {
        if n == 40 {
            fixture.complete("1.1").await;
        }
        let ticked = if n > 60 { "[x] 1.1" } else { "[ ] 1.1" };
        fixture.save(&format!("{}- [ ] 3.{n} Save {n}\n", PLAN.replace("[ ] 1.1", ticked)));
        fixture.now_ms += 100;
        if n % 7 == 0 {
            fixture.sync().await;
            fixture.tick().await;
        }
    }
    fixture.settle().await;
    assert_eq!(fixture.text(), format!("{}- [ ] 3.99 Save 99\n", PLAN.replace("[ ] 1.1", "[x] 1.1")));
    let there = fixture.store.tasks().await.unwrap();
    let there: Vec<_> = there.iter().filter(|task| task.life.state != TaskState::Retired).collect();
    assert_eq!(there.iter().map(|task| task.key.as_str()).collect::<Vec<_>>(), ["1.1", "1.2", "2.1", "3.99"]);
}

#[tokio::test]
async fn a_task_that_is_reopened_or_cancelled_in_the_database_is_marked_so_in_the_plan() {
    let mut fixture = Fixture::with(PLAN).await;
    fixture.complete("1.1").await;
    fixture.pull("1.2", Trigger::Cancel).await;
    fixture.settle().await;
    assert_eq!(fixture.text(), PLAN.replace("[ ] 1.1", "[x] 1.1").replace("[ ] 1.2", "[-] 1.2"));
    fixture.pull("1.1", Trigger::Reopen).await;
    fixture.pull("1.2", Trigger::Retry).await;
    fixture.settle().await;
    assert_eq!(fixture.text(), PLAN);
}

#[tokio::test]
async fn a_task_under_way_is_marked_so_if_that_is_wanted_and_unmarked_when_it_rests() {
    let mut fixture = Fixture::with(PLAN).await;
    let mut plans = fixture::plans(&fixture.folder, &fixture.store);
    plans = plans.with(Marks { in_progress: true, annotate: false });
    fixture.plans = plans;
    let id = coditect_core::TaskId::new("plan", "1.1");
    let mut tx = fixture.store.begin().await.unwrap();
    let seen = tx.settle_readiness(&id, 1).await.unwrap().unwrap().now;
    let open = coditect_store::OpenAttempt {
        id: coditect_core::AttemptId::from_parts(1, &[1; 10]),
        agent: "coder".to_owned(),
        account: "default".to_owned(),
        because: Vec::new(),
    };
    tx.assign(&id, &seen, open, "task-dispatcher", 1).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    fixture.settle().await;
    assert_eq!(fixture.text(), PLAN.replace("[ ] 1.1", "[~] 1.1"));
    fixture.pull("1.1", Trigger::Requeue).await;
    fixture.settle().await;
    assert_eq!(fixture.text(), PLAN);
}

#[tokio::test]
async fn what_a_format_cannot_say_is_skipped_and_holds_up_nothing() {
    let text = "### Task 1.1: Alpha\n\nWords.\n\n### Task 1.2: Beta\n\nWords.\n";
    let mut fixture = Fixture::with(text).await;
    fixture.pull("1.1", Trigger::Skip).await;
    fixture.complete("1.2").await;
    assert_eq!(fixture.tick().await, Ticked::Done(1));
    assert_eq!(fixture.text(), text.replace("Beta", "Beta ✅"));
    assert_eq!(fixture.tick().await, Ticked::Nothing);
}

#[tokio::test]
async fn a_revision_is_shown_byte_for_byte_and_comes_back_with_what_is_finished_still_finished() {
    let mut fixture = Fixture::with(PLAN).await;
    fixture.complete("1.1").await;
    fixture.tick().await;
    fixture.now_ms += 600_000;
    fixture.save(&format!("{}- [ ] 2.2 Delta\n", fixture.text().replace("Beta", "Worse")));
    fixture.settle().await;
    assert_eq!(fixture.store.revision_text("plan", 1).await.unwrap().as_deref(), Some(PLAN));

    fixture.save(&fixture.text().replace("Gamma", "not synced yet"));
    let restored = fixture.plans.restore(0, 1, "person:ada", fixture.now_ms).await.unwrap();
    assert_eq!(restored, Restored::Done(5));
    let unsynced = fixture.store.revision_text("plan", 4).await.unwrap().unwrap();
    assert!(unsynced.contains("not synced yet"), "what was in the file before is kept");
    assert_eq!(fixture.store.open_wishes().await.unwrap()[0].wish, Wish::Retire);
    fixture.settle().await;
    assert_eq!(fixture.text(), PLAN.replace("[ ] 1.1", "[x] 1.1"));
    assert_eq!(fixture.state("1.1").await, TaskState::Completed);
    assert_eq!(fixture.plans.restore(0, 99, "person:ada", 1).await.unwrap(), Restored::Unknown);
}
