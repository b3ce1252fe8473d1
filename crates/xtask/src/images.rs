//! `cargo xtask images`: the Dockerfile and the compose file, for real. The whole system comes up in containers with
//! two executors, one of them is killed in the middle of a plan, and the plan is completed all the same, each task once.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use crate::cargo::{BINARIES, cargo, root, target_directory};
use crate::report;
use crate::tool::in_path;

const IMAGE: &str = "coditect:check";

/// How many tasks the plan has. Each takes a second.
const TASKS: usize = 24;

/// How long the system may take to come up, and how long to complete the plan with one executor less.
const LIMIT: Duration = Duration::from_secs(180);

const PAUSE: Duration = Duration::from_millis(500);

/// Runs it, and says that it is well.
pub(crate) fn run(inside: bool) -> anyhow::Result<bool> {
    prepare()?;
    let began = Instant::now();
    check(inside)?;
    report::result("ok", "images", began.elapsed());
    Ok(true)
}

/// Whether there is an engine.
///
/// # Errors
/// There is none, or none that answers.
pub(crate) fn prepare() -> anyhow::Result<()> {
    let answers = Command::new("docker").arg("info").output().is_ok_and(|output| output.status.success());
    ensure!(answers, "no Docker engine answers (`docker info`)");
    compose_command().map(drop)
}

/// Builds the image and runs the system.
///
/// # Errors
/// What went wrong, with the last words of the services.
pub(crate) fn check(inside: bool) -> anyhow::Result<()> {
    build(inside)?;
    let folder = target_directory()?.join("container-check");
    let stack = Stack::new(&folder)?;
    let worked = stack.work();
    if worked.is_err() {
        report::remark(&stack.compose(&["logs", "--tail", "20"]).unwrap_or_default());
    }
    worked
}

fn build(inside: bool) -> anyhow::Result<()> {
    let mut docker = Command::new("docker");
    docker.current_dir(root()).args(["build", "--tag", IMAGE]);
    if inside {
        docker.args(["--build-arg", "PROFILE=dev"]);
    } else {
        let mut build = cargo(&["build", "--quiet", "--bins"]);
        build.args(BINARIES.iter().flat_map(|package| ["--package", package]));
        ensure!(build.status().context("cannot run cargo")?.success(), "the system does not build: see above");
        // Beside the Dockerfile, wherever cargo puts what it builds.
        let place = root().join("target/container");
        fs::create_dir_all(&place).with_context(|| format!("cannot make {}", place.display()))?;
        for name in BINARIES {
            let built = target_directory()?.join("debug").join(name);
            fs::copy(&built, place.join(name)).with_context(|| format!("cannot copy {}", built.display()))?;
        }
        docker.args(["--target", "prebuilt"]);
    }
    said(docker.arg(".")).map(drop)
}

