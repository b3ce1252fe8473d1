//! What was asked for: flags over environment over configuration file.

use std::ffi::OsString;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use coditect_plan::Format;
use coditect_service::Config;
use coditect_service::config::{DEFAULT_FILE, Environment, PlanPath, PlanSource, SecretUrl, ShutdownConfig, variable};
use serde_json::json;

use super::{Args, Manner};
use crate::commands::migrate;
use crate::failure::{Failure, at};
use crate::git::Repository;

/// Variables that say where Redis is: a run has a Redis of its own.
const REDIS: [&str; 2] = ["REDIS_URL", "REDIS_URL_FILE"];

/// Variables that say where the database is.
pub(super) const DATABASE: [&str; 2] = ["DATABASE_URL", "DATABASE_URL_FILE"];

/// Variables that hold the token of the API, which the orchestrator alone is to know.
pub(super) const TOKEN: [&str; 2] = ["CODITECT_HTTP_TOKEN", "CODITECT_HTTP_TOKEN_FILE"];

/// Variables that hold the secret of the plan's webhook, which the sync-daemon alone is to know.
pub(super) const WEBHOOK: [&str; 2] = ["CODITECT_PLAN_WEBHOOK_SECRET", "CODITECT_PLAN_WEBHOOK_SECRET_FILE"];

/// Variables that hold the token for pull requests, which the orchestrator alone is to know.
pub(super) const FORGE: [&str; 2] = ["CODITECT_FORGE_TOKEN", "CODITECT_FORGE_TOKEN_FILE"];

/// What an attempt may need beyond its own limit: verifying, landing, telling.
const AFTER_WORK: Duration = Duration::from_secs(60);

/// A run, settled. The process's current folder is the repository's from here on.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The repository that is worked on.
    pub(super) repository: Repository,
    /// The repository that the work is in instead, with the plan on a branch of it: `plan.source` is "git".
    pub(super) remote: Option<String>,
    /// Everything that can be set.
    pub(super) config: Config,
    /// The configuration file, if one is used.
    pub(super) config_file: Option<PathBuf>,
    /// What the services are told over file and environment.
    pub(super) overrides: Vec<(String, String)>,
    /// The plan files, relative to the repository.
    pub(super) plans: Vec<PlanPath>,
    /// The database, with an absolute path if it is a file.
    pub(super) database: SecretUrl,
    /// Where the dashboard and the API are.
    pub(super) http: SocketAddr,
    /// Whether the run ends by itself.
    pub(super) until_done: bool,
    /// Whether to tell of each task.
    pub(super) tell: bool,
}

