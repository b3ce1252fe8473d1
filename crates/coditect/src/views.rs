//! The answers of the system as JSON, in the names of the interface.

use coditect_proto::v1;
use serde_json::{Value, json};

/// A task.
pub(crate) fn task(task: &v1::Task) -> Value {
    let v1::Task {
        id,
        key,
        title,
        state,
        priority,
        section,
        agent,
        generation,
        attempts_spent,
        failure,
        reason,
        due_at_ms,
        line,
        document,
        completed_at_ms,
    } = task;
    json!({
        "id": id, "key": key, "title": title, "state": state, "priority": priority, "section": section, "agent": agent,
        "generation": generation, "attempts_spent": attempts_spent, "failure": failure, "reason": reason,
        "due_at_ms": due_at_ms, "document": document, "line": line, "completed_at_ms": completed_at_ms,
    })
}

/// An attempt.
pub(crate) fn attempt(attempt: &v1::Attempt) -> Value {
    let v1::Attempt {
        id,
        task,
        generation,
        number,
        agent,
        account,
        executor,
        state,
        open,
        assigned_at_ms,
        claimed_at_ms,
        ended_at_ms,
        failure,
        message,
        commit,
        evidence,
        cost_usd,
        title,
    } = attempt;
    let evidence = evidence.as_ref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    json!({
        "id": id, "task": task, "title": title, "generation": generation, "number": number, "agent": agent,
        "account": account, "executor": executor, "state": state, "open": open, "assigned_at_ms": assigned_at_ms,
        "claimed_at_ms": claimed_at_ms, "ended_at_ms": ended_at_ms, "failure": failure, "message": message,
        "commit": commit, "evidence": evidence, "cost_usd": cost_usd,
    })
}

/// How it all stands.
pub(crate) fn status(status: &v1::Status) -> Value {
    let v1::Status { project, by_state, total, running, attention, paused, slots, executors, done, stuck, problems } =
        status;
    json!({
        "project": project, "by_state": by_state, "total": total, "paused": paused, "slots": slots,
        "executors": executors, "done": done, "stuck": stuck,
        "running": running.iter().map(attempt).collect::<Vec<_>>(),
        "attention": attention.iter().map(task).collect::<Vec<_>>(),
        "problems": problems.iter().map(problem).collect::<Vec<_>>(),
    })
}

/// A task with everything known about it.
pub(crate) fn detail(detail: &v1::TaskDetail) -> Value {
    let v1::TaskDetail { task: of, dependencies, dependents, attempts, events, dangling, verify } = detail;
    let dependencies: Vec<_> = dependencies
        .iter()
        .map(|d| json!({ "task": d.task, "title": d.title, "kind": d.kind, "state": d.state, "met": d.met }))
        .collect();
    let events: Vec<_> = events
        .iter()
        .map(|e| {
            json!({
                "from": e.from, "to": e.to, "attempt": e.attempt, "actor": e.actor, "cause": e.cause, "at_ms": e.at_ms,
            })
        })
        .collect();
    json!({
        "task": of.as_ref().map(task), "dependencies": dependencies, "dependents": dependents, "dangling": dangling,
        "verify": verify, "attempts": attempts.iter().map(attempt).collect::<Vec<_>>(), "events": events,
    })
}

/// Why a task is not ready.
pub(crate) fn why(why: &v1::WhyResponse) -> Value {
    let v1::WhyResponse { task, state, ready, unmet, roots, cycle, dangling, dependents, holds_up } = why;
    let unmet: Vec<_> = unmet.iter().map(|u| json!({ "task": u.task, "state": u.state })).collect();
    let roots: Vec<_> = roots.iter().map(|r| json!({ "task": r.task, "cause": r.cause })).collect();
    json!({
        "task": task, "state": state, "ready": ready, "unmet": unmet, "roots": roots, "cycle": cycle,
        "dangling": dangling, "dependents": dependents, "holds_up": holds_up,
    })
}

/// A line of a log.
pub(crate) fn log_line(line: &v1::LogLine) -> Value {
    let v1::LogLine { seq, at_ms, kind, text } = line;
    json!({ "seq": seq, "at_ms": at_ms, "kind": kind, "text": text })
}

fn problem(problem: &v1::PlanProblem) -> Value {
    let v1::PlanProblem { severity, code, path, line, column, message, help } = problem;
    json!({
        "severity": severity, "code": code, "path": path, "line": line, "column": column, "message": message,
        "help": help,
    })
}
