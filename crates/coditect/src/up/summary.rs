//! What came of a run: asked for while the system still answers, shown when it is gone.

use std::time::Duration;

use coditect_core::TaskState;
use coditect_proto::v1;
use coditect_service::ServiceName;

use super::ports::Ports;
use crate::client::{self, refused};
use crate::commands::{status, task};
use crate::failure::Failure;
use crate::output;

/// How long counting attempts may take: it asks for each task.
const COUNT_WITHIN: Duration = Duration::from_secs(5);

/// Of so many tasks that wait it is asked why.
const ASKED: usize = 200;

/// How a run ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Everything is done.
    Done,
    /// Nothing could move without a person.
    Stuck,
    /// A person asked to stop.
    Asked,
    /// The system could not be kept running.
    Failed(Failure),
}

/// What a run has to show.
#[derive(Debug)]
pub(crate) struct Summary {
    tasks: Vec<v1::Task>,
    attempts: Option<usize>,
    stuck: Vec<Row>,
    /// In how many things plan and database disagree.
    conflicts: usize,
}

/// A task that needs a person.
#[derive(Debug)]
struct Row {
    task: String,
    why: String,
    cure: String,
}

/// Asks the system for it.
pub(super) async fn gather(ports: &Ports, stuck: bool) -> Result<Summary, Failure> {
    let mut orchestrator = client::orchestrator(&ports.endpoint(ServiceName::Orchestrator))?;
    let request = v1::ListTasksRequest::default();
    let tasks = orchestrator.list_tasks(request).await.map_err(refused)?.into_inner().tasks;
    let counted = tokio::time::timeout(COUNT_WITHIN, async {
        let mut attempts = 0;
        for task in &tasks {
            let request = v1::GetTaskRequest { task: task.id.clone() };
            attempts += orchestrator.get_task(request).await.map_err(refused)?.into_inner().attempts.len();
        }
        Ok::<_, Failure>(attempts)
    });
    let attempts = counted.await.ok().and_then(Result::ok);
    let stuck = if stuck { rows(ports, &tasks).await? } else { Vec::new() };
    let status = orchestrator.get_status(v1::GetStatusRequest {}).await.map_err(refused)?.into_inner();
    let conflicts = status.problems.iter().filter(|problem| problem.code == "conflict").count();
    Ok(Summary { tasks, attempts, stuck, conflicts })
}

/// Who needs a person: those that failed, and those whose plan has to be mended.
async fn rows(ports: &Ports, tasks: &[v1::Task]) -> Result<Vec<Row>, Failure> {
    let mut resolver = client::resolver(&ports.endpoint(ServiceName::DependencyResolver))?;
    let in_state = |wanted: &'static [&str]| tasks.iter().filter(|task| wanted.contains(&task.state.as_str()));
    let called = |task: &v1::Task| format!("{} {}", task.key, output::short(&task.title, 40));
    let mut rows: Vec<Row> = in_state(&["needs_human", "failed", "awaiting_merge"])
        .map(|task| Row { task: called(task), why: status::reason(task), cure: status::cure(task) })
        .collect();
    for task in in_state(&["pending"]).take(ASKED) {
        let Ok(why) = resolver.why(v1::WhyRequest { task: task.id.clone() }).await else { continue };
        let why = why.into_inner();
        if !why.cycle.is_empty() || !why.dangling.is_empty() || !why.held.is_empty() {
            let why = task::sentences(&why).into_iter().next().unwrap_or_default();
            let cure = format!("edit {}:{}", task.document, task.line);
            rows.push(Row { task: called(task), why, cure });
        }
    }
    for task in in_state(&["cancelled"]).take(ASKED) {
        let Ok(why) = resolver.why(v1::WhyRequest { task: task.id.clone() }).await else { continue };
        let waiting = why.into_inner().holds_up;
        if waiting > 0 {
            let why = format!("cancelled, and {waiting} task(s) wait for it");
            rows.push(Row { task: called(task), why, cure: format!("coditect task retry {0} (or skip {0})", task.id) });
        }
    }
    Ok(rows)
}

impl Summary {
    /// Shows it on standard output.
    pub(super) fn show(&self, outcome: &Outcome, landed: usize, branch: &str, took: Duration) -> Result<(), Failure> {
        let mut table = output::table(["state", "tasks"]);
        for state in TaskState::ALL {
            let count = self.tasks.iter().filter(|task| task.state == state.as_str()).count();
            if count > 0 {
                table.add_row([state.as_str().replace('_', " "), count.to_string()]);
            }
        }
        output::line(table.trim_fmt())?;
        let took = output::duration(i64::try_from(took.as_millis()).unwrap_or(i64::MAX));
        let attempts =
            self.attempts.map(|attempts| format!("{}, ", output::count(attempts, "attempt"))).unwrap_or_default();
        output::line(format_args!("\n{attempts}{} landed on {branch}, {took}", output::count(landed, "commit")))?;
        match outcome {
            Outcome::Done if self.tasks.is_empty() => output::line("the plan has no tasks: nothing to do"),
            Outcome::Done if self.conflicts > 0 => output::line(format_args!(
                "everything is done, but plan and database disagree in {}: `coditect conflicts list` while `coditect up` runs",
                output::count(self.conflicts, "thing")
            )),
            Outcome::Done => output::line("everything is done"),
            Outcome::Stuck => self.show_stuck(),
            Outcome::Asked | Outcome::Failed(_) => output::line("stopped before everything was done"),
        }
    }

    fn show_stuck(&self) -> Result<(), Failure> {
        output::line("\nnothing can move without a person:\n")?;
        let mut table = output::table(["task", "why", "what to do"]);
        for Row { task, why, cure } in &self.stuck {
            table.add_row([task, why, cure]);
        }
        output::line(table.trim_fmt())?;
        output::line("\n`coditect up` goes on from here; while it runs, `coditect task why T` says more")
    }
}
