//! `coditect import`: what it ties, what it says, what it keeps, and that it leaves the source alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use tempfile::TempDir;

const PLAN: &str = "# Plan

## Phase 1: Foundation

- [ ] T001.001: Write the schema
- [x] T001.002: Read the schema
- [ ] T001.003: Throw it away

## Phase 2: Service

- [ ] T002.001: Answer every request
- [ ] T002.002: Clean up
- [ ] T002.003: Clean up
";

const SOURCE: &str = "
CREATE TABLE v2_epics (id TEXT PRIMARY KEY, title TEXT);
CREATE TABLE v2_features (id TEXT PRIMARY KEY, epic_id TEXT, title TEXT);
CREATE TABLE v2_tasks (id TEXT PRIMARY KEY, feature_id TEXT, title TEXT, status TEXT, priority INTEGER,
    description TEXT, created_at TEXT, updated_at TEXT);
INSERT INTO v2_epics VALUES ('E1', 'Foundation'), ('E2', 'Service');
INSERT INTO v2_features VALUES ('F1', 'E1', 'Schema'), ('F2', 'E2', 'Requests');
INSERT INTO v2_tasks VALUES
    ('t001.001', 'F1', 'The schema', 'done', 1, 'x', '2025-01-01', '2025-02-01'),
    ('8a1', 'F1', 'Read the schema', 'pending', 1, '', '2025-01-01', NULL),
    ('8a2', 'F1', 'Throw it away!', 'CANCELLED', 2, '', '2025-01-01', NULL),
    ('8a3', 'F2', 'Answer every requests', 'in_progress', 2, '', '2025-01-01', NULL),
    ('8a4', 'F2', 'Clean up', 'completed', 2, '', '2025-01-01', NULL),
    ('8a5', NULL, 'Bake a cake', 'done', 2, '', '2025-01-01', NULL);
";

/// A kept row: its id, status, task, and when it was changed.
type Adopted = (String, String, Option<String>, Option<String>);

