//! Backups: every table, as of one moment, in one file that either engine can be restored from.
//!
//! The file is gzip over JSON lines: a [`Manifest`], then a line `[table, value, …]` for each row, in the order of
//! [`TABLES`], which foreign keys allow. Beside it lies its checksum, as `sha256sum` writes it. A file appears whole or
//! not at all; so does what is restored.

mod file;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};
use tokio_stream::StreamExt;

use crate::{Engine, Store, StoreError};

pub use file::{list, verify};

/// Every table, each after those that it refers to.
pub const TABLES: [&str; 22] = [
    "documents",
    "document_revisions",
    "epics",
    "features",
    "tasks",
    "task_dependencies",
    "dependencies_set_aside",
    "attempts",
    "held_results",
    "deliveries",
    "task_events",
    "agent_execution_log",
    "executors",
    "agents",
    "orchestrator_state",
    "plan_wishes",
    "adopted_tasks",
    "plan_conflicts",
    "task_answers",
    "account_pauses",
    "circuit_breakers",
    LEASES,
];

const LEASES: &str = "leases";

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the format.
    pub format: u32,
    /// When it was made, in epoch milliseconds.
    pub at_ms: i64,
    /// Its tables, in the order in which they follow.
    pub tables: Vec<Table>,
}

/// A table of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns, and whether each holds text (or else a number).
    pub columns: Vec<(String, bool)>,
    /// How many rows it has.
    pub rows: i64,
}

impl Manifest {
    /// How many rows a table has in it.
    #[must_use]
    pub fn rows(&self, table: &str) -> i64 {
        self.tables.iter().find(|known| known.name == table).map_or(0, |known| known.rows)
    }
}

/// A backup as a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupFile {
    /// Where it is.
    pub path: PathBuf,
    /// How large it is.
    pub bytes: u64,
    /// What it holds.
    pub manifest: Manifest,
}

/// A backup that cannot be made, read or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database failed; nothing has been changed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file could not be read or written.
    #[error("cannot {doing} {}", path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is not a backup, or not a whole one.
    #[error("{} is no whole backup: {why}; use another one", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The backup is of a schema that this version cannot hold.
    #[error("the backup has {0}, which this version's database has not: restore it with the version that made it")]
    Foreign(String),
}

const FORMAT: u32 = 1;

impl Store {
    /// Writes a backup into `folder`, which is made where it is missing.
    ///
    /// # Errors
    /// The database or the disk failed; then there is no file.
    pub async fn back_up(&self, folder: &Path, at_ms: i64) -> Result<BackupFile, BackupError> {
        let reading = || StoreError::during("read for a backup");
        // One snapshot for all tables: on SQLite, a transaction reads as of its first look.
        let begin = match self.engine() {
            Engine::Sqlite => "BEGIN",
            Engine::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        };
        let mut tx = self.pool.begin_with(begin).await.map_err(reading())?;
        let mut tables = Vec::new();
        for name in TABLES {
            let columns = columns(self.engine(), &mut tx, name).await?;
            let count = AssertSqlSafe(format!("SELECT COUNT(*) FROM {name}"));
            let (rows,): (i64,) = sqlx::query_as(count).fetch_one(&mut *tx).await.map_err(reading())?;
            tables.push(Table { name: name.to_owned(), columns, rows });
        }
        let manifest = Manifest { format: FORMAT, at_ms, tables };
        let mut writer = file::Writer::create(folder, &manifest)?;
        for table in &manifest.tables {
            let names: Vec<_> = table.columns.iter().map(|(column, _)| column.as_str()).collect();
            let select = AssertSqlSafe(format!("SELECT {} FROM {}", names.join(", "), table.name));
            let mut rows = sqlx::query(select).fetch(&mut *tx);
            while let Some(row) = rows.next().await {
                writer.line(&line(table, &row.map_err(reading())?)?).await?;
            }
        }
        tx.rollback().await.map_err(reading())?;
        writer.finish(manifest).await
    }

