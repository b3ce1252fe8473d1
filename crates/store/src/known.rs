//! The tasks of a plan as the database has them: what a sync compares with, and the rows that it writes.

use std::collections::HashSet;

use coditect_core::{Lifecycle, TaskId, TaskState};
use coditect_plan::MarkerStatus;
use coditect_plan::identity::Seen;
use sqlx::any::AnyRow;

use crate::change::{get, lifecycle, lifecycle_columns, task_id};
use crate::documents::marker;
use crate::merge::Says;
use crate::planned::PlannedTask;
use crate::tasks::{changes, list};
use crate::wishes::{Wish, named};
use crate::{StoreError, Tx};

/// What the database knows of a task before a sync.
pub(crate) struct Known {
    pub(crate) id: TaskId,
    /// As it was planned; what it depends on is left out.
    pub(crate) planned: PlannedTask,
    pub(crate) position: i64,
    pub(crate) place: (Option<String>, Option<String>),
    /// Not in the plan as last synced.
    pub(crate) gone: bool,
    pub(crate) agent_override: Option<String>,
    /// How its marker came to be what it is, or what it is to be again.
    pub(crate) mark: Option<Mark>,
    pub(crate) life: Lifecycle,
    /// What was asked of it and is not granted yet.
    pub(crate) wishes: Vec<Wish>,
    /// The fields about which a conflict is open.
    pub(crate) conflicts: HashSet<String>,
}

/// How a marker came to say what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The revision that first had it. A mark that was undone and written again keeps it.
    pub(crate) revision: i64,
    /// When the daemon wrote it last; `None`: a person did.
    pub(crate) written_ms: Option<i64>,
    /// What was there before.
    pub(crate) from: MarkerStatus,
}

impl Known {
    /// What its mark says: the marker, or, where that is as it was before, what will be written again.
    pub(crate) fn mark_says(&self) -> Result<Option<(Mark, Says)>, StoreError> {
        let Some(mark) = self.mark else { return Ok(None) };
        let marker = Says::marker(self.marker()?);
        let says = if marker == Says::marker(mark.from) { self.decided() } else { marker };
        Ok((says != Says::marker(mark.from)).then_some((mark, says)))
    }

    /// What it is told by.
    pub(crate) fn seen(&self) -> Seen<'_> {
        let PlannedTask { key, plan_id, title, section, .. } = &self.planned;
        Seen { key, id: plan_id.as_deref(), title, section }
    }

    /// What its marker was.
    pub(crate) fn marker(&self) -> Result<MarkerStatus, StoreError> {
        marker(&self.id, &self.planned.marker)
    }

    /// What the database has decided, the wishes that wait counted in.
    pub(crate) fn decided(&self) -> Says {
        let wish = self.wishes.iter().rev().find(|wish| !matches!(wish, Wish::Retire | Wish::Restore));
        wish.map_or(Says::state(self.life.state), |wish| wish.decides())
    }

    /// Whether it is retired, or will be by a wish that waits.
    pub(crate) fn retires(&self) -> bool {
        match self.wishes.iter().rev().find(|wish| matches!(wish, Wish::Retire | Wish::Restore)) {
            Some(wish) => *wish == Wish::Retire,
            None => self.life.state == TaskState::Retired,
        }
    }

    /// Whether it was completed when it was taken out of the plan.
    pub(crate) fn was_done(&self) -> bool {
        matches!(self.life.state, TaskState::Completed | TaskState::Retired) && self.life.completed_at_ms.is_some()
    }
}

