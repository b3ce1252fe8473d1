//! `coditect up`: the whole system on one machine, as child processes that are restarted when they die.

pub(crate) mod checks;
mod children;
mod outcome;
mod progress;

use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use coditect_service::Config;
use coditect_store::{Durability, Store};
use tokio::signal::unix::{SignalKind, signal};

use crate::client;
use crate::failure::{Failure, OK, WRONG, at};
use crate::git::Repository;
use crate::output::{self, say};
use crate::run_file::{self, RunFile};
use children::{Children, Spec};

/// What `coditect up` is told.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "Example: coditect up --plan PLAN.md --until-done")]
pub(crate) struct Args {
    /// A plan file; may be given several times [default: `plan.paths` of the configuration]
    #[arg(long = "plan", value_name = "PATH")]
    pub(crate) plans: Vec<PathBuf>,
    /// A folder in the repository [default: the current one]
    #[arg(long, value_name = "PATH")]
    pub(crate) repo: Option<PathBuf>,
    /// The configuration file [default: config/orchestrator-config.json, if it exists]
    #[arg(long, value_name = "FILE", env = "CODITECT_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// A folder of agent definitions; may be given several times
    #[arg(long, value_name = "DIR")]
    pub(crate) agents: Vec<PathBuf>,
    /// How attempts are run: `script` or `command`
    #[arg(long, value_name = "NAME", value_parser = ["script", "command"])]
    pub(crate) runtime: Option<String>,
    /// With the runtime `script`: the command of tasks that carry no fenced `sh` block
    #[arg(long, value_name = "TEMPLATE")]
    pub(crate) script: Option<String>,
    /// The database [default: a SQLite file in .coditect]
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// Stop once everything is completed (exit code 0) or nothing moves without a person (1)
    #[arg(long)]
    pub(crate) until_done: bool,
    /// Where the orchestrator answers HTTP [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) http: Option<String>,
    /// Further settings, by environment variable.
    #[arg(skip)]
    pub(crate) settings: Vec<(String, String)>,
}

/// How long after both its ends asked to stop a child is killed.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// Runs the system to its end.
pub(crate) async fn run(options: Args) -> Result<u8, Failure> {
    let options = &options;
    let checked = checks::check(options)?;
    let folder = checked.repository.root.join(run_file::FOLDER);
    fs::create_dir_all(&folder).map_err(at("make the folder", &folder))?;
    let ignore = folder.join(".gitignore");
    fs::write(&ignore, "*\n").map_err(at("write", &ignore))?;
    let _lock = lock(&folder)?;
    let ended = supervise(options, &checked, &folder).await;
    RunFile::remove(&folder);
    ended
}

/// Holds the project: a second `up` in it is refused.
fn lock(folder: &Path) -> Result<File, Failure> {
    let path = folder.join("up.lock");
    let mut file =
        File::options().create(true).truncate(false).read(true).write(true).open(&path).map_err(at("open", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let _ = file.read_to_string(&mut pid);
            return Err(Failure::wrong(format!("`coditect up` runs in this project already (process {})", pid.trim()))
                .help(
                    "watch it with `coditect status --watch`, or stop it with Ctrl-C or `kill` before starting another",
                ));
        }
        Err(TryLockError::Error(error)) => return Err(at("lock", &path)(error)),
    }
    let write = |mut file: &File| file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
    write(&file).map_err(at("write", &path))?;
    Ok(file)
}

async fn supervise(options: &Args, checked: &checks::Checked, folder: &Path) -> Result<u8, Failure> {
    let config = &checked.config;
    let root = &checked.repository.root;
    let database = match &options.database {
        Some(url) => url.clone(),
        None if checked.database_is_set => config.database.url.expose().to_owned(),
        None => format!("sqlite://{}", folder.join("coditect.db").display()),
    };
    let store = Store::open(&database, Durability::Normal).await;
    let store = store.map_err(|error| unreachable_database(&error))?;
    store.migrate().await.map_err(|error| Failure::wrong(format!("{:#}", anyhow::Error::from(error))))?;
    drop(store);

    let before = checked.repository.commit(&config.repository.target_branch)?;
    let started_at_ms = output::now_ms();
    let ports = free_ports(10)?;
    let address = |at: usize| format!("127.0.0.1:{}", ports.get(at).copied().unwrap_or_default());
    let endpoint = |at: usize| format!("http://{}", address(at));
    let redis_url = format!("redis://{}", address(9));
    let mut run_file = RunFile {
        pid: std::process::id(),
        project: config.project.name.clone(),
        orchestrator: endpoint(0),
        sync_daemon: endpoint(1),
        dependency_resolver: endpoint(2),
        task_dispatcher: endpoint(3),
        agent_executor: endpoint(4),
        redis_url: redis_url.clone(),
        database_url: config_redacted(&database),
        http: format!("http://{}", checked.http),
        started_at_ms,
        processes: std::collections::BTreeMap::new(),
    };
    let mut environment = options.settings.clone();
    environment.extend([
        ("DATABASE_URL".to_owned(), database),
        ("REDIS_URL".to_owned(), redis_url),
        ("CODITECT_SUPERVISED".to_owned(), "1".to_owned()),
        ("CODITECT_EXECUTOR__ORCHESTRATOR".to_owned(), endpoint(0)),
        ("CODITECT_EXECUTOR__DATA_DIR".to_owned(), folder.join("executor").display().to_string()),
        ("CODITECT_REPOSITORY__PATH".to_owned(), root.display().to_string()),
        ("CODITECT_PLAN__PATHS".to_owned(), serde_json::Value::from(checked.plans.clone()).to_string()),
        (
            "CODITECT_SHUTDOWN__DRAIN_LIMIT_MS".to_owned(),
            (config.executor.wall_limit_ms.saturating_add(60_000)).to_string(),
        ),
    ]);
    if let Some(file) = &options.config {
        let file = std::path::absolute(file).map_err(at("find", file))?;
        environment.push(("CODITECT_CONFIG".to_owned(), file.display().to_string()));
    }
    if let Some(runtime) = &options.runtime {
        environment.push(("CODITECT_EXECUTOR__RUNTIME".to_owned(), runtime.clone()));
    }
    if let Some(script) = &options.script {
        environment.push(("CODITECT_EXECUTOR__SCRIPT".to_owned(), script.clone()));
    }
    if !options.agents.is_empty() {
        let folders: Vec<String> = options.agents.iter().map(|folder| folder.display().to_string()).collect();
        environment.push(("CODITECT_AGENTS__DIRECTORIES".to_owned(), serde_json::Value::from(folders).to_string()));
    }

    let mut children = Children::new(root.clone());
    children.start(Spec::redis(&checked.redis_server, folder, ports.get(9).copied().unwrap_or_default())?);
    for (at, service) in children::SERVICES.iter().enumerate() {
        let mut environment = environment.clone();
        let key = service.replace('-', "_").to_uppercase();
        let admin = if at == 0 { checked.http.to_string() } else { address(at + 4) };
        environment.push((format!("CODITECT_LISTEN__GRPC__{key}"), address(at)));
        environment.push((format!("CODITECT_LISTEN__ADMIN__{key}"), admin));
        children.start(Spec::service(service, environment)?);
    }
    run_file.processes = children.pids();
    run_file.write(folder)?;
    say(format_args!("working {} in {}; Ctrl-C stops", checked.plans.join(", "), root.display()));

    let ended = watch(options, &mut children, &mut run_file, folder).await;
    children.stop(STOP_LIMIT).await;
    let last = ended?;
    let landed = landed(&checked.repository, before.as_deref(), &config.repository.target_branch)?;
    outcome::print(last.status.as_ref(), landed, &config.repository.target_branch, output::now_ms() - started_at_ms);
    Ok(last.code)
}

