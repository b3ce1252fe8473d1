//! The services as a cluster runs them: each a process of its own, one instance or two of every singleton service, and
//! any number of executors.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use coditect_store::Store;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::{LIMIT, Project, binary};

/// The services of which one instance leads.
pub const LED: [&str; 4] = ["orchestrator", "dependency-resolver", "task-dispatcher", "sync-daemon"];

/// A running system. Dropped, it is killed, all of it.
pub struct Cluster<'a> {
    project: &'a Project,
    /// The database, as the test sees it.
    pub store: Store,
    instances: Vec<Instance>,
    executors: Vec<Executor>,
    common: Vec<(String, String)>,
    redis: Process,
}

struct Executor {
    name: String,
    process: Process,
    log: PathBuf,
}

struct Instance {
    service: &'static str,
    name: String,
    environment: Vec<(String, String)>,
    process: Process,
    log: PathBuf,
}

struct Process {
    child: Child,
    _folder: Option<TempDir>,
}

impl Process {
    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl<'a> Cluster<'a> {
    /// Starts two instances of every singleton service and an executor on the database at `url`, whose schema is there.
    pub fn start(project: &'a Project, url: &str, store: Store) -> Self {
        let mut this = Self::with_instances(2, project, url, store, &[]);
        this.add_executor("agent-executor", &[]);
        this
    }

    /// Starts one instance of every singleton service, and no executor, with more in their environment.
    pub fn single(project: &'a Project, url: &str, store: Store, environment: &[(&str, &str)]) -> Self {
        Self::with_instances(1, project, url, store, environment)
    }

    fn with_instances(
        count: usize,
        project: &'a Project,
        url: &str,
        store: Store,
        environment: &[(&str, &str)],
    ) -> Self {
        let (redis, port) = redis();
        let orchestrators: Vec<u16> = (0..count).map(|_| free_port()).collect();
        let all: Vec<_> = orchestrators.iter().map(|port| format!("http://127.0.0.1:{port}")).collect();
        let mut common: Vec<(String, String)> = [
            ("REDIS_URL", format!("redis://127.0.0.1:{port}")),
            ("CODITECT_PLAN__DEBOUNCE_MS", "200".to_owned()),
            ("CODITECT_RETRY__BASE_MS", "300".to_owned()),
            ("CODITECT_EXECUTOR__LEASE_MS", "5000".to_owned()),
            ("CODITECT_EXECUTOR__ORCHESTRATOR", all.join(",")),
            ("CODITECT_REPOSITORY__PATH", project.path().display().to_string()),
            ("CODITECT_BACKUP__DIRECTORY", project.path().join(".git/backups").display().to_string()),
            ("NO_COLOR", "1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        extend(&mut common, environment);
        let mut instances = Vec::new();
        for service in LED {
            for (number, orchestrator) in orchestrators.iter().enumerate() {
                let key = service.replace('-', "_").to_uppercase();
                let grpc = if service == "orchestrator" { *orchestrator } else { free_port() };
                let name = format!("{service}-{number}");
                let mut environment = common.clone();
                environment.push((format!("CODITECT_LISTEN__GRPC__{key}"), format!("127.0.0.1:{grpc}")));
                environment.push((format!("CODITECT_LISTEN__ADMIN__{key}"), format!("127.0.0.1:{}", free_port())));
                environment.push(("CODITECT_LISTEN__HTTP".to_owned(), format!("127.0.0.1:{}", free_port())));
                environment.push(("DATABASE_URL".to_owned(), url.to_owned()));
                let log = project.path().join(format!(".git/{name}.log"));
                let process = run(project, service, &environment, &log);
                instances.push(Instance { service, name, environment, process, log });
            }
        }
        Self { project, store, instances, executors: Vec::new(), common, redis }
    }

    /// Starts an executor of that name, with a folder of its own; answers its process id.
    pub fn add_executor(&mut self, name: &str, environment: &[(&str, &str)]) -> Pid {
        let mut all = self.common.clone();
        for kind in ["GRPC", "ADMIN"] {
            all.push((format!("CODITECT_LISTEN__{kind}__AGENT_EXECUTOR"), format!("127.0.0.1:{}", free_port())));
        }
        let folder = self.project.path().join(format!(".git/{name}"));
        all.push(("CODITECT_EXECUTOR__DATA_DIR".to_owned(), folder.display().to_string()));
        extend(&mut all, environment);
        let log = self.project.path().join(format!(".git/{name}.log"));
        let process = run(self.project, "agent-executor", &all, &log);
        let pid = process.pid();
        self.executors.push(Executor { name: name.to_owned(), process, log });
        pid
    }

    /// Whether an executor has ended, and as what.
    pub fn executor_ended(&mut self, name: &str) -> Option<ExitStatus> {
        let executor = self.executors.iter_mut().find(|executor| executor.name == name).unwrap();
        executor.process.child.try_wait().unwrap()
    }

    /// Holds up Redis and the orchestrator, as a broken network would; `false` lets them go on.
    pub fn cut_off(&self, off: bool) {
        let signal = if off { Signal::SIGSTOP } else { Signal::SIGCONT };
        let orchestrators = self.instances.iter().filter(|instance| instance.service == "orchestrator");
        for pid in orchestrators.map(|instance| instance.process.pid()).chain([self.redis.pid()]) {
            kill(pid, signal).unwrap();
        }
    }

    /// Kills the leader of a service without warning, waits for the next one, and starts the dead one again, to stand
    /// by. Answers how long nobody led, from the kill on.
    pub async fn kill_leader(&mut self, service: &'static str) -> Duration {
        let (pid, epoch) = self.leader(service, 0).await;
        let killed = Instant::now();
        let at = self.instances.iter().position(|instance| instance.process.child.id() == pid);
        let at = at.unwrap_or_else(|| panic!("{service} is led by process {pid}, which is none of ours"));
        let _ = self.instances[at].process.child.kill();
        let _ = self.instances[at].process.child.wait();
        let (next, _) = self.leader(service, epoch).await;
        let took = killed.elapsed();
        assert_ne!(next, pid, "a dead process leads");
        let Instance { service, environment, log, .. } = &self.instances[at];
        let again = run(self.project, service, environment, log);
        self.instances[at].process = again;
        took
    }

    /// The process that leads a service with an epoch above this one, and its epoch.
    async fn leader(&self, service: &str, above: i64) -> (u32, i64) {
        let begun = Instant::now();
        loop {
            let lease = self.store.lease(service).await.unwrap();
            if let Some(lease) = lease.filter(|lease| lease.epoch > above && lease.remaining_ms > 0) {
                let pid = lease.holder.rsplit_once('#').unwrap().0.rsplit_once(':').unwrap().1;
                return (pid.parse().unwrap(), lease.epoch);
            }
            assert!(begun.elapsed() < LIMIT, "nobody leads {service}:\n{}", self.tail());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The end of what every instance printed.
    pub fn tail(&self) -> String {
        let mut all = String::new();
        let instances = self.instances.iter().map(|Instance { name, log, .. }| (name, log));
        for (name, log) in instances.chain(self.executors.iter().map(|Executor { name, log, .. }| (name, log))) {
            let text = fs::read_to_string(log).unwrap_or_default();
            let lines: Vec<_> = text.lines().collect();
            all.push_str(&format!("--- {name}\n{}\n", lines[lines.len().saturating_sub(15)..].join("\n")));
        }
        all
    }
}

impl Drop for Cluster<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.tail());
        }
    }
}

fn extend(all: &mut Vec<(String, String)>, more: &[(&str, &str)]) {
    all.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
}

fn run(project: &Project, service: &str, environment: &[(String, String)], log: &PathBuf) -> Process {
    let log = File::options().append(true).create(true).open(log).unwrap();
    let child = Command::new(binary(service))
        .current_dir(project.path())
        .env_remove("DATABASE_URL")
        .envs(environment.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    Process { child, _folder: None }
}

/// A Redis that answers, and its port.
fn redis() -> (Process, u16) {
    loop {
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        let mut child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        while child.try_wait().unwrap().is_none() {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return (Process { child, _folder: Some(folder) }, port);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A port that nobody listens on, that no other test of this process is given, and that no connection is given by the kernel: those are
/// above 32,768 on Linux.
fn free_port() -> u16 {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 9_000).unwrap();
    loop {
        let port = 10_000 + (first + GIVEN.fetch_add(1, Ordering::Relaxed)) % 9_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
