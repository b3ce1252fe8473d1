//! The answers of the system as JSON: the messages themselves, as REST has them, with evidence as what it is.

use coditect_proto::v1;
use serde::Serialize;
use serde_json::{Value, json};

/// A task.
pub(crate) fn task(task: &v1::Task) -> Value {
    of(task)
}

/// An attempt.
pub(crate) fn attempt(attempt: &v1::Attempt) -> Value {
    let mut json = of(attempt);
    open_evidence(&mut json);
    json
}

/// How it all stands.
pub(crate) fn status(status: &v1::Status) -> Value {
    let mut json = of(status);
    each(&mut json["running"], open_evidence);
    json
}

/// A task with everything known about it.
pub(crate) fn detail(detail: &v1::TaskDetail) -> Value {
    let mut json = of(detail);
    each(&mut json["attempts"], open_evidence);
    json
}

/// Why a task is not ready.
pub(crate) fn why(why: &v1::WhyResponse) -> Value {
    of(why)
}

/// A line of a log.
pub(crate) fn log_line(line: &v1::LogLine) -> Value {
    of(line)
}

/// A backup.
pub(crate) fn backup(backup: &v1::Backup) -> Value {
    of(backup)
}

fn of(message: &impl Serialize) -> Value {
    // Of messages JSON can always be made.
    serde_json::to_value(message).unwrap_or_default()
}

fn each(list: &mut Value, change: fn(&mut Value)) {
    list.as_array_mut().into_iter().flatten().for_each(change);
}

/// Evidence is JSON within a text; here it is JSON.
fn open_evidence(attempt: &mut Value) {
    let evidence = attempt["evidence"].as_str().and_then(|text| serde_json::from_str(text).ok());
    attempt["evidence"] = evidence.unwrap_or(json!(null));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_json_and_what_is_not_there_is_null() {
        let evidence = Some(r#"{"verify":[]}"#.to_owned());
        let json = attempt(&v1::Attempt { evidence, ..v1::Attempt::default() });
        assert_eq!((&json["evidence"], &json["failure"]), (&json!({ "verify": [] }), &Value::Null));
    }
}

/// What a task is called: its id, and what the plan calls it now where that is something else.
pub(crate) fn name(task: &v1::Task) -> String {
    match task.id.split_once('/') {
        Some((_, key)) if key != task.key && !task.key.is_empty() => format!("{} (now {})", task.id, task.key),
        _ => task.id.clone(),
    }
}
