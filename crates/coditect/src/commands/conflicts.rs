//! `coditect conflicts`: where plan and database were both changed, and which side is taken.

use clap::{Subcommand, ValueEnum};
use coditect_proto::v1;
use serde_json::{Value, json};

use crate::client::{Daemon, refused};
use crate::commands::pause::actor;
use crate::failure::{Failure, OK};
use crate::output;

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List what plan and database disagree about
    #[command(after_help = "Example: coditect conflicts list")]
    List {
        #[command(flatten)]
        daemon: Daemon,
        /// Those that were settled as well
        #[arg(long)]
        all: bool,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Show a conflict: what both had, and what each says now
    #[command(after_help = "Example: coditect conflicts show C1")]
    Show {
        #[command(flatten)]
        daemon: Daemon,
        /// A conflict, or a task
        name: String,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Take a side
    #[command(after_help = "Example: coditect conflicts take plan 1.2")]
    Take {
        #[command(flatten)]
        daemon: Daemon,
        /// Whose word holds
        side: Side,
        /// Conflicts, or tasks [default: every open conflict]
        names: Vec<String>,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
}

/// A side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Side {
    /// What the plan says
    Plan,
    /// What the database says
    Database,
}

/// Runs a subcommand.
pub(crate) async fn run(command: Command) -> Result<u8, Failure> {
    match command {
        Command::List { daemon, all, json } => list(&conflicts(&daemon, all).await?, json),
        Command::Show { daemon, name, json } => {
            let meant = |c: &v1::Conflict| {
                let tail = c.task.split_once('/').is_some_and(|(_, key)| key == name);
                c.id.eq_ignore_ascii_case(&name) || c.task == name || c.key == name || tail
            };
            let found: Vec<_> = conflicts(&daemon, true).await?.into_iter().filter(meant).collect();
            if found.is_empty() {
                let why = format!("`{name}` is no conflict, and no task that has or had one");
                return Err(Failure::wrong(why).help("`coditect conflicts list --all` shows them"));
            }
            show(&found, json)
        }
        Command::Take { daemon, side, names, json } => {
            let choice = match side {
                Side::Plan => "plan",
                Side::Database => "database",
            };
            let request = v1::SettleConflictRequest { conflicts: names, choice: choice.to_owned(), actor: actor() };
            let settled = daemon.client()?.settle_conflict(request).await.map_err(refused)?.into_inner().settled;
            if json {
                output::json(&json!({ "settled": settled.iter().map(value).collect::<Vec<_>>() }))?;
            } else if settled.is_empty() {
                output::say("plan and database disagree about nothing");
            }
            for v1::Conflict { id, task, .. } in settled.iter().filter(|_| !json) {
                output::say(format_args!("{id}: {task}: the {choice}'s side is taken"));
            }
            Ok(OK)
        }
    }
}

async fn conflicts(daemon: &Daemon, settled: bool) -> Result<Vec<v1::Conflict>, Failure> {
    let answer = daemon.client()?.list_conflicts(v1::ListConflictsRequest { settled }).await;
    Ok(answer.map_err(refused)?.into_inner().conflicts)
}

fn list(conflicts: &[v1::Conflict], json: bool) -> Result<u8, Failure> {
    if json {
        output::json(&json!({ "conflicts": conflicts.iter().map(value).collect::<Vec<_>>() }))?;
        return Ok(OK);
    }
    if conflicts.is_empty() {
        output::say("plan and database disagree about nothing");
        return Ok(OK);
    }
    let mut table = output::table(["id", "task", "field", "both had", "plan", "database", "title"]);
    for c in conflicts {
        table.add_row([&c.id, &c.task, &c.field, &c.base, &c.marker, &c.database, &c.title]);
    }
    output::line(table.trim_fmt())?;
    output::say("`coditect conflicts take plan|database ID` settles one");
    Ok(OK)
}

fn show(conflicts: &[v1::Conflict], json: bool) -> Result<u8, Failure> {
    if json {
        output::json(&json!({ "conflicts": conflicts.iter().map(value).collect::<Vec<_>>() }))?;
        return Ok(OK);
    }
    for c in conflicts {
        output::line(format_args!("{} {} ({}) {}", c.id, c.task, c.key, c.title))?;
        output::line(format_args!("  field      {} (plan revision {})", c.field, c.revision))?;
        output::line(format_args!("  both had   {}", if c.base.is_empty() { "-" } else { &c.base }))?;
        output::line(format_args!("  plan       {}", c.marker))?;
        output::line(format_args!("  database   {}; the task is {} now", c.database, c.state))?;
        if let (Some(by), Some(choice)) = (&c.settled_by, &c.choice) {
            output::line(format_args!("  settled    {choice}, by {by}"))?;
        }
    }
    Ok(OK)
}

fn value(c: &v1::Conflict) -> Value {
    json!({
        "id": c.id, "task": c.task, "key": c.key, "title": c.title, "field": c.field, "base": c.base,
        "plan": c.marker, "database": c.database, "state": c.state, "revision": c.revision, "at_ms": c.at_ms,
        "settled_at_ms": c.settled_at_ms, "settled_by": c.settled_by, "choice": c.choice,
    })
}
