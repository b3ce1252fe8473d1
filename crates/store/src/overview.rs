//! What people look at: tasks in pages, sections, what runs, what is paused. Counted by the database, not here.

use coditect_core::{AttemptId, Priority, TaskId, TaskState};
use sqlx::any::AnyRow;

use crate::change::{get, keepable, task_id};
use crate::tasks::list;
use crate::{Store, StoreError};

/// Which tasks are wanted. What is empty does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// In any of these states.
    pub states: Vec<TaskState>,
    /// With this in their id, key or title, whatever the case.
    pub text: String,
    /// In this section.
    pub epic: String,
    /// For this agent, whoever said so.
    pub agent: String,
}

/// A task in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskBrief {
    /// Its id.
    pub id: TaskId,
    /// What a person calls it.
    pub key: String,
    /// Its title.
    pub title: String,
    /// The headings above it, outermost first.
    pub section: Vec<String>,
    /// Where it is.
    pub state: TaskState,
    /// How urgent it is.
    pub priority: Priority,
    /// The agent that a person gave it to, or else the plan.
    pub agent: Option<String>,
    /// Its generation.
    pub generation: i64,
    /// Attempts that count against the bound.
    pub attempts_spent: i64,
    /// How the last attempt failed.
    pub failure: Option<String>,
    /// Why it is where it is.
    pub reason: Option<String>,
    /// When the next attempt is due.
    pub due_at_ms: Option<i64>,
    /// Its line in the plan.
    pub line: i64,
    /// The plan's path.
    pub path: String,
    /// When it was completed.
    pub completed_at_ms: Option<i64>,
    /// The outermost section it is in.
    pub epic: Option<String>,
    /// The longest remaining chain that hangs on it, in minutes.
    pub rank: i64,
    /// When it last changed.
    pub updated_at_ms: i64,
}

/// An outermost section of a plan, with what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpicRow {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// The plan's path.
    pub path: String,
    /// Its tasks, those that were cancelled or are gone from the plan left out.
    pub total: i64,
    /// Those that are completed or skipped.
    pub completed: i64,
    /// Those with an open attempt.
    pub active: i64,
    /// Those that need a person.
    pub attention: i64,
}

/// What is shown of an attempt beside the attempt itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttemptNotes {
    /// The title of its task.
    pub title: String,
    /// Why its agent was chosen.
    pub because: Vec<String>,
    /// The version of the agent's program.
    pub runtime_version: Option<String>,
    /// The last line it printed, and when.
    pub last_line: Option<(String, i64)>,
}

/// A transition, with the name that a reader goes on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// Its id.
    pub id: String,
    /// The task.
    pub task: String,
    /// The state before.
    pub from: String,
    /// The state after.
    pub to: String,
    /// The attempt it belongs to.
    pub attempt: Option<String>,
    /// Who did it.
    pub actor: String,
    /// When.
    pub at_ms: i64,
}

macro_rules! brief {
    ($($rest:literal),*) => {
        concat!(
            "SELECT t.id, t.key, t.title, t.section, t.state, t.priority, COALESCE(t.agent_override, t.agent) AS agent, \
             t.generation, t.attempts_spent, t.failure, t.reason, t.due_at_ms, t.line, d.path, t.completed_at_ms, \
             t.epic_id, t.rank, t.updated_at_ms FROM tasks t JOIN documents d ON d.id = t.document_id ",
            $($rest),*
        )
    };
}

macro_rules! wanted {
    () => {
        "($1 = '' OR $1 LIKE '%,' || t.state || ',%') \
         AND ($2 = '' OR lower(t.title) LIKE $2 ESCAPE '!' OR lower(t.id) LIKE $2 ESCAPE '!' \
              OR lower(t.key) LIKE $2 ESCAPE '!') \
         AND ($3 = '' OR t.epic_id = $3) AND ($4 = '' OR COALESCE(t.agent_override, t.agent, '') = $4)"
    };
}

impl TaskFilter {
    /// As parameters of the statement.
    fn parameters(&self) -> [String; 4] {
        let states: String = self.states.iter().map(|state| format!(",{state}")).collect();
        let states = if states.is_empty() { states } else { states + "," };
        let text: String = self
            .text
            .to_lowercase()
            .chars()
            .flat_map(|c| ['!'].into_iter().filter(move |_| "%_!".contains(c)).chain([c]))
            .collect();
        let text = if text.is_empty() { text } else { format!("%{text}%") };
        [states, keepable(&text), keepable(&self.epic), keepable(&self.agent)]
    }
}

impl Store {
    /// How many unfinished tasks for agents neither verify commands of their own nor of their plan prove.
    ///
    /// # Errors
    /// The database failed.
    pub async fn count_unproved(&self) -> Result<i64, StoreError> {
        let (count,): (i64,) = sqlx::query_as(
            "SELECT COUNT(*) FROM tasks WHERE verify = '[]' AND verify_plan = '[]' AND human = 0 AND gone = 0 \
             AND state NOT IN ('completed', 'skipped', 'cancelled', 'retired')",
        )
        .fetch_one(&self.pool)
        .await
        .map_err(StoreError::during("count tasks that nothing proves"))?;
        Ok(count)
    }

