//! How it ended: a table for people.

use coditect_proto::v1::Status;

use super::progress::{count, words};
use crate::output::{duration, say, short, table};

/// Prints the summary to standard error.
pub(crate) fn print(status: Option<&Status>, landed: usize, target: &str, took_ms: i64) {
    let Some(status) = status else {
        say("stopped before anything was known of the plan");
        return;
    };
    say(format_args!("\n{} · {landed} landed on {target} · {}", words(status), duration(took_ms)));
    if !status.attention.is_empty() {
        let mut table = table(["task", "state", "why", "what to do"]);
        for task in &status.attention {
            table.add_row([
                task.key.clone(),
                task.state.clone(),
                short(task.reason.as_deref().unwrap_or_default(), 100),
                format!("coditect logs {0}; coditect task retry {0} (or skip)", task.key),
            ]);
        }
        say(format_args!("\n{table}"));
    }
    for problem in status.problems.iter().filter(|problem| problem.severity == "error") {
        say(format_args!("{}:{}:{}: {}", problem.path, problem.line, problem.column, problem.message));
    }
    if !status.done && count(status, &["pending"]) > 0 {
        say(format_args!("{} tasks still wait; `coditect task why TASK` says for what", count(status, &["pending"])));
    }
}
