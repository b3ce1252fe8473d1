//! `coditect doctor`: everything the system stands on, each with how to mend it.

use std::path::{Path, PathBuf};
use std::process::Command;

use coditect_plan::Severity;
use coditect_service::Config;
use coditect_service::config::{AccountConfig, PlanPath, SandboxConfig, SandboxMode};
use owo_colors::OwoColorize;
use serde::Serialize;
use serde_json::json;

use crate::commands::migrate;
use crate::failure::{Failure, OK, WRONG};
use crate::git::{self, Repository};
use crate::output;
use crate::plans::Plans;
use crate::up::checks::{self, AgentProgram};

/// Below this much free disk a run is likely to fail.
const DISK_NEEDED: u64 = 1 << 30;

/// The flags.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: coditect doctor")]
pub(crate) struct Args {
    /// The repository [default: the one the current folder is in]
    #[arg(long, value_name = "PATH", default_value = ".")]
    repo: PathBuf,
    /// The configuration file [default: config/orchestrator-config.json, if it exists]
    #[arg(long, value_name = "FILE", env = "CODITECT_CONFIG")]
    config: Option<PathBuf>,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    Warning,
    Missing,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    verdict: Verdict,
    found: String,
    cure: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, found: found.into(), cure: None }
    }

    fn warning(check: &'static str, found: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Warning, found: found.into(), cure: Some(cure.into()) }
    }

    fn missing(check: &'static str, failure: Failure) -> Self {
        Self { check, verdict: Verdict::Missing, found: failure.message, cure: failure.help }
    }
}

/// Looks at everything; exit 1 if something that is needed is missing.
pub(crate) async fn run(args: Args) -> Result<u8, Failure> {
    let mut findings = vec![program("git", Path::new("git"), "git"), redis(), services()];
    let repository = Repository::find(&args.repo);
    let root = repository.as_ref().ok().map(|repository| repository.root.clone());
    if let Some(config) = &args.config {
        findings.push(match config.is_file() {
            true => Finding::ok("configuration file", config.display().to_string()),
            false => Finding::missing(
                "configuration file",
                Failure::wrong(format!("there is no {}", config.display())).help("name one that exists with --config"),
            ),
        });
    }
    // From here on relative paths are the project's.
    let config = args.config.map(|config| config.canonicalize().unwrap_or(config));
    if let Some(root) = &root {
        std::env::set_current_dir(root).map_err(crate::failure::at("enter", root))?;
    }
    match Config::load(config.as_deref()) {
        Ok(config) => {
            findings.push(Finding::ok("configuration", "fine"));
            findings.extend(agent(&config));
            findings.push(confinement(&config.executor.sandbox));
            if let Ok(repository) = &repository {
                findings.extend(state(repository, &config));
            }
            findings.extend(plans(root.as_deref(), &config));
            findings.push(database(&config).await);
        }
        Err(error) => findings.push(Finding::missing("configuration", error.into())),
    }
    if let Err(failure) = repository {
        findings.push(Finding::missing("repository", failure));
    }
    findings.push(disk(root.as_deref().unwrap_or(Path::new("."))));
    report(&findings, args.json)
}

fn report(findings: &[Finding], json: bool) -> Result<u8, Failure> {
    let fine = findings.iter().all(|finding| finding.verdict != Verdict::Missing);
    if json {
        output::json(&json!({ "ok": fine, "checks": findings }))?;
        return Ok(if fine { OK } else { WRONG });
    }
    for Finding { check, verdict, found, cure } in findings {
        let mark = match verdict {
            Verdict::Ok => "ok      ".green().to_string(),
            Verdict::Warning => "warning ".yellow().to_string(),
            Verdict::Missing => "missing ".red().to_string(),
        };
        output::line(format_args!("{mark} {check}: {found}"))?;
        if let Some(cure) = cure {
            output::line(format_args!("          {cure}"))?;
        }
    }
    Ok(if fine { OK } else { WRONG })
}

fn program(check: &'static str, program: &Path, package: &str) -> Finding {
    match Command::new(program).arg("--version").output() {
        Ok(output) if output.status.success() => {
            Finding::ok(check, output::short(&String::from_utf8_lossy(&output.stdout), 60))
        }
        _ => Finding::missing(
            check,
            Failure::wrong(format!("{} cannot be run", program.display()))
                .help(format!("install it: {}", git::installing(package))),
        ),
    }
}