    /// At most `limit` of the wanted tasks after the first `offset`, in the order of the plan; and how many are wanted.
    ///
    /// # Errors
    /// The database failed.
    pub async fn find_tasks(
        &self,
        filter: &TaskFilter,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<TaskBrief>, i64), StoreError> {
        let [states, text, epic, agent] = filter.parameters();
        let rows =
            sqlx::query(concat!(brief!("WHERE "), wanted!(), " ORDER BY t.document_id, t.position LIMIT $5 OFFSET $6"))
                .bind(&states)
                .bind(&text)
                .bind(&epic)
                .bind(&agent)
                .bind(limit)
                .bind(offset)
                .fetch_all(&self.pool)
                .await
                .map_err(StoreError::during("find tasks"))?;
        let found = rows.iter().map(brief).collect::<Result<Vec<_>, _>>()?;
        let (total,): (i64,) = sqlx::query_as(concat!("SELECT COUNT(*) FROM tasks t WHERE ", wanted!()))
            .bind(states)
            .bind(text)
            .bind(epic)
            .bind(agent)
            .fetch_one(&self.pool)
            .await
            .map_err(StoreError::during("count tasks"))?;
        Ok((found, total))
    }

    /// A task in short.
    ///
    /// # Errors
    /// The database failed.
    pub async fn brief(&self, id: &TaskId) -> Result<Option<TaskBrief>, StoreError> {
        sqlx::query(brief!("WHERE t.id = $1"))
            .bind(id.as_str())
            .fetch_optional(&self.pool)
            .await
            .map_err(StoreError::during("read a task"))?
            .map(|row| brief(&row))
            .transpose()
    }

