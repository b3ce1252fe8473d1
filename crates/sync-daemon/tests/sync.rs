//! Plan files and a real database, without Redis.
#![allow(clippy::unwrap_used, clippy::panic)]

mod fixture;

use std::fs;

use coditect_core::TaskState;
use coditect_plan::{Mark, MarkerStatus, parse};
use coditect_store::Wish;
use fixture::{Fixture, plans};
use sync_daemon::marking::Ready;
use sync_daemon::sync::{Looked, Marks, Ticked};
use sync_daemon::{file, ticks};

const PLAN: &str = "# Plan\n\n- [ ] 1.1 One\n- [ ] 1.2 Two\n  - **Depends on:** 1.1\n";

#[tokio::test]
async fn a_tick_changes_one_byte_of_a_file_with_windows_line_endings_and_a_byte_order_mark() {
    let text =
        "\u{feff}# Plan\r\n\r\n* [ ]  1.1 Uno \u{2013} caf\u{e9}\t \r\n- [ ] 1.2 Two\r\n\r\nno newline at the end";
    let mut fixture = Fixture::with(text).await;
    fixture.complete("1.1").await;
    assert_eq!(fixture.tick().await, Ticked::Done(1));
    assert_eq!(fixture.text(), text.replacen("[ ]", "[x]", 1));
    assert_eq!(fixture.marker("1.1").await, "completed");
}

#[tokio::test]
async fn many_completions_are_one_write_and_one_revision() {
    let text: String = (1..=200).map(|n| format!("- [ ] 1.{n} Task\n")).collect();
    let mut fixture = Fixture::with(&text).await;
    for n in 1..=200 {
        fixture.complete(&format!("1.{n}")).await;
    }
    assert_eq!(fixture.tick().await, Ticked::Done(200));
    assert_eq!(fixture.text(), text.replace("[ ]", "[x]"));
    assert_eq!(fixture.store.documents().await.unwrap()[0].revision, 2);
    assert_eq!(fixture.tick().await, Ticked::Nothing);
}