fn redis() -> Finding {
    match checks::redis_server() {
        Ok(path) => program("redis-server", &path, "redis"),
        Err(failure) => Finding::missing("redis-server", failure),
    }
}

fn services() -> Finding {
    match checks::service_binaries() {
        Ok(folder) => Finding::ok("services", format!("all five in {}", folder.display())),
        Err(failure) => Finding::missing("services", failure),
    }
}

fn state(repository: &Repository, config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    match checks::repository(repository, &config.repository.target_branch) {
        Ok(warnings) => {
            findings.push(Finding::ok("repository", repository.root.display().to_string()));
            findings.extend(warnings.into_iter().map(|(found, cure)| Finding::warning("repository", found, cure)));
        }
        Err(failure) => findings.push(Finding::missing("repository", failure)),
    }
    findings
}

fn plans(root: Option<&Path>, config: &Config) -> Vec<Finding> {
    let root = root.unwrap_or(Path::new(""));
    let look = |PlanPath { path, format }: &PlanPath| {
        let file = root.join(path);
        match Plans::read_each(root, &[(PathBuf::from(path), *format)]) {
            Ok(plans) => {
                let errors = plans.findings().iter().filter(|f| f.severity == Severity::Error).count();
                let found = format!("{path}: {} tasks, {errors} errors", plans.summary().tasks);
                match errors {
                    0 => Finding::ok("plan", found),
                    _ => Finding::warning("plan", found, format!("see them: coditect plan check {}", file.display())),
                }
            }
            Err(failure) => Finding::missing("plan", failure),
        }
    };
    config.plan.paths.iter().map(look).collect()
}

/// The agent's program and the accounts' credentials. Where another runtime is set, they are not needed.
fn agent(config: &Config) -> Vec<Finding> {
    let set = AgentProgram::of(config);
    let needed = set.is_some();
    let agent = set.unwrap_or_else(|| AgentProgram::claude(config));
    let program = match agent.version() {
        Ok(version) => Finding::ok(agent.name, output::short(&version, 60)),
        Err(failure) if needed => Finding::missing(agent.name, failure),
        Err(_) => Finding::ok(agent.name, "not here, and not needed by the runtime that is set"),
    };
    let credential = |(name, account): (&String, &AccountConfig)| match checks::is_set(&account.credential) {
        true => Finding::ok("credential", format!("account {name}: {} is set", account.credential)),
        false => {
            let (found, cure) = checks::no_credential((name, account));
            Finding::warning("credential", found, cure)
        }
    };
    let credentials = config.accounts.iter().filter(|_| needed).map(credential);
    std::iter::once(program).chain(credentials).collect()
}

/// How far this machine lets commands be confined, as the executor's own probe finds.
fn confinement(config: &SandboxConfig) -> Finding {
    const CHECK: &str = "sandbox";
    if config.mode == SandboxMode::Off {
        let found = "off: agents can read and write what you can";
        return Finding::warning(CHECK, found, "set executor.sandbox.mode to \"auto\"");
    }
    match checks::confinement(config) {
        Ok(None) => Finding::ok(CHECK, "agents have processes, files and a network of their own"),
        Ok(Some((found, cure))) => Finding::warning(CHECK, found, cure),
        Err(failure) => Finding::missing(CHECK, failure),
    }
}

async fn database(config: &Config) -> Finding {
    let url = &config.database.url;
    if migrate::sqlite_file(url).is_some_and(|file| !file.exists()) {
        return Finding::ok("database", format!("{url} (made by the first `coditect up`)"));
    }
    let store = match migrate::open(url).await {
        Ok(store) => store,
        Err(failure) => return Finding::missing("database", failure),
    };
    match store.check_schema().await {
        Ok(()) => Finding::ok("database", url.to_string()),
        Err(error) => Finding::warning("database", format!("{url}: {error}"), "coditect migrate (`up` does it too)"),
    }
}

#[allow(clippy::useless_conversion, reason = "narrower on some systems")]
fn disk(folder: &Path) -> Finding {
    let Ok(stat) = nix::sys::statvfs::statvfs(folder) else {
        return Finding::warning("disk", "free space unknown", "look with df");
    };
    let free = u64::from(stat.blocks_available()).saturating_mul(stat.fragment_size());
    let found = format!("{:.1} GiB free", free as f64 / (1u64 << 30) as f64);
    if free < DISK_NEEDED {
        return Finding::warning("disk", found, "free at least 1 GiB: worktrees, clones and logs need room");
    }
    Finding::ok("disk", found)
}
