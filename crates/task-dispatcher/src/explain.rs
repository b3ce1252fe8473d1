//! What the dispatcher would do with a task now, and why: the decision of a pass, without its effect.

use coditect_core::TaskState;
use coditect_proto::v1::ExplainResponse;
use coditect_service::Config;
use coditect_store::{Store, StoreError, TaskRow};

use crate::agents::{Agents, Choice};
use crate::dispatch::LOOK_AT;
use crate::look::look;

/// Explains a task.
///
/// # Errors
/// The database failed.
pub async fn explain(
    store: &Store,
    config: &Config,
    agents: &Agents,
    task: &TaskRow,
    now_ms: i64,
) -> Result<ExplainResponse, StoreError> {
    let Choice { agent, because } = agents.choose(task);
    let state = task.life.state;
    let mut answer = ExplainResponse {
        task: task.id.to_string(),
        state: state.to_string(),
        agent: agent.clone(),
        because,
        account: String::new(),
        held: Vec::new(),
    };
    if state.is_active()
        && let Some(attempt) = task.life.attempt
        && let Some(open) = store.attempt(attempt).await?
    {
        (answer.agent, answer.account, answer.because) = (open.agent, open.account, open.because);
        answer.held = vec!["It is under way.".to_owned()];
        return Ok(answer);
    }
    if state != TaskState::Ready {
        answer.held = vec![format!("It is {state}, not ready; `coditect task why` says what it waits for.")];
        return Ok(answer);
    }
    // Never committed.
    let mut tx = store.begin().await?;
    let (mut ledger, _) = look(&mut tx, config, now_ms).await?;
    let spent = tx.ready_spent().await?;
    let cost = |task: &TaskRow| spent.get(&task.id).copied().unwrap_or_default();
    let mut before = 0;
    for other in tx.tasks_in(TaskState::Ready, LOOK_AT).await? {
        if other.id == task.id {
            break;
        }
        before += usize::from(ledger.place(&agents.choose(&other).agent, cost(&other)).is_ok());
    }
    match ledger.place(&agent, cost(task)) {
        Ok(placement) => answer.account = placement.account,
        Err(held) => {
            answer.held = held;
            if before > 0 {
                answer.held.push(format!("{before} ready tasks come before it."));
            }
        }
    }
    Ok(answer)
}
