//! Reading the SQLite database of an earlier tool, and changing nothing about it.
//!
//! The file is opened for reading only, so that it may be in use. A database in WAL mode that nobody has open would get
//! side files even from a reader: it is opened as one that does not change.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};

/// Which tables and columns hold what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shape {
    /// The names of the tables.
    pub tables: Tables,
    /// The names of their columns.
    pub columns: Columns,
}

/// The names of the tables. `null`: there is no such table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tables {
    /// The epics.
    pub epics: Option<String>,
    /// The features.
    pub features: Option<String>,
    /// The tasks.
    pub tasks: String,
}

impl Default for Tables {
    fn default() -> Self {
        Self { epics: Some("v2_epics".into()), features: Some("v2_features".into()), tasks: "v2_tasks".into() }
    }
}

/// The names of columns.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Columns {
    /// Those of the epics.
    pub epics: SectionColumns,
    /// Those of the features.
    pub features: SectionColumns,
    /// Those of the tasks.
    pub tasks: TaskColumns,
}

/// The columns of epics and of features. What is not named is looked for under its usual names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SectionColumns {
    /// `id`.
    pub id: Option<String>,
    /// `title` or `name`.
    pub title: Option<String>,
    /// Of a feature: `epic_id`.
    pub epic: Option<String>,
}

/// The columns of tasks. What is not named is looked for under its usual names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TaskColumns {
    /// `id`.
    pub id: Option<String>,
    /// `title` or `name`.
    pub title: Option<String>,
    /// `status`.
    pub status: Option<String>,
    /// `priority`.
    pub priority: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// `created_at`.
    pub created_at: Option<String>,
    /// `updated_at`.
    pub updated_at: Option<String>,
    /// `epic_id`.
    pub epic: Option<String>,
    /// `feature_id`.
    pub feature: Option<String>,
}

/// A task as the source has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceRow {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What else is written about it.
    pub description: String,
    /// Its status, in the source's words.
    pub status: String,
    /// How urgent it is.
    pub priority: Option<String>,
    /// When it was made.
    pub created_at: Option<String>,
    /// When it was changed.
    pub updated_at: Option<String>,
    /// The titles of its feature and its epic.
    pub sections: Vec<String>,
}

/// The source cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file cannot be opened.
    #[error("cannot read {}", .0.display())]
    File(PathBuf, #[source] std::io::Error),
    /// The file is something else.
    #[error("{} is no SQLite database", .0.display())]
    NoDatabase(PathBuf),
    /// SQLite refused.
    #[error("cannot read the database {}", .0.display())]
    Database(PathBuf, #[source] sqlx::Error),
    /// A table is missing.
    #[error("{} has no table `{table}`; its tables: {there}", path.display())]
    NoTable {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        table: String,
        /// What there is.
        there: String,
    },
    /// A column is missing.
    #[error("the table `{table}` has no column {wanted}; its columns: {there}")]
    NoColumn {
        /// The table.
        table: String,
        /// What was looked for.
        wanted: String,
        /// What there is.
        there: String,
    },
}

/// Reads the tasks of the database at `path`.
///
/// # Errors
/// A file that is missing or no database; a table or column that is not there.
pub async fn read(path: &Path, shape: &Shape) -> Result<Vec<SourceRow>, SourceError> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(is_at_rest(path)?);
    let failed = |error| SourceError::Database(path.to_owned(), error);
    let mut connection = options.disable_statement_logging().connect().await.map_err(failed)?;
    let rows = Source { path, connection: &mut connection }.rows(shape).await;
    connection.close().await.map_err(failed)?;
    rows
}

/// Whether the database is in WAL mode and nobody has it open: there is no log beside it.
fn is_at_rest(path: &Path) -> Result<bool, SourceError> {
    let mut header = [0; 20];
    let mut file = File::open(path).map_err(|error| SourceError::File(path.to_owned(), error))?;
    if file.read_exact(&mut header).is_err() || !header.starts_with(b"SQLite format 3\0") {
        return Err(SourceError::NoDatabase(path.to_owned()));
    }
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    Ok(header[18] == 2 && !Path::new(&log).exists())
}

struct Source<'a> {
    path: &'a Path,
    connection: &'a mut SqliteConnection,
}

/// A section's title, and the id of what it is part of.
type Sections = HashMap<String, (Option<String>, Option<String>)>;

