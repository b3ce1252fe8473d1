//! `coditect task`: looks at tasks, and says what is to become of them.

use clap::Subcommand;
use coditect_core::TaskState;
use coditect_proto::v1;
use owo_colors::OwoColorize;
use serde_json::json;

use super::evidence;
use super::pause::actor;
use super::status::{self, paused_accounts, reason};
use crate::client::{Target, refused};
use crate::failure::{Failure, OK};
use crate::{output, views};

/// Of a question, more lines than this are for `coditect logs`.
const QUESTION_LINES: usize = 20;

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the tasks
    #[command(after_help = "Example: coditect task list --state needs_human --state failed")]
    List {
        /// Only those in this state; may be given several times
        #[arg(long = "state", value_name = "S")]
        states: Vec<TaskState>,
        #[command(flatten)]
        target: Target,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Show everything known about a task
    #[command(after_help = "Example: coditect task show 1.2")]
    Show(One),
    /// Say why a task is not being worked on
    #[command(after_help = "Example: coditect task why 1.2")]
    Why(One),
    /// Try a task again, with all its attempts
    #[command(after_help = "Example: coditect task retry 1.2 --reason 'the network is back'")]
    Retry(Wish),
    /// Stop a task; what depends on it waits
    #[command(after_help = "Example: coditect task cancel 1.2")]
    Cancel(Wish),
    /// Leave a task out; what depends on it goes on
    #[command(after_help = "Example: coditect task skip 1.2")]
    Skip(Wish),
    /// Answer what a task waits for a person with, and try it again
    #[command(after_help = "Example: coditect task answer 1.2 'use the v2 endpoint; the old one is gone'")]
    Answer {
        #[command(flatten)]
        wish: Wish,
        /// What the next attempt is told
        text: String,
    },
    /// Take a task's result as it is: merge it, or call it completed
    #[command(after_help = "Example: coditect task approve 1.2 --reason 'merged by hand'")]
    Approve(Wish),
    /// Give a task to an agent; with none, back to the plan's
    #[command(after_help = "Example: coditect task assign 1.2 rust-expert")]
    Assign {
        #[command(flatten)]
        wish: Wish,
        /// The agent
        agent: Option<String>,
    },
}

