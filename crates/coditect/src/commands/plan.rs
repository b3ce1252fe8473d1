//! `coditect plan`: what the parser sees, the graph, the next tasks, and one edit, without a running system; and the
//! history that a running one keeps.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use coditect_graph::render::Format;
use coditect_plan::{MarkerStatus, Severity};
use owo_colors::OwoColorize;
use serde_json::json;

use crate::commands::history;
use crate::failure::{Failure, OK, WRONG, at};
use crate::output;
use crate::plans::{self, Finding, Plans};

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what the parser sees; exit 1 if anything is an error
    #[command(after_help = "Example: coditect plan check PLAN.md --json")]
    Check {
        /// The plan files
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Draw the tasks and their dependencies
    #[command(after_help = "Example: coditect plan graph PLAN.md --format dot | dot -Tsvg > plan.svg")]
    Graph {
        /// The plan files
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// mermaid, dot or json
        #[arg(long, default_value_t = Format::Mermaid)]
        format: Format,
    },
    /// Set the status of one task in its file, and change no other byte
    #[command(after_help = "Example: coditect plan set PLAN.md 1.2 completed")]
    Set {
        /// The plan file
        path: PathBuf,
        /// The task's key, or its id where only one task has it
        task: String,
        /// pending, in_progress, completed, blocked or cancelled
        status: MarkerStatus,
    },
    /// List the contents that were synced, who wrote them, and what they changed (of a running system)
    History(history::HistoryArgs),
    /// Print a content that was synced, byte for byte (of a running system)
    Show(history::ShowArgs),
    /// Bring a content that was synced back into the file (of a running system)
    Restore(history::RestoreArgs),
    /// List the tasks that can start now, in the order of dispatch
    #[command(after_help = "Example: coditect plan next PLAN.md")]
    Next {
        /// The plan files
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
}

/// Runs a subcommand.
pub(crate) async fn run(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Check { paths, json } => check(&Plans::read(&paths)?, json),
        Command::Graph { paths, format } => {
            output::out(Plans::read(&paths)?.picture(format))?;
            Ok(OK)
        }
        Command::Set { path, task, status } => set(&path, &task, status),
        Command::History(args) => history::history(args).await,
        Command::Show(args) => history::show(args).await,
        Command::Restore(args) => history::restore(args).await,
        Command::Next { paths, json } => next(&Plans::read(&paths)?, json),
    }
}

fn check(plans: &Plans, json: bool) -> Result<u8, Failure> {
    let (findings, summary) = (plans.findings(), plans.summary());
    if json {
        let documents: Vec<_> = plans.documents.iter().collect();
        output::json(&json!({ "documents": documents, "diagnostics": findings, "summary": summary }))?;
    } else {
        for finding in &findings {
            show(finding)?;
        }
        let plans::Summary { tasks, completed, cancelled, ready, waiting, cycles, dangling } = summary;
        let mut parts = vec![format!("{tasks} tasks: {completed} completed, {ready} ready, {waiting} waiting")];
        let cycle = if cycles == 1 { "cycle" } else { "cycles" };
        let also = [(cancelled, "cancelled"), (cycles, cycle), (dangling, "held by a dangling reference")];
        parts.extend(also.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
        output::line(parts.join(", "))?;
    }
    let wrong = findings.iter().any(|finding| finding.severity == Severity::Error);
    Ok(if wrong { WRONG } else { OK })
}

/// `path:line:column: error[code]: message`, as compilers say it.
pub(crate) fn show(finding: &Finding) -> Result<(), Failure> {
    let Finding { severity, code, path, line, column, message, help } = finding;
    let label = match severity {
        Severity::Error => format!("error[{code}]").red().bold().to_string(),
        Severity::Warning => format!("warning[{code}]").yellow().bold().to_string(),
    };
    output::line(format_args!("{path}:{line}:{column}: {label}: {message}"))?;
    if help.is_empty() { Ok(()) } else { output::line(format_args!("  {} {help}", "help:".cyan())) }
}

fn set(path: &Path, task: &str, status: MarkerStatus) -> Result<u8, Failure> {
    let text = plans::text(path)?;
    let plan = coditect_plan::parse(&path.display().to_string(), &text);
    let edit =
        plan.set_status(&text, task, status).map_err(|error| Failure::wrong(format!("{}: {error}", path.display())))?;
    if edit.is_identity() {
        output::say(format_args!(
            "{}: nothing to change: `{task}` says {status}, or has no place to say it",
            path.display()
        ));
        return Ok(OK);
    }
    replace(path, &edit.text).map_err(at("write", path))?;
    let places = edit.splices.len();
    let noun = if places == 1 { "place" } else { "places" };
    output::say(format_args!("{}: `{task}` is {status} ({places} {noun} changed)", path.display()));
    Ok(OK)
}

/// Replaces a file in one step, its permissions kept; a link stays a link.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let target = path.canonicalize()?;
    let folder = target.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(fs::metadata(&target)?.permissions())?;
    file.as_file().sync_all()?;
    file.persist(&target).map_err(|error| error.error)?;
    Ok(())
}

fn next(plans: &Plans, json: bool) -> Result<u8, Failure> {
    let ready = plans.next();
    let known = || ready.iter().filter_map(|id| Some((id, plans.task(id)?)));
    if json {
        let ranks = plans.graph.ranks();
        let tasks: Vec<_> = known()
            .map(|(id, (plan, task))| {
                json!({
                    "id": id, "key": task.key, "title": task.title, "path": plan.path, "line": task.line,
                    "priority": task.priority.unwrap_or_default(), "agent": task.agent,
                    "estimate_minutes": task.estimate_minutes, "rank_minutes": ranks.get(id), "human": task.human,
                })
            })
            .collect();
        output::json(&json!({ "tasks": tasks }))?;
        return Ok(OK);
    }
    if ready.is_empty() {
        output::say("no task can start now; `coditect plan check` says what is in the way");
        return Ok(OK);
    }
    let mut table = output::table(["task", "priority", "agent", "title", "where"]);
    for (id, (plan, task)) in known() {
        let place = format!("{}:{}", plan.path, task.line);
        let agent = task.agent.as_deref().unwrap_or("-");
        table.add_row([id, &task.priority.unwrap_or_default().to_string(), agent, &task.title, &place]);
    }
    output::line(table.trim_fmt())?;
    Ok(OK)
}