impl Source<'_> {
    async fn rows(&mut self, shape: &Shape) -> Result<Vec<SourceRow>, SourceError> {
        let Shape { tables, columns: Columns { epics, features, tasks } } = shape;
        let epics = self.sections(tables.epics.as_deref(), epics).await?;
        let features = self.sections(tables.features.as_deref(), features).await?;
        let TaskColumns { id, title, status, priority, description, created_at, updated_at, epic, feature } = tasks;
        let wanted = [
            (id, ["id", "id"], true),
            (title, ["title", "name"], false),
            (status, ["status", "status"], true),
            (priority, ["priority", "priority"], false),
            (description, ["description", "description"], false),
            (created_at, ["created_at", "created_at"], false),
            (updated_at, ["updated_at", "updated_at"], false),
            (epic, ["epic_id", "epic_id"], false),
            (feature, ["feature_id", "feature_id"], false),
        ];
        let rows = self.select(&tables.tasks, wanted).await?;
        Ok(rows
            .into_iter()
            .enumerate()
            .map(|(at, [id, title, status, priority, description, created_at, updated_at, epic, feature])| {
                let feature = feature.and_then(|id| features.get(&id));
                let epic = epic.or_else(|| feature.and_then(|(_, epic)| epic.clone()));
                let epic = epic.and_then(|id| epics.get(&id));
                SourceRow {
                    // A key that is no number may be null.
                    id: id.unwrap_or_else(|| format!("(row {})", at + 1)),
                    title: title.unwrap_or_default(),
                    description: description.unwrap_or_default(),
                    status: status.unwrap_or_default(),
                    priority,
                    created_at,
                    updated_at,
                    sections: [feature, epic].into_iter().flatten().filter_map(|(title, _)| title.clone()).collect(),
                }
            })
            .collect())
    }

    async fn sections(&mut self, table: Option<&str>, columns: &SectionColumns) -> Result<Sections, SourceError> {
        let Some(table) = table else { return Ok(Sections::new()) };
        let SectionColumns { id, title, epic } = columns;
        let wanted =
            [(id, ["id", "id"], true), (title, ["title", "name"], false), (epic, ["epic_id", "epic_id"], false)];
        let rows = self.select(table, wanted).await?;
        Ok(rows.into_iter().filter_map(|[id, title, epic]| Some((id?, (title, epic)))).collect())
    }

    /// The columns of a table as text, each under the name it was given or else under one of its usual ones; nothing for
    /// one that is not there and need not be.
    async fn select<const N: usize>(
        &mut self,
        table: &str,
        wanted: [(&Option<String>, [&str; 2], bool); N],
    ) -> Result<Vec<[Option<String>; N]>, SourceError> {
        let there = self.columns(table).await?;
        let mut chosen = Vec::with_capacity(N);
        for (given, usual, required) in wanted {
            let names = given.as_deref().map_or(usual, |name| [name, name]);
            let found = names.iter().find_map(|name| there.iter().find(|column| column.eq_ignore_ascii_case(name)));
            if found.is_none() && (required || given.is_some()) {
                return Err(SourceError::NoColumn {
                    table: table.to_owned(),
                    wanted: names[..if names[0] == names[1] { 1 } else { 2 }].join(" or "),
                    there: there.join(", "),
                });
            }
            chosen.push(found.map_or("NULL".to_owned(), |name| format!("CAST({} AS TEXT)", quoted(name))));
        }
        let statement = format!("SELECT {} FROM {} ORDER BY 1", chosen.join(", "), quoted(table));
        let rows = self.all(statement).await?;
        rows.iter()
            .map(|row| {
                let mut values = [const { None }; N];
                for (at, value) in values.iter_mut().enumerate() {
                    *value = row.try_get(at).map_err(|error| SourceError::Database(self.path.to_owned(), error))?;
                }
                Ok(values)
            })
            .collect()
    }

    async fn columns(&mut self, table: &str) -> Result<Vec<String>, SourceError> {
        let names = self.names(format!("SELECT name FROM pragma_table_info({})", text(table))).await?;
        if names.is_empty() {
            let all = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' \
                       ORDER BY name";
            let there = self.names(all.to_owned()).await?;
            let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
            return Err(SourceError::NoTable { path: self.path.to_owned(), table: table.to_owned(), there });
        }
        Ok(names)
    }

    async fn names(&mut self, statement: String) -> Result<Vec<String>, SourceError> {
        let rows = self.all(statement).await?;
        let name = |row: &SqliteRow| row.try_get(0).map_err(|error| SourceError::Database(self.path.to_owned(), error));
        rows.iter().map(name).collect()
    }

    async fn all(&mut self, statement: String) -> Result<Vec<SqliteRow>, SourceError> {
        let rows = sqlx::query(AssertSqlSafe(statement)).fetch_all(&mut *self.connection).await;
        rows.map_err(|error| SourceError::Database(self.path.to_owned(), error))
    }
}

/// A name as SQL writes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL writes it.
fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
