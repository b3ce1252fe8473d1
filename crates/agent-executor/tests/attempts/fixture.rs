//! A repository, an executor's folder beside it, and attempts to run on them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use agent_executor::job::{Author, Evidence, Job, Limits, Outcome, Runtime};
use agent_executor::pipeline::{self, Control, Host, LogLine};
use agent_executor::proof::Demands;
use agent_executor::sandbox::Sandbox;
use coditect_core::FailureClass;
use coditect_prompt::{Brief, Task};
use coditect_service::config::{SandboxConfig, SandboxMode};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub(crate) const SHIM: &str = env!("CARGO_BIN_EXE_agent-executor");
pub(crate) const TARGET: &str = "coditect/integration";

pub(crate) struct Fixture {
    pub(crate) dir: TempDir,
    pub(crate) host: Host,
}

impl Fixture {
    /// An origin with one commit on `main`, which is checked out.
    pub(crate) fn new() -> Self {
        let this = Self::empty();
        std::fs::write(this.origin().join("README"), "one\ntwo\nthree\n").unwrap();
        std::fs::create_dir(this.origin().join("docs")).unwrap();
        std::fs::write(this.origin().join("docs/PLAN.md"), "- [ ] 1.1 a task\n").unwrap();
        this.git(&["add", "."]);
        this.git(&["commit", "-qm", "start"]);
        this
    }

    /// An origin without any commit.
    pub(crate) fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let origin = dir.path().join("origin");
        std::fs::create_dir(&origin).unwrap();
        git(&origin, &["init", "-q", "-b", "main"]);
        git(&origin, &["config", "user.name", "Owner"]);
        git(&origin, &["config", "user.email", "owner@example.org"]);
        std::fs::create_dir(dir.path().join("shared")).unwrap();
        let host = open_host(&dir.path().join("executor"));
        Self { dir, host }.with_sandbox(SandboxMode::Auto)
    }

    /// Its commands are confined as this says; they may write what is in `shared`.
    pub(crate) fn with_sandbox(mut self, mode: SandboxMode) -> Self {
        let write = vec![self.path("shared").to_string_lossy().into_owned()];
        self.host = self.host.with_sandbox(sandbox(&SandboxConfig { mode, write, ..SandboxConfig::default() }));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A path that commands may write, too.
    pub(crate) fn shared(&self, name: &str) -> PathBuf {
        self.path("shared").join(name)
    }

    /// The processes of runs of this fixture, supervisors included.
    pub(crate) fn running(&self) -> Vec<i32> {
        running_at_home_below(self.dir.path())
    }

    #[track_caller]
    pub(crate) fn assert_nothing_runs(&self) {
        let running = self.running();
        assert!(running.is_empty(), "{running:?}");
    }

    pub(crate) fn origin(&self) -> PathBuf {
        self.path("origin")
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        git(&self.origin(), args)
    }

    /// An attempt of `plan/<key>` that runs a script.
    pub(crate) fn job(&self, key: &str, script: &str) -> Job {
        static ATTEMPTS: AtomicU64 = AtomicU64::new(0);
        let n = ATTEMPTS.fetch_add(1, Ordering::Relaxed);
        Job {
            task: format!("plan/{key}"),
            key: key.to_owned(),
            title: format!("Task {key}"),
            generation: 1,
            attempt_id: format!("0197-{}-{n}", std::process::id()),
            attempt_number: 1,
            agent: "tester".to_owned(),
            repository: self.origin().to_string_lossy().into_owned(),
            target_branch: TARGET.to_owned(),
            leave_on: None,
            start_from: None,
            runtime: Runtime::Script { body: script.to_owned() },
            resume: None,
            brief: Brief {
                task: Task { key: key.to_owned(), title: format!("Task {key}"), ..Task::default() },
                target_branch: TARGET.to_owned(),
                ..Brief::default()
            },
            conventions: Vec::new(),
            setup: Vec::new(),
            account: None,
            verify: Vec::new(),
            proof: Demands::default(),
            protected: vec!["docs/PLAN.md".to_owned()],
            limits: Limits { kill_grace: Duration::from_millis(300), ..Limits::default() },
            env_allow: Vec::new(),
            verify_env_allow: Vec::new(),
            author: Author::default(),
        }
    }

    pub(crate) async fn run(&self, job: &Job) -> Outcome {
        run_on(&self.host, job).await
    }

    /// The commits on the target that carry the task in their trailer.
    pub(crate) fn commits_of(&self, task: &str) -> Vec<String> {
        let format = "--format=%H %(trailers:key=Coditect-Task,valueonly,separator=)";
        let log = self.git(&["log", format, TARGET]);
        let hits = log.lines().filter_map(|line| line.split_once(' ')).filter(|(_, of)| *of == task);
        hits.map(|(commit, _)| commit.to_owned()).collect()
    }

    pub(crate) fn show(&self, path: &str) -> String {
        self.git(&["show", &format!("{TARGET}:{path}")])
    }

    /// Nothing of any attempt is on disk.
    pub(crate) fn assert_clean(&self) {
        for folder in ["worktrees", "staging", "verify", "homes"] {
            let path = self.host.root().path().join(folder);
            let left: Vec<_> = std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()).collect();
            assert!(left.is_empty(), "{left:?}");
        }
    }
}

