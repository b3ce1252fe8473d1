//! What the database of a running system says, read beside the system with plain SQL.

use std::collections::BTreeMap;

use coditect_tests::{Project, wait_until};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use tokio::runtime::Runtime;

pub(crate) struct Witness {
    runtime: Runtime,
    pool: SqlitePool,
}

/// A task that is not retired.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) state: String,
}

impl Witness {
    /// Of the system that runs in a project, once it has a database.
    pub(crate) fn of(project: &Project) -> Self {
        let file = project.path().join(".coditect/coditect.db");
        wait_until("there is a database", || file.is_file());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let options = SqliteConnectOptions::new().filename(file).read_only(true);
        let pool = {
            let _inside = runtime.enter();
            SqlitePoolOptions::new().max_connections(1).connect_lazy_with(options)
        };
        let witness = Self { runtime, pool };
        wait_until("the database has its tables", || {
            witness.runtime.block_on(sqlx::query("SELECT 1 FROM task_events").fetch_optional(&witness.pool)).is_ok()
        });
        witness
    }

    fn rows<T>(&self, query: &'static str) -> Vec<T>
    where
        T: Send + Unpin + for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow>,
    {
        self.runtime.block_on(sqlx::query_as(query).fetch_all(&self.pool)).unwrap()
    }

    pub(crate) fn tasks(&self) -> Vec<Known> {
        let rows: Vec<(String, String, String)> =
            self.rows("SELECT id, title, state FROM tasks WHERE state <> 'retired'");
        rows.into_iter().map(|(id, title, state)| Known { id, title, state }).collect()
    }

    /// The state of every task there ever was.
    pub(crate) fn states(&self) -> BTreeMap<String, String> {
        self.rows::<(String, String)>("SELECT id, state FROM tasks").into_iter().collect()
    }

    /// How often any task was completed.
    pub(crate) fn completions(&self) -> i64 {
        self.times_completed().into_iter().map(|(_, times)| times).sum()
    }

    /// How often each task came to be completed. Not counted: what history says of a task that stays so, and tasks that
    /// come back finished.
    pub(crate) fn times_completed(&self) -> Vec<(String, i64)> {
        self.rows(
            "SELECT task_id, COUNT(*) FROM task_events WHERE to_state = 'completed' \
             AND from_state NOT IN ('completed', 'retired') GROUP BY task_id",
        )
    }

    /// How often each task that was completed was opened again.
    pub(crate) fn times_reopened(&self) -> Vec<(String, i64)> {
        self.rows(
            "SELECT task_id, COUNT(*) FROM task_events WHERE from_state = 'completed' \
             AND to_state NOT IN ('completed', 'retired') GROUP BY task_id",
        )
    }

    /// What history says of a task, a line each, with the time in milliseconds.
    pub(crate) fn history(&self, task: &str) -> String {
        let query = sqlx::query_as(
            "SELECT at_ms, from_state, to_state, actor, cause FROM task_events WHERE task_id = $1 ORDER BY id",
        );
        let rows: Vec<(i64, String, String, String, String)> =
            self.runtime.block_on(query.bind(task).fetch_all(&self.pool)).unwrap();
        let lines =
            rows.into_iter().map(|(at, from, to, actor, cause)| format!("  {at} {from} → {to} {actor}: {cause}"));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Whether every task is completed, or gone.
    pub(crate) fn nothing_to_do(&self) -> bool {
        let open = "SELECT COUNT(*) FROM tasks WHERE state NOT IN ('completed', 'retired')";
        self.rows::<(i64,)>(open)[0].0 == 0
    }
}