/// One task to look at.
#[derive(Debug, clap::Args)]
pub(crate) struct One {
    /// The task's id, or what the plan calls it now
    task: String,
    #[command(flatten)]
    target: Target,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

/// What a person wants of a task.
#[derive(Debug, clap::Args)]
pub(crate) struct Wish {
    #[command(flatten)]
    one: One,
    /// Why, for the history
    #[arg(long, default_value = "")]
    reason: String,
}

/// Runs a subcommand.
pub(crate) async fn run(command: Command) -> Result<u8, Failure> {
    match command {
        Command::List { states, target, json } => list(&states, &target, json).await,
        Command::Show(one) => show(one).await,
        Command::Why(one) => why(one).await,
        Command::Retry(wish) => intervene(wish, "retry", "", "").await,
        Command::Cancel(wish) => intervene(wish, "cancel", "", "").await,
        Command::Skip(wish) => intervene(wish, "skip", "", "").await,
        Command::Approve(wish) => intervene(wish, "approve", "", "").await,
        Command::Answer { wish, text } => intervene(wish, "answer", &text, "").await,
        Command::Assign { wish, agent } => intervene(wish, "assign", "", agent.as_deref().unwrap_or_default()).await,
    }
}

async fn list(states: &[TaskState], target: &Target, json: bool) -> Result<u8, Failure> {
    let request = v1::ListTasksRequest {
        states: states.iter().map(ToString::to_string).collect(),
        ..v1::ListTasksRequest::default()
    };
    let tasks = target.orchestrator()?.list_tasks(request).await.map_err(refused)?.into_inner().tasks;
    if json {
        output::json(&json!({ "tasks": tasks.iter().map(views::task).collect::<Vec<_>>() }))?;
        return Ok(OK);
    }
    if tasks.is_empty() {
        output::say("no such task");
        return Ok(OK);
    }
    let mut table = output::table(["task", "state", "priority", "agent", "title", "why"]);
    for task in &tasks {
        let agent = task.agent.clone().unwrap_or_else(|| "-".to_owned());
        table.add_row([
            views::name(task),
            task.state.clone(),
            task.priority.clone(),
            agent,
            output::short(&task.title, 50),
            reason(task),
        ]);
    }
    output::line(table.trim_fmt())?;
    Ok(OK)
}

async fn detail(one: &One) -> Result<v1::TaskDetail, Failure> {
    let request = v1::GetTaskRequest { task: one.task.clone() };
    Ok(one.target.orchestrator()?.get_task(request).await.map_err(refused)?.into_inner())
}

async fn show(one: One) -> Result<u8, Failure> {
    let detail = detail(&one).await?;
    if one.json {
        output::json(&views::detail(&detail))?;
        return Ok(OK);
    }
    let task = detail.task.clone().unwrap_or_default();
    output::line(format_args!("{} {}", views::name(&task).bold(), task.title))?;
    output::line(format_args!("  state       {}", words(&task.state).style_of(&task.state)))?;
    output::line(format_args!("  where       {}:{}  {}", task.document, task.line, task.section))?;
    output::line(format_args!("  priority    {}", task.priority))?;
    output::line(format_args!("  agent       {}", task.agent.as_deref().unwrap_or("-")))?;
    match task.reason.as_deref() {
        // A question is asked in full.
        Some(asked) if matches!(task.state.as_str(), "needs_human" | "failed" | "awaiting_merge") => {
            for (at, said) in asked.lines().filter(|line| !line.trim().is_empty()).take(QUESTION_LINES).enumerate() {
                output::line(format_args!("  {:<11} {said}", if at == 0 { "why" } else { "" }))?;
            }
        }
        None if task.failure.is_none() => {}
        _ => output::line(format_args!("  why         {}", reason(&task)))?,
    }
    for answer in &detail.answers {
        let (who, said) = (answer.actor.trim_start_matches("person:"), output::short(&answer.answer, 100));
        output::line(format_args!("  {who:<11} answered: {said}"))?;
    }
    for d in &detail.dependencies {
        let met = if d.met { "met" } else { "not met" };
        output::line(format_args!("  {:<11} {} {} ({met}: {})", d.kind, d.task, d.title, words(&d.state)))?;
    }
    for reference in &detail.dangling {
        output::line(format_args!("  dangling    {reference}"))?;
    }
    evidence::show_proofs(&detail)?;
    if !detail.dependents.is_empty() {
        output::line(format_args!("  needed by   {}", detail.dependents.join(", ")))?;
    }
    for attempt in &detail.attempts {
        let end = attempt.ended_at_ms.unwrap_or_else(output::now_ms);
        let took = output::duration(end - attempt.claimed_at_ms.unwrap_or(attempt.assigned_at_ms));
        let what = attempt.failure.as_deref().map(|f| f.replace('_', " ")).unwrap_or_default();
        let message = output::short(attempt.message.as_deref().unwrap_or_default(), 80);
        let commit = attempt.commit.as_deref().map(|c| c.get(..12).unwrap_or(c)).unwrap_or_default();
        let rest: Vec<_> = [what.as_str(), &message, commit].into_iter().filter(|part| !part.is_empty()).collect();
        let (number, state) = (attempt.number, &attempt.state);
        output::line(format_args!("  attempt {number:<3} {state} after {took}  {}", rest.join("  ")))?;
        let because = output::short(&attempt.because.join("; "), 100);
        output::line(format_args!("              by {}: {because}", attempt.agent))?;
        evidence::show(attempt)?;
    }
    if !detail.actions.is_empty() {
        output::line(format_args!("  you can     coditect task {} {}", detail.actions.join("|"), task.id))?;
    }
    Ok(OK)
}

async fn why(one: One) -> Result<u8, Failure> {
    let detail = detail(&one).await?;
    let task = detail.task.unwrap_or_default();
    let request = v1::GetTaskRequest { task: task.id.clone() };
    let why = one.target.orchestrator()?.explain_task(request).await.map_err(refused)?.into_inner();
    if one.json {
        let mut json = views::why(&why);
        json["state"] = json!(task.state);
        json["reason"] = json!(task.reason);
        json["failure"] = json!(task.failure);
        output::json(&json)?;
        return Ok(OK);
    }
    output::line(format_args!("{} {}: {}", task.id.bold(), task.title, words(&task.state)))?;
    if task.reason.is_some() || task.failure.is_some() {
        output::line(format_args!("  because {}", reason(&task)))?;
    }
    if why.since_ms > 0 {
        output::line(format_args!("  since {}", output::duration(output::now_ms() - why.since_ms)))?;
    }
    for sentence in sentences(&why) {
        output::line(format_args!("  {sentence}"))?;
    }
    if task.state == "ready" {
        for account in paused_accounts(&one.target).await? {
            output::line(format_args!("  {account}"))?;
        }
    }
    if status::is_gate(&task) {
        output::line(format_args!("  when it is done: coditect task approve {} (or tick it in the plan)", task.id))?;
    } else if matches!(task.state.as_str(), "needs_human" | "failed" | "cancelled" | "skipped") {
        output::line(format_args!("  to try again: coditect task retry {}", task.id))?;
    }
    Ok(OK)
}

/// Why a task is not worked on, in words.
pub(crate) fn sentences(why: &v1::WhyResponse) -> Vec<String> {
    let mut said = Vec::new();
    if !why.cycle.is_empty() {
        said.push(format!("it is in a cycle, which only the plan can break: {}", why.cycle.join(" → ")));
    }
    if !why.dangling.is_empty() {
        said.push(format!("it refers to tasks that are not there: {}; mend the plan", why.dangling.join(", ")));
    }
    if !why.held.is_empty() {
        said.push(format!("it is {}, and goes on when the mark is gone", why.held));
    }
    for unmet in &why.unmet {
        let state = match unmet.state.as_str() {
            "blocking" => "failed, cancelled or gone".to_owned(),
            "open" => "not finished".to_owned(),
            state => words(state),
        };
        let by = unmet.agent.as_deref().map(|agent| format!(", {agent}")).unwrap_or_default();
        let place = place(&unmet.path, unmet.line);
        said.push(format!("it waits for {} ({state}{by}){place}", named(&unmet.task, &unmet.title)));
    }
    for root in &why.roots {
        let cause = match root.cause.as_str() {
            "ready" => "is ready and has to be done first",
            "running" => "is being worked on",
            "retrying" => "failed, and is tried again soon",
            "merge" => "waits to be merged",
            "person" => "needs a person: coditect task show says what can be done",
            "blocking" => "needs a person: coditect task retry or skip",
            "dangling" => "refers to a task that is not there; mend the plan",
            "cycle" => "is in a cycle; mend the plan",
            "held" => "is marked blocked in the plan; it goes on when the mark is gone",
            cause => cause,
        };
        let more = if root.holds_up > 1 { format!("; {} tasks wait for it", root.holds_up) } else { String::new() };
        let place = place(&root.path, root.line);
        said.push(format!("in the end: {} {cause}{more}{place}", named(&root.task, &root.title)));
    }
    for task in &why.skipped {
        said.push(format!("{task} counts as done for it: it was left out"));
    }
    for task in &why.set_aside {
        said.push(format!("{task} does not hold it: that dependency is set aside, as the two wait for each other"));
    }
    for related in &why.related {
        let what = if related.kind == "informs" { "profits from" } else { "has to do with" };
        said.push(format!("it {what} {} ({}), and does not wait for it", related.task, words(&related.state)));
    }
    if why.holds_up > 0 {
        said.push(format!("{} task(s) wait for it", why.holds_up));
    }
    said
}

fn named(task: &str, title: &str) -> String {
    if title.is_empty() { task.to_owned() } else { format!("{task} {}", output::short(title, 60)) }
}

fn place(path: &str, line: i64) -> String {
    if path.is_empty() { String::new() } else { format!(" [{path}:{line}]") }
}

async fn intervene(wish: Wish, action: &str, text: &str, agent: &str) -> Result<u8, Failure> {
    let Wish { one, reason } = wish;
    let request = v1::InterveneRequest {
        task: one.task.clone(),
        action: action.to_owned(),
        actor: actor(),
        reason,
        text: text.to_owned(),
        agent: agent.to_owned(),
    };
    let task = one.target.orchestrator()?.intervene(request).await.map_err(refused)?.into_inner();
    if one.json {
        output::json(&views::task(&task))?;
    } else {
        output::say(format_args!("{} {}: {}", task.id, task.title, words(&task.state)));
    }
    Ok(OK)
}

/// A state in words.
fn words(state: &str) -> String {
    let words = match state {
        "pending" => "waits for what it depends on",
        "ready" => "ready, waits for a free slot",
        "assigned" => "given to an executor",
        "running" => "an agent works on it",
        "verifying" => "its result is being verified",
        "landing" => "its result is being landed",
        "completed" => "completed",
        "waiting_retry" => "failed, and is tried again soon",
        "awaiting_merge" => "waits to be merged",
        "needs_human" => "needs a person",
        "failed" => "failed, and was given up",
        "cancelled" => "cancelled",
        "skipped" => "left out",
        "retired" => "gone from the plan",
        state => state,
    };
    words.to_owned()
}

/// Text in the colour of a state.
trait StyleOf {
    fn style_of(&self, state: &str) -> String;
}

impl StyleOf for String {
    fn style_of(&self, state: &str) -> String {
        self.style(output::state_style(state)).to_string()
    }
}
