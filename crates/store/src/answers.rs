//! What people told a task's next attempts, and the agent they gave it to.

use coditect_core::TaskId;

use crate::change::get;
use crate::{Store, StoreError, Tx};

/// What a person said about a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerRow {
    /// Its id.
    pub id: String,
    /// The task.
    pub task: TaskId,
    /// The task's generation it was said in.
    pub generation: i64,
    /// `person:<name>`.
    pub actor: String,
    /// What was asked, or empty.
    pub question: String,
    /// What the person said.
    pub answer: String,
    /// When.
    pub at_ms: i64,
}

impl Tx {
    /// Keeps what a person said. One that is there already stays as it is.
    ///
    /// # Errors
    /// The database failed.
    pub async fn keep_answer(&mut self, answer: &AnswerRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO task_answers (id, task_id, generation, actor, question, answer, at_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING",
        )
        .bind(&answer.id)
        .bind(answer.task.as_str())
        .bind(answer.generation)
        .bind(&answer.actor)
        .bind(&answer.question)
        .bind(&answer.answer)
        .bind(answer.at_ms)
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("keep an answer"))?;
        Ok(())
    }

    /// Gives a task to an agent over the plan's choice; `None` takes that back. False: there is no such task.
    ///
    /// # Errors
    /// The database failed.
    pub async fn override_agent(&mut self, task: &TaskId, agent: Option<&str>) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE tasks SET agent_override = $1 WHERE id = $2")
            .bind(agent)
            .bind(task.as_str())
            .execute(&mut *self.inner)
            .await
            .map_err(StoreError::during("give a task to an agent"))?;
        Ok(done.rows_affected() == 1)
    }
}

impl Store {
    /// What people said about a task, oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn task_answers(&self, task: &TaskId) -> Result<Vec<AnswerRow>, StoreError> {
        sqlx::query(
            "SELECT id, generation, actor, question, answer, at_ms FROM task_answers WHERE task_id = $1 \
             ORDER BY at_ms, id",
        )
        .bind(task.as_str())
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::during("read answers"))?
        .iter()
        .map(|row| {
            Ok(AnswerRow {
                id: get(row, "id")?,
                task: task.clone(),
                generation: get(row, "generation")?,
                actor: get(row, "actor")?,
                question: get(row, "question")?,
                answer: get(row, "answer")?,
                at_ms: get(row, "at_ms")?,
            })
        })
        .collect()
    }
}
