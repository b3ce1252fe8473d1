//! The programs that do not come with Rust: how each is found, and what the package that brings it is called.

use std::env;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo::cargo;
use crate::install::Manager;

/// Streams with all that the queue asks of them came with this version.
const OLDEST_REDIS: u32 = 7;

/// The oldest Node.js that the tools of the dashboard run on.
const OLDEST_NODE: (u32, u32) = (20, 19);

/// Something that has to be on the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// Agents work in its worktrees.
    Git,
    /// Carries the queues.
    Redis,
    /// The database of a cluster; on one machine only tests ask for it.
    Postgres,
    /// `cargo fmt`
    Rustfmt,
    /// `cargo clippy`
    Clippy,
    /// Runs Helm's library, for checks of the chart.
    Python,
    /// Checks alert rules.
    Promtool,
    /// Builds the dashboard. Comes with npm.
    Node,
    /// Shows the dashboard in tests.
    Chromium,
}

/// Whether a tool is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// It can be used.
    Yes,
    /// It is not installed.
    No,
    /// It is installed and cannot be used, and why.
    Unfit(String),
}

impl Tool {
    /// What people call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Git => "git",
            Self::Redis => "redis-server",
            Self::Postgres => "PostgreSQL",
            Self::Rustfmt => "rustfmt",
            Self::Clippy => "clippy",
            Self::Python => "python3 with venv",
            Self::Promtool => "promtool",
            Self::Node => "Node.js",
            Self::Chromium => "chromium",
        }
    }

    /// Looks for it.
    pub(crate) fn find(self) -> Found {
        let found = |there: bool| if there { Found::Yes } else { Found::No };
        match self {
            Self::Git => found(in_path("git").is_some()),
            Self::Redis => in_path("redis-server").map_or(Found::No, |program| redis(&program)),
            Self::Postgres => found(postgres().is_some()),
            Self::Rustfmt => found(works(cargo(&["fmt", "--version"]))),
            Self::Clippy => found(works(cargo(&["clippy", "--version"]))),
            Self::Python => found(works(python())),
            Self::Promtool => found(in_path("promtool").is_some()),
            Self::Node => node(),
            Self::Chromium => found(in_path("chromium").is_some()),
        }
    }

    /// The packages that bring it, one choice after the other; none where this manager has none.
    pub(crate) const fn packages(self, manager: Manager) -> &'static [&'static [&'static str]] {
        match (self, manager) {
            (Self::Git, Manager::Apt | Manager::Dnf | Manager::Brew) => &[&["git"]],
            (Self::Redis, Manager::Apt) => &[&["redis-server"]],
            (Self::Redis, Manager::Dnf) => &[&["redis"], &["valkey", "valkey-compat-redis"]],
            (Self::Redis, Manager::Brew) => &[&["redis"]],
            (Self::Postgres, Manager::Apt) => &[&["postgresql"]],
            (Self::Postgres, Manager::Dnf) => &[&["postgresql-server"]],
            (Self::Postgres, Manager::Brew) => &[&["postgresql@17"]],
            (Self::Rustfmt, Manager::Rustup | Manager::Apt | Manager::Dnf) => &[&["rustfmt"]],
            (Self::Clippy, Manager::Rustup | Manager::Dnf) => &[&["clippy"]],
            (Self::Clippy, Manager::Apt) => &[&["rust-clippy"]],
            (Self::Python, Manager::Apt) => &[&["python3", "python3-venv"]],
            (Self::Python, Manager::Dnf | Manager::Brew) => &[&["python3"]],
            (Self::Promtool, Manager::Apt | Manager::Brew) => &[&["prometheus"]],
            (Self::Promtool, Manager::Dnf) => &[&["golang-github-prometheus"]],
            (Self::Node, Manager::Apt | Manager::Dnf) => &[&["nodejs", "npm"]],
            (Self::Node, Manager::Brew) => &[&["node"]],
            (Self::Chromium, Manager::Apt | Manager::Dnf | Manager::Brew) => &[&["chromium"]],
            (
                Self::Git | Self::Redis | Self::Postgres | Self::Python | Self::Promtool | Self::Node | Self::Chromium,
                Manager::Rustup,
            )
            | (Self::Rustfmt | Self::Clippy, Manager::Brew) => &[],
        }
    }
}

