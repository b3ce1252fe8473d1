//! `coditect plan`: what the parser sees, the graph, the next tasks, and one edit, without a running system; and the
//! history that a running one keeps.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use coditect_graph::render;
use coditect_plan::{Format, MarkerStatus, Severity};
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
        /// Plan files, folders, or patterns such as 'docs/**/*.md'
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// The format the plans are written in [default: what each of them looks like]
        #[arg(long, value_name = "NAME", alias = "plan-format")]
        format: Option<Format>,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Draw the tasks and their dependencies
    #[command(after_help = "Example: coditect plan graph PLAN.md --format dot | dot -Tsvg > plan.svg")]
    Graph {
        /// Plan files, folders, or patterns such as 'docs/**/*.md'
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// mermaid, dot or json
        #[arg(long, default_value_t = render::Format::Mermaid)]
        format: render::Format,
        /// The format the plans are written in [default: what each of them looks like]
        #[arg(long, value_name = "NAME")]
        plan_format: Option<Format>,
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
        /// The format the plan is written in [default: what it looks like]
        #[arg(long, value_name = "NAME", alias = "plan-format")]
        format: Option<Format>,
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
        /// Plan files, folders, or patterns such as 'docs/**/*.md'
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// The format the plans are written in [default: what each of them looks like]
        #[arg(long, value_name = "NAME", alias = "plan-format")]
        format: Option<Format>,
        /// Show when each open task would be worked on by so many at once
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_000))]
        slots: Option<u16>,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
}

/// Runs a subcommand.
pub(crate) async fn run(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Check { paths, format, json } => check(&Plans::read_as(&paths, format)?, json),
        Command::Graph { paths, format, plan_format } => {
            output::out(Plans::read_as(&paths, plan_format)?.picture(format))?;
            Ok(OK)
        }
        Command::Set { path, task, status, format } => set(&path, &task, status, format),
        Command::History(args) => history::history(args).await,
        Command::Show(args) => history::show(args).await,
        Command::Restore(args) => history::restore(args).await,
        Command::Next { paths, format, slots, json } => {
            let plans = Plans::read_as(&paths, format)?;
            match slots {
                Some(slots) => waves(&plans, usize::from(slots), json),
                None => next(&plans, json),
            }
        }
    }
}

fn check(plans: &Plans, json: bool) -> Result<u8, Failure> {
    let (findings, summary) = (plans.findings(), plans.summary());
    if json {
        output::json(&json!({ "documents": plans.published(), "diagnostics": findings, "summary": summary }))?;
    } else {
        for finding in &findings {
            show(finding)?;
        }
        let plans::Summary { tasks, completed, cancelled, ready, waiting, cycles, dangling, unproved } = summary;
        let mut parts = vec![format!("{tasks} tasks: {completed} completed, {ready} ready, {waiting} waiting")];
        let cycle = if cycles == 1 { "cycle" } else { "cycles" };
        let also = [(cancelled, "cancelled"), (cycles, cycle), (dangling, "held by a dangling reference")];
        parts.extend(also.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
        output::line(parts.join(", "))?;
        if unproved > 0 {
            output::line(format_args!(
                "{}; the project's verify.commands are all that could",
                plans::said_of_unproved(unproved)
            ))?;
            output::line(format_args!("  {} {}", "help:".cyan(), plans::PROVING))?;
        }
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

fn set(path: &Path, task: &str, status: MarkerStatus, format: Option<Format>) -> Result<u8, Failure> {
    let text = plans::text(path)?;
    let name = path.display().to_string();
    let plan = coditect_plan::parse_as(format.unwrap_or_else(|| Format::detect(&name, &text)), &name, &text);
    let edit =
        plan.set_status(&text, task, status).map_err(|error| Failure::wrong(format!("{}: {error}", path.display())))?;
    if edit.is_identity() {
        let says = plan.find(task).is_some_and(|found| found.status == status);
        let why = if says { format!("is {status} already") } else { format!("has no place to say {status}") };
        output::say(format_args!("{}: nothing changed: `{task}` {why}", path.display()));
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

/// When each open task would be worked on by `slots` at once, by start.
fn waves(plans: &Plans, slots: usize, json: bool) -> Result<u8, Failure> {
    let forecast = plans.forecast(slots);
    let known = || forecast.tasks.iter().filter_map(|foreseen| Some((foreseen, plans.task(&foreseen.task)?)));
    if json {
        let tasks: Vec<_> = known()
            .map(|(foreseen, (plan, task))| {
                json!({
                    "id": foreseen.task, "key": task.key, "title": task.title, "path": plan.path, "line": task.line,
                    "slot": foreseen.slot + 1, "start_minutes": foreseen.start, "finish_minutes": foreseen.finish,
                    "estimate_minutes": task.estimate_minutes, "agent": task.agent, "human": task.human,
                })
            })
            .collect();
        output::json(&json!({
            "slots": forecast.slots, "minutes": forecast.length, "tasks": tasks, "held": forecast.held,
        }))?;
        return Ok(OK);
    }
    let mut table = output::table(["start", "finish", "slot", "task", "title", "where"]);
    for (foreseen, (plan, task)) in known() {
        let place = format!("{}:{}", plan.path, task.line);
        let (start, finish) = (span(foreseen.start), span(foreseen.finish));
        table.add_row([&start, &finish, &(foreseen.slot + 1).to_string(), &foreseen.task, &task.title, &place]);
    }
    if !forecast.tasks.is_empty() {
        output::line(table.trim_fmt())?;
    }
    let noun = if slots == 1 { "slot" } else { "slots" };
    let mut told = format!("{} tasks with {slots} {noun}: {}", forecast.tasks.len(), span(forecast.length));
    if !forecast.held.is_empty() {
        told.push_str(&format!("; {} can never start; `coditect plan check` says why", forecast.held.len()));
    }
    output::say(told);
    Ok(OK)
}

/// Minutes, as `2h 30m`.
fn span(minutes: i64) -> String {
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes}m"),
        (hours, 0) => format!("{hours}h"),
        (hours, minutes) => format!("{hours}h {minutes}m"),
    }
}
