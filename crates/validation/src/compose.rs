//! Running the system in containers: the compose file, PostgreSQL and two executors, of which one is killed on the way.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use coditect_plan::PlanTask;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::example::{self, PLAN, SLOTS};
use crate::history::{self, Attempt, OPEN};
use crate::place::{Check, Place};
use crate::planfile;

/// What the API is to be shown, and the passwords of a database and a Redis that live for minutes on loopback.
const TOKEN: &str = "a-token-for-the-check";
const PASSWORD: &str = "validation";

/// The longest a run may take.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// The longest it may take until the system is up, and until the plan file says what the database says.
const SOON: Duration = Duration::from_secs(60);

const PAUSE: Duration = Duration::from_millis(100);

/// After how many landed tasks an executor is killed, at the earliest.
const KILLED_AFTER: usize = 20;

/// The services that are started again in the end.
const SERVICES: [&str; 4] = ["orchestrator", "sync-daemon", "dependency-resolver", "task-dispatcher"];

/// The system in containers; gone with this value.
#[derive(Debug)]
pub struct Stack {
    name: String,
    folder: PathBuf,
    environment: Vec<(&'static str, String)>,
    database: String,
    before: String,
    tasks: Vec<PlanTask>,
    runtime: Runtime,
    killed: RefCell<Option<Killed>>,
}

/// The executor that was killed, and how many attempts it had under way.
#[derive(Debug, Clone)]
struct Killed {
    executor: String,
    held: usize,
}

impl Stack {
    /// Prepares a run of `image` on the example in `folder`, which has the repository already. Nothing runs yet.
    ///
    /// # Errors
    /// There is no engine, or the folder cannot be given to the user in the containers.
    pub fn new(image: &str, folder: &Path, agent: &Path, seed: u64, runtime: Runtime) -> anyhow::Result<Self> {
        compose_command()?;
        let (repository, ledgers) = (folder.join("repository"), folder.join("ledger"));
        fs::create_dir_all(&ledgers).with_context(|| format!("cannot make {}", ledgers.display()))?;
        let id = |flag| said(Command::new("id").arg(flag)).map(|id| id.trim().to_owned());
        let mut user = format!("{}:{}", id("-u")?, id("-g")?);
        if user.starts_with("0:") {
            // The services are not to need root, so that they are not given it here.
            user = "1000:1000".to_owned();
            said(Command::new("chown").args(["-R", &user]).arg(&repository).arg(&ledgers))?;
        }
        let before = fs::read_to_string(repository.join(PLAN)).context("cannot read the plan")?;
        let port = free_port()?;
        let environment = vec![
            ("CODITECT_IMAGE", image.to_owned()),
            ("CODITECT_EXECUTOR_IMAGE", image.to_owned()),
            ("CODITECT_REPOSITORY", repository.display().to_string()),
            ("CODITECT_USER", user),
            ("CODITECT_PROJECT", "folio".to_owned()),
            ("CODITECT_RUNTIME", "command".to_owned()),
            ("CODITECT_SLOTS", SLOTS.to_string()),
            ("CODITECT_MAX_CONCURRENT", SLOTS.to_string()),
            ("CODITECT_HTTP_PORT", free_port()?),
            ("CODITECT_GRPC_PORT", free_port()?),
            ("CODITECT_HTTP_TOKEN", TOKEN.to_owned()),
            ("POSTGRES_PASSWORD", PASSWORD.to_owned()),
            ("POSTGRES_PORT", port.clone()),
            ("REDIS_PASSWORD", PASSWORD.to_owned()),
            ("FAKE_AGENT", agent.display().to_string()),
            ("FAKE_AGENT_SEED", seed.to_string()),
            ("FAKE_AGENT_LEDGERS", ledgers.display().to_string()),
        ];
        Ok(Self {
            name: format!("coditect-check-{}", std::process::id()),
            folder: folder.to_owned(),
            environment,
            database: format!("postgres://coditect:{PASSWORD}@127.0.0.1:{port}/coditect"),
            tasks: coditect_plan::parse(PLAN, &before).tasks,
            before,
            runtime,
            killed: RefCell::new(None),
        })
    }

    /// The last words of the services.
    #[must_use]
    pub fn last_words(&self) -> String {
        self.compose(&["logs", "--no-color", "--tail", "20"]).unwrap_or_default()
    }

    /// Kills an executor that works on something, once both have landed something.
    fn kill_one(&self, attempts: &[Attempt]) -> anyhow::Result<Option<Killed>> {
        let landed: Vec<&Attempt> = attempts.iter().filter(|attempt| attempt.state == "landed").collect();
        let executors: BTreeSet<&str> = landed.iter().filter_map(|attempt| attempt.executor.as_deref()).collect();
        if landed.len() < KILLED_AFTER || executors.len() < 2 {
            return Ok(None);
        }
        let held = |executor: &str, states: &[&str]| {
            let of = attempts.iter().filter(|attempt| attempt.executor.as_deref() == Some(executor));
            of.filter(|attempt| states.contains(&attempt.state.as_str())).count()
        };
        // Of two attempts, one is likely to be under way still when the signal arrives.
        let Some(executor) = executors.into_iter().find(|executor| held(executor, &["running"]) >= 2) else {
            return Ok(None);
        };
        // The name begins with the machine's, which is the beginning of the container's id.
        let machine = executor.rsplit_once('-').map_or(executor, |(machine, _)| machine);
        docker(&["kill", "--signal", "KILL", machine])?;
        Ok(Some(Killed { executor: executor.to_owned(), held: held(executor, &OPEN) }))
    }

