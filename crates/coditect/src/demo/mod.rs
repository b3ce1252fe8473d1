//! `coditect demo`: a plan of its own in a repository of its own, run to its end and checked afterwards.
//!
//! The same code as `coditect up --until-done`, the `script` runtime, real services, real git. What it says in the
//! end it has counted itself, in the file and in the repository.

mod check;
mod plan;
mod sandbox;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use coditect_service::config::variable;

use crate::failure::{Failure, OK, WRONG};
use crate::output;
use crate::up::{self, Manner};
use plan::DemoPlan;
use sandbox::Sandbox;

/// How many tasks there are at most.
const MOST: u32 = 10_000;

/// Where the orchestrator answers HTTP unless something else is there.
const HTTP: ([u8; 4], u16) = ([127, 0, 0, 1], 8080);

/// The flags.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: coditect demo --tasks 60 --keep /tmp/coditect-demo")]
pub(crate) struct Args {
    /// How many tasks the plan has
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST)))]
    tasks: u32,
    /// Make the repository in this folder, which must be empty or missing, and keep it
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// Runs it.
pub(crate) async fn run(args: Args) -> Result<u8, Failure> {
    let plan = DemoPlan::new(usize::try_from(args.tasks).unwrap_or(1));
    let sandbox = Sandbox::new(&plan, args.keep)?;
    output::say(format_args!("a plan of {} tasks in {}", args.tasks, sandbox.root().display()));
    let database = sandbox.root().join(".coditect/coditect.db");
    let up = up::Args {
        plans: vec![sandbox.root().join(sandbox::PLAN)],
        repo: Some(sandbox.root().to_path_buf()),
        runtime: Some("script".to_owned()),
        database: Some(format!("sqlite://{}", database.display())),
        until_done: true,
        http: Some(http()?.to_string()),
        ..up::Args::default()
    };
    let settings = [("plan.debounce_ms", "200"), ("retry.base_ms", "500"), ("repository.target_branch", check::TARGET)];
    let overrides = settings.map(|(key, value)| (variable(key), value.to_owned())).to_vec();
    let ended = up::start(up, Manner { overrides, tell: true }).await?;
    let fine = check::run(&plan, &sandbox.repository()?)?;
    // The folder we are in is about to go.
    let _ = std::env::set_current_dir(std::env::temp_dir());
    if sandbox.kept() {
        output::say(format_args!("kept in {}", sandbox.root().display()));
    }
    Ok(if ended == OK && fine { OK } else { WRONG })
}

/// The usual address, or a free one.
fn http() -> Result<SocketAddr, Failure> {
    let usual = SocketAddr::from(HTTP);
    if TcpListener::bind(usual).is_ok() {
        return Ok(usual);
    }
    let free = TcpListener::bind(SocketAddr::from((HTTP.0, 0))).and_then(|listener| listener.local_addr());
    free.map_err(|error| Failure::wrong(format!("there is no free port: {error}")))
}