/// How the watching ended.
struct Last {
    code: u8,
    status: Option<coditect_proto::v1::Status>,
}

/// Watches until everything is done, nothing moves without a person, or a signal comes.
async fn watch(
    options: &Args,
    children: &mut Children,
    run_file: &mut RunFile,
    folder: &Path,
) -> Result<Last, Failure> {
    let failed = |error: std::io::Error| Failure::wrong(format!("cannot listen for signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut orchestrator = client::orchestrator(&run_file.orchestrator)?;
    let progress = progress::Progress::new(children.printer());
    let mut last = Last { code: OK, status: None };
    let mut stuck = 0;
    loop {
        tokio::select! {
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            failure = children.failure() => return Err(failure),
            () = tokio::time::sleep(Duration::from_millis(300)) => {}
        }
        let pids = children.pids();
        if pids != run_file.processes {
            run_file.processes = pids;
            run_file.write(folder)?;
        }
        let Ok(status) = orchestrator.get_status(coditect_proto::v1::GetStatusRequest {}).await else { continue };
        let status = status.into_inner();
        progress.show(&status);
        let (done, nothing_moves) = (status.done, status.stuck && !status.paused);
        last.status = Some(status);
        // Twice in a row: what was read while a transition was under way does not count.
        stuck = if nothing_moves { stuck + 1 } else { 0 };
        if options.until_done && done {
            progress.clear();
            return Ok(last);
        }
        if options.until_done && stuck >= 3 {
            progress.clear();
            last.code = WRONG;
            return Ok(last);
        }
    }
    progress.clear();
    say("stopping: what runs is finished first; Ctrl-C again cuts it off");
    tokio::select! {
        () = children.drain() => {}
        _ = interrupt.recv() => say("cut off"),
        _ = terminate.recv() => say("cut off"),
    }
    if let Ok(status) = orchestrator.get_status(coditect_proto::v1::GetStatusRequest {}).await {
        last.status = Some(status.into_inner());
    }
    if options.until_done && !last.status.as_ref().is_some_and(|status| status.done) {
        last.code = WRONG;
    }
    Ok(last)
}

fn landed(repository: &Repository, before: Option<&str>, target: &str) -> Result<usize, Failure> {
    let Some(_) = repository.commit(target)? else { return Ok(0) };
    let range = before.map_or_else(|| target.to_owned(), |before| format!("{before}..{target}"));
    Ok(repository.landed(&range)?.len())
}

fn unreachable_database(error: &coditect_store::StoreError) -> Failure {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    Failure::unreachable(format!("{error}{cause}"))
        .help("check --database, DATABASE_URL or `database.url` in the configuration, and that the server runs")
}

fn config_redacted(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 < at => {
            format!("{}…{}", url.get(..scheme + 3).unwrap_or_default(), url.get(at..).unwrap_or_default())
        }
        _ => url.to_owned(),
    }
}

/// Ports that nobody listens on just now.
fn free_ports(count: usize) -> Result<Vec<u16>, Failure> {
    let mut held = Vec::new();
    for _ in 0..count {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| Failure::wrong(format!("no free port: {e}")))?;
        held.push(listener);
    }
    let ports = held.iter().filter_map(|listener| listener.local_addr().ok()).map(|a: SocketAddr| a.port());
    Ok(ports.collect())
}

/// The configuration that `up` works with.
fn configuration(options: &Args) -> Result<Config, Failure> {
    Ok(Config::load(options.config.as_deref())?)
}
