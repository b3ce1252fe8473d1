//! Whether a run can be: looked at before anything is started, each with the cure.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use coditect_plan::Severity;
use coditect_service::Config;
use coditect_service::config::{AccountConfig, PlanSource, Runtime, SandboxConfig, SandboxMode};

use super::names;
use super::settings::Settings;
use crate::failure::Failure;
use crate::git::{Repository, installing};
use crate::plans::{PROVING, Plans, said_of_unproved};

/// What is odd, and what to do about it.
pub(crate) type Warning = (String, String);

/// How many errors of a plan are shown before the rest is counted.
const SHOWN: usize = 10;

/// Everything; the warnings if nothing is in the way.
pub(super) fn all(settings: &Settings) -> Result<Vec<Warning>, Failure> {
    let mut warnings = Vec::new();
    if settings.remote.is_none() {
        warnings.extend(repository(&settings.repository, &settings.config.repository.target_branch)?);
    }
    if settings.config.plan.source == PlanSource::WorkingTree {
        warnings.extend(plans(settings)?);
    }
    http(settings)?;
    redis_server()?;
    service_binaries()?;
    warnings.extend(confinement(&settings.config.executor.sandbox)?);
    warnings.extend(agent(&settings.config)?);
    Ok(warnings)
}

/// The agent's program, and a credential of at least one account, where the runtime needs them.
fn agent(config: &Config) -> Result<Vec<Warning>, Failure> {
    let Some(program) = AgentProgram::of(config) else { return Ok(Vec::new()) };
    program.version()?;
    let missing: Vec<_> =
        config.accounts.iter().filter(|(_, account)| !is_set(&account.credential)).map(no_credential).collect();
    if missing.len() == config.accounts.len() {
        let (message, help) = missing.into_iter().next().unwrap_or_default();
        return Err(Failure::wrong(message).help(help));
    }
    Ok(missing)
}

/// The program of an agent runtime.
pub(crate) struct AgentProgram<'a> {
    /// Its name for people.
    pub(crate) name: &'static str,
    program: &'a str,
    /// Where it is configured.
    setting: &'static str,
    package: &'static str,
}

impl<'a> AgentProgram<'a> {
    /// That of the runtime that is set; none where that needs none.
    pub(crate) fn of(config: &'a Config) -> Option<Self> {
        let executor = &config.executor;
        let (name, program, setting, package) = match executor.runtime {
            Runtime::Script | Runtime::Command => return None,
            Runtime::ClaudeCode => return Some(Self::claude(config)),
            Runtime::Codex => ("Codex", &executor.codex.program, "executor.codex", "@openai/codex"),
            Runtime::Gemini => ("Gemini CLI", &executor.gemini.program, "executor.gemini", "@google/gemini-cli"),
            Runtime::Opencode => ("opencode", &executor.opencode.program, "executor.opencode", "opencode-ai"),
        };
        Some(Self { name, program, setting, package })
    }

    /// Claude Code.
    pub(crate) fn claude(config: &'a Config) -> Self {
        let program = &config.executor.claude.program;
        Self { name: "Claude Code", program, setting: "executor.claude", package: "@anthropic-ai/claude-code" }
    }

    /// Its version.
    pub(crate) fn version(&self) -> Result<String, Failure> {
        let Self { name, program, setting, package } = self;
        match Command::new(program).arg("--version").stdin(Stdio::null()).output() {
            Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            _ => Err(Failure::wrong(format!("{name} cannot be run: there is no working `{program}`"))
                .help(format!("install it (npm install -g {package}), or say where it is with {setting}.program"))),
        }
    }
}

/// That an account's credential is not set, and what to do. Its value is shown to nobody.
pub(crate) fn no_credential((name, account): (&String, &AccountConfig)) -> Warning {
    let variable = &account.credential;
    (
        format!("account {name} has no credential: {variable} is not set"),
        format!("export {variable}=…, or name another variable with accounts.{name}.credential"),
    )
}

/// Whether a variable has a value.
pub(crate) fn is_set(variable: &str) -> bool {
    std::env::var(variable).is_ok_and(|value| !value.trim().is_empty())
}

/// The repository: a commit to begin from, and a target branch that nobody has checked out.
pub(crate) fn repository(repository: &Repository, target: &str) -> Result<Vec<Warning>, Failure> {
    let root = repository.root.display();
    if repository.commit("HEAD")?.is_none() {
        return Err(Failure::wrong(format!("the repository {root} has no commit yet"))
            .help("make one: git add -A && git commit -m Start"));
    }
    if let Some(tree) = repository.checked_out(target)? {
        return Err(Failure::wrong(format!(
            "the target branch {target} is checked out in {}; work lands on it, and a checkout is never changed",
            tree.display()
        ))
        .help(
            "switch to another branch there (git switch -), or choose another target with \
             CODITECT_REPOSITORY__TARGET_BRANCH or `repository.target_branch`",
        ));
    }
    let changes = repository.uncommitted()?;
    let warning = (
        format!("{changes} uncommitted change(s) in {root}: agents work from the last commit and do not see them"),
        "commit what the tasks need".to_owned(),
    );
    Ok(if changes == 0 { Vec::new() } else { vec![warning] })
}