#[tokio::test]
async fn the_daemons_own_write_is_no_wish_and_no_new_revision() {
    let mut fixture = Fixture::with(PLAN).await;
    fixture.complete("1.1").await;
    fixture.tick().await;
    assert_eq!(fixture.sync().await, Looked::InStep);
    fixture.plans = plans(&fixture.folder, &fixture.store);
    assert_eq!(fixture.sync().await, Looked::InStep, "nor after a restart");
    assert!(fixture.store.open_wishes().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_persons_tick_and_untick_are_wishes() {
    let mut fixture = Fixture::with(PLAN).await;
    fixture.save(&PLAN.replace("[ ] 1.1", "[x] 1.1"));
    assert_eq!(fixture.wishes().await, [("1.1".to_owned(), Wish::Complete)]);
    assert_eq!(fixture.state("1.1").await, TaskState::Pending, "the orchestrator grants it, not the daemon");

    let mut fixture = Fixture::with(PLAN).await;
    fixture.complete("1.1").await;
    fixture.tick().await;
    fixture.now_ms += 60_000;
    fixture.save(&format!("{PLAN}\nOnce more, please.\n"));
    assert_eq!(fixture.wishes().await, [("1.1".to_owned(), Wish::Reopen)]);
    assert_eq!(fixture.tick().await, Ticked::Nothing, "a wish that waits is not overwritten");
}

#[tokio::test]
async fn content_that_was_seen_before_asks_for_nothing_and_is_ticked_again() {
    let mut fixture = Fixture::with(PLAN).await;
    fixture.complete("1.1").await;
    fixture.tick().await;
    let ticked = fixture.text();
    fixture.save(PLAN);
    assert!(fixture.wishes().await.is_empty());
    assert_eq!(fixture.tick().await, Ticked::Done(1));
    assert_eq!(fixture.text(), ticked);
    assert_eq!(fixture.state("1.1").await, TaskState::Completed);
}

#[tokio::test]
async fn a_crash_between_the_write_and_its_note_leaves_no_wish() {
    let mut fixture = Fixture::with(PLAN).await;
    fixture.complete("1.1").await;
    let ticked =
        ticks::mark(&parse("PLAN.md", PLAN), PLAN, &[Mark { key: "1.1", status: MarkerStatus::Completed, note: None }])
            .text;
    file::replace(&fixture.file(), PLAN, &ticked).unwrap();

    fixture.plans = plans(&fixture.folder, &fixture.store);
    assert_eq!(fixture.tick().await, Ticked::Behind);
    assert!(fixture.wishes().await.is_empty());
    assert_eq!((fixture.tick().await, fixture.marker("1.1").await.as_str()), (Ticked::Nothing, "completed"));
    assert_eq!(fixture.text(), ticked);
}

#[tokio::test]
async fn an_edit_that_was_not_synced_is_taken_over_before_anything_is_ticked() {
    let mut fixture = Fixture::with(PLAN).await;
    fixture.complete("1.1").await;
    let edited = format!("{PLAN}- [ ] 1.3 Three\n");
    fixture.save(&edited);
    assert_eq!((fixture.tick().await, fixture.text()), (Ticked::Behind, edited.clone()));
    assert!(fixture.wishes().await.is_empty());
    assert_eq!(fixture.tick().await, Ticked::Done(1));
    assert_eq!(fixture.text(), edited.replacen("[ ]", "[x]", 1));
    assert_eq!(fixture.state("1.3").await, TaskState::Pending);
}

#[tokio::test]
async fn a_file_that_is_missing_retires_nothing_and_is_tried_again() {
    let mut fixture = Fixture::with(PLAN).await;
    fs::remove_file(fixture.file()).unwrap();
    let Looked::Unreadable(trouble) = fixture.sync().await else { panic!() };
    assert!(trouble.contains("create it, or correct `plan.paths`"), "{trouble}");
    assert_eq!(fixture.plans.troubles().count(), 1);
    fixture.save(&format!("{PLAN}\nBack.\n"));
    assert!(fixture.wishes().await.is_empty());
    assert_eq!(fixture.plans.troubles().count(), 0);
}

#[tokio::test]
async fn a_file_that_is_no_utf_8_names_the_place_and_changes_nothing() {
    let mut fixture = Fixture::with(PLAN).await;
    fs::write(fixture.file(), b"- [ ] 1.1 caf\xe9\n").unwrap();
    let Looked::Unreadable(trouble) = fixture.sync().await else { panic!() };
    assert!(trouble.contains("line 1, column 14") && trouble.contains("save the file as UTF-8"), "{trouble}");
    assert!(fixture.store.open_wishes().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_file_that_lost_its_content_is_believed_only_if_it_stays_so() {
    let mut fixture = Fixture::with(PLAN).await;
    fixture.save("");
    assert_eq!(fixture.sync().await, Looked::HalfWritten);
    fixture.save(&format!("{PLAN}\nWritten to the end.\n"));
    assert!(fixture.wishes().await.is_empty());

    fixture.save("\n");
    assert_eq!(fixture.sync().await, Looked::HalfWritten);
    fixture.now_ms += 499;
    assert_eq!(fixture.sync().await, Looked::HalfWritten);
    fixture.now_ms += 1;
    let gone = |key: &str| (key.to_owned(), Wish::Retire);
    let mut wishes = fixture.wishes().await;
    wishes.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(wishes, [gone("1.1"), gone("1.2")]);
}

#[tokio::test]
async fn a_key_that_is_not_in_the_file_is_refused_once_and_holds_up_no_other() {
    let mut fixture = Fixture::with(PLAN).await;
    fixture.save("- [ ] 1.2 Two\n- [ ] 1.3 Three\n");
    fixture.wishes().await;
    // As if the wish to retire it had come too late for a task that was just completed.
    fixture.complete("1.1").await;
    let mut tx = fixture.store.begin().await.unwrap();
    for wish in fixture.store.open_wishes().await.unwrap() {
        tx.wish_applied(&wish.id, "too late", 1).await.unwrap();
    }
    tx.commit().await.unwrap();
    fixture.complete("1.2").await;
    assert_eq!(fixture.tick().await, Ticked::Done(1));
    assert_eq!(fixture.text(), "- [x] 1.2 Two\n- [ ] 1.3 Three\n");
    assert_eq!(fixture.tick().await, Ticked::Nothing);
}

#[tokio::test]
async fn the_status_of_a_document_says_its_revision_tasks_and_trouble() {
    let mut fixture = Fixture::with(PLAN).await;
    let status = fixture.plans.status().await.unwrap().remove(0);
    assert_eq!((status.revision, status.tasks, status.trouble), (1, 2, None));
    fs::remove_file(fixture.file()).unwrap();
    fixture.sync().await;
    assert!(fixture.plans.status().await.unwrap()[0].trouble.is_some());
}

#[tokio::test]
async fn a_note_says_who_did_a_task_only_where_it_is_wanted_and_an_agent_did_it() {
    let mut fixture = Fixture::with(PLAN).await;
    fixture.plans = plans(&fixture.folder, &fixture.store).with(Marks { annotate: true, ..Marks::default() });
    fixture.sync().await;
    fixture.complete("1.1").await;
    assert_eq!(fixture.tick().await, Ticked::Done(1));
    assert_eq!(fixture.text(), PLAN.replace("[ ] 1.1", "[x] 1.1"), "a person did it: there is nothing to say");
}

/// As a daemon leaves it that is killed after it has exchanged the file for its own: `beside` is what it exchanged it for.
async fn killed_after_the_exchange(beside: &str) -> (Fixture, std::path::PathBuf) {
    let mut fixture = Fixture::with(PLAN).await;
    fixture.complete("1.1").await;
    let Ready::Prepared(prepared) = fixture.plans.prepare(0, fixture.now_ms).await.unwrap() else { panic!() };
    fixture.plans.intend(0, &prepared).await.unwrap();
    let leftover = fixture.folder.path().join(format!("{}x.tmp", file::prefix(&fixture.file())));
    fs::write(&leftover, beside).unwrap();
    fixture.save(&prepared.new.text);
    fixture.plans = plans(&fixture.folder, &fixture.store);
    (fixture, leftover)
}

#[tokio::test]
async fn what_was_saved_in_the_moment_of_a_write_that_was_killed_is_put_back() {
    let saved = PLAN.replace("One", "One, and more");
    let (mut fixture, leftover) = killed_after_the_exchange(&saved).await;
    fixture.plans.recover().await.unwrap();
    assert_eq!(fixture.text(), saved);
    assert!(!leftover.exists());
    assert!(matches!(fixture.sync().await, Looked::Synced(_)));
    assert_eq!(fixture.tick().await, Ticked::Done(1));
    assert_eq!(fixture.text(), saved.replace("[ ] 1.1", "[x] 1.1"));
    assert!(fixture.store.open_wishes().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_a_write_that_was_killed_left_is_cleared_away() {
    let (mut fixture, leftover) = killed_after_the_exchange(PLAN).await;
    let written = fixture.text();
    fixture.plans.recover().await.unwrap();
    assert!(!leftover.exists(), "the content from before, which is known");
    assert_eq!(fixture.text(), written);

    let (mut fixture, leftover) = killed_after_the_exchange("# Pl").await;
    fixture.save(PLAN);
    fixture.plans.recover().await.unwrap();
    assert!(!leftover.exists(), "half of what was to be written, and never put in place");
    assert_eq!(fixture.text(), PLAN);
}

#[tokio::test]
async fn what_may_be_somebodys_is_never_removed() {
    let (mut fixture, leftover) = killed_after_the_exchange("Who knows?").await;
    fixture.save("# Another plan\n\n- [ ] 1.1 One\n");
    fixture.plans.recover().await.unwrap();
    assert_eq!(fs::read_to_string(leftover).unwrap(), "Who knows?");
}