impl Settings {
    /// Settles what was asked for.
    pub(super) fn of(args: Args, manner: Manner) -> Result<Self, Failure> {
        let Args { plans, format, repo, agents, runtime, script, database, until_done, http, config } = args;
        let cwd = std::env::current_dir().map_err(|error| Failure::wrong(format!("no current folder: {error}")))?;
        let repository = Repository::find(&cwd.join(repo.as_deref().unwrap_or(Path::new("."))))?;
        let config_file = config.map(|file| cwd.join(file));
        enter(&repository)?;

        let mut overrides = manner.overrides;
        let mut set = |key: &str, value: String| overrides.push((variable(key), value));
        if !agents.is_empty() {
            let folders: Vec<_> = agents.iter().map(|folder| cwd.join(folder)).collect();
            if let Some(missing) = folders.iter().find(|folder| !folder.is_dir()) {
                return Err(Failure::usage(format!("--agents: {} is not a folder", missing.display()))
                    .help("name a folder of agent definitions, or leave --agents out"));
            }
            set("agents.directories", json!(folders).to_string());
        }
        if let Some(runtime) = runtime {
            set("executor.runtime", runtime);
        }
        if let Some(script) = script {
            set("executor.script", script);
        }
        if let Some(http) = &http {
            set("listen.http", address(http)?.to_string());
        }
        let environment = environment(&overrides, database.is_some());
        let config_file = config_file.or_else(|| Some(repository.root.join(DEFAULT_FILE)).filter(|file| file.exists()));
        let mut loaded = Config::load_from(config_file.as_deref(), &environment)?;
        if let Some(url) = database {
            loaded.database.url = SecretUrl::new(url);
        }
        if let Some(refusal) = loaded.http.refusal(loaded.listen.http) {
            return Err(Failure::usage(refusal));
        }
        // The configuration may work on another repository than the one it is in.
        let other = Path::new(&loaded.repository.path);
        let on_branch = loaded.plan.source == PlanSource::Git;
        let remote = (on_branch && other != Path::new(".")).then(|| {
            let local = repository.root.join(other);
            if local.is_dir() { local.display().to_string() } else { loaded.repository.path.clone() }
        });
        let repository = match repo {
            None if remote.is_none() && other != Path::new(".") => {
                let other = Repository::find(&repository.root.join(other))?;
                enter(&other)?;
                other
            }
            _ => repository,
        };
        let plans = match plans.is_empty() {
            // What is on the branch, the working tree does not tell.
            false if on_branch => {
                let named = |path: &PathBuf| PlanPath { path: path.to_string_lossy().into_owned(), format };
                plans.iter().map(named).collect()
            }
            true if on_branch => loaded.plan.paths.clone(),
            false => {
                let named = |path: &PathBuf| plan(path, format, &cwd, &repository.root);
                plans.iter().map(named).collect::<Result<_, _>>()?
            }
            true => loaded
                .plan
                .paths
                .iter()
                .map(|given| plan(Path::new(&given.path), given.format, &repository.root, &repository.root))
                .collect::<Result<Vec<_>, _>>()?,
        };
        Ok(Self {
            database: absolute(&loaded.database.url, &repository.root),
            http: settled(loaded.listen.http)?,
            repository,
            remote,
            config: loaded,
            config_file,
            overrides,
            plans,
            until_done,
            tell: manner.tell,
        })
    }