    fn attempts(&self) -> anyhow::Result<Vec<Attempt>> {
        self.runtime.block_on(history::attempts(&self.database))
    }

    /// How things stand, as the command line inside says.
    fn status(&self) -> anyhow::Result<Value> {
        let status = self.inside("orchestrator", &["coditect", "status", "--json"])?;
        serde_json::from_str(&status).context("`coditect status --json` is not JSON")
    }

    /// Every executor that is left has no database credentials, and cannot even find the database.
    fn no_way_to_the_database(&self) -> anyhow::Result<()> {
        let inside = |command: &str| self.inside("agent-executor", &["sh", "-c", command]);
        let environment = inside("env")?;
        ensure!(!environment.contains("DATABASE") && !environment.contains("POSTGRES"), "executors know the database");
        ensure!(inside("getent hosts postgres").is_err(), "executors can find the database");
        inside("getent hosts redis").context("executors cannot find Redis").map(drop)
    }

    /// The leading orchestrator tells Prometheus how many tasks are completed.
    fn metrics(&self) -> anyhow::Result<()> {
        let status = self.status()?;
        let expected = status["by_state"]["completed"].as_f64().context("the status has no completed tasks")?;
        let metrics = self.get(7101, "/metrics", "")?;
        let completed = metrics.lines().filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            let counts = name.starts_with("coditect_tasks_total{") && name.contains(r#"status="completed""#);
            counts.then(|| value.parse::<f64>().ok())?
        });
        let completed: f64 = completed.sum();
        ensure!((completed - expected).abs() < 0.5, "the metrics tell of {completed} completed tasks, not {expected}");
        ensure!(metrics.contains(r#"coditect_leader{service="orchestrator"} 1"#), "the metrics tell of no leader");
        Ok(())
    }

    /// Whoever has no token is told nothing; the dashboard itself, which asks for it, is everybody's.
    fn token(&self) -> anyhow::Result<()> {
        let status = |headers: &str| self.get(8080, "/api/v1/status", headers);
        let refused = status("")?;
        ensure!(refused.starts_with("HTTP/1.1 401"), "without a token, the API answers: {refused}");
        let answered = status(&format!("Authorization: Bearer {TOKEN}\\r\\n"))?;
        ensure!(answered.starts_with("HTTP/1.1 200"), "with the token, the API answers: {answered}");
        Ok(())
    }

    /// An executor died in the middle of work, and nothing of it was lost.
    fn killed(&self) -> anyhow::Result<Check> {
        let Some(killed) = self.killed.borrow().clone() else {
            return Ok(("an executor was killed".to_owned(), vec!["none was".to_owned()]));
        };
        let attempts = self.attempts()?;
        let lost: Vec<&Attempt> = attempts.iter().filter(|attempt| attempt.lost).collect();
        let others = lost.iter().filter(|attempt| attempt.executor.as_deref() != Some(&killed.executor));
        let mut faults: Vec<String> = others
            .map(|attempt| format!("{} was lost by another executor, which was not killed", attempt.key))
            .collect();
        let landed = |key: &str| attempts.iter().any(|attempt| attempt.key == key && attempt.state == "landed");
        let gone = lost.iter().filter(|attempt| !landed(&attempt.key));
        faults.extend(gone.map(|attempt| format!("{} was lost and never landed", attempt.key)));
        if lost.is_empty() {
            faults.push("it died between two attempts, which proves little: try again".to_owned());
        }
        let again: Vec<String> = lost.iter().map(|attempt| attempt.key.clone()).collect();
        let what = format!(
            "one of two executors was killed (SIGKILL) with {} attempts under way; what died with it landed at another \
             attempt: {}",
            killed.held,
            again.join(", ")
        );
        Ok((what, faults))
    }

    /// Runs a command in a container of a service: in one that lives.
    fn inside(&self, service: &str, command: &[&str]) -> anyhow::Result<String> {
        let filters = [
            format!("label=com.docker.compose.project={}", self.name),
            format!("label=com.docker.compose.service={service}"),
            "status=running".to_owned(),
        ];
        let mut list = vec!["ps", "--quiet"];
        list.extend(filters.iter().flat_map(|filter| ["--filter", filter]));
        let containers = docker(&list)?;
        let container = containers.lines().next().with_context(|| format!("no {service} is running"))?;
        docker(&[&["exec", container][..], command].concat())
    }

    /// Asks the orchestrator from inside. There is no HTTP client in the image, and none is needed but here.
    fn get(&self, port: u16, path: &str, headers: &str) -> anyhow::Result<String> {
        let request =
            format!(r"GET {path} HTTP/1.1\r\nHost: orchestrator:{port}\r\n{headers}Connection: close\r\n\r\n");
        let ask = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; printf '{request}' >&3; cat <&3");
        self.inside("orchestrator", &["bash", "-c", &ask])
    }

    fn compose(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = compose_command()?;
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let example = example::folder();
        for file in [example.join("../../docker-compose.yml"), example.join("compose.yml")] {
            command.arg("--file").arg(file.canonicalize().with_context(|| format!("there is no {}", file.display()))?);
        }
        said(command.args(["--project-name", &self.name]).args(arguments))
    }

    fn ticked(&self) -> bool {
        let keys: Vec<String> =
            self.tasks.iter().filter(|task| !crate::repository::done(task)).map(|task| task.key.clone()).collect();
        let after = fs::read_to_string(self.folder.join("repository").join(PLAN)).unwrap_or_default();
        planfile::faults(&self.before, &after, &self.tasks, &keys).is_empty()
    }
}

impl Place for Stack {
    fn database(&self) -> String {
        self.database.clone()
    }

