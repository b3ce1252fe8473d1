//! What stands before a task that could start: its dependencies, a mark in the plan, a person.
//!
//! [`decide`] is the whole rule: it takes what is so and says what follows, wherever the task is by now. So a gate that
//! the plan no longer has, or that was put too early, is withdrawn by the same look that puts one.

use coditect_core::{Change, Lifecycle, TaskId, TaskState, Trigger};

use crate::attempts::AttemptEnd;
use crate::change::{Moved, get};
use crate::{Store, StoreError, Tx};

/// Why an optional task was left out: what tells it from one that a person left out.
const OPTIONAL: &str = "optional in the plan";

/// How many wishes are open that end the task `t`.
macro_rules! ends {
    () => {
        "(SELECT COUNT(*) FROM plan_wishes w WHERE w.task_id = t.id AND w.applied_at_ms IS NULL \
         AND w.wish IN ('complete', 'cancel', 'retire'))"
    };
}

/// A task that a mark in the plan holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldTask {
    /// The task.
    pub task: TaskId,
    /// What a person calls it.
    pub key: String,
    /// The plan file.
    pub path: String,
    /// Its line there.
    pub line: i64,
}

/// What is so of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Facts {
    /// Everything it depends on is met, and its mark in the plan does not hold it.
    may_start: bool,
    /// An edit of the plan, or an import, is about to end it.
    ends: bool,
    /// A person does it.
    human: bool,
    /// It is left out: optional, and no person has asked for it.
    left_out: bool,
}

/// What follows for a task: the trigger to pull, if any.
fn decide(life: &Lifecycle, facts: Facts) -> Option<Trigger> {
    let Facts { may_start, ends, human, left_out } = facts;
    match life.state {
        TaskState::Pending if !may_start || ends => None,
        TaskState::Ready if !may_start => Some(Trigger::DependenciesUnmet),
        TaskState::Pending | TaskState::Ready if left_out => Some(Trigger::LeaveOut),
        TaskState::Pending | TaskState::Ready if human => Some(Trigger::Gate),
        TaskState::Pending => Some(Trigger::DependenciesMet),
        // What needs a person after a failure is no gate.
        TaskState::NeedsHuman if life.failure.is_none() && (!may_start || !human) => Some(Trigger::Withdraw),
        TaskState::Skipped if life.reason.as_deref() == Some(OPTIONAL) && !left_out => Some(Trigger::Withdraw),
        _ => None,
    }
}

/// Whether [`Tx::settle`] may have something to do with a task that nothing else has happened to.
pub(crate) fn is_gate(life: &Lifecycle) -> bool {
    match life.state {
        TaskState::NeedsHuman => life.failure.is_none(),
        TaskState::Skipped => life.reason.as_deref() == Some(OPTIONAL),
        _ => false,
    }
}

impl Tx {
    /// Moves a task between pending, ready, put to a person and left out, as the plan, its dependencies and people's
    /// words are in this very transaction; `skip_optional` is the configuration's word. `None`: it stays.
    ///
    /// # Errors
    /// The database failed.
    pub async fn settle(
        &mut self,
        task: &TaskId,
        skip_optional: bool,
        now_ms: i64,
    ) -> Result<Option<Moved>, StoreError> {
        let Some(seen) = self.lifecycle(task).await? else { return Ok(None) };
        let facts = self.facts_of(task, skip_optional).await?;
        let Some(trigger) = decide(&seen, facts) else { return Ok(None) };
        let change = match trigger {
            Trigger::Gate => Change::Intervene { trigger, reason: Some(self.question(task).await?) },
            Trigger::LeaveOut => Change::Intervene { trigger, reason: Some(OPTIONAL.to_owned()) },
            Trigger::Withdraw => Change::Intervene { trigger, reason: None },
            _ => Change::Plain(trigger),
        };
        self.change(task, &seen, change, AttemptEnd::default(), trigger.service().as_str(), now_ms).await
    }

