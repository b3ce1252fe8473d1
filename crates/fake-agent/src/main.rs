//! A stand-in for a coding agent, for validation runs of the runtime `command`: no language model, no knowledge of the
//! plan. It reads the task on its standard input, does what the steps say in the folder it is started in, and, with a
//! seeded chance, goes wrong in the ways real agents do.
//!
//! What it did is appended to a ledger that only people and validation read: neither the system nor the agent's next
//! attempt ever sees it.
//!
//! Environment: `FAKE_AGENT_SEED` (a number; without it, nothing goes wrong), `FAKE_AGENT_LEDGER` (a file),
//! `FAKE_AGENT_PACE_MS` (between two steps), and what every attempt is told about itself.

mod mischief;
mod task;
mod work;

use std::env;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use mischief::{Chance, Mischief};
use task::Step;

/// Longer than any limit.
const FOR_EVER: Duration = Duration::from_secs(24 * 60 * 60);

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "fake-agent: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<ExitCode> {
    let mut prompt = String::new();
    io::stdin().read_to_string(&mut prompt)?;
    let steps = task::steps(&prompt);
    let mut chance = seed().map(|seed| Chance::new(seed, &told("CODITECT_TASK_KEY"), &told("CODITECT_ATTEMPT")));
    let mischief = chance.as_mut().and_then(|chance| Mischief::choose(chance, steps.len()));
    note(mischief)?;
    say(&format!("{} steps to do as {}", steps.len(), told("CODITECT_AGENT")))?;
    if steps.is_empty() {
        let _ = writeln!(io::stderr(), "the task has no step that I understand");
        return Ok(ExitCode::from(2));
    }
    let root = Path::new(".");
    match mischief {
        Some(Mischief::GivesUp) => {
            let _ = writeln!(io::stderr(), "I could not find out how to go on");
            return Ok(ExitCode::from(3));
        }
        Some(Mischief::Hangs) => {
            say("let me think about this")?;
            thread::sleep(FOR_EVER);
            return Ok(ExitCode::FAILURE);
        }
        Some(Mischief::DoesNothing) => {}
        Some(Mischief::StopsHalfway) => carry_out(root, steps.get(..steps.len() / 2).unwrap_or_default())?,
        Some(Mischief::WritesNonsense) => {
            let nonsense: Vec<Step> = steps.iter().map(Step::spoiled).collect();
            carry_out(root, &nonsense)?
        }
        Some(Mischief::BreaksOther) => {
            carry_out(root, &steps)?;
            if let Some(chance) = &mut chance {
                mischief::break_something(root, chance, &steps)?;
            }
        }
        None => carry_out(root, &steps)?,
    }
    // What it claims, it claims whatever it did.
    say(&format!(r#"{{"summary":"all {} steps are done"}}"#, steps.len()))?;
    Ok(ExitCode::SUCCESS)
}

fn carry_out(root: &Path, steps: &[Step]) -> io::Result<()> {
    for step in steps {
        pause();
        say(&step.to_string())?;
        work::carry_out(root, step)?;
    }
    Ok(())
}

fn seed() -> Option<u64> {
    env::var("FAKE_AGENT_SEED").ok()?.trim().parse().ok()
}

fn told(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

fn pause() {
    let pace = env::var("FAKE_AGENT_PACE_MS").ok().and_then(|text| text.parse().ok()).unwrap_or(50);
    thread::sleep(Duration::from_millis(pace));
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// One line in the ledger: task, attempt, and how it is about to go.
fn note(mischief: Option<Mischief>) -> io::Result<()> {
    let Some(ledger) = env::var_os("FAKE_AGENT_LEDGER") else { return Ok(()) };
    let ledger = Path::new(&ledger);
    if let Some(folder) = ledger.parent() {
        fs::create_dir_all(folder)?;
    }
    let how = mischief.map_or("well", Mischief::name);
    let line = format!("{} {} {how}\n", told("CODITECT_TASK_KEY"), told("CODITECT_ATTEMPT"));
    OpenOptions::new().create(true).append(true).open(ledger)?.write_all(line.as_bytes())
}
