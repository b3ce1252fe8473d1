//! `coditect up`: the whole system on one machine, watched over until it is done or told to stop.
//!
//! [`settings`] is what was asked for, [`checks`] whether it can be, [`home`] the folder it all lives in, [`fleet`] the
//! processes, [`child`] the watch over one of them, [`watch`] how the work stands, [`stop`] the way down, and
//! [`summary`] what came of it. Nothing is started before every check has passed.

pub(crate) mod checks;
mod child;
mod fleet;
mod home;
mod landed;
mod ports;
mod redis;
mod screen;
mod settings;
mod stop;
mod summary;
mod watch;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use coditect_service::ServiceName;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::commands::migrate;
use crate::failure::{Failure, OK, WRONG};
use crate::output;
use child::Event;
use fleet::Fleet;
use home::Home;
use landed::Before;
use ports::Ports;
use screen::Screen;
use settings::Settings;
use summary::{Outcome, Summary};
use watch::{Judge, Verdict};

/// The flags. They win over the environment, which wins over the configuration file.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "\
Example: coditect up --plan PLAN.md --until-done
Example: coditect up --script 'make \"$CODITECT_TASK_KEY\"'")]
pub(crate) struct Args {
    /// A plan file, a folder of plans, or a pattern; may be given several times [default: PLAN.md, or the
    /// configuration's]
    #[arg(long = "plan", value_name = "PATH")]
    pub(crate) plans: Vec<PathBuf>,
    /// The format the plans are written in [default: what each of them looks like]
    #[arg(long, value_name = "NAME", requires = "plans")]
    pub(crate) format: Option<coditect_plan::Format>,
    /// The git repository that is worked on [default: the one the current folder is in]
    #[arg(long, value_name = "PATH")]
    pub(crate) repo: Option<PathBuf>,
    /// A folder of agent definitions; may be given several times
    #[arg(long, value_name = "DIR")]
    pub(crate) agents: Vec<PathBuf>,
    /// What does the work
    #[arg(long, value_name = "NAME", value_parser = ["script", "command", "claude-code", "codex", "gemini", "opencode"])]
    pub(crate) runtime: Option<String>,
    /// For the script runtime: the shell script of tasks that carry no fenced `sh` block
    #[arg(long, value_name = "TEMPLATE")]
    pub(crate) script: Option<String>,
    /// The database [default: a SQLite file in .coditect/]
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// End when everything is completed (exit 0), or when nothing can move without a person (exit 1)
    #[arg(long)]
    pub(crate) until_done: bool,
    /// Where the dashboard and the REST API are: an address and a port, or a port
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<String>,
    /// The configuration file [default: the repository's config/orchestrator-config.json, if it exists]
    #[arg(long, value_name = "FILE", env = "CODITECT_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

/// How a run differs from what the flags can say.
#[derive(Debug, Default)]
pub(crate) struct Manner {
    /// Settings over everything else: names of environment variables, and their values.
    pub(crate) overrides: Vec<(String, String)>,
    /// Tell of each task what happens to it, and of the services only what is wrong.
    pub(crate) tell: bool,
}

/// Runs the system as the flags say.
pub(crate) async fn run(args: Args) -> Result<u8, Failure> {
    start(args, Manner::default()).await
}

/// Runs the system.
pub(crate) async fn start(args: Args, manner: Manner) -> Result<u8, Failure> {
    let settings = Settings::of(args, manner)?;
    let home = Home::open(&settings.repository.root)?;
    for (warning, cure) in checks::all(&settings)? {
        output::warn(format_args!("{warning}; {cure}"));
    }
    let mut stop = StopSignals::listen()?;
    migrate::apply(&settings.database).await?;
    let before = Before::of(&settings)?;
    let ports = Ports::pick(settings.http)?;
    let screen = Screen::new(settings.until_done || settings.tell);
    let (events, mut happens) = mpsc::unbounded_channel();
    let mut fleet = Fleet::new(&settings, &home, &ports, &screen, events)?;
    let began = Instant::now();
    fleet.start_redis().await?;
    fleet.start_services();
    screen.say(format_args!(
        "working on {} in {}; Ctrl-C finishes what runs and stops",
        settings.plan_names(),
        settings.remote.clone().unwrap_or_else(|| settings.repository.root.display().to_string())
    ));
    screen.say(format_args!("the dashboard is at http://{}", ports.http));
    let (looks, mut seen) = mpsc::channel(1);
    let watching = tokio::spawn(watch::run(watch::Endpoints::of(&ports), looks, settings.tell, screen.clone()));
    let mut judge = Judge::default();
    let outcome = loop {
        tokio::select! {
            Some(event) = happens.recv() => match event {
                Event::Fatal(failure) => break Outcome::Failed(failure),
                event => fleet.note(event)?,
            },
            Some(status) = seen.recv() => {
                screen.progress(&status);
                match judge.look(&status) {
                    Verdict::GoOn => {}
                    Verdict::Done if settings.until_done => break Outcome::Done,
                    Verdict::Stuck if settings.until_done => break Outcome::Stuck,
                    Verdict::Done => screen.once("everything is done; waiting for changes of the plan, Ctrl-C stops"),
                    Verdict::Stuck => screen.once("nothing can move without a person: see `coditect status`"),
                }
            }
            () = stop.asked() => break Outcome::Asked,
        }
    };
    watching.abort();
    let summary = match &outcome {
        Outcome::Failed(_) => None,
        _ if settings.until_done => summary::gather(&ports, matches!(outcome, Outcome::Stuck)).await.ok(),
        _ => None,
    };
    let clean = stop::all(&mut fleet, &mut happens, &mut stop, &screen, &settings, &ports).await;
    screen.finish();
    home.clear();
    conclude(outcome, clean, summary, &settings, &before, began)
}

fn conclude(
    outcome: Outcome,
    clean: bool,
    summary: Option<Summary>,
    settings: &Settings,
    before: &Before,
    began: Instant,
) -> Result<u8, Failure> {
    if let Outcome::Failed(failure) = outcome {
        return Err(failure);
    }
    if let Some(summary) = summary {
        let landed = before.landed(settings)?;
        summary.show(&outcome, landed, &settings.config.repository.target_branch, began.elapsed())?;
        return Ok(if matches!(outcome, Outcome::Done) { OK } else { WRONG });
    }
    Ok(if clean { OK } else { WRONG })
}

/// The signals that ask to stop.
#[derive(Debug)]
pub(crate) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::wrong(format!("cannot listen for signals: {error}")));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Returns when one comes.
    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// All services, as names.
fn names() -> impl Iterator<Item = &'static str> {
    ServiceName::ALL.into_iter().map(ServiceName::as_str)
}

/// For how long what does not end by itself is waited for beyond its own limit.
const MARGIN: Duration = Duration::from_secs(10);