    async fn facts_of(&mut self, task: &TaskId, skip_optional: bool) -> Result<Facts, StoreError> {
        let row = sqlx::query(concat!(
            "SELECT human, optional, \
             CASE WHEN dangling = '[]' AND marker <> 'blocked' THEN 0 ELSE 1 END AS held, \
             (SELECT COUNT(*) FROM task_dependencies d JOIN tasks p ON p.id = d.depends_on \
              WHERE d.task_id = t.id AND d.kind = 'blocks' AND p.state NOT IN ('completed', 'skipped') \
              AND NOT EXISTS (SELECT 1 FROM dependencies_set_aside s \
              WHERE s.task_id = d.task_id AND s.depends_on = d.depends_on)) AS unmet, ",
            ends!(),
            " AS ends FROM tasks t WHERE id = $1"
        ))
        .bind(task.as_str())
        .fetch_one(&mut *self.inner)
        .await
        .map_err(StoreError::during("read what holds a task"))?;
        let number = |column| get::<i64>(&row, column);
        let mut facts = Facts {
            may_start: number("held")? == 0 && number("unmet")? == 0,
            ends: number("ends")? > 0,
            human: number("human")? > 0,
            left_out: skip_optional && number("optional")? > 0,
        };
        facts.left_out = facts.left_out && !self.is_asked_for(task).await?;
        Ok(facts)
    }

    /// Whether a person ever sent the task back to be done, or gave it to an agent.
    async fn is_asked_for(&mut self, task: &TaskId) -> Result<bool, StoreError> {
        let (asked,): (i64,) = sqlx::query_as(
            "SELECT COUNT(*) FROM tasks t WHERE t.id = $1 AND (t.agent_override IS NOT NULL OR EXISTS \
             (SELECT 1 FROM task_events e WHERE e.task_id = t.id AND e.actor LIKE 'person:%' \
              AND e.to_state = 'pending' AND e.from_state <> 'retired'))",
        )
        .bind(task.as_str())
        .fetch_one(&mut *self.inner)
        .await
        .map_err(StoreError::during("read history"))?;
        Ok(asked > 0)
    }

