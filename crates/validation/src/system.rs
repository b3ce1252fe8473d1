//! Running the system as people start it: `coditect up`, real processes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::example::{PLAN, SLOTS};
use crate::place::Place;

/// The longest a run may take.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// The longest it may take until it answers, and until it has stopped.
const SOON: Duration = Duration::from_secs(60);

/// The system on one repository.
#[derive(Debug, Clone)]
pub struct System<'a> {
    /// The folder of the binaries.
    pub binaries: PathBuf,
    /// The repository.
    pub root: &'a Path,
    /// Where it logs.
    pub log: PathBuf,
    /// The database, if it is not the usual file.
    pub database: Option<&'a str>,
    /// What decides how the agents go wrong.
    pub seed: u64,
    /// Where the agents write what they did.
    pub ledger: &'a Path,
}

impl Place for System<'_> {
    fn database(&self) -> String {
        let usual = || format!("sqlite://{}", self.root.join(".coditect/coditect.db").display());
        self.database.map_or_else(usual, str::to_owned)
    }

    fn work(&self) -> anyhow::Result<bool> {
        let mut up = self.up(&["--until-done"])?;
        let status = self.ended(&mut up, LIMIT)?;
        match status.code() {
            Some(0) => Ok(true),
            Some(1) if self.printed().contains("nothing can move without a person") => Ok(false),
            _ => bail!("`coditect up` ended with {status}; its last words:\n{}", self.last_words()),
        }
    }

    fn again(&self) -> anyhow::Result<Value> {
        System { log: self.log.with_file_name("restart.log"), ..self.clone() }.status()
    }

    fn repository(&self) -> anyhow::Result<PathBuf> {
        Ok(self.root.to_owned())
    }
}

impl System<'_> {
    /// Starts it, asks, and stops it.
    fn status(&self) -> anyhow::Result<Value> {
        let mut up = self.up(&[])?;
        let asked = self.ask(&mut up);
        let pid = i32::try_from(up.id()).context("no process id")?;
        kill(Pid::from_raw(pid), Signal::SIGTERM).context("cannot stop the system")?;
        let ended = self.ended(&mut up, SOON)?;
        let status = asked?;
        ensure!(ended.success(), "`coditect up` stopped with {ended}:\n{}", self.last_words());
        Ok(status)
    }

    fn ask(&self, up: &mut Child) -> anyhow::Result<Value> {
        let began = Instant::now();
        loop {
            let mut status = Command::new(self.binaries.join("coditect"));
            status.args(["status", "--json"]).current_dir(self.root).stdin(Stdio::null());
            let output = status.output().context("cannot run coditect")?;
            let answer: Option<Value> = serde_json::from_slice(&output.stdout).ok().filter(|_| output.status.success());
            // The executor is heard of last.
            if let Some(answer) = answer.filter(|answer| answer["executors"].as_i64() > Some(0)) {
                return Ok(answer);
            }
            ensure!(up.try_wait()?.is_none(), "`coditect up` ended at once:\n{}", self.last_words());
            let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            ensure!(began.elapsed() < SOON, "the system gives no status: {complaint}");
            sleep(Duration::from_millis(250));
        }
    }

    fn up(&self, arguments: &[&str]) -> anyhow::Result<Child> {
        let log = File::create(&self.log).with_context(|| format!("cannot write {}", self.log.display()))?;
        let mut up = Command::new(self.binaries.join("coditect"));
        up.args(["up", "--plan", PLAN, "--http", "127.0.0.1:0"]).args(arguments);
        if let Some(url) = self.database {
            up.args(["--database", url]);
        }
        // The agent's program is found beside the others.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([self.binaries.clone()].into_iter().chain(std::env::split_paths(&path)));
        up.env("PATH", path.context("the PATH cannot be extended")?);
        for variable in ["DATABASE_URL", "DATABASE_URL_FILE", "CODITECT_CONFIG"] {
            up.env_remove(variable);
        }
        up.env("FAKE_AGENT_SEED", self.seed.to_string()).env("FAKE_AGENT_LEDGER", self.ledger).env("NO_COLOR", "1");
        // Agents write the ledger, which is no business of theirs otherwise.
        let ledger = self.ledger.parent().unwrap_or(self.root);
        std::fs::create_dir_all(ledger).with_context(|| format!("cannot make {}", ledger.display()))?;
        up.env("CODITECT_EXECUTOR__SANDBOX__WRITE", serde_json::json!([ledger]).to_string());
        up.env("CODITECT_DISPATCH__MAX_CONCURRENT", SLOTS.to_string());
        up.current_dir(self.root).stdin(Stdio::null());
        up.stdout(log.try_clone().context("the log cannot be shared")?).stderr(log);
        up.spawn().context("cannot run coditect")
    }

    fn ended(&self, up: &mut Child, limit: Duration) -> anyhow::Result<ExitStatus> {
        let began = Instant::now();
        loop {
            if let Some(status) = up.try_wait()? {
                return Ok(status);
            }
            if began.elapsed() > limit {
                let _ = up.kill();
                let _ = up.wait();
                bail!("`coditect up` did not end within {} s:\n{}", limit.as_secs(), self.last_words());
            }
            sleep(Duration::from_millis(50));
        }
    }

    fn printed(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn last_words(&self) -> String {
        let text = self.printed();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
    }
}
