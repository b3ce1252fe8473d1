//! The programs of agents: where they are, and which versions the executor knows to work.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::process::Command;
use tokio::sync::{Mutex, OnceCell};

use crate::job::Failure;

/// How long a program may take to say its version. Those that are scripts take a second on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A version: its first three numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub [u64; 3]);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([major, minor, patch]) = self;
        write!(f, "{major}.{minor}.{patch}")
    }
}

impl Version {
    /// The first word of a text that is one: `codex-cli 0.169.0`, `2.1.330 (Claude Code)`.
    #[must_use]
    pub fn find(text: &str) -> Option<Self> {
        text.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',')).find_map(|word| {
            let mut parts = word.trim_start_matches('v').splitn(3, '.');
            let mut next = || {
                let part = parts.next()?;
                let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
                part.get(..digits)?.parse().ok()
            };
            Some(Self([next()?, next()?, next()?]))
        })
    }
}

/// What is known of an agent's program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Program<'a> {
    /// The runtime's name in the configuration.
    pub name: &'static str,
    /// What the configuration says it is: a name in `PATH`, or a path.
    pub command: &'a str,
    /// The oldest version that is known to work, and to keep a repository's own settings out.
    pub minimum: Version,
}

/// A program's file, and when it was written.
type Written = (PathBuf, SystemTime);

/// What a program has answered, once it has.
type Answered = Arc<OnceCell<Option<Version>>>;

/// The versions of programs that were asked. A program that is replaced is asked again. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Versions {
    known: Arc<Mutex<HashMap<Written, Answered>>>,
}

impl Versions {
    /// The program's version, if it is new enough; none where it does not say one.
    ///
    /// # Errors
    /// It is too old.
    pub async fn check(&self, program: Program<'_>, host_env: &[(String, String)]) -> Result<Option<Version>, Failure> {
        let file = PathBuf::from(find(program.command, host_env));
        // One that is not there is told by its start.
        let Ok(modified) = file.metadata().and_then(|file| file.modified()) else { return Ok(None) };
        let key = (file, modified);
        let asked = Arc::clone(self.known.lock().await.entry(key.clone()).or_default());
        let version = *asked.get_or_init(|| ask(&key.0, host_env)).await;
        match version {
            Some(version) if version < program.minimum => Err(Failure::config(format!(
                "{} is version {version} of {}, and {} is the oldest that is known to work: update it",
                key.0.display(),
                program.name,
                program.minimum
            ))),
            version => Ok(version),
        }
    }
}

/// Asks a program for its version, in an empty folder: nothing of a repository decides what it does. Nothing of the executor's environment is
/// shown to it but `PATH`.
async fn ask(file: &Path, host_env: &[(String, String)]) -> Option<Version> {
    let empty = tempfile::tempdir().ok()?;
    let mut command = Command::new(file);
    command.arg("--version").env_clear().env("HOME", empty.path()).current_dir(empty.path());
    command.envs(host_env.iter().filter(|(name, _)| name == "PATH").cloned());
    command.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(LIMIT, command.output()).await.ok()?.ok()?;
    Version::find(&String::from_utf8_lossy(&output.stdout))
}

/// The program's absolute path, where the executor's `PATH` has it.
pub(super) fn find(name: &str, host_env: &[(String, String)]) -> String {
    if name.contains('/') {
        // The run begins in another folder than the executor.
        return std::path::absolute(name).map_or_else(|_| name.to_owned(), |path| path.to_string_lossy().into_owned());
    }
    let path = host_env.iter().find(|(variable, _)| variable == "PATH").map_or("", |(_, value)| value.as_str());
    let found = std::env::split_paths(path).map(|folder| folder.join(name)).find(|file| file.is_file());
    found.map_or_else(|| name.to_owned(), |file| file.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        for (said, version) in [
            ("2.1.330 (Claude Code)\n", Some([2, 1, 330])),
            ("codex-cli 0.169.0", Some([0, 169, 0])),
            ("v0.61.0-nightly.2", Some([0, 61, 0])),
            ("1.18", None),
            ("an error", None),
            ("", None),
        ] {
            assert_eq!(Version::find(said), version.map(Version), "{said}");
        }
        assert!(Version([0, 169, 0]) < Version([0, 170, 0]) && Version([2, 0, 0]) > Version([1, 99, 99]));
    }

    #[tokio::test]
    async fn a_program_that_is_too_old_is_refused_and_one_that_says_nothing_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let program = |name: &str, said: &str| {
            let file = dir.path().join(name);
            std::fs::write(&file, format!("#!/bin/sh\necho '{said}'\n")).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
            file.to_string_lossy().into_owned()
        };
        let versions = Versions::default();
        let check = async |command: &str| {
            let program = Program { name: "codex", command, minimum: Version([0, 169, 0]) };
            versions.check(program, &[("PATH".to_owned(), "/usr/bin:/bin".to_owned())]).await
        };
        let old = check(&program("old", "codex-cli 0.99.0")).await.unwrap_err();
        assert!(old.message.contains("0.99.0") && old.message.contains("0.169.0"), "{old}");
        assert_eq!(check(&program("new", "codex-cli 1.0.0")).await, Ok(Some(Version([1, 0, 0]))));
        assert_eq!(check(&program("mute", "")).await, Ok(None));
        assert_eq!(check("/nowhere/codex").await, Ok(None));
    }
}