    /// The plans, as people are told of them.
    pub(super) fn plan_names(&self) -> String {
        self.plans.iter().map(|plan| plan.path.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// How long what runs may go on when a person asks to stop: to its own limit, unless the configuration says
    /// otherwise. Asking again stops at once.
    pub(super) fn drain_limit(&self) -> Duration {
        match self.config.shutdown == ShutdownConfig::default() {
            true => self.config.executor.wall_limit() + AFTER_WORK,
            false => self.config.shutdown.drain_limit(),
        }
    }
}

/// Port 0 is any free one.
fn settled(address: SocketAddr) -> Result<SocketAddr, Failure> {
    match address.port() {
        0 => TcpListener::bind(address)
            .and_then(|listener| listener.local_addr())
            .map_err(|error| Failure::wrong(format!("no free port on {}: {error}", address.ip()))),
        _ => Ok(address),
    }
}

fn enter(repository: &Repository) -> Result<(), Failure> {
    std::env::set_current_dir(&repository.root).map_err(at("enter", &repository.root))
}

/// This process's environment with `overrides` over it.
fn environment(overrides: &[(String, String)], database_given: bool) -> Environment {
    let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    let not_wanted =
        |name: &str| REDIS.contains(&name) || (database_given && DATABASE.contains(&name)) || name == "CODITECT_CONFIG";
    let own = std::env::vars_os().filter_map(text).filter(|(name, _)| !not_wanted(name));
    own.chain(overrides.iter().cloned()).collect()
}

/// `127.0.0.1:8081`, or `8081` for that port on this machine.
fn address(text: &str) -> Result<SocketAddr, Failure> {
    let port = text.trim_start_matches(':').parse::<u16>().ok();
    let address = port.map(|port| SocketAddr::from(([127, 0, 0, 1], port))).or_else(|| text.parse().ok());
    address.ok_or_else(|| {
        Failure::usage(format!("--http: `{text}` is no address"))
            .help("give an address and a port, like 127.0.0.1:8081")
    })
}

/// Plans as the services want them named: relative to the repository.
fn plan(path: &Path, format: Option<Format>, folder: &Path, root: &Path) -> Result<PlanPath, Failure> {
    let candidates = [folder.join(path), root.join(path)];
    let text = path.to_string_lossy();
    let pattern = text.contains(['*', '?', '[', '{']).then(|| candidates[0].clone());
    let Some(file) = candidates.iter().find(|file| file.exists()).or(pattern.as_ref()) else {
        return Err(Failure::usage(format!("there is no plan file {}", candidates[0].display()))
            .help("name one with --plan PATH; `coditect init` writes an example"));
    };
    // Links and detours in front of the last part that is there; what is behind it may be a pattern, or a link itself.
    let above = file.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
    let (above, rest) = match file.is_dir() {
        true => (file.as_path(), Path::new("")),
        false => (above, file.strip_prefix(above).unwrap_or(file)),
    };
    let whole = above.canonicalize().map_err(at("read", file))?;
    let inside = whole.strip_prefix(root).map_err(|_| {
        Failure::usage(format!("the plan file {} is outside the repository {}", file.display(), root.display()))
            .help("move it into the repository, or name its repository with --repo PATH")
    })?;
    let inside = if rest.as_os_str().is_empty() { inside.to_owned() } else { inside.join(rest) };
    let path = if inside.as_os_str().is_empty() { ".".to_owned() } else { inside.to_string_lossy().into_owned() };
    Ok(PlanPath { path, format })
}

/// The URL with an absolute path if it is that of a file.
fn absolute(url: &SecretUrl, root: &Path) -> SecretUrl {
    let Some(file) = migrate::sqlite_file(url).filter(|file| file.is_relative()) else { return url.clone() };
    let query = url.expose().split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
    // The path that was given is encoded already; the folder's is not.
    let folder: String = root
        .to_string_lossy()
        .chars()
        .map(|c| if "%?# ".contains(c) { format!("%{:02X}", u32::from(c)) } else { c.to_string() })
        .collect();
    SecretUrl::new(format!("sqlite://{folder}/{}{query}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_folders_and_patterns_are_named_from_the_repository_on() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("docs/deep")).unwrap();
        std::fs::write(root.join("docs/a.md"), "").unwrap();
        let named = |path: &str, folder: &str| plan(Path::new(path), None, &root.join(folder), &root).map(|p| p.path);
        assert_eq!(named("a.md", "docs").unwrap(), "docs/a.md");
        assert_eq!(named("docs", "").unwrap(), "docs");
        assert_eq!(named("**/*.md", "docs").unwrap(), "docs/**/*.md");
        assert_eq!(named(".", "").unwrap(), ".");
        assert!(named("none.md", "").is_err() && named("../x/*.md", "").is_err());
    }

    #[test]
    fn a_port_alone_is_one_of_this_machine() {
        assert_eq!(address("8081").unwrap().to_string(), "127.0.0.1:8081");
        assert_eq!(address(":8081").unwrap().to_string(), "127.0.0.1:8081");
        assert_eq!(address("0.0.0.0:80").unwrap().to_string(), "0.0.0.0:80");
        assert!(address("here").is_err());
    }

    #[test]
    fn only_a_relative_database_file_is_made_absolute() {
        let root = Path::new("/a b");
        let url = |text: &str| absolute(&SecretUrl::new(text), root).expose().to_owned();
        assert_eq!(url("sqlite://.coditect/x.db?mode=rwc"), "sqlite:///a%20b/.coditect/x.db?mode=rwc");
        assert_eq!(url("sqlite:///x.db"), "sqlite:///x.db");
        assert_eq!(url("postgres://db/x"), "postgres://db/x");
    }
}