    /// Replaces everything in the database with what a backup holds, in one transaction. The schema is brought up to
    /// date before. Nobody else may be using the database; whoever begins to meanwhile waits.
    ///
    /// # Errors
    /// The backup is not whole, or the database failed; nothing has been changed.
    pub async fn restore(&self, path: &Path) -> Result<Manifest, BackupError> {
        let manifest = verify(path)?;
        self.migrate().await?;
        let mut tx = self.begin().await?;
        if self.engine() == Engine::Postgres {
            // On SQLite the transaction itself keeps others from writing.
            let lock = AssertSqlSafe(format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", TABLES.join(", ")));
            sqlx::query(lock).execute(&mut *tx.inner).await.map_err(StoreError::during("lock the tables"))?;
        }
        // Who led last is not undone: epochs only grow.
        for name in TABLES.iter().rev().filter(|name| **name != LEASES) {
            let delete = AssertSqlSafe(format!("DELETE FROM {name}"));
            sqlx::query(delete).execute(&mut *tx.inner).await.map_err(StoreError::during("empty a table"))?;
        }
        let mut reader = file::Reader::open(path)?;
        for table in &manifest.tables {
            let known = columns(self.engine(), &mut tx.inner, &table.name).await?;
            if known.is_empty() {
                return Err(BackupError::Foreign(format!("the table {}", table.name)));
            }
            if let Some((column, _)) = table.columns.iter().find(|column| !known.contains(column)) {
                return Err(BackupError::Foreign(format!("the column {column} of {}", table.name)));
            }
            let names: Vec<_> = table.columns.iter().map(|(column, _)| column.as_str()).collect();
            let places: Vec<_> = (1..=names.len()).map(|place| format!("${place}")).collect();
            let known = if table.name == LEASES { " ON CONFLICT DO NOTHING" } else { "" };
            let (names, places) = (names.join(", "), places.join(", "));
            let insert = format!("INSERT INTO {} ({names}) VALUES ({places}){known}", table.name);
            for _ in 0..table.rows {
                let row = reader.row(table)?;
                let mut query = sqlx::query(AssertSqlSafe(insert.clone()));
                for ((_, text), value) in table.columns.iter().zip(row) {
                    query = match text {
                        true => query.bind(value.as_str().map(str::to_owned)),
                        false => query.bind(value.as_i64()),
                    };
                }
                query.execute(&mut *tx.inner).await.map_err(StoreError::during("restore a row"))?;
            }
        }
        tx.commit().await?;
        Ok(manifest)
    }

    /// Who holds a lease at `now_ms`: services that may be running.
    ///
    /// # Errors
    /// The database failed.
    pub async fn lease_holders(&self, now_ms: i64) -> Result<Vec<(String, String)>, StoreError> {
        sqlx::query_as("SELECT service, holder FROM leases WHERE until_ms > $1 ORDER BY service")
            .bind(now_ms)
            .fetch_all(&self.pool)
            .await
            .map_err(StoreError::during("read who leads"))
    }
}

/// The columns of a table, in their order, and whether each holds text. None: there is no such table.
async fn columns(
    engine: Engine,
    tx: &mut sqlx::Transaction<'_, sqlx::Any>,
    table: &str,
) -> Result<Vec<(String, bool)>, StoreError> {
    let statement = match engine {
        Engine::Sqlite => "SELECT name, lower(type) FROM pragma_table_info($1) ORDER BY cid",
        Engine::Postgres => {
            "SELECT CAST(column_name AS TEXT), CAST(data_type AS TEXT) FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position"
        }
    };
    let rows: Vec<(String, String)> = sqlx::query_as(statement)
        .bind(table.to_owned())
        .fetch_all(&mut **tx)
        .await
        .map_err(StoreError::during("read the schema"))?;
    Ok(rows.into_iter().map(|(name, kind)| (name, kind == "text")).collect())
}

/// A row as a line: the table, then the values.
fn line(table: &Table, row: &AnyRow) -> Result<Vec<u8>, BackupError> {
    let reading = || StoreError::during("read for a backup");
    let mut values = vec![Value::from(table.name.as_str())];
    for (at, (_, text)) in table.columns.iter().enumerate() {
        values.push(match text {
            true => row.try_get::<Option<String>, _>(at).map_err(reading())?.into(),
            false => row.try_get::<Option<i64>, _>(at).map_err(reading())?.into(),
        });
    }
    let mut line = Value::from(values).to_string().into_bytes();
    line.push(b'\n');
    Ok(line)
}