    /// Where a task is.
    ///
    /// # Errors
    /// The database failed.
    pub async fn state(&self, id: &TaskId) -> Result<Option<TaskState>, StoreError> {
        let row: Option<(String,)> = sqlx::query_as("SELECT state FROM tasks WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(&self.pool)
            .await
            .map_err(StoreError::during("read a task"))?;
        let Some((state,)) = row else { return Ok(None) };
        let parsed = state.parse().map_err(|_| StoreError::Corrupt {
            table: "tasks",
            id: id.to_string(),
            column: "state",
            value: state,
        });
        parsed.map(Some)
    }

    /// The outermost sections that have tasks, in the order of the plans.
    ///
    /// # Errors
    /// The database failed.
    pub async fn epics(&self) -> Result<Vec<EpicRow>, StoreError> {
        sqlx::query(
            "SELECT e.id, e.title, d.path, \
             COUNT(CASE WHEN t.state NOT IN ('cancelled', 'retired') THEN 1 END) AS total, \
             COUNT(CASE WHEN t.state IN ('completed', 'skipped') THEN 1 END) AS completed, \
             COUNT(CASE WHEN t.state IN ('assigned', 'running', 'verifying', 'landing') THEN 1 END) AS active, \
             COUNT(CASE WHEN t.state IN ('needs_human', 'failed') THEN 1 END) AS attention \
             FROM epics e JOIN documents d ON d.id = e.document_id JOIN tasks t ON t.epic_id = e.id \
             GROUP BY e.id, e.title, d.path, e.position ORDER BY d.path, e.position, e.id",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::during("count by section"))?
        .iter()
        .map(|row| {
            Ok(EpicRow {
                id: get(row, "id")?,
                title: get(row, "title")?,
                path: get(row, "path")?,
                total: get(row, "total")?,
                completed: get(row, "completed")?,
                active: get(row, "active")?,
                attention: get(row, "attention")?,
            })
        })
        .collect()
    }

    /// Which outermost section each task is in, where it is in one.
    ///
    /// # Errors
    /// The database failed.
    pub async fn epics_of_tasks(&self) -> Result<Vec<(String, String)>, StoreError> {
        sqlx::query_as("SELECT id, epic_id FROM tasks WHERE epic_id IS NOT NULL")
            .fetch_all(&self.pool)
            .await
            .map_err(StoreError::during("read sections"))
    }

    /// Whether a pending task has all that it waits for, so that it will be ready.
    ///
    /// # Errors
    /// The database failed.
    pub async fn any_unblocked(&self) -> Result<bool, StoreError> {
        self.exists(
            "SELECT 1 FROM tasks t WHERE t.state = 'pending' AND t.dangling = '[]' AND t.marker <> 'blocked' AND NOT EXISTS \
             (SELECT 1 FROM task_dependencies d JOIN tasks p ON p.id = d.depends_on \
              WHERE d.task_id = t.id AND d.kind = 'blocks' AND p.state NOT IN ('completed', 'skipped')) LIMIT 1",
        )
        .await
    }

    /// Whether an edit of a plan waits to be granted.
    ///
    /// # Errors
    /// The database failed.
    pub async fn any_open_wish(&self) -> Result<bool, StoreError> {
        self.exists("SELECT 1 FROM plan_wishes WHERE applied_at_ms IS NULL LIMIT 1").await
    }

    /// Whether a task that was completed since `since_ms` is still to be ticked.
    ///
    /// # Errors
    /// The database failed.
    pub async fn any_tick_due(&self, since_ms: i64) -> Result<bool, StoreError> {
        let due = sqlx::query(
            "SELECT 1 FROM tasks WHERE state = 'completed' AND marker <> 'completed' AND \
             (SELECT MAX(completed_at_ms) FROM tasks WHERE state = 'completed') > $1 LIMIT 1",
        )
        .bind(since_ms)
        .fetch_optional(&self.pool)
        .await
        .map_err(StoreError::during("read ticks"))?;
        Ok(due.is_some())
    }

    async fn exists(&self, statement: &'static str) -> Result<bool, StoreError> {
        let found = sqlx::query(statement).fetch_optional(&self.pool).await;
        Ok(found.map_err(StoreError::during("look"))?.is_some())
    }

    /// What is shown beside the attempts at a task; without one, beside every open attempt, with its last line.
    ///
    /// # Errors
    /// The database failed.
    pub async fn attempt_notes(
        &self,
        task: Option<&TaskId>,
    ) -> Result<std::collections::HashMap<AttemptId, AttemptNotes>, StoreError> {
        let statement = match task {
            Some(_) => {
                "SELECT a.id, t.title, a.because, a.runtime_version, l.text, l.at_ms FROM attempts a \
                 JOIN tasks t ON t.id = a.task_id LEFT JOIN agent_execution_log l ON l.attempt_id = a.id \
                 AND l.seq = (SELECT MAX(m.seq) FROM agent_execution_log m WHERE m.attempt_id = a.id) \
                 WHERE a.task_id = $1"
            }
            None => {
                "SELECT a.id, t.title, a.because, a.runtime_version, l.text, l.at_ms FROM attempts a \
                 JOIN tasks t ON t.id = a.task_id LEFT JOIN agent_execution_log l ON l.attempt_id = a.id \
                 AND l.seq = (SELECT MAX(m.seq) FROM agent_execution_log m WHERE m.attempt_id = a.id) \
                 WHERE a.ended_at_ms IS NULL"
            }
        };
        let query = sqlx::query(statement);
        let query = match task {
            Some(task) => query.bind(task.as_str().to_owned()),
            None => query,
        };
        let rows = query.fetch_all(&self.pool).await.map_err(StoreError::during("read attempts"))?;
        rows.iter()
            .map(|row| {
                let id: String = get(row, "id")?;
                let because: Option<String> = get(row, "because")?;
                let (text, at_ms): (Option<String>, Option<i64>) = (get(row, "text")?, get(row, "at_ms")?);
                let notes = AttemptNotes {
                    title: get(row, "title")?,
                    because: because.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default(),
                    runtime_version: get(row, "runtime_version")?,
                    last_line: text.zip(at_ms),
                };
                let id = id.parse().map_err(|_| StoreError::Corrupt {
                    table: "attempts",
                    id: id.clone(),
                    column: "id",
                    value: id.clone(),
                })?;
                Ok((id, notes))
            })
            .collect()
    }

    /// At most `limit` transitions from `from_ms` on, in order of time.
    ///
    /// # Errors
    /// The database failed.
    pub async fn transitions(&self, from_ms: i64, limit: i64) -> Result<Vec<Transition>, StoreError> {
        sqlx::query(
            "SELECT id, task_id, from_state, to_state, attempt, actor, at_ms FROM task_events WHERE at_ms >= $1 \
             ORDER BY at_ms, id LIMIT $2",
        )
        .bind(from_ms)
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::during("read history"))?
        .iter()
        .map(|row| {
            Ok(Transition {
                id: get(row, "id")?,
                task: get(row, "task_id")?,
                from: get(row, "from_state")?,
                to: get(row, "to_state")?,
                attempt: get(row, "attempt")?,
                actor: get(row, "actor")?,
                at_ms: get(row, "at_ms")?,
            })
        })
        .collect()
    }
}

fn brief(row: &AnyRow) -> Result<TaskBrief, StoreError> {
    let id: String = get(row, "id")?;
    let state: String = get(row, "state")?;
    Ok(TaskBrief {
        key: get(row, "key")?,
        title: get(row, "title")?,
        section: list(&id, "section", row)?,
        state: state.parse().map_err(|_| StoreError::Corrupt {
            table: "tasks",
            id: id.clone(),
            column: "state",
            value: state,
        })?,
        priority: Priority::from_level(get(row, "priority")?),
        agent: get(row, "agent")?,
        generation: get(row, "generation")?,
        attempts_spent: get(row, "attempts_spent")?,
        failure: get(row, "failure")?,
        reason: get(row, "reason")?,
        due_at_ms: get(row, "due_at_ms")?,
        line: get(row, "line")?,
        path: get(row, "path")?,
        completed_at_ms: get(row, "completed_at_ms")?,
        epic: get(row, "epic_id")?,
        rank: get(row, "rank")?,
        updated_at_ms: get(row, "updated_at_ms")?,
        id: task_id("tasks", id)?,
    })
}