fn plans(settings: &Settings) -> Result<Vec<Warning>, Failure> {
    let paths: Vec<_> = settings.plans.iter().map(|plan| (PathBuf::from(&plan.path), plan.format)).collect();
    let plans = Plans::read_each(Path::new(""), &paths)?;
    let mut warnings = Vec::new();
    if plans.summary().tasks == 0 {
        warnings.push((
            format!("there are no tasks in {}", settings.plan_names()),
            "`coditect init` shows the format in an example".to_owned(),
        ));
    }
    warnings.extend(unproved(settings, plans.summary().unproved));
    let errors: Vec<_> = plans.findings().into_iter().filter(|f| f.severity == Severity::Error).collect();
    for finding in errors.iter().take(SHOWN) {
        let place = format!("{}:{}:{}", finding.path, finding.line, finding.column);
        let held = "what depends on it waits, the rest runs";
        warnings.push((format!("{place}: [{}] {}; {held}", finding.code, finding.message), finding.help.clone()));
    }
    if errors.len() > SHOWN {
        let more = errors.len() - SHOWN;
        warnings.push((format!("{more} more errors in the plan"), "see `coditect plan check`".to_owned()));
    }
    Ok(warnings)
}

/// That nothing proves the results of some tasks.
fn unproved(settings: &Settings, count: usize) -> Option<Warning> {
    let verify = &settings.config.verify;
    if count == 0 || !verify.commands.is_empty() {
        return None;
    }
    let said = said_of_unproved(count);
    let what = if verify.required {
        "verify.required puts them to a person instead of running them"
    } else {
        "that a result can be merged is all that is proved of it"
    };
    Some((format!("{said}, and neither has the project: {what}"), format!("{PROVING}, or set verify.commands")))
}

fn http(settings: &Settings) -> Result<(), Failure> {
    let address = settings.http;
    TcpListener::bind(address).map(drop).map_err(|error| {
        let why = match error.kind() {
            std::io::ErrorKind::AddrInUse => "another process listens there".to_owned(),
            std::io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
            _ => error.to_string(),
        };
        Failure::wrong(format!("cannot listen on {address}: {why}"))
            .help("choose another address with --http ADDR, like --http 127.0.0.1:8081")
    })
}

/// The redis-server of this machine.
pub(crate) fn redis_server() -> Result<PathBuf, Failure> {
    let executable =
        |path: &PathBuf| path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
    let folders = std::env::var_os("PATH").unwrap_or_default();
    ["redis-server", "valkey-server"]
        .iter()
        .find_map(|name| std::env::split_paths(&folders).map(|folder| folder.join(name)).find(executable))
        .ok_or_else(|| {
            Failure::wrong("redis-server is not installed, or not on the PATH")
                .help(format!("install it: {}", installing("redis")))
        })
}

/// The folder that has the five services: the one this program is in.
pub(crate) fn service_binaries() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe().map_err(|error| Failure::wrong(format!("cannot find myself: {error}")))?;
    let folder = own.parent().map(PathBuf::from).unwrap_or_default();
    let missing: Vec<_> = names().filter(|name| !folder.join(name).is_file()).collect();
    if missing.is_empty() {
        return Ok(folder);
    }
    Err(Failure::wrong(format!("not found beside coditect in {}: {}", folder.display(), missing.join(", ")))
        .help("build all of it: cargo build --workspace; or install the services into the same folder"))
}

/// What this machine does not allow of the confinement of commands; the executor is asked, which tries.
pub(crate) fn confinement(config: &SandboxConfig) -> Result<Option<Warning>, Failure> {
    #[derive(serde::Deserialize)]
    struct Found {
        missing: Vec<String>,
    }
    if config.mode == SandboxMode::Off {
        return Ok(None);
    }
    let executor = service_binaries()?.join("agent-executor");
    let output = Command::new(&executor).arg("run-probe").env_clear().stdin(Stdio::null()).output();
    let found = output.map(|output| serde_json::from_slice::<Found>(&output.stdout));
    let Ok(Ok(Found { missing })) = found else {
        return Err(Failure::wrong(format!("{} does not say what it can confine", executor.display()))
            .help("build all of it again, so that everything is of one version: cargo build --workspace"));
    };
    if missing.is_empty() {
        return Ok(None);
    }
    let found = format!("agents are not confined in full; this machine does not allow: {}", missing.join("; "));
    let cure = "docs/sandbox.md says how to allow it".to_owned();
    match config.mode {
        SandboxMode::Required => Err(Failure::wrong(found).help(cure)),
        SandboxMode::Auto | SandboxMode::Off => Ok(Some((found, cure))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cure_for_a_missing_redis_names_the_package_managers() {
        for word in ["apt-get install redis-server", "brew install redis", "dnf install redis"] {
            assert!(installing("redis").contains(word), "{word}");
        }
    }
}