    fn work(&self) -> anyhow::Result<bool> {
        self.compose(&["up", "--detach", "--no-build", "--scale", "agent-executor=2"])?;
        let (began, mut answered) = (Instant::now(), false);
        loop {
            ensure!(began.elapsed() < LIMIT, "the run did not end within {} s", LIMIT.as_secs());
            sleep(PAUSE);
            let mut killed = self.killed.borrow_mut();
            if killed.is_none() {
                // Until the schema is made, there is nothing to be had.
                *killed = self.kill_one(&self.attempts().unwrap_or_default())?;
            }
            drop(killed);
            let status = match self.status() {
                Err(error) if !answered && began.elapsed() > SOON => return Err(error.context("no status")),
                Err(_) => continue,
                Ok(status) => status,
            };
            answered = true;
            match (status["done"].as_bool(), status["stuck"].as_bool()) {
                // Before the plan was read, nothing is to be done.
                (Some(true), _) if status["total"].as_u64() >= Some(self.tasks.len() as u64) => break,
                (_, Some(true)) if status["total"].as_u64() > Some(0) => return Ok(false),
                _ => {}
            }
        }
        let ended = Instant::now();
        while !self.ticked() && ended.elapsed() < SOON {
            sleep(PAUSE);
        }
        Ok(true)
    }

    fn again(&self) -> anyhow::Result<Value> {
        self.compose(&[&["restart", "--timeout", "30"][..], &SERVICES].concat())?;
        let began = Instant::now();
        loop {
            match self.status() {
                // The executor that is left is heard of last.
                Ok(status) if status["executors"].as_i64() == Some(1) => return Ok(status),
                Err(error) if began.elapsed() > SOON => return Err(error.context("no status after the restart")),
                Ok(status) if began.elapsed() > SOON => {
                    bail!("{} executors are heard of after the restart, not 1", status["executors"])
                }
                _ => sleep(PAUSE),
            }
        }
    }

    fn checks(&self) -> anyhow::Result<Vec<Check>> {
        let faults =
            |checked: anyhow::Result<()>| checked.err().map(|error| format!("{error:#}")).into_iter().collect();
        Ok(vec![
            self.killed()?,
            ("executors have no way to the database".to_owned(), faults(self.no_way_to_the_database())),
            ("the metrics tell of the same tasks, and of a leader".to_owned(), faults(self.metrics())),
            ("the API answers nobody without the token".to_owned(), faults(self.token())),
        ])
    }

    /// A copy, which belongs to whoever counts.
    fn repository(&self) -> anyhow::Result<PathBuf> {
        let copy = self.folder.join("repository.counted");
        said(Command::new("cp").arg("-R").arg(self.folder.join("repository")).arg(&copy))?;
        Ok(copy)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let _ = self.compose(&["down", "--volumes", "--timeout", "3"]);
    }
}

/// `docker compose`, or the program that was before it.
fn compose_command() -> anyhow::Result<Command> {
    let works = |command: &mut Command| command.arg("version").output().is_ok_and(|output| output.status.success());
    if works(Command::new("docker").arg("compose")) {
        let mut command = Command::new("docker");
        command.arg("compose");
        return Ok(command);
    }
    ensure!(works(&mut Command::new("docker-compose")), "neither `docker compose` nor docker-compose is installed");
    Ok(Command::new("docker-compose"))
}

fn docker(arguments: &[&str]) -> anyhow::Result<String> {
    said(Command::new("docker").args(arguments))
}

fn free_port() -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").context("there is no free port")?;
    Ok(listener.local_addr()?.port().to_string())
}

/// What a command prints; what it complained about, if it fails.
fn said(command: &mut Command) -> anyhow::Result<String> {
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {:?}", command.get_program()))?;
    if !output.status.success() {
        let called: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("{} {}:\n{}", command.get_program().to_string_lossy(), called.join(" "), complaint.trim_end());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
