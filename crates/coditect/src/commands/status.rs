//! `coditect status`: how the running system stands, once or over and over.

use std::time::Duration;

use coditect_core::TaskState;
use coditect_proto::v1;
use owo_colors::OwoColorize;

use crate::client::{Target, refused};
use crate::failure::{Failure, OK};
use crate::{output, views};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);

/// The flags.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: coditect status --watch")]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Look again each second, and print what changed
    #[arg(long)]
    watch: bool,
    /// One JSON document, or with --watch one a line
    #[arg(long)]
    json: bool,
}

/// Shows how it stands.
pub(crate) async fn run(args: Args) -> Result<u8, Failure> {
    let mut orchestrator = args.target.orchestrator()?;
    let mut last = None;
    loop {
        let status = orchestrator.get_status(v1::GetStatusRequest {}).await.map_err(refused)?.into_inner();
        let changed = last.as_ref() != Some(&status);
        match (args.json, args.watch) {
            (true, false) => output::json(&views::status(&status))?,
            (true, true) if changed => output::json_line(&views::status(&status))?,
            (false, false) => {
                let forecast =
                    orchestrator.forecast(v1::ForecastRequest { slots: 0 }).await.ok().map(|f| f.into_inner());
                show(&status, &paused_accounts(&args.target).await?, forecast.as_ref())?;
            }
            (false, true) if changed => output::line(line(&status))?,
            _ => {}
        }
        if !args.watch {
            return Ok(OK);
        }
        last = Some(status);
        tokio::time::sleep(EVERY).await;
    }
}

