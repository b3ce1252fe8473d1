//! Predictions: the graph's forecast, with what finished tasks really took.

use std::collections::HashMap;

use coditect_core::TaskState;
use coditect_graph::{DEFAULT_ESTIMATE_MINUTES, Expected, Graph, Node};
use coditect_proto::v1;
use coditect_store::{GraphTask, Store, StoreError};

const MINUTE_MS: f64 = 60_000.0;

/// How many of the attempts that landed last are looked at.
const MEASURED: i64 = 500;

/// The least part of its expected time that a task which takes longer than expected is thought to need still.
const LEFT: f64 = 0.1;

/// The slots that a request asks a forecast for; 0 asks for `otherwise`. None: it asks for what cannot be.
#[must_use]
pub fn slots(asked: i64, otherwise: u32) -> Option<usize> {
    match usize::try_from(asked).ok()? {
        0 => usize::try_from(otherwise).ok(),
        slots => Some(slots),
    }
}

/// What a request is told that asks for slots that cannot be.
pub const NO_SLOTS: &str = "`slots` is how many tasks are worked on at once: 1 or more";

/// When each unfinished task would be worked on with so many slots, and when all would be done.
///
/// # Errors
/// The database failed.
pub async fn forecast(
    store: &Store,
    graph: &Graph,
    tasks: &[GraphTask],
    slots: usize,
    now_ms: i64,
) -> Result<v1::ForecastResponse, StoreError> {
    let durations = store.durations_by_estimate(MEASURED).await?;
    let measured = i64::try_from(durations.len()).unwrap_or(i64::MAX);
    let factor = factor(durations);
    let begun: HashMap<&str, i64> = tasks
        .iter()
        .filter(|task| is_worked_on(task.life.state))
        .map(|task| (task.id.as_str(), task.life.assigned_at_ms.unwrap_or(now_ms)))
        .collect();
    let expected = |node: &Node| {
        let planned = minutes(node.estimate_minutes) * MINUTE_MS * factor;
        let since = begun.get(node.id.as_str());
        let elapsed = since.map_or(0.0, |since| (now_ms - since).max(0) as f64);
        Expected { length: (planned - elapsed).max(planned * LEFT) as i64, begun: since.is_some() }
    };
    let forecast = graph.forecast(slots, expected);
    let slack = graph.slack();
    let task = |task: coditect_graph::Foreseen| v1::ForecastTask {
        start_ms: now_ms + task.start,
        finish_ms: now_ms + task.finish,
        slack_ms: slack.get(&task.task).map(|minutes| (*minutes as f64 * MINUTE_MS * factor) as i64),
        task: task.task,
    };
    Ok(v1::ForecastResponse {
        slots: i64::try_from(forecast.slots).unwrap_or(i64::MAX),
        now_ms,
        finish_ms: now_ms + forecast.length,
        factor,
        measured,
        tasks: forecast.tasks.into_iter().map(task).collect(),
        held: forecast.held,
    })
}

/// The median share of their estimates that tasks took; 1 where none was measured.
fn factor(durations: Vec<(Option<i64>, i64)>) -> f64 {
    let share = |(estimate, took_ms): (Option<i64>, i64)| took_ms as f64 / (minutes(estimate) * MINUTE_MS);
    let mut shares: Vec<f64> = durations.into_iter().map(share).collect();
    shares.sort_by(f64::total_cmp);
    shares.get(shares.len() / 2).copied().unwrap_or(1.0)
}

/// An estimate that can be divided by.
fn minutes(estimate: Option<i64>) -> f64 {
    estimate.unwrap_or(DEFAULT_ESTIMATE_MINUTES).max(1) as f64
}

const fn is_worked_on(state: TaskState) -> bool {
    matches!(state, TaskState::Assigned | TaskState::Running | TaskState::Verifying | TaskState::Landing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finished_tasks_took_is_the_median_share_of_their_estimates() {
        assert!((factor(Vec::new()) - 1.0).abs() < 1e-9);
        let took = vec![(Some(60), 60_000), (Some(10), 600_000), (None, 360_000)];
        assert!((factor(took) - 0.1).abs() < 1e-9, "of 1/60, 1 and 1/10");
    }
}