    /// What a person is asked of a task that is theirs: the task, as the plan has it.
    async fn question(&mut self, task: &TaskId) -> Result<String, StoreError> {
        let (title, description): (String, String) =
            sqlx::query_as("SELECT title, description FROM tasks WHERE id = $1")
                .bind(task.as_str())
                .fetch_one(&mut *self.inner)
                .await
                .map_err(StoreError::during("read a task"))?;
        let said = [title.trim(), description.trim()];
        Ok(said.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n"))
    }

    /// Whether the plan gives the task to a person.
    ///
    /// # Errors
    /// The database failed.
    pub async fn is_for_a_person(&mut self, task: &TaskId) -> Result<bool, StoreError> {
        let (human,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM tasks WHERE id = $1 AND human > 0")
            .bind(task.as_str())
            .fetch_one(&mut *self.inner)
            .await
            .map_err(StoreError::during("read a task"))?;
        Ok(human > 0)
    }

    /// Whether an agent may have the task at all: it is not a person's, no mark in the plan holds it, and nobody has said
    /// that it is over.
    pub(crate) async fn is_for_agents(&mut self, task: &TaskId) -> Result<bool, StoreError> {
        let (kept,): (i64,) = sqlx::query_as(concat!(
            "SELECT COUNT(*) FROM tasks t WHERE id = $1 AND (human > 0 OR marker = 'blocked' OR ",
            ends!(),
            " > 0)"
        ))
        .bind(task.as_str())
        .fetch_one(&mut *self.inner)
        .await
        .map_err(StoreError::during("read what holds a task"))?;
        Ok(kept == 0)
    }
}

impl Store {
    /// The tasks that would go on but for a person's mark in the plan, in the order of the plan.
    ///
    /// # Errors
    /// The database failed.
    pub async fn held_tasks(&self) -> Result<Vec<HeldTask>, StoreError> {
        sqlx::query(
            "SELECT t.id, t.key, d.path, t.line FROM tasks t JOIN documents d ON d.id = t.document_id \
             WHERE t.marker = 'blocked' AND t.state = 'pending' ORDER BY t.document_id, t.position",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::during("read held tasks"))?
        .iter()
        .map(|row| {
            Ok(HeldTask {
                task: crate::change::task_id("tasks", get(row, "id")?)?,
                key: get(row, "key")?,
                path: get(row, "path")?,
                line: get(row, "line")?,
            })
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(state: TaskState) -> Lifecycle {
        Lifecycle { state, ..Lifecycle::planned(TaskState::Pending, 0) }
    }

    const FREE: Facts = Facts { may_start: true, ends: false, human: false, left_out: false };

    #[test]
    fn what_may_not_start_is_neither_put_to_a_person_nor_left_out() {
        for facts in [FREE, Facts { human: true, ..FREE }, Facts { left_out: true, ..FREE }] {
            let held = Facts { may_start: false, ..facts };
            assert_eq!(decide(&life(TaskState::Pending), held), None);
            assert_eq!(decide(&life(TaskState::Ready), held), Some(Trigger::DependenciesUnmet));
            assert_eq!(decide(&life(TaskState::Pending), Facts { ends: true, ..facts }), None);
        }
    }

    #[test]
    fn what_may_start_goes_to_an_agent_to_a_person_or_nowhere() {
        let human = Facts { human: true, ..FREE };
        let left_out = Facts { left_out: true, ..human };
        assert_eq!(decide(&life(TaskState::Pending), FREE), Some(Trigger::DependenciesMet));
        assert_eq!(decide(&life(TaskState::Ready), FREE), None);
        for state in [TaskState::Pending, TaskState::Ready] {
            assert_eq!(decide(&life(state), human), Some(Trigger::Gate));
            assert_eq!(decide(&life(state), left_out), Some(Trigger::LeaveOut));
        }
    }

    #[test]
    fn a_gate_is_withdrawn_where_it_should_not_be_and_a_failure_is_none() {
        let (human, gate) = (Facts { human: true, ..FREE }, life(TaskState::NeedsHuman));
        assert_eq!(decide(&gate, human), None);
        assert_eq!(decide(&gate, Facts { may_start: false, ..human }), Some(Trigger::Withdraw));
        assert_eq!(decide(&gate, FREE), Some(Trigger::Withdraw));
        let failed = Lifecycle { failure: Some(coditect_core::FailureClass::Config), ..gate };
        assert_eq!(decide(&failed, FREE), None);
    }

    #[test]
    fn what_a_person_left_out_stays_out() {
        let (skipped, left_out) = (life(TaskState::Skipped), Facts { left_out: true, ..FREE });
        let ours = Lifecycle { reason: Some(OPTIONAL.to_owned()), ..skipped.clone() };
        assert_eq!((decide(&ours, left_out), decide(&ours, FREE)), (None, Some(Trigger::Withdraw)));
        assert_eq!(decide(&skipped, FREE), None);
    }

    #[test]
    fn every_decision_is_a_legal_transition() {
        let facts = |bits: u8| Facts {
            may_start: bits & 1 > 0,
            ends: bits & 2 > 0,
            human: bits & 4 > 0,
            left_out: bits & 8 > 0,
        };
        for (state, bits) in TaskState::ALL.into_iter().flat_map(|state| (0..16).map(move |bits| (state, bits))) {
            let life = Lifecycle { reason: Some(OPTIONAL.to_owned()), ..life(state) };
            if let Some(trigger) = decide(&life, facts(bits)) {
                assert!(coditect_core::transition(state, trigger).is_ok(), "{state} {trigger}");
            }
        }
    }
}
