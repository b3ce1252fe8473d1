//! From the database's rows to the wire's messages.

use coditect_proto::v1;
use coditect_store::{AttemptRow, DependencyRow, EventRow, LogRow, TaskRow};
use serde::Deserialize;

pub(crate) fn attempt(row: &AttemptRow) -> v1::Attempt {
    v1::Attempt {
        id: row.id.to_string(),
        task: row.task.to_string(),
        generation: row.generation,
        number: row.number,
        agent: row.agent.clone(),
        account: row.account.clone(),
        executor: row.executor.clone().unwrap_or_default(),
        state: row.state.clone(),
        open: row.ended_at_ms.is_none(),
        assigned_at_ms: row.assigned_at_ms,
        claimed_at_ms: row.claimed_at_ms,
        ended_at_ms: row.ended_at_ms,
        failure: row.end.failure.map(|class| class.to_string()),
        message: row.end.message.clone(),
        commit: row.end.commit.clone(),
        evidence: row.end.evidence.clone(),
        cost_usd: row.end.cost_micros.map(dollars),
        title: String::new(),
    }
}

pub(crate) fn task(row: &TaskRow) -> v1::Task {
    v1::Task {
        id: row.id.to_string(),
        key: row.key.clone(),
        title: row.title.clone(),
        state: row.life.state.to_string(),
        priority: row.priority.to_string(),
        section: row.section.join(" › "),
        agent: row.agent.clone(),
        generation: row.life.generation,
        attempts_spent: row.life.attempts_spent,
        failure: row.life.failure.map(|class| class.to_string()),
        reason: row.life.reason.clone(),
        due_at_ms: row.life.due_at_ms,
        line: row.line,
        document: row.document.clone(),
        completed_at_ms: row.life.completed_at_ms,
    }
}

pub(crate) fn dependency(row: &DependencyRow) -> v1::Dependency {
    v1::Dependency {
        task: row.task.to_string(),
        kind: row.kind.clone(),
        state: row.state.to_string(),
        met: row.state.meets_dependency(),
        title: row.title.clone(),
    }
}

pub(crate) fn event(row: EventRow) -> v1::Event {
    v1::Event {
        from: row.from,
        to: row.to,
        attempt: row.attempt.unwrap_or_default(),
        actor: row.actor,
        cause: row.cause,
        at_ms: row.at_ms,
    }
}

pub(crate) fn log_line(row: LogRow) -> v1::LogLine {
    v1::LogLine { seq: row.seq, at_ms: row.at_ms, kind: row.kind, text: row.text }
}

/// The diagnostics of a document, as the sync-daemon wrote them.
pub(crate) fn problems(json: &str) -> Vec<v1::PlanProblem> {
    #[derive(Deserialize)]
    struct Diagnostic {
        severity: String,
        code: String,
        path: String,
        line: i64,
        column: i64,
        message: String,
        #[serde(default)]
        help: Option<String>,
    }
    let diagnostics: Vec<Diagnostic> = serde_json::from_str(json).unwrap_or_default();
    diagnostics
        .into_iter()
        .map(|Diagnostic { severity, code, path, line, column, message, help }| v1::PlanProblem {
            severity,
            code,
            path,
            line,
            column,
            message,
            help: help.unwrap_or_default(),
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "an attempt costs less than 2^52 millionths of a dollar")]
fn dollars(micros: i64) -> f64 {
    micros as f64 / 1_000_000.0
}