impl Tx {
    /// The tasks of a document, in the order of the plan.
    pub(crate) async fn known_tasks(&mut self, document: &str) -> Result<Vec<Known>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT id, key, plan_id, title, section, description, position, line, priority, agent, \
             estimate_minutes, steps, acceptance, verify, verify_plan, touches, script, dangling, human, optional, changes, marker, gone, agent_override, \
             epic_id, feature_id, marked_revision, marked_at_ms, marked_from, ",
            lifecycle_columns!(),
            " FROM tasks WHERE document_id = $1 ORDER BY position, id"
        ))
        .bind(document)
        .fetch_all(&mut *self.inner)
        .await
        .map_err(StoreError::during("read tasks"))?;
        let mut tasks = rows.iter().map(known).collect::<Result<Vec<_>, _>>()?;
        let places: std::collections::HashMap<_, _> =
            tasks.iter().enumerate().map(|(at, task)| (task.id.as_str().to_owned(), at)).collect();
        let wishes: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT w.id, w.task_id, w.wish FROM plan_wishes w JOIN tasks t ON t.id = w.task_id \
             WHERE w.applied_at_ms IS NULL AND t.document_id = $1 ORDER BY w.revision, w.id",
        )
        .bind(document)
        .fetch_all(&mut *self.inner)
        .await
        .map_err(StoreError::during("read wishes"))?;
        for (id, task, wish) in wishes {
            if let Some(task) = places.get(&task).and_then(|at| tasks.get_mut(*at)) {
                task.wishes.push(named(&id, wish)?);
            }
        }
        let conflicts: Vec<(String, String)> = sqlx::query_as(
            "SELECT c.task_id, c.field FROM plan_conflicts c JOIN tasks t ON t.id = c.task_id \
             WHERE c.settled_at_ms IS NULL AND t.document_id = $1",
        )
        .bind(document)
        .fetch_all(&mut *self.inner)
        .await
        .map_err(StoreError::during("read conflicts"))?;
        for (task, field) in conflicts {
            if let Some(task) = places.get(&task).and_then(|at| tasks.get_mut(*at)) {
                task.conflicts.insert(field);
            }
        }
        Ok(tasks)
    }

    /// Takes keys from tasks that are to be called otherwise, so that others can have them.
    pub(crate) async fn free_keys(&mut self, tasks: impl Iterator<Item = &TaskId>) -> Result<(), StoreError> {
        for task in tasks {
            // No key of a plan begins so, and no two tasks of a document end so.
            sqlx::query("UPDATE tasks SET key = $1 WHERE id = $2")
                .bind(format!("~{}", task.key()))
                .bind(task.as_str())
                .execute(&mut *self.inner)
                .await
                .map_err(StoreError::during("rename a task"))?;
        }
        Ok(())
    }

    /// Writes a task as planned; its progress only if it is new.
    pub(crate) async fn write_task(
        &mut self,
        id: &TaskId,
        task: &PlannedTask,
        position: i64,
        (epic, feature): &(Option<String>, Option<String>),
        life: &Lifecycle,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO tasks (id, document_id, epic_id, feature_id, key, title, section, description, position, \
             line, priority, agent, estimate_minutes, steps, acceptance, verify, touches, script, dangling, marker, \
             rank, state, generation, token, attempts_spent, attempts_started, completed_at_ms, version, \
             created_at_ms, updated_at_ms, plan_id, human, optional, verify_plan, changes, planned_seq) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, \
             0, $21, $22, $23, 0, 0, $24, $25, $26, $26, $27, $28, $29, $30, $31, \
             (SELECT COALESCE(MAX(other.planned_seq), 0) + 1 FROM tasks other)) \
             ON CONFLICT (id) DO UPDATE SET epic_id = excluded.epic_id, feature_id = excluded.feature_id, \
             key = excluded.key, plan_id = excluded.plan_id, gone = 0, \
             title = excluded.title, section = excluded.section, description = excluded.description, \
             position = excluded.position, line = excluded.line, priority = excluded.priority, \
             agent = excluded.agent, estimate_minutes = excluded.estimate_minutes, steps = excluded.steps, \
             acceptance = excluded.acceptance, verify = excluded.verify, touches = excluded.touches, \
             script = excluded.script, dangling = excluded.dangling, marker = excluded.marker, \
             human = excluded.human, optional = excluded.optional, verify_plan = excluded.verify_plan, \
             changes = excluded.changes, planned_seq = excluded.planned_seq",
        )
        .bind(id.as_str())
        .bind(id.document())
        .bind(epic.clone())
        .bind(feature.clone())
        .bind(&task.key)
        .bind(&task.title)
        .bind(json(&task.section))
        .bind(&task.description)
        .bind(position)
        .bind(task.line)
        .bind(task.priority.level())
        .bind(task.agent.clone())
        .bind(task.estimate_minutes)
        .bind(json(&task.steps))
        .bind(json(&task.acceptance))
        .bind(json(&task.verify))
        .bind(json(&task.touches))
        .bind(task.script.clone())
        .bind(json(&task.dangling))
        .bind(&task.marker)
        .bind(life.state.as_str())
        .bind(life.generation)
        .bind(life.token)
        .bind(life.completed_at_ms)
        .bind(life.version)
        .bind(now_ms)
        .bind(task.plan_id.clone())
        .bind(i64::from(task.human))
        .bind(i64::from(task.optional))
        .bind(json(&task.verify_plan))
        .bind(task.changes.as_str())
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("write a task"))?;
        Ok(())
    }

    /// Notes how a marker came to be what it is.
    pub(crate) async fn note_mark(&mut self, task: &TaskId, mark: Option<Mark>) -> Result<(), StoreError> {
        sqlx::query("UPDATE tasks SET marked_revision = $1, marked_at_ms = $2, marked_from = $3 WHERE id = $4")
            .bind(mark.map(|mark| mark.revision))
            .bind(mark.and_then(|mark| mark.written_ms))
            .bind(mark.map(|mark| mark.from.as_str().to_owned()))
            .bind(task.as_str())
            .execute(&mut *self.inner)
            .await
            .map_err(StoreError::during("note a marker"))?;
        Ok(())
    }

    /// The task is not in the plan as it is now.
    pub(crate) async fn is_gone(&mut self, task: &TaskId) -> Result<(), StoreError> {
        sqlx::query("UPDATE tasks SET gone = 1, epic_id = NULL, feature_id = NULL WHERE id = $1")
            .bind(task.as_str())
            .execute(&mut *self.inner)
            .await
            .map_err(StoreError::during("note that a task is gone"))?;
        Ok(())
    }
}

