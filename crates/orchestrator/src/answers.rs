//! From the database's rows to the wire's messages.

use coditect_core::Lifecycle;
use coditect_proto::v1;
use coditect_store::{
    AnswerRow, AttemptNotes, AttemptRow, Delivered, DeliveryVerdict, DependencyRow, EpicRow, EventRow, HeldResult,
    HeldVerdict, LogRow, TaskBrief,
};
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
        tokens_in: row.end.tokens_in,
        tokens_out: row.end.tokens_out,
        ..v1::Attempt::default()
    }
}

/// An attempt with what is noted beside it.
pub(crate) fn attempt_with(row: &AttemptRow, notes: Option<&AttemptNotes>) -> v1::Attempt {
    let AttemptNotes { title, because, runtime_version, last_line } = notes.cloned().unwrap_or_default();
    let (last_line, last_line_at_ms) = last_line.unzip();
    v1::Attempt { title, because, runtime_version, last_line, last_line_at_ms, ..attempt(row) }
}

pub(crate) fn epic(row: EpicRow) -> v1::Epic {
    let EpicRow { id, title, path, total, completed, active, attention } = row;
    v1::Epic { id, title, document: path, total, completed, active, attention }
}

pub(crate) fn answer(row: AnswerRow) -> v1::Answer {
    let AnswerRow { actor, question, answer, at_ms } = row;
    v1::Answer { actor, question, answer, at_ms }
}

pub(crate) fn task(row: &TaskBrief) -> v1::Task {
    v1::Task {
        id: row.id.to_string(),
        key: row.key.clone(),
        title: row.title.clone(),
        state: row.state.to_string(),
        priority: row.priority.to_string(),
        section: row.section.join(" › "),
        agent: row.agent.clone(),
        generation: row.generation,
        attempts_spent: row.attempts_spent,
        failure: row.failure.clone(),
        reason: row.reason.clone(),
        due_at_ms: row.due_at_ms,
        line: row.line,
        document: row.path.clone(),
        completed_at_ms: row.completed_at_ms,
        epic: row.epic.clone(),
        rank: row.rank,
        updated_at_ms: row.updated_at_ms,
    }
}

/// A held result of a task that is where `life` says.
pub(crate) fn held(row: HeldResult, life: &Lifecycle) -> v1::HeldResult {
    let verdict = match row.verdict {
        Some(verdict) => verdict.as_str(),
        None if row.waits(life) => "waiting",
        None => HeldVerdict::Dropped.as_str(),
    };
    v1::HeldResult {
        attempt: row.attempt.to_string(),
        branch: row.result.branch,
        commit: row.result.commit,
        flags: row.result.flags,
        at_ms: row.at_ms,
        verdict: verdict.to_owned(),
        decided_by: row.decided_by,
        decided_at_ms: row.decided_at_ms,
    }
}

/// A result that was left on a branch, of a task that is where `life` says.
pub(crate) fn delivered(row: Delivered, life: &Lifecycle) -> v1::DeliveredResult {
    let verdict = match row.verdict {
        Some(verdict) => verdict.as_str(),
        None if row.waits(life) => "waiting",
        None => DeliveryVerdict::Dropped.as_str(),
    };
    let (number, url) = row.request.map(|request| (request.number, request.url)).unzip();
    v1::DeliveredResult {
        attempt: row.attempt.to_string(),
        branch: row.result.branch,
        commit: row.result.commit,
        at_ms: row.at_ms,
        round: row.round,
        number,
        url,
        trouble: row.trouble,
        verdict: verdict.to_owned(),
        decided_by: row.decided_by,
        decided_at_ms: row.decided_at_ms,
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
