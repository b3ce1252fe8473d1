//! `coditect pause` and `coditect resume`: whether new attempts are started.

use coditect_proto::v1;
use serde_json::json;

use crate::client::{Target, refused};
use crate::failure::{Failure, OK};
use crate::output;

/// The flags of `pause`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: coditect pause --agent rust-expert")]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    target: Target,
    /// Only attempts with this account
    #[arg(long, value_name = "A", conflicts_with = "agent")]
    account: Option<String>,
    /// Only attempts of this agent
    #[arg(long, value_name = "G")]
    agent: Option<String>,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

/// The flags of `resume`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: coditect resume")]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    target: Target,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

/// Starts no new attempts; what runs is finished.
pub(crate) async fn pause(args: PauseArgs) -> Result<u8, Failure> {
    let PauseArgs { target, account, agent, json } = args;
    let mut orchestrator = target.orchestrator()?;
    let request =
        v1::PauseRequest { agent: agent.unwrap_or_default(), account: account.unwrap_or_default(), actor: actor() };
    let paused = orchestrator.pause(request).await.map_err(refused)?.into_inner().paused;
    show(&paused, json)
}

/// Starts attempts again.
pub(crate) async fn resume(args: ResumeArgs) -> Result<u8, Failure> {
    let mut orchestrator = args.target.orchestrator()?;
    let request = v1::ResumeRequest { actor: actor() };
    let paused = orchestrator.resume(request).await.map_err(refused)?.into_inner().paused;
    show(&paused, args.json)
}

fn show(paused: &[String], json: bool) -> Result<u8, Failure> {
    if json {
        output::json(&json!({ "paused": paused }))?;
    } else if paused.is_empty() {
        output::say("nothing is paused");
    } else {
        output::say(format_args!("paused: {}; what runs is finished. `coditect resume` goes on", paused.join(", ")));
    }
    Ok(OK)
}

/// Who asks, for the history.
pub(crate) fn actor() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_default();
    format!("person:{}", if user.is_empty() { "unknown" } else { &user })
}