/// All of it in one line: `12/24 done · 3 running · 2 ready · 1 needs you`.
pub(crate) fn line(status: &v1::Status) -> String {
    let of = |state: TaskState| status.by_state.get(state.as_str()).copied().unwrap_or(0);
    let done = of(TaskState::Completed) + of(TaskState::Skipped);
    let over = of(TaskState::Cancelled) + of(TaskState::Retired);
    let active: i64 = TaskState::ALL.into_iter().filter(|state| state.is_active()).map(of).sum();
    let person = of(TaskState::NeedsHuman) + of(TaskState::Failed);
    let mut parts = vec![format!("{done}/{} done", status.total - over)];
    let also = [
        (active, "running"),
        (of(TaskState::Ready), "ready"),
        (of(TaskState::WaitingRetry), "waiting to retry"),
        (of(TaskState::AwaitingMerge), "awaiting merge"),
        (person, if person == 1 { "needs you" } else { "need you" }),
    ];
    parts.extend(also.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
    if status.paused {
        parts.push("paused".into());
    }
    parts.join(" · ")
}

/// The accounts that take no new attempts, each in a sentence that says why and until when.
pub(crate) async fn paused_accounts(target: &Target) -> Result<Vec<String>, Failure> {
    let answer = target.orchestrator()?.list_accounts(v1::ListAccountsRequest {}).await.map_err(refused)?;
    let paused = answer.into_inner().accounts.into_iter().filter(|account| account.paused);
    Ok(paused.map(|account| said(&account, output::now_ms())).collect())
}

fn said(account: &v1::Account, now_ms: i64) -> String {
    let why = account.reason.as_deref().unwrap_or("a person paused it; `coditect resume` resumes it.");
    let until = account.until_ms.map(|at| format!(" It resumes in {}.", output::duration(at - now_ms)));
    format!("the account {} takes no attempts: {why}{}", account.name, until.unwrap_or_default())
}

fn show(status: &v1::Status, accounts: &[String], forecast: Option<&v1::ForecastResponse>) -> Result<(), Failure> {
    output::line(format_args!("{} {}", format!("{}:", status.project).bold(), line(status)))?;
    let (slots, executors) = (status.slots, status.executors);
    output::line(format_args!("{executors} executor(s) with {slots} slots"))?;
    if let Some(said) = forecast.filter(|_| !status.done).and_then(predicted) {
        output::line(said)?;
    }
    if !status.running.is_empty() {
        output::line("")?;
        super::runs::show(&status.running)?;
    }
    if !status.attention.is_empty() {
        output::line("")?;
        let mut table = output::table(["needs you", "state", "why", "what to do"]);
        for task in &status.attention {
            table.add_row([
                format!("{} {}", task.key, output::short(&task.title, 40)),
                task.state.replace('_', " "),
                reason(task),
                cure(task),
            ]);
        }
        output::line(table.trim_fmt())?;
    }
    for account in accounts {
        output::line(account)?;
    }
    for v1::PlanProblem { severity, code, path, line, column, message, .. } in &status.problems {
        output::line(format_args!("{path}:{line}:{column}: {severity}[{code}]: {message}"))?;
    }
    if let Some(said) = unproved(status) {
        output::line(said)?;
    }
    if status.done {
        output::line("everything is done")?;
    } else if status.stuck {
        output::line("nothing can move without a person: `coditect task list` and `coditect task why T` say why")?;
    }
    Ok(())
}

/// That nothing proves the results of some tasks.
fn unproved(status: &v1::Status) -> Option<String> {
    let tasks = match status.unproved {
        0 => return None,
        1 => "1 open task".to_owned(),
        several => format!("{several} open tasks"),
    };
    Some(format!("{tasks} without a verify command: nothing but the merge is proved (docs/proof.md)"))
}

/// Whether the plan itself puts the task to a person.
pub(crate) fn is_gate(task: &v1::Task) -> bool {
    task.state == "needs_human" && task.failure.is_none()
}

/// What a person does with a task that needs one.
pub(crate) fn cure(task: &v1::Task) -> String {
    let what = match task.failure.as_deref() {
        Some("held") => "show",
        // It says where the result is, and what is asked of it.
        _ if task.state == "awaiting_merge" => "show",
        _ if is_gate(task) => "approve",
        _ => "retry",
    };
    format!("coditect task {what} {}", task.id)
}

/// When everything would be done, in a sentence that says that it is a prediction; nothing where nothing can start.
fn predicted(forecast: &v1::ForecastResponse) -> Option<String> {
    forecast.tasks.first()?;
    let v1::ForecastResponse { slots, now_ms, finish_ms, measured, held, .. } = forecast;
    let from = match measured {
        0 => "the plan's estimates alone".to_owned(),
        1 => "estimates and 1 finished task".to_owned(),
        count => format!("estimates and {count} finished tasks"),
    };
    let without = if held.is_empty() { String::new() } else { format!(", without {} that are held", held.len()) };
    Some(format!(
        "predicted: done in {} with {slots} slots{without} (from {from})",
        output::duration(finish_ms - now_ms)
    ))
}

/// Why a task is where it is, in a few words.
pub(crate) fn reason(task: &v1::Task) -> String {
    let flat = task.reason.as_deref().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    // Reasons begin with the class of the failure, in which it would stand twice.
    let class = task.failure.as_deref().map(|failure| format!("{failure}: ")).unwrap_or_default();
    let said = Some(output::short(flat.strip_prefix(&class).unwrap_or(&flat), 100)).filter(|said| !said.is_empty());
    match (&task.failure, said) {
        (Some(failure), Some(said)) => format!("{}: {said}", failure.replace('_', " ")),
        (Some(failure), None) => failure.replace('_', " "),
        (None, Some(said)) => said,
        (None, None) => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paused_account_says_why_and_until_when() {
        let account = |reason: Option<&str>, until_ms| v1::Account {
            name: "one".to_owned(),
            reason: reason.map(str::to_owned),
            until_ms,
            ..v1::Account::default()
        };
        assert_eq!(
            said(&account(Some("its quota is used up."), Some(9_000)), 4_000),
            "the account one takes no attempts: its quota is used up. It resumes in 5.0 s."
        );
        let by_person = "the account one takes no attempts: a person paused it; `coditect resume` resumes it.";
        assert_eq!(said(&account(None, None), 0), by_person);
    }

    #[test]
    fn what_the_plan_gives_to_a_person_is_approved_and_what_failed_is_tried_again() {
        let task = |failure: Option<&str>| v1::Task {
            id: "plan/1".to_owned(),
            state: "needs_human".to_owned(),
            failure: failure.map(str::to_owned),
            ..v1::Task::default()
        };
        assert_eq!(cure(&task(None)), "coditect task approve plan/1");
        assert_eq!(cure(&task(Some("config"))), "coditect task retry plan/1");
    }

    #[test]
    fn a_prediction_says_what_it_comes_from_and_nothing_is_predicted_of_nothing() {
        let task = v1::ForecastTask { task: "plan/1".to_owned(), ..v1::ForecastTask::default() };
        let held = vec!["plan/9".to_owned()];
        let forecast = v1::ForecastResponse {
            slots: 5,
            now_ms: 1_000,
            finish_ms: 61_000,
            measured: 12,
            tasks: vec![task],
            held,
            ..v1::ForecastResponse::default()
        };
        let said = predicted(&forecast).unwrap();
        assert!(
            said.contains("with 5 slots, without 1 that are held (from estimates and 12 finished tasks)"),
            "{said}"
        );
        assert_eq!(predicted(&v1::ForecastResponse::default()), None);
    }

    #[test]
    fn the_line_counts_what_is_done_and_names_what_is_not() {
        let by_state = [("completed", 11), ("skipped", 1), ("running", 2), ("landing", 1), ("ready", 2), ("failed", 1)];
        let by_state = by_state.map(|(state, count)| (state.to_owned(), count)).into();
        let status = v1::Status { by_state, total: 24, ..v1::Status::default() };
        assert_eq!(line(&status), "12/24 done · 3 running · 2 ready · 1 needs you");
    }
}