/// A program in `PATH`.
pub(crate) fn in_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| is_program(file))
}

/// The folder of PostgreSQL's programs: in `PATH`, or where packages put them, the newest first.
pub(crate) fn postgres() -> Option<PathBuf> {
    let complete =
        |folder: &PathBuf| ["initdb", "pg_ctl", "postgres"].iter().all(|name| is_program(&folder.join(name)));
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).find(complete).or_else(|| {
        let mut folders: Vec<_> = versions().into_iter().filter(|(_, folder)| complete(folder)).collect();
        folders.sort();
        folders.pop().map(|(_, folder)| folder)
    })
}

/// The folders that packages may have put PostgreSQL's programs in, each with its version.
fn versions() -> Vec<(u32, PathBuf)> {
    let places = [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/opt/homebrew/opt", "postgresql@"),
        ("/home/linuxbrew/.linuxbrew/opt", "postgresql@"),
        ("/usr/local/opt", "postgresql@"),
    ];
    let mut found = Vec::new();
    for (place, prefix) in places {
        for folder in std::fs::read_dir(place).into_iter().flatten().flatten() {
            let name = folder.file_name();
            let version = name.to_str().and_then(|name| name.strip_prefix(prefix)?.parse().ok());
            found.extend(version.map(|version| (version, folder.path().join("bin"))));
        }
    }
    found
}

fn redis(program: &Path) -> Found {
    let Ok(output) = Command::new(program).arg("--version").output() else { return Found::No };
    match major(&String::from_utf8_lossy(&output.stdout)) {
        Some(version) if version < OLDEST_REDIS => Found::Unfit(format!(
            "{} is version {version}; {OLDEST_REDIS}.0 or later is needed. Newer packages: \
             https://redis.io/docs/latest/operate/oss_and_stack/install/",
            program.display()
        )),
        _ => Found::Yes,
    }
}

fn node() -> Found {
    if in_path("npm").is_none() {
        return Found::No;
    }
    let Ok(output) = Command::new("node").arg("--version").output() else { return Found::No };
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let (major, minor) = OLDEST_NODE;
    match major_and_minor(&said) {
        Some(version) if version < OLDEST_NODE => Found::Unfit(format!(
            "Node.js is {said}; {major}.{minor} or later is needed. Newer packages: https://nodejs.org/en/download"
        )),
        _ => Found::Yes,
    }
}

/// The first two numbers of what `node --version` says: `v20.19.0`.
fn major_and_minor(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.strip_prefix('v')?.split('.').map(str::parse::<u32>);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// The first number of what `redis-server --version` says: `Redis server v=7.0.15 sha=…`.
fn major(said: &str) -> Option<u32> {
    let version = said.split_whitespace().find_map(|word| word.strip_prefix("v="))?;
    version.split('.').next()?.parse().ok()
}

/// A Python that makes virtual environments, and is new enough for what is put into them.
fn python() -> Command {
    let mut command = Command::new("python3");
    command.args(["-c", "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))"]);
    command
}

fn works(mut command: Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

fn is_program(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read() {
        assert_eq!(major("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64"), Some(7));
        assert_eq!(major("Valkey server v=8.1.0 sha=0"), Some(8));
        assert_eq!(major("Redis server version 2.4"), None);
    }

    #[test]
    fn the_version_of_node_is_read_and_compared_by_number() {
        assert_eq!(major_and_minor("v20.19.0"), Some(OLDEST_NODE));
        assert!(major_and_minor("v20.9.0") < Some(OLDEST_NODE));
        assert!(major_and_minor("v22.1.0-nightly") > Some(OLDEST_NODE));
        assert_eq!(major_and_minor("20.19"), None);
    }

    #[test]
    fn every_manager_of_systems_has_the_servers() {
        for manager in [Manager::Apt, Manager::Dnf, Manager::Brew] {
            for tool in [Tool::Git, Tool::Redis, Tool::Postgres, Tool::Node] {
                assert!(!tool.packages(manager).is_empty(), "{} with {manager:?}", tool.name());
            }
        }
    }
}