struct Project {
    folder: TempDir,
}

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("PLAN.md"), PLAN).unwrap();
        let git = Command::new("git").args(["init", "-q"]).current_dir(folder.path()).status().unwrap();
        assert!(git.success());
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A database of the earlier tool.
    async fn source(&self, statements: &str, journal: SqliteJournalMode) -> (PathBuf, SqliteConnection) {
        let file = self.path().join("old.db");
        let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true).journal_mode(journal);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut connection).await.unwrap();
        (file, connection)
    }

    async fn closed_source(&self, statements: &str, journal: SqliteJournalMode) -> PathBuf {
        let (file, connection) = self.source(statements, journal).await;
        connection.close().await.unwrap();
        file
    }

    fn import(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_coditect"));
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CODITECT_") || text.starts_with("DATABASE_URL") || text.starts_with("REDIS_URL") {
                command.env_remove(&name);
            }
        }
        command.args(["import", "old.db"]).args(arguments).current_dir(self.path()).env("NO_COLOR", "1");
        command.output().unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.import(&[&["--json"], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    async fn adopted(&self) -> Vec<Adopted> {
        let options = SqliteConnectOptions::new().filename(self.path().join(".coditect/coditect.db"));
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        let rows = sqlx::query_as("SELECT row_id, status, task_key, updated_at FROM adopted_tasks ORDER BY row_id");
        rows.fetch_all(&mut connection).await.unwrap()
    }

    /// The names and bytes of all files that begin with `old.db`.
    fn source_files(&self) -> BTreeMap<String, Vec<u8>> {
        let files = fs::read_dir(self.path()).unwrap().map(|entry| entry.unwrap().path());
        let named = files.map(|file| (file.file_name().unwrap().to_string_lossy().into_owned(), file));
        let ours = named.filter(|(name, _)| name.starts_with("old.db"));
        ours.map(|(name, file)| (name, fs::read(file).unwrap())).collect()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn rows_are_tied_by_id_by_section_and_by_title_and_the_rest_is_told() {
    let project = Project::new();
    project.closed_source(SOURCE, SqliteJournalMode::Delete).await;
    let report = project.json(&[]);
    let matched: Vec<_> = report["matched"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| [&m["row"], &m["key"], &m["by"], &m["effect"]].map(|value| value.as_str().unwrap().to_owned()))
        .collect();
    let words = "same words in the section of the same name";
    let wanted = [
        ["8a1", "T001.002", words, "plan_stands"],
        ["8a2", "T001.003", words, "cancels"],
        ["8a3", "T002.001", "titles 95 % alike", "agrees"],
        ["t001.001", "T001.001", "same id", "completes"],
    ];
    assert_eq!(matched, wanted.map(|row| row.map(str::to_owned)));
    assert_eq!(report["ambiguous"][0]["id"], "8a4");
    assert_eq!(report["ambiguous"][0]["candidates"].as_array().unwrap().len(), 2);
    assert_eq!(report["rows_without_task"], json!([{ "id": "8a5", "title": "Bake a cake" }]));
    assert_eq!(report["tasks_without_row"].as_array().unwrap().len(), 2);

    let kept = project.adopted().await;
    assert_eq!(kept.len(), 6);
    let by_id = kept.last().unwrap();
    assert_eq!(
        (by_id.1.as_str(), by_id.2.as_deref(), by_id.3.as_deref()),
        ("completed", Some("T001.001"), Some("2025-02-01"))
    );
    assert_eq!(kept[3].2, None, "what is ambiguous is tied to nothing");
    assert_eq!(fs::read_to_string(project.path().join("PLAN.md")).unwrap(), PLAN);
    assert_eq!(fs::read_to_string(project.path().join(".coditect/.gitignore")).unwrap(), "*\n");
}

#[tokio::test]
async fn people_read_what_matched_what_did_not_and_what_will_be_done() {
    let project = Project::new();
    project.closed_source(SOURCE, SqliteJournalMode::Delete).await;
    let output = project.import(&["--dry-run"]);
    let text = out(&output);
    for wanted in [
        "old.db: 4 of 6 rows matched\n  1 by the same id\n",
        "T001.001 Write the schema: completed there (t001.001), pending in the plan: will be completed",
        "T001.002 Read the schema: pending there (8a1), completed in the plan: stays as the plan has it",
        "T001.003 Throw it away: cancelled there (8a2), pending in the plan: will be cancelled",
        "8a4 Clean up: may be T002.002, T002.003",
        "rows without a task (1):\n  8a5 Bake a cake",
        "tasks without a row (2):",
    ] {
        assert!(text.contains(wanted), "no `{wanted}` in:\n{text}");
    }
    assert!(!project.path().join(".coditect").exists(), "a dry run writes nothing");
}

#[tokio::test]
async fn importing_again_changes_nothing() {
    let project = Project::new();
    project.closed_source(SOURCE, SqliteJournalMode::Delete).await;
    project.json(&[]);
    let before = project.adopted().await;
    let again = project.json(&[]);
    assert_eq!(again["stored"], true);
    assert_eq!(project.adopted().await, before);
}

#[tokio::test]
async fn the_source_is_only_read_whatever_its_journal_is() {
    for journal in [SqliteJournalMode::Delete, SqliteJournalMode::Wal] {
        let project = Project::new();
        let file = project.closed_source(SOURCE, journal).await;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
        let before = project.source_files();
        assert_eq!(before.len(), 1);
        project.json(&[]);
        assert!(project.source_files() == before, "{journal:?}: changed, or with side files");
    }
}

#[tokio::test]
async fn the_source_may_be_in_use_and_what_is_only_in_its_log_is_read_too() {
    let project = Project::new();
    let (_, mut connection) = project.source(SOURCE, SqliteJournalMode::Wal).await;
    sqlx::query("UPDATE v2_tasks SET status = 'done' WHERE id = '8a3'").execute(&mut connection).await.unwrap();
    let report = project.json(&["--dry-run"]);
    assert_eq!(report["matched"][2]["effect"], "completes");
    sqlx::query("UPDATE v2_tasks SET status = 'done'").execute(&mut connection).await.unwrap();
}

#[tokio::test]
async fn tables_columns_and_words_may_be_called_otherwise() {
    let project = Project::new();
    let other = "CREATE TABLE \"my tasks\" (nr INTEGER, \"what \"\"it\"\" is\" TEXT, state TEXT);
        INSERT INTO \"my tasks\" VALUES (1, 'T001.001 - The schema', 'shipped'), (2, 'Bake', 'open');";
    project.closed_source(other, SqliteJournalMode::Delete).await;
    let refused = project.import(&[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("has no table `v2_epics`; its tables: my tasks"), "{}", said(&refused));

    let map = |value: Value| fs::write(project.path().join("map.json"), value.to_string()).unwrap();
    let tables = json!({ "epics": null, "features": null, "tasks": "my tasks" });
    map(json!({ "tables": tables }));
    let refused = said(&project.import(&["--map", "map.json"]));
    assert!(
        refused.contains("the table `my tasks` has no column id; its columns: nr, what \"it\" is, state"),
        "{refused}"
    );

    let columns = json!({ "tasks": { "id": "nr", "title": "what \"it\" is", "status": "state" } });
    map(json!({ "tables": tables, "columns": columns }));
    let refused = said(&project.import(&["--map", "map.json"]));
    assert!(refused.contains("it is not known what these statuses mean: `shipped` (1)"), "{refused}");

    map(json!({ "tables": tables, "columns": columns, "statuses": { "Shipped": "completed" } }));
    let report = project.json(&["--map", "map.json"]);
    assert_eq!(
        (&report["matched"][0]["key"], &report["matched"][0]["effect"]),
        (&json!("T001.001"), &json!("completes"))
    );

    map(json!({ "tables": { "task": "x" } }));
    let refused = said(&project.import(&["--map", "map.json"]));
    assert!(refused.contains("map.json: `tables.task`: unknown field `task`, expected one of"), "{refused}");
}

#[tokio::test]
async fn what_cannot_be_imported_is_refused_with_its_reason() {
    let project = Project::new();
    let absent = project.import(&[]);
    assert_eq!(absent.status.code(), Some(2));
    assert!(said(&absent).contains("old.db"), "{}", said(&absent));
    fs::write(project.path().join("old.db"), "not a database, but longer than a header").unwrap();
    assert!(said(&project.import(&[])).contains("is no SQLite database"));
    fs::remove_file(project.path().join("old.db")).unwrap();

    let nothing = SOURCE.replace("'t001.001'", "'7'").replace("schema", "boat").replace("Answer", "Sing");
    let nothing = nothing.replace("Throw it", "Sail").replace("Clean up", "Moor");
    project.closed_source(&nothing, SqliteJournalMode::Delete).await;
    let output = project.import(&[]);
    assert_eq!(output.status.code(), Some(1), "{}", out(&output));
    assert!(said(&output).contains("no row matches a task of the plan"));
    assert!(!project.path().join(".coditect").exists());
}