/// The system in containers; gone with this value.
struct Stack {
    name: String,
    repository: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl Stack {
    /// Makes a repository with a plan. Nothing runs yet.
    fn new(folder: &Path) -> anyhow::Result<Self> {
        let repository = folder.join("repository");
        let _ = fs::remove_dir_all(&repository);
        fs::create_dir_all(&repository).with_context(|| format!("cannot make {}", repository.display()))?;
        fs::write(repository.join("PLAN.md"), plan()).context("cannot write the plan")?;
        for arguments in [&["init", "--quiet"][..], &["add", "--all"], &["commit", "--quiet", "--message", "Plan"]] {
            git(&repository, arguments)?;
        }
        let id = |flag| said(Command::new("id").arg(flag)).map(|id| id.trim().to_owned());
        let mut user = format!("{}:{}", id("-u")?, id("-g")?);
        if user.starts_with("0:") {
            // The services are not to need root, so that they are not given it here.
            user = "1000:1000".to_owned();
            said(Command::new("chown").args(["-R", &user]).arg(&repository))?;
        }
        let environment = vec![
            ("CODITECT_IMAGE", IMAGE.to_owned()),
            ("CODITECT_EXECUTOR_IMAGE", IMAGE.to_owned()),
            ("CODITECT_REPOSITORY", repository.display().to_string()),
            ("CODITECT_USER", user),
            ("CODITECT_SLOTS", "2".to_owned()),
            ("CODITECT_HTTP_PORT", free_port()?),
            ("CODITECT_GRPC_PORT", free_port()?),
            ("CODITECT_HTTP_TOKEN", "a-token-for-the-check".to_owned()),
            ("POSTGRES_PASSWORD", "database".to_owned()),
            ("REDIS_PASSWORD", "redis".to_owned()),
        ];
        Ok(Self { name: format!("coditect-check-{}", std::process::id()), repository, environment })
    }

    fn work(&self) -> anyhow::Result<()> {
        self.compose(&["up", "--detach", "--no-build", "--scale", "agent-executor=2"])?;
        self.until("both executors have finished something", |completed| {
            Ok(completed >= 4 && self.executors_that_ran()? == 2)
        })?;
        self.no_way_to_the_database()?;
        let executors = self.compose(&["ps", "--quiet", "agent-executor"])?;
        let victim = executors.lines().next().context("there is no executor")?;
        said(Command::new("docker").args(["kill", victim]))?;
        let before = self.completed()?;
        ensure!(before < TASKS, "the plan was completed before an executor could be killed");
        self.until("every task is completed, with one executor less", |completed| Ok(completed == TASKS))?;
        self.landed_once()?;
        self.until("every box is ticked", |_| Ok(!fs::read_to_string(self.repository.join("PLAN.md"))?.contains("[ ]")))
    }

    fn until(&self, what: &str, holds: impl Fn(usize) -> anyhow::Result<bool>) -> anyhow::Result<()> {
        let deadline = Instant::now() + LIMIT;
        loop {
            // Until the orchestrator is up, there is nothing to be had.
            let completed = self.completed().unwrap_or_default();
            if holds(completed)? {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("not within {}: {what} ({completed} of {TASKS} tasks are completed)", report::time(LIMIT));
            }
            sleep(PAUSE);
        }
    }

    /// How many tasks are completed, as the command line inside says.
    fn completed(&self) -> anyhow::Result<usize> {
        let status = self.compose(&["exec", "-T", "orchestrator", "coditect", "status", "--json"])?;
        let status: Value = serde_json::from_str(&status).context("`coditect status --json` is not JSON")?;
        let completed = status["by_state"]["completed"].as_u64().unwrap_or_default();
        Ok(usize::try_from(completed)?)
    }

    fn executors_that_ran(&self) -> anyhow::Result<usize> {
        let log = self.compose(&["logs", "--no-color", "agent-executor"])?;
        let landed = log.lines().filter(|line| line.contains(r#""message":"landed""#));
        Ok(landed.filter_map(|line| line.split_whitespace().next()).collect::<BTreeSet<_>>().len())
    }

    /// Executors hold no database credentials, and cannot even find the database.
    fn no_way_to_the_database(&self) -> anyhow::Result<()> {
        let inside = |command: &str| self.compose(&["exec", "-T", "agent-executor", "sh", "-c", command]);
        let environment = inside("env")?;
        ensure!(!environment.contains("DATABASE") && !environment.contains("POSTGRES"), "executors know the database");
        ensure!(inside("getent hosts postgres").is_err(), "executors can find the database");
        inside("getent hosts redis").context("executors cannot find Redis").map(drop)
    }

    /// The target branch has one commit for each task.
    fn landed_once(&self) -> anyhow::Result<()> {
        let format = "--format=%(trailers:key=Coditect-Task,valueonly,separator=)";
        let log = git(&self.repository, &["log", format, "coditect/integration"])?;
        let landed: Vec<_> = log.lines().filter(|line| !line.is_empty()).collect();
        let different: BTreeSet<_> = landed.iter().collect();
        ensure!(
            landed.len() == TASKS && different.len() == TASKS,
            "{} commits for {} different tasks landed, of a plan of {TASKS}",
            landed.len(),
            different.len()
        );
        Ok(())
    }

    fn compose(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = compose_command()?;
        command.current_dir(root()).envs(self.environment.iter().map(|(name, value)| (name, value)));
        said(command.args(["--project-name", &self.name]).args(arguments))
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if let Err(error) = self.compose(&["down", "--volumes", "--timeout", "3"]) {
            report::remark(&format!("the containers of {} could not be removed: {error:#}", self.name));
        }
    }
}

/// `docker compose`, or the program that was before it.
fn compose_command() -> anyhow::Result<Command> {
    let plugin = Command::new("docker").args(["compose", "version"]).output();
    if plugin.is_ok_and(|output| output.status.success()) {
        let mut command = Command::new("docker");
        command.arg("compose");
        return Ok(command);
    }
    ensure!(in_path("docker-compose").is_some(), "neither `docker compose` nor docker-compose is installed");
    Ok(Command::new("docker-compose"))
}

/// Tasks of a second each; every third waits for the one before it.
fn plan() -> String {
    let mut plan = String::from("# A plan for the check\n\n");
    for number in 1..=TASKS {
        let dependencies = if number % 3 == 0 { format!("1.{}", number - 1) } else { "None".to_owned() };
        plan.push_str(&format!(
            "#### Task 1.{number}: Write {number}\n**Dependencies:** {dependencies}\n**Verify:** `test -s {number}.txt`\n\n- [ ] \
             write it\n\n```sh\nsleep 1; echo {number} > {number}.txt\n```\n\n",
        ));
    }
    plan
}

fn git(repository: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let settings = ["user.name=check", "user.email=check@localhost", "safe.directory=*"];
    let mut command = Command::new("git");
    command.current_dir(repository).args(settings.iter().flat_map(|setting| ["-c", setting]));
    said(command.args(arguments))
}

fn free_port() -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").context("there is no free port")?;
    Ok(listener.local_addr()?.port().to_string())
}

/// What a command prints; what it complained about, if it fails.
fn said(command: &mut Command) -> anyhow::Result<String> {
    let called = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {called}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{called}:\n{}", complaint.trim_end());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
