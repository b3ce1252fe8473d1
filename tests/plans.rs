//! Plans worked to their end, in order, each task landed once, the plan file otherwise untouched.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};

use coditect_store::testing::Database;
use coditect_tests::history::{check_starts_follow_completions, dependencies_by_words};
use coditect_tests::{Project, plan};

const WRITE: &str = r#"mkdir -p done && echo "$CODITECT_TASK_TITLE" > "done/$CODITECT_TASK_KEY.txt""#;

/// A plan of 174 tasks as people wrote it, its boxes unticked; absent where the corpus is.
fn real_plan() -> Option<String> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/corpus/plans/coditect-citus/TASKLIST-WITH-CHECKBOXES.md");
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.replace("\n- [x] ", "\n- [ ] "))
}

fn complete(project: &Project, arguments: &[&str]) {
    let up = project.up(&[&["--until-done"], arguments].concat());
    assert_eq!(up.wait(), 0);
    project.check_all_landed();
}

#[test]
fn the_real_plan_completes_on_sqlite() {
    let Some(text) = real_plan() else { return };
    let project = Project::new(&text);
    complete(&project, &["--runtime", "script", "--script", WRITE]);
    let database = format!("sqlite://{}", project.path().join(".coditect/coditect.db").display());
    let checked = check_starts_follow_completions(&database, &dependencies_by_words(&text));
    assert!(checked > 150, "{checked} dependencies");
}

#[test]
fn the_real_plan_completes_on_postgresql() {
    let Some(text) = real_plan() else { return };
    let Some(url) = postgres() else { return };
    complete(&Project::new(&text), &["--runtime", "script", "--script", WRITE, "--database", &url]);
}

#[test]
fn a_plan_completes_on_sqlite() {
    complete(&Project::new(&plan(16, "true")), &[]);
}

#[test]
fn a_plan_completes_on_postgresql() {
    let Some(url) = postgres() else { return };
    complete(&Project::new(&plan(16, "true")), &["--database", &url]);
}

#[test]
fn a_task_that_fails_once_is_tried_again() {
    let project = Project::new(&plan(4, r#"[ "$CODITECT_TASK_KEY" != 2.1 ] || [ "$CODITECT_ATTEMPT" -gt 1 ]"#));
    complete(&project, &[]);
}

#[test]
fn a_task_that_keeps_failing_needs_a_person_and_holds_up_only_what_hangs_on_it() {
    let project = Project::new(&plan(16, r#"[ "$CODITECT_TASK_KEY" != 2.1 ]"#));
    let up = project.up(&["--until-done"]);
    assert_eq!(up.wait(), 1);
    assert_eq!(project.landed().iter().filter(|key| key.starts_with("1.")).count(), 4);
    assert!(!project.landed().iter().any(|key| key.starts_with("2.")));
}

#[test]
fn ticks_say_who_did_what_when_and_in_which_commit_where_that_is_wanted() {
    let project = Project::new(&plan(4, "true"));
    let up = project.up_with(&["--until-done"], &[("CODITECT_PLAN__ANNOTATE", "true")]);
    assert_eq!(up.wait(), 0);
    let text = std::fs::read_to_string(project.plan()).unwrap();
    let notes: Vec<&str> =
        text.lines().filter_map(|line| line.split_once(" <!-- coditect: ")).map(|(_, n)| n).collect();
    assert_eq!(notes.len(), 4, "{text}");
    for note in notes {
        assert!(note.starts_with("agent=") && note.contains(", date=20") && note.ends_with(" -->"), "{note}");
        let commit = note.split("commit=").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
        assert_eq!(project.git(&["cat-file", "-t", commit]).trim(), "commit");
    }
    let without: String = text
        .split_inclusive('\n')
        .map(|line| line.split_once(" <!-- coditect: ").map_or(line.to_owned(), |(text, _)| format!("{text}\n")))
        .collect();
    assert_eq!(without.replace("[x]", "[ ]"), project.original.replace("[x]", "[ ]"));
}

#[test]
fn the_demo_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let output = std::process::Command::new(coditect_tests::binary("coditect"))
        .args(["demo", "--tasks", "24"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// A database of this test's own on a real server.
fn postgres() -> Option<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(Database::postgres()).map(|database| database.url)
}
