//! `coditect-validate`: the validation run; see the library. `cargo xtask validate` builds what it needs and runs it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, ensure};
use clap::Parser;
use coditect_validation::compose::Stack;
use coditect_validation::example::SLOTS;
use coditect_validation::history::{self, Count, Event};
use coditect_validation::ledger::Ledger;
use coditect_validation::place::Place;
use coditect_validation::system::System;
use coditect_validation::verdict::{Counted, Verdict};
use coditect_validation::{example, planfile, repository};

/// Runs the plan of examples/v2 with agents that go wrong and nobody who helps, and says go or no-go.
#[derive(Debug, Parser)]
#[command(name = "coditect-validate", max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 go, 1 no-go or failed.\n\nExample: cargo xtask validate --seed 7 --keep /tmp/validation"
)]
struct Args {
    /// What decides how the agents go wrong
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Work in this folder, which must be empty or missing, and keep it
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// An empty database to use [default: a SQLite file]
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Run this image in containers instead, with PostgreSQL and two executors, and kill one on the way
    #[arg(long, value_name = "IMAGE", conflicts_with = "database")]
    compose: Option<String>,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            tell(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<bool> {
    let temporary = match &args.keep {
        Some(_) => None,
        None => Some(tempfile::Builder::new().prefix("coditect-validation-").tempdir().context("no temporary folder")?),
    };
    let folder = temporary.as_ref().map_or_else(|| args.keep.clone().unwrap_or_default(), |dir| dir.path().to_owned());
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let folder = folder.canonicalize().with_context(|| format!("cannot find {}", folder.display()))?;
    let root = folder.join("repository");
    example::make(&root)?;
    if let Some(database) = &args.database {
        // One without the table is as good as an empty one.
        let events = runtime()?.block_on(history::read(database)).unwrap_or_default();
        ensure!(events.is_empty(), "the database has a history already: name an empty one with --database");
    }
    let ledger = folder.join("ledger/ledger.txt");
    let binaries = std::env::current_exe().context("cannot find myself")?;
    let binaries = binaries.parent().map(Path::to_path_buf).unwrap_or_default();
    let go = match &args.compose {
        Some(image) => {
            let stack = Stack::new(image, &folder, &binaries.join("fake-agent"), args.seed, runtime()?)?;
            let judged = judge(&stack, &root, &ledger, args.seed);
            if judged.is_err() {
                tell(&stack.last_words());
            }
            judged
        }
        None => {
            let (log, database) = (folder.join("run.log"), args.database.as_deref());
            let system = System { binaries, root: &root, log, database, seed: args.seed, ledger: &ledger };
            judge(&system, &root, &ledger, args.seed)
        }
    };
    if args.keep.is_some() {
        tell(&format!("kept in {}", folder.display()));
    }
    go
}

/// Runs the system there, counts, and says go or no-go.
fn judge(place: &impl Place, root: &Path, ledger: &Path, seed: u64) -> anyhow::Result<bool> {
    let before = fs::read_to_string(root.join(example::PLAN)).context("cannot read the plan")?;
    let tasks = coditect_plan::parse(example::PLAN, &before).tasks;
    let done = tasks.iter().filter(|task| repository::done(task)).count();
    tell(&format!("{} tasks, {done} of them done, {SLOTS} agents at a time, seed {seed}", tasks.len()));
    let (runtime, database, began) = (runtime()?, place.database(), Instant::now());
    let finished = place.work()?;
    tell(&format!("the run ended after {} s; asking the system again after a restart", began.elapsed().as_secs()));
    let events = runtime.block_on(history::read(&database))?;
    let status = place.again()?;
    let later = runtime.block_on(history::read(&database))?;
    let attempts = runtime.block_on(history::attempts(&database))?;
    let root = &place.repository()?;

    let count = Count::of(&events, SLOTS);
    let ledger = Ledger::read(&fs::read_to_string(ledger).unwrap_or_default());
    let counted = Counted { planned: tasks.len(), before: done, count: &count, attempts: &attempts, ledger: &ledger };
    let mut verdict = Verdict::new(&status, &counted);
    let mut completed: Vec<String> = count.landed.keys().cloned().collect();
    completed.sort();
    let landed = repository::landed(root)?;
    let after = fs::read_to_string(root.join(example::PLAN)).context("cannot read the plan")?;
    let commits = format!("{} commits, each task landed once and after what it depends on", landed.len());
    verdict.check(&commits, repository::faults(root, &tasks, &landed, &completed)?);
    let all: Vec<String> = tasks
        .iter()
        .filter(|task| repository::done(task))
        .map(|task| task.key.clone())
        .chain(completed.clone())
        .collect();
    let commands = tasks.iter().filter(|task| all.contains(&task.key)).map(|task| task.verify.len()).sum::<usize>();
    let what = format!("{commands} verify commands of completed tasks pass on the final tree");
    verdict.check(&what, if landed.is_empty() { Vec::new() } else { repository::unproved(root, &tasks, &all)? });
    verdict.check(
        "the boxes of completed tasks are ticked, and no other byte of the plan has changed",
        planfile::faults(&before, &after, &tasks, &completed),
    );
    verdict.check("no person had a hand in it", persons(&events));
    verdict.check("the restart has moved no task", moved(&events, &later));
    let stuck = (!finished).then(|| format!("waiting for a person: {}", count.stopped.join(", ")));
    verdict.check("the run came to its end by itself", stuck.into_iter().collect());
    for (what, faults) in place.checks()? {
        verdict.check(&what, faults);
    }
    writeln!(io::stdout(), "{}", verdict.text()).context("cannot write")?;
    Ok(verdict.go())
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")
}

fn persons(events: &[Event]) -> Vec<String> {
    let by_person = events.iter().filter(|event| event.actor.starts_with("person:"));
    by_person.map(|event| format!("{} of {} to {}", event.actor, event.key, event.to)).collect()
}

fn moved(before: &[Event], after: &[Event]) -> Vec<String> {
    let new = after.iter().filter(|event| !before.contains(event));
    new.map(|event| format!("{} went from {} to {}", event.key, event.from, event.to)).collect()
}

fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
