//! Two instances of every singleton service, each a process of its own, and one executor: what a cluster runs.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use coditect_store::Store;
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
    _redis: Process,
    _executor: Process,
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

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl<'a> Cluster<'a> {
    /// Starts it on the database at `url`, whose schema is there.
    pub fn start(project: &'a Project, url: &str, store: Store) -> Self {
        let (redis, port) = redis();
        let orchestrators = [free_port(), free_port()];
        let both = orchestrators.map(|port| format!("http://127.0.0.1:{port}")).join(",");
        let common: Vec<(String, String)> = [
            ("REDIS_URL", format!("redis://127.0.0.1:{port}")),
            ("CODITECT_PLAN__DEBOUNCE_MS", "200".to_owned()),
            ("CODITECT_RETRY__BASE_MS", "300".to_owned()),
            ("CODITECT_EXECUTOR__LEASE_MS", "5000".to_owned()),
            ("CODITECT_EXECUTOR__ORCHESTRATOR", both),
            ("CODITECT_EXECUTOR__DATA_DIR", project.path().join(".git/executor").display().to_string()),
            ("CODITECT_REPOSITORY__PATH", project.path().display().to_string()),
            ("NO_COLOR", "1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        let mut instances = Vec::new();
        for service in LED {
            for number in [0, 1] {
                let key = service.replace('-', "_").to_uppercase();
                let grpc = if service == "orchestrator" { orchestrators[number] } else { free_port() };
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
        let mut environment = common;
        for kind in ["GRPC", "ADMIN"] {
            let name = format!("CODITECT_LISTEN__{kind}__AGENT_EXECUTOR");
            environment.push((name, format!("127.0.0.1:{}", free_port())));
        }
        let executor = run(project, "agent-executor", &environment, &project.path().join(".git/agent-executor.log"));
        Self { project, store, instances, _redis: redis, _executor: executor }
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
        for Instance { name, log, .. } in &self.instances {
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

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