pub(crate) fn sandbox(config: &SandboxConfig) -> Sandbox {
    Sandbox::open(config, SHIM.as_ref()).unwrap()
}

/// The processes that are alive and whose `HOME` is below a folder. (A process id that an agent tells is one of its own
/// namespace.)
pub(crate) fn running_at_home_below(folder: &Path) -> Vec<i32> {
    let home = format!("HOME={}", folder.display());
    let at_home = |pid: &i32| {
        let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environ.split(|byte| *byte == 0).any(|entry| entry.starts_with(home.as_bytes()))
    };
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(at_home).collect()
}

pub(crate) fn open_host(root: &Path) -> Host {
    Host::open(root, SHIM.into(), &[]).unwrap()
}

pub(crate) async fn run_on(host: &Host, job: &Job) -> Outcome {
    pipeline::run(job, host, &control(), CancellationToken::new()).await
}

/// A control whose log nobody wants.
pub(crate) fn control() -> Control {
    logged().0
}

/// A control, and its log, which is drained into a list.
pub(crate) fn logged() -> (Control, tokio::task::JoinHandle<Vec<LogLine>>) {
    let (log, mut lines) = mpsc::channel(64);
    let collected = tokio::spawn(async move {
        let mut all = Vec::new();
        while let Some(line) = lines.recv().await {
            all.push(line);
        }
        all
    });
    (Control::new(log), collected)
}

pub(crate) fn git(dir: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_")) {
        command.env_remove(name);
    }
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").current_dir(dir).args(args);
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

#[track_caller]
pub(crate) fn landed(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Landed { commit, .. } => commit,
        Outcome::Delivered { branch, .. } => panic!("left on {branch}"),
        Outcome::Held { flags, .. } => panic!("held: {flags:?}"),
        Outcome::Failed { class, message, .. } => panic!("{class}: {message}"),
    }
}

#[track_caller]
pub(crate) fn failed(outcome: &Outcome, expected: FailureClass) -> (&str, &Evidence) {
    match outcome {
        Outcome::Landed { commit, .. } => panic!("landed as {commit}"),
        Outcome::Delivered { branch, .. } => panic!("left on {branch}"),
        Outcome::Held { flags, .. } => panic!("held: {flags:?}"),
        Outcome::Failed { class, message, evidence, .. } => {
            assert_eq!(*class, expected, "{message}");
            (message, evidence)
        }
    }
}

/// Waits for a condition to come true.
#[track_caller]
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < until, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits for a file that a process writes, and reads it as a number.
pub(crate) fn pid_in(file: &Path) -> i32 {
    let mut pid = None;
    eventually(&format!("{} holds a process id", file.display()), || {
        pid = std::fs::read_to_string(file).ok().and_then(|text| text.strip_suffix('\n')?.parse().ok());
        pid.is_some()
    });
    pid.unwrap()
}

/// Whether a process is there and no zombie.
pub(crate) fn alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim().starts_with('Z'))
}
