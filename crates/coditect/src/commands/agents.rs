//! `coditect agents`: the definitions, what is odd about them, and which agent a task is for; without a running system.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use coditect_catalog::folder::{self, Found};
use coditect_catalog::{DeclaredTask, Match, Matcher, Query, Rules, Severity, Warning};
use coditect_plan::PlanTask;
use coditect_service::Config;
use owo_colors::OwoColorize;
use serde_json::{Value, json};

use crate::failure::{Failure, OK, WRONG};
use crate::output;
use crate::plans::Plans;

/// How much of a description, a title or a reason a table shows.
const SHOWN: usize = 100;

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the agents that are defined
    #[command(after_help = "Example: coditect agents list --agents .claude/agents")]
    List {
        #[command(flatten)]
        from: From,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Show what is odd about the definitions; exit 1 if one is refused, or a mapping or rule names an unknown agent
    #[command(after_help = "Example: coditect agents check --agents .claude/agents")]
    Check {
        #[command(flatten)]
        from: From,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Say which agent each task is for, and why
    #[command(after_help = "\
Examples: coditect agents match --plan PLAN.md
          coditect agents match --agents .claude/agents \"Write the Helm chart\"
          coditect agents match --plan PLAN.md --ignore-declared --json")]
    Match {
        /// A task in words; its first line is the title
        #[arg(value_name = "TEXT", required_unless_present = "plans", conflicts_with = "plans")]
        text: Option<String>,
        /// The plan files whose tasks want an agent
        #[arg(long = "plan", value_name = "PATH")]
        plans: Vec<PathBuf>,
        #[command(flatten)]
        from: From,
        /// How many agents of the ranking to show
        #[arg(long, value_name = "N", default_value_t = 5)]
        top: usize,
        /// Choose by content alone, and count how often that is the agent the task asks for
        #[arg(long)]
        ignore_declared: bool,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
}

/// Where the definitions and the rules are.
#[derive(Debug, clap::Args)]
pub(crate) struct From {
    /// Folders of agent definitions [default: `agents.directories` of the configuration]
    #[arg(long = "agents", value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// The configuration file [default: config/orchestrator-config.json, if it exists]
    #[arg(long, value_name = "FILE", env = "CODITECT_CONFIG")]
    config: Option<PathBuf>,
}

/// What was read.
struct Catalog {
    found: Found,
    rules: Rules,
    folders: usize,
}

impl From {
    fn read(&self) -> Result<Catalog, Failure> {
        let config = Config::load(self.config.as_deref())?;
        let folders = match self.folders.as_slice() {
            [] => config.agents.folders(Path::new(&config.repository.path)),
            named => named.to_vec(),
        };
        let found = folder::read_all(&folders).map_err(|error| {
            Failure::usage(format!("{:#}", anyhow::Error::from(error)))
                .help("name a folder of definitions with --agents DIR, or in `agents.directories` of the configuration")
        })?;
        let rules = config.agents.rules(&config.dispatch.default_agent);
        if folders.is_empty() {
            output::say("no folder of definitions is known: name one with --agents, or in `agents.directories`");
        }
        Ok(Catalog { found, rules, folders: folders.len() })
    }
}

/// Runs a subcommand.
pub(crate) fn run(command: Command) -> Result<u8, Failure> {
    match command {
        Command::List { from, json } => list(&from.read()?, json),
        Command::Check { from, json } => check(from.read()?, json),
        Command::Match { text: Some(text), plans: _, from, top, ignore_declared: _, json } => {
            one(&text, from.read()?, top, json)
        }
        Command::Match { text: None, plans, from, top, ignore_declared, json } => {
            all(&Plans::read(&plans)?, from.read()?, top, ignore_declared, json)
        }
    }
}

fn list(catalog: &Catalog, json: bool) -> Result<u8, Failure> {
    let definitions = &catalog.found.definitions;
    if json {
        let agents: Vec<_> = definitions
            .iter()
            .map(|one| {
                json!({
                    "name": one.name, "description": one.description, "model": one.model, "tools": one.tools,
                    "keywords": one.keywords, "path": one.path,
                })
            })
            .collect();
        output::json(&json!({ "agents": agents }))?;
        return Ok(OK);
    }
    if !definitions.is_empty() {
        let mut table = output::table(["agent", "model", "description"]);
        for one in definitions {
            table.add_row([&one.name, one.model.as_deref().unwrap_or("-"), &output::short(&one.description, SHOWN)]);
        }
        output::line(table.trim_fmt())?;
    }
    let odd = catalog.found.warnings.len();
    if odd > 0 {
        output::warn(format_args!("{}; `coditect agents check` shows them", output::count(odd, "remark")));
    }
    Ok(OK)
}

fn check(catalog: Catalog, json: bool) -> Result<u8, Failure> {
    let Catalog { found: Found { definitions, warnings }, rules, folders } = catalog;
    let matcher = Matcher::new(definitions, rules, Vec::new());
    // Without folders every agent is a name, and no name is wrong.
    let troubles = if folders == 0 { Vec::new() } else { matcher.troubles() };
    let refused = warnings.iter().filter(|one| one.severity == Severity::Error).count();
    let agents = matcher.definitions().len();
    if json {
        let diagnostics: Vec<Value> = warnings
            .iter()
            .map(|one| json!(one))
            .chain(troubles.iter().map(
                |one| json!({ "path": one.setting, "line": null, "severity": "error", "message": one.to_string() }),
            ))
            .collect();
        let summary = json!({
            "agents": agents, "refused": refused, "unknown": troubles.len(), "warnings": warnings.len() - refused,
        });
        output::json(&json!({ "diagnostics": diagnostics, "summary": summary }))?;
    } else {
        warnings.iter().try_for_each(show)?;
        for trouble in &troubles {
            output::line(format_args!("{}: {trouble}", "error".red().bold()))?;
            output::line(format_args!("  {} name one of `coditect agents list`, or define it", "help:".cyan()))?;
        }
        let warned = output::count(warnings.len() - refused, "warning");
        let mut line = format!("{}, {warned}", output::count(agents, "agent"));
        if refused > 0 {
            line.push_str(&format!(", {} refused", output::count(refused, "file")));
        }
        output::line(line)?;
    }
    Ok(if refused > 0 || !troubles.is_empty() { WRONG } else { OK })
}

fn show(warning: &Warning) -> Result<(), Failure> {
    let Warning { path, line, severity, message } = warning;
    let label = match severity {
        Severity::Error => "error".red().bold().to_string(),
        Severity::Warning => "warning".yellow().bold().to_string(),
    };
    match line {
        Some(line) => output::line(format_args!("{path}:{line}: {label}: {message}")),
        None => output::line(format_args!("{path}: {label}: {message}")),
    }
}

/// The agent of a task in words.
fn one(text: &str, catalog: Catalog, top: usize, json: bool) -> Result<u8, Failure> {
    let (title, description) = text.trim().split_once('\n').unwrap_or((text.trim(), ""));
    let query = Query { title: title.to_owned(), description: description.to_owned(), ..Query::default() };
    let found = Matcher::new(catalog.found.definitions, catalog.rules, Vec::new()).choose(&query);
    if json {
        output::json(&json!({ "tasks": [told(None, title, None, &found, top)] }))?;
        return Ok(OK);
    }
    output::line(format_args!("{} (confidence {:.2})", found.chosen.bold(), found.confidence))?;
    for reason in &found.because {
        output::line(format_args!("  because {reason}"))?;
    }
    let mut table = output::table(["score", "agent"]);
    for (agent, score) in found.ranking.iter().take(top) {
        table.add_row([&format!("{score:.2}"), agent]);
    }
    output::line(table.trim_fmt())?;
    Ok(OK)
}

/// The agents of all tasks of some plans.
fn all(plans: &Plans, catalog: Catalog, top: usize, ignore: bool, json: bool) -> Result<u8, Failure> {
    let declared = plans.tasks().filter_map(|(key, task)| {
        let Query { key, title, description, section, steps, declared } = query(key, task, false);
        Some(DeclaredTask { key, title, description, section, steps, agent: declared? })
    });
    let matcher = Matcher::new(catalog.found.definitions, catalog.rules, declared.collect());
    let matches: Vec<_> =
        plans.tasks().map(|(key, task)| (key.clone(), task, matcher.choose(&query(key, task, ignore)))).collect();
    let accuracy = ignore.then(|| Accuracy::of(&matcher, matches.iter().map(|(_, task, found)| (*task, found))));
    if json {
        let tasks: Vec<_> = matches
            .iter()
            .map(|(key, task, found)| told(Some(key), &task.title, task.agent.as_deref(), found, top))
            .collect();
        let mut document = json!({ "tasks": tasks });
        if let (Some(Accuracy { declared, first, among_three }), Some(document)) = (accuracy, document.as_object_mut())
        {
            let figures = json!({ "declared": declared, "first": first, "among_three": among_three });
            document.insert("accuracy".to_owned(), figures);
        }
        output::json(&document)?;
        return Ok(OK);
    }
    let mut table = output::table(["task", "title", "agent", "confidence", "because"]);
    for (key, task, found) in &matches {
        let because = output::short(&found.because.join("; "), SHOWN);
        let title = output::short(&task.title, SHOWN);
        table.add_row([key, &title, &found.chosen, &format!("{:.2}", found.confidence), &because]);
    }
    output::line(table.trim_fmt())?;
    if let Some(Accuracy { declared, first, among_three }) = accuracy {
        output::line(format_args!(
            "of {declared} declared agents, {first} are chosen by content, {among_three} are among the first three"
        ))?;
    }
    Ok(OK)
}

fn query(key: String, task: &PlanTask, ignore_declared: bool) -> Query {
    Query {
        key,
        title: task.title.clone(),
        description: task.description.clone(),
        section: task.section.clone(),
        steps: task.steps.iter().map(|step| step.text.clone()).collect(),
        declared: task.agent.clone().filter(|_| !ignore_declared),
    }
}

/// A match in the published JSON.
fn told(key: Option<&str>, title: &str, declared: Option<&str>, found: &Match, top: usize) -> Value {
    let round = |score: f64| (score * 10_000.0).round() / 10_000.0;
    let Match { chosen, confidence, because, ranking } = found;
    let ranking: Vec<_> =
        ranking.iter().take(top).map(|(agent, score)| json!({ "agent": agent, "score": round(*score) })).collect();
    json!({
        "key": key, "title": title, "declared": declared, "chosen": chosen, "confidence": round(*confidence),
        "because": because, "ranking": ranking,
    })
}

/// How often content alone leads to the agent that a task asks for.
struct Accuracy {
    declared: usize,
    first: usize,
    among_three: usize,
}

impl Accuracy {
    fn of<'a>(matcher: &Matcher, matches: impl Iterator<Item = (&'a PlanTask, &'a Match)>) -> Self {
        let mut all = Self { declared: 0, first: 0, among_three: 0 };
        for (task, found) in matches {
            let Some(declared) = task.agent.clone() else { continue };
            let wanted = matcher.choose(&Query { declared: Some(declared), ..Query::default() }).chosen;
            all.declared += 1;
            all.first += usize::from(found.chosen == wanted);
            all.among_three += usize::from(found.ranking.iter().take(3).any(|(agent, _)| *agent == wanted));
        }
        all
    }
}
