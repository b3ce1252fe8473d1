//! What a real program is run on: a repository, an API that plays a scenario, an account.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent_executor::job::{Account, Job, Outcome, Runtime};
use agent_executor::pipeline::{self, Host, LogLine};
use agent_executor::runtime::{AccountNotice, AccountStanding};
use coditect_service::config::SandboxConfig;
use scripted_api::{Rule, Scenario, Server};
use tokio_util::sync::CancellationToken;

use crate::fixture::{Fixture, landed, logged, sandbox};

pub(crate) const KEY: &str = "sk-test-0123456789abcdef";

/// The programs run one at a time: a start of one costs a second of CPU.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A repository, and an API that plays a scenario.
pub(crate) struct Stage {
    pub(crate) fixture: Fixture,
    pub(crate) api: Server,
    pub(crate) credential: String,
    _turn: tokio::sync::MutexGuard<'static, ()>,
}

/// How an attempt went.
pub(crate) struct Run {
    pub(crate) outcome: Outcome,
    pub(crate) log: Vec<LogLine>,
    pub(crate) accounts: Vec<AccountNotice>,
}

impl Stage {
    pub(crate) async fn set(rules: Vec<Rule>) -> Self {
        let turn = TURN.lock().await;
        let api = Server::start(SocketAddr::from(([127, 0, 0, 1], 0)), Scenario { rules }).await.unwrap();
        Self { fixture: Fixture::new(), api, credential: KEY.to_owned(), _turn: turn }
    }

    /// A task for the program. `below` is where in the service its API is.
    pub(crate) fn job(&self, key: &str, runtime: Runtime, below: &str) -> Job {
        let mut job = self.fixture.job(key, "");
        job.limits.silence = Duration::from_secs(60);
        job.limits.kill_grace = Duration::from_secs(5);
        job.runtime = runtime;
        job.brief.task.title = "Write it".to_owned();
        job.account = Some(Account {
            name: "main".to_owned(),
            credential: "KEY_OF_MAIN".to_owned(),
            base_url: Some(format!("{}{below}", self.api.url())),
            pass_to_agent: false,
            budget_micros: 1_000_000,
        });
        job
    }

    /// A folder that agents can write and that outlives an attempt.
    pub(crate) fn shared(&self) -> PathBuf {
        let folder = self.fixture.path("shared");
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// The repository has these files, which somebody has committed.
    pub(crate) fn commits(&self, files: &[(&str, String)]) {
        for (path, text) in files {
            let path = self.fixture.origin().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        self.fixture.git(&["add", "."]);
        self.fixture.git(&["commit", "-qm", "settings"]);
    }

    /// Runs a task whose agent writes the file that is asked for, with so many answers, and sees that it is written, landed, counted and told.
    /// Answers the log.
    pub(crate) async fn writes(&self, job: &Job, version: &str, tool: &str, answers: i64) -> String {
        let run = self.run(job).await;
        landed(&run.outcome);
        assert_eq!(self.fixture.show("1.1.txt"), "Write it");
        let evidence = run.outcome.evidence();
        assert_eq!(evidence.summary.as_deref(), Some("Wrote 1.1.txt."));
        assert_eq!((evidence.tokens_in, evidence.tokens_out), (Some(100 * answers), Some(20 * answers)));
        assert!(evidence.runtime_version.as_ref().unwrap().starts_with(version), "{evidence:?}");
        let said = run.said();
        assert!(said.contains(tool) && said.contains("text: Wrote 1.1.txt."), "{said}");
        assert!(!said.contains(KEY), "{said}");
        self.fixture.assert_nothing_runs();
        said
    }

    pub(crate) async fn run(&self, job: &Job) -> Run {
        let path = std::env::var("PATH").unwrap();
        let env = [("PATH", path.as_str()), ("KEY_OF_MAIN", &self.credential), ("OTHER_SECRET", "not-for-agents")];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        // The folder belongs to one host at a time.
        let host = Host::open(&self.fixture.path("other-executor"), crate::fixture::SHIM.into(), &[]).unwrap();
        let write = vec![self.fixture.path("shared").to_string_lossy().into_owned()];
        let host = host.with_env(env).with_sandbox(sandbox(&SandboxConfig { write, ..SandboxConfig::default() }));
        let accounts = Arc::new(Mutex::new(Vec::new()));
        let (control, log) = logged();
        let told = Arc::clone(&accounts);
        let control = control.with_account(move |notice| told.lock().unwrap().push(notice));
        let outcome = pipeline::run(job, &host, &control, CancellationToken::new()).await;
        drop(control);
        let log = log.await.unwrap();
        let accounts = accounts.lock().unwrap().clone();
        Run { outcome, log, accounts }
    }
}

impl Run {
    pub(crate) fn said(&self) -> String {
        self.log.iter().map(|line| format!("{}: {}\n", line.kind.as_str(), line.text)).collect()
    }

    pub(crate) fn standings(&self) -> Vec<AccountStanding> {
        self.accounts.iter().map(|notice| notice.standing).collect()
    }
}