fn known(row: &AnyRow) -> Result<Known, StoreError> {
    let id: String = get(row, "id")?;
    let task = task_id("tasks", id.clone())?;
    let gone: i64 = get(row, "gone")?;
    let marked = (get(row, "marked_revision")?, get::<Option<String>>(row, "marked_from")?);
    Ok(Known {
        planned: PlannedTask {
            key: get(row, "key")?,
            plan_id: get(row, "plan_id")?,
            title: get(row, "title")?,
            section: list(&id, "section", row)?,
            description: get(row, "description")?,
            line: get(row, "line")?,
            priority: coditect_core::Priority::from_level(get(row, "priority")?),
            agent: get(row, "agent")?,
            estimate_minutes: get(row, "estimate_minutes")?,
            steps: list(&id, "steps", row)?,
            acceptance: list(&id, "acceptance", row)?,
            verify: list(&id, "verify", row)?,
            verify_plan: list(&id, "verify_plan", row)?,
            touches: list(&id, "touches", row)?,
            script: get(row, "script")?,
            depends_on: Vec::new(),
            dangling: list(&id, "dangling", row)?,
            human: get::<i64>(row, "human")? != 0,
            optional: get::<i64>(row, "optional")? != 0,
            changes: changes(&id, row)?,
            marker: get(row, "marker")?,
        },
        position: get(row, "position")?,
        place: (get(row, "epic_id")?, get(row, "feature_id")?),
        gone: gone != 0,
        agent_override: get(row, "agent_override")?,
        mark: match marked {
            (Some(revision), Some(from)) => {
                Some(Mark { revision, written_ms: get(row, "marked_at_ms")?, from: marker(&task, &from)? })
            }
            _ => None,
        },
        life: lifecycle(&id, row)?,
        wishes: Vec::new(),
        conflicts: HashSet::new(),
        id: task,
    })
}

fn json(list: &[String]) -> String {
    serde_json::Value::from(list.to_vec()).to_string()
}
