//! What has to be right before anything is started: each refusal says what, where, and the cure.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use coditect_service::Config;

use super::{Args, configuration};
use crate::failure::{Failure, at};
use crate::git::{Repository, installing};
use crate::output::warn;
use crate::plans::Plans;

/// What the checks found.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) repository: Repository,
    pub(crate) config: Config,
    /// The plans, as paths within the repository.
    pub(crate) plans: Vec<String>,
    pub(crate) http: SocketAddr,
    pub(crate) redis_server: PathBuf,
    /// The database is set by the environment or the configuration file.
    pub(crate) database_is_set: bool,
}

/// Checks everything; changes the current folder to the repository's top.
pub(crate) fn check(options: &Args) -> Result<Checked, Failure> {
    let here = std::env::current_dir().map_err(|error| Failure::wrong(format!("no current folder: {error}")))?;
    let repository = Repository::find(&options.repo.clone().unwrap_or_else(|| here.clone()))?;
    let mut options = options.clone();
    options.config = options.config.map(|file| here.join(file));
    std::env::set_current_dir(&repository.root).map_err(at("change to", &repository.root))?;
    let config = configuration(&options)?;
    let plans = plans(&options, &config, &repository, &here)?;
    for (found, cure) in self::repository(&repository, &config.repository.target_branch)? {
        warn(format_args!("{found}: {cure}"));
    }
    let http = http(&options, &config)?;
    let redis_server = redis_server()?;
    service_binaries()?;
    let database_is_set = std::env::var_os("DATABASE_URL").is_some()
        || std::env::var_os("DATABASE_URL_FILE").is_some()
        || config.database != Config::default().database;
    Ok(Checked { repository, config, plans, http, redis_server, database_is_set })
}

/// Refuses a repository that cannot be worked in; answers what is odd about it, each with what to know.
pub(crate) fn repository(repository: &Repository, target: &str) -> Result<Vec<(String, String)>, Failure> {
    let root = repository.root.display();
    if repository.commit("HEAD")?.is_none() {
        return Err(Failure::wrong(format!("the repository {root} has no commit yet"))
            .help("make one: git add -A && git commit -m Start"));
    }
    if let Some(tree) = repository.checked_out(target)? {
        let tree = tree.display();
        return Err(Failure::wrong(format!(
            "the target branch {target} is checked out in {tree}: landing on it would pull the files from under you"
        ))
        .help(format!(
            "check out another branch there (git -C {tree} switch -), or set repository.target_branch to another one"
        )));
    }
    let dirty = repository.uncommitted()?;
    if dirty == 0 {
        return Ok(Vec::new());
    }
    let changes = if dirty == 1 { "change" } else { "changes" };
    let cure = "agents start from the last commit and do not see them; they stay untouched";
    Ok(vec![(format!("{dirty} uncommitted {changes} in {root}"), cure.to_owned())])
}

/// The redis-server that `up` runs.
pub(crate) fn redis_server() -> Result<PathBuf, Failure> {
    let found = std::env::var_os("PATH").and_then(|path| {
        std::env::split_paths(&path).map(|folder| folder.join("redis-server")).find(|path| path.is_file())
    });
    found.ok_or_else(|| {
        Failure::wrong("redis-server was not found; `coditect up` runs a private one")
            .help(format!("install it: {}", installing("redis")))
    })
}

/// The folder that the service binaries are in: that of this program.
pub(crate) fn service_binaries() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe().map_err(|error| Failure::wrong(format!("cannot find myself: {error}")))?;
    for service in super::children::SERVICES {
        let program = own.with_file_name(service);
        if !program.is_file() {
            return Err(Failure::wrong(format!("the program {} is missing", program.display()))
                .help("install the six binaries of one version side by side: cargo build --workspace --bins"));
        }
    }
    Ok(own.parent().map(Path::to_path_buf).unwrap_or_default())
}

/// The plans, within the repository, each readable; what is odd about them is said, and holds only what it concerns.
fn plans(options: &Args, config: &Config, repository: &Repository, here: &Path) -> Result<Vec<String>, Failure> {
    let named: Vec<PathBuf> = if options.plans.is_empty() {
        config.plan.paths.iter().map(|path| repository.root.join(path)).collect()
    } else {
        options.plans.iter().map(|path| here.join(path)).collect()
    };
    let mut within = Vec::new();
    for path in &named {
        // Reads it first: the clearer complaint.
        crate::plans::text(path)?;
        let full = path.canonicalize().map_err(at("find", path))?;
        let inside = full.strip_prefix(&repository.root).map_err(|_| {
            Failure::usage(format!(
                "the plan {} is not inside the repository {}",
                path.display(),
                repository.root.display()
            ))
            .help("move it there, or name the repository it belongs to with --repo PATH")
        })?;
        within.push(inside.to_path_buf());
    }
    let read = Plans::read(&within)?;
    let findings = read.findings();
    for finding in &findings {
        if finding.severity == coditect_plan::Severity::Error {
            warn(format_args!(
                "{}:{}:{}: {} [{}]\n  help: {}",
                finding.path, finding.line, finding.column, finding.message, finding.code, finding.help
            ));
        }
    }
    if read.summary().tasks == 0 {
        let names: Vec<_> = within.iter().map(|path| path.display().to_string()).collect();
        return Err(Failure::wrong(format!("no tasks were found in {}", names.join(", ")))
            .help("see what the parser sees: coditect plan check PATH; `coditect init` writes an example"));
    }
    Ok(within.iter().map(|path| path.display().to_string()).collect())
}

fn http(options: &Args, config: &Config) -> Result<SocketAddr, Failure> {
    let address = match &options.http {
        None => config.listen.http,
        Some(text) => text.parse().map_err(|_| {
            Failure::usage(format!("--http: `{text}` is no address"))
                .help("give an IP address and a port: 127.0.0.1:8081")
        })?,
    };
    let listener = TcpListener::bind(address).map_err(|error| {
        let why = match error.kind() {
            std::io::ErrorKind::AddrInUse => "it is in use by another program".to_owned(),
            _ => error.to_string(),
        };
        Failure::wrong(format!("cannot listen on {address}: {why}"))
            .help("choose another address with --http 127.0.0.1:PORT (port 0: any free one) or set listen.http")
    })?;
    listener.local_addr().map_err(|error| Failure::wrong(format!("cannot listen on {address}: {error}")))
}
