//! `coditect runs`: the attempts that run now.

use coditect_proto::v1;
use serde_json::json;

use crate::client::{Target, refused};
use crate::failure::{Failure, OK};
use crate::{output, views};

/// The flags.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: coditect runs")]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

/// Lists them.
pub(crate) async fn run(args: Args) -> Result<u8, Failure> {
    let mut orchestrator = args.target.orchestrator()?;
    let runs = orchestrator.list_runs(v1::ListRunsRequest {}).await.map_err(refused)?.into_inner().runs;
    if args.json {
        output::json(&json!({ "runs": runs.iter().map(views::attempt).collect::<Vec<_>>() }))?;
    } else if runs.is_empty() {
        output::say("nothing runs now");
    } else {
        show(&runs)?;
    }
    Ok(OK)
}

/// Attempts as a table.
pub(crate) fn show(runs: &[v1::Attempt]) -> Result<(), Failure> {
    let now = output::now_ms();
    let mut table = output::table(["running", "title", "state", "attempt", "agent", "executor", "age", "cost"]);
    for run in runs {
        table.add_row([
            run.task.clone(),
            output::short(&run.title, 40),
            run.state.clone(),
            run.number.to_string(),
            run.agent.clone(),
            if run.executor.is_empty() { "-".to_owned() } else { run.executor.clone() },
            output::duration(now - run.claimed_at_ms.unwrap_or(run.assigned_at_ms)),
            run.cost_usd.map_or_else(|| "-".to_owned(), |cost| format!("${cost:.2}")),
        ]);
    }
    output::line(table.trim_fmt())
}
