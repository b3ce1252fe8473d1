//! An earlier tool's database is imported, and only what was not done there is done here.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;

use coditect_core::{TaskId, TaskState};
use coditect_store::{Durability, Store};
use coditect_tests::{Project, plan};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

const SOURCE: &str = "
CREATE TABLE v2_epics (id TEXT PRIMARY KEY, title TEXT);
CREATE TABLE v2_features (id TEXT PRIMARY KEY, epic_id TEXT, title TEXT);
CREATE TABLE v2_tasks (id TEXT PRIMARY KEY, title TEXT, status TEXT, priority TEXT, description TEXT,
    created_at TEXT, updated_at TEXT);
INSERT INTO v2_tasks VALUES
    ('1.1', 'Make part 1 of 1', 'completed', 'P0', '', '2025-01-01', '2025-01-02'),
    ('Task 1.2', 'Make part 2 of 1', 'completed', 'P0', '', '2025-01-01', '2025-01-02'),
    ('x', 'Make part 3 of 1!', 'completed', 'P0', '', '2025-01-01', '2025-01-02'),
    ('1.4', 'Make part 4 of 1', 'pending', 'P0', '', '2025-01-01', '2025-01-02'),
    ('y', 'Something else altogether', 'completed', 'P0', '', '2025-01-01', '2025-01-02');
";

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn old(project: &Project) {
    let options = SqliteConnectOptions::new().filename(project.path().join("old.db")).create_if_missing(true);
    block_on(async {
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(SOURCE)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

fn import(project: &Project) {
    let output = project.coditect(&["import", "old.db"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Only what was not done in the source has landed, and every box is ticked.
fn only_the_rest_ran(project: &Project, rest: &[&str]) {
    let up = project.up(&["--until-done"]);
    assert_eq!(up.wait(), 0);
    let mut landed = project.landed();
    landed.sort();
    assert_eq!(landed, rest);
    let after = fs::read_to_string(project.plan()).unwrap();
    let tasks = coditect_plan::parse("PLAN.md", &after).tasks;
    assert!(tasks.iter().all(|task| task.status == coditect_plan::MarkerStatus::Completed), "{after}");
    assert_eq!(after.replace("[x]", "[ ]"), project.original.replace("[x]", "[ ]"), "only markers differ");
}

#[test]
fn what_was_done_before_is_not_done_again() {
    let project = Project::new(&plan(16, "true"));
    old(&project);
    import(&project);
    let rest = ["1.4", "2.1", "2.2", "2.3", "2.4", "3.1", "3.2", "3.3", "3.4", "4.1", "4.2", "4.3", "4.4"];
    only_the_rest_ran(&project, &rest);

    let url = format!("sqlite://{}", project.path().join(".coditect/coditect.db").display());
    let events = block_on(async {
        let store = Store::open(&url, Durability::Normal).await.unwrap();
        let done = store.task(&TaskId::new("plan", "1.3")).await.unwrap().unwrap();
        assert_eq!((done.life.state, done.life.token), (TaskState::Completed, 0));
        store.events(&done.id).await.unwrap()
    });
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.actor.as_str(), event.cause.as_str()), ("import", "complete: imported from old.db"));
    // Nothing is left to be done by importing it once more.
    import(&project);
    only_the_rest_ran(&project, &rest);
}

#[test]
fn a_database_that_is_imported_between_two_runs_takes_effect_before_anything_starts() {
    let project = Project::new(&plan(16, "false"));
    let once = [("CODITECT_RETRY__MAX_ATTEMPTS", "1")];
    assert_eq!(project.up_with(&["--until-done"], &once).wait(), 1, "nothing can be done");
    assert!(project.landed().is_empty());
    old(&project);
    import(&project);
    assert_eq!(project.up_with(&["--until-done"], &once).wait(), 1, "what is left still cannot");
    let url = format!("sqlite://{}", project.path().join(".coditect/coditect.db").display());
    block_on(async {
        let store = Store::open(&url, Durability::Normal).await.unwrap();
        let done = store.task(&TaskId::new("plan", "1.1")).await.unwrap().unwrap();
        assert_eq!((done.life.state, done.life.token), (TaskState::Completed, 1));
        for key in ["1.2", "1.3"] {
            let done = store.task(&TaskId::new("plan", key)).await.unwrap().unwrap();
            assert_eq!((done.life.state, done.life.token), (TaskState::Completed, 0), "{key} never started");
        }
        assert_eq!(store.events(&done.id).await.unwrap().last().unwrap().actor, "import");
    });
}
