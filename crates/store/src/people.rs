//! What people say of tasks beside moving them: answers, and the agent a task is given to.

use coditect_core::{Lifecycle, TaskId};

use crate::change::{get, keepable};
use crate::{Store, StoreError, Tx};

/// What a person told a task's agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerRow {
    /// `person:<name>`.
    pub actor: String,
    /// What the task was waiting for a person with.
    pub question: String,
    /// What the person said.
    pub answer: String,
    /// When.
    pub at_ms: i64,
}

impl Tx {
    /// Keeps what a person said of a task.
    ///
    /// # Errors
    /// The database failed.
    pub async fn keep_answer(&mut self, task: &TaskId, seen: &Lifecycle, said: &AnswerRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO task_answers (id, task_id, generation, actor, question, answer, at_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        // The change that goes with it has the next version.
        .bind(format!("{task}#{:010}", seen.version + 1))
        .bind(task.as_str())
        .bind(seen.generation)
        .bind(keepable(&said.actor))
        .bind(keepable(&said.question))
        .bind(keepable(&said.answer))
        .bind(said.at_ms)
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("keep an answer"))?;
        Ok(())
    }

    /// Gives a task to an agent, or with none back to the plan's, by compare-and-set; its state stays, and the history
    /// has it. False: somebody else was faster.
    ///
    /// # Errors
    /// The database failed.
    pub async fn override_agent(
        &mut self,
        task: &TaskId,
        seen: &Lifecycle,
        agent: Option<&str>,
        actor: &str,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE tasks SET agent_override = $1, version = $2, updated_at_ms = $3 WHERE id = $4 AND version = $5",
        )
        .bind(agent.map(keepable))
        .bind(seen.version + 1)
        .bind(now_ms)
        .bind(task.as_str())
        .bind(seen.version)
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("give a task to an agent"))?;
        if done.rows_affected() != 1 {
            return Ok(false);
        }
        let next = Lifecycle { version: seen.version + 1, ..seen.clone() };
        let cause = match agent {
            Some(agent) => format!("assign_agent: {agent}"),
            None => "assign_agent: as planned".to_owned(),
        };
        self.record(task, seen.state, &next, actor, &cause, now_ms).await?;
        Ok(true)
    }
}

impl Store {
    /// What people told a task's agents, oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn answers_given(&self, task: &TaskId) -> Result<Vec<AnswerRow>, StoreError> {
        sqlx::query("SELECT actor, question, answer, at_ms FROM task_answers WHERE task_id = $1 ORDER BY id")
            .bind(task.as_str())
            .fetch_all(&self.pool)
            .await
            .map_err(StoreError::during("read answers"))?
            .iter()
            .map(|row| {
                Ok(AnswerRow {
                    actor: get(row, "actor")?,
                    question: get(row, "question")?,
                    answer: get(row, "answer")?,
                    at_ms: get(row, "at_ms")?,
                })
            })
            .collect()
    }
}
