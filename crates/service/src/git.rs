//! The one place that runs `git`: with an environment of its own, no configuration but ours, no hooks, no prompts,
//! and a time limit.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Settings every call is given, so that neither a repository nor a machine can change what a call does.
const SETTINGS: [&str; 15] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.quotePath=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "commit.gpgSign=false",
    "push.gpgSign=false",
    "diff.ignoreSubmodules=dirty",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "protocol.ext.allow=never",
    "pack.threads=1",
    "advice.detachedHead=false",
    "safe.directory=*",
];

/// The variables by which git, and ssh below it, find credentials, certificates and proxies.
const ACCESS: [&str; 13] = [
    "GIT_ASKPASS",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "SSH_AUTH_SOCK",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "HTTPS_PROXY",
    "https_proxy",
    "http_proxy",
    "ALL_PROXY",
    "NO_PROXY",
    "no_proxy",
];

/// What this process's environment says of how remote repositories are reached.
#[must_use]
pub fn access() -> Vec<(OsString, OsString)> {
    ACCESS.iter().filter_map(|name| Some(((*name).into(), std::env::var_os(name)?))).collect()
}

/// How long a call may take that only touches this machine.
const LOCAL_LIMIT: Duration = Duration::from_secs(10 * 60);

/// How much of what git said on its standard error an error repeats.
const STDERR_TAIL: usize = 2_000;

/// Runs git. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Git {
    env: Vec<(OsString, OsString)>,
}

/// Why a git command gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The program could not be started.
    #[error("git could not be started; is it installed and on PATH?")]
    Spawn(#[source] std::io::Error),
    /// It ended with an error.
    #[error("`git {command}` failed with exit code {code}: {stderr}")]
    Failed {
        /// The command and its arguments.
        command: String,
        /// Its exit code; -1 if a signal ended it.
        code: i32,
        /// The end of what it said on its standard error.
        stderr: String,
    },
    /// It took too long and was killed.
    #[error("`git {command}` did not end within {} s", limit.as_secs())]
    TimedOut {
        /// The command and its arguments.
        command: String,
        /// The limit it broke.
        limit: Duration,
    },
}

impl GitError {
    /// Whether the failure looks like a network that is down for now, and not like something to mend.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        // git's own, those of libcurl (two spellings) and of ssh.
        const SIGNS: [&str; 16] = [
            "Could not resolve host",
            "Couldn't connect to server",
            "Could not connect to server",
            "Failed to connect to",
            "No route to host",
            "Connection closed by",
            "hung up unexpectedly",
            "Connection refused",
            "Connection reset",
            "Connection timed out",
            "Operation timed out",
            "Network is unreachable",
            "early EOF",
            "unexpected disconnect",
            "The requested URL returned error: 5",
            "The requested URL returned error: 429",
        ];
        match self {
            Self::TimedOut { .. } => true,
            Self::Failed { stderr, .. } => SIGNS.iter().any(|sign| stderr.contains(sign)),
            Self::Spawn(_) => false,
        }
    }
}

/// What a git command answered.
#[derive(Debug)]
pub struct Answer {
    /// Its exit code; -1 if a signal ended it.
    pub code: i32,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// The end of what it said on its standard error.
    pub stderr: String,
}

impl Answer {
    /// What it printed, as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// One git command about to run.
#[derive(Debug)]
pub struct Call<'a> {
    git: &'a Git,
    args: Vec<OsString>,
    dir: Option<&'a Path>,
    git_dir: Option<&'a Path>,
    work_tree: Option<&'a Path>,
    index: Option<&'a Path>,
    objects: Option<(&'a Path, &'a Path)>,
    env: Vec<(&'static str, String)>,
    stdin: Option<Vec<u8>>,
    limit: Duration,
}

impl Git {
    /// A git that keeps its own files in `home` and sees of this process's environment only `PATH`. What a remote
    /// needs to be reached goes into `extra`: see [`access`].
    #[must_use]
    pub fn new(home: &Path, extra: &[(OsString, OsString)]) -> Self {
        let mut env: Vec<(OsString, OsString)> = [
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_EDITOR", "true"),
            ("LC_ALL", "C"),
        ]
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
        env.push(("HOME".into(), home.into()));
        if let Some(path) = std::env::var_os("PATH") {
            env.push(("PATH".into(), path));
        }
        env.extend(extra.iter().cloned());
        Self { env }
    }

    /// A command, ready to be run.
    pub fn call<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Call<'_> {
        Call {
            git: self,
            args: args.into_iter().map(|arg| arg.as_ref().to_owned()).collect(),
            dir: None,
            git_dir: None,
            work_tree: None,
            index: None,
            objects: None,
            env: Vec::new(),
            stdin: None,
            limit: LOCAL_LIMIT,
        }
    }
}

impl<'a> Call<'a> {
    /// Runs in this folder.
    #[must_use]
    pub const fn dir(mut self, dir: &'a Path) -> Self {
        self.dir = Some(dir);
        self
    }

    /// Works on this git directory, and looks for no other.
    #[must_use]
    pub const fn git_dir(mut self, git_dir: &'a Path) -> Self {
        self.git_dir = Some(git_dir);
        self
    }

    /// Works on these files.
    #[must_use]
    pub const fn work_tree(mut self, work_tree: &'a Path) -> Self {
        self.work_tree = Some(work_tree);
        self
    }

    /// Works on this index instead of the git directory's own.
    #[must_use]
    pub const fn index(mut self, index: &'a Path) -> Self {
        self.index = Some(index);
        self
    }

    /// Writes objects to the first folder and reads them from both.
    #[must_use]
    pub const fn objects(mut self, own: &'a Path, borrowed: &'a Path) -> Self {
        self.objects = Some((own, borrowed));
        self
    }

    /// Sees this variable.
    #[must_use]
    pub fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    /// Reads this on its standard input.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// May take this long.
    #[must_use]
    pub const fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs it; ending with an error is an error.
    pub async fn ok(self) -> Result<String, GitError> {
        let command = self.describe();
        let answer = self.answer().await?;
        if answer.code == 0 {
            Ok(answer.text())
        } else {
            Err(GitError::Failed { command, code: answer.code, stderr: answer.stderr })
        }
    }

    /// Runs it; the exit code is part of the answer. Dropping the future kills it.
    pub async fn answer(self) -> Result<Answer, GitError> {
        let described = self.describe();
        let mut command = Command::new("git");
        command.env_clear().envs(self.git.env.iter().map(|(name, value)| (name, value))).kill_on_drop(true);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        command.stdin(if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        for (name, value) in
            [("GIT_DIR", self.git_dir), ("GIT_WORK_TREE", self.work_tree), ("GIT_INDEX_FILE", self.index)]
        {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        if let Some((own, borrowed)) = self.objects {
            command.env("GIT_OBJECT_DIRECTORY", own).env("GIT_ALTERNATE_OBJECT_DIRECTORIES", c_quoted(borrowed));
        }
        if let Some(dir) = self.dir.or(self.work_tree).or(self.git_dir) {
            command.current_dir(dir);
        }
        for setting in SETTINGS {
            command.arg("-c").arg(setting);
        }
        command.args(&self.args);

        let mut child = command.spawn().map_err(GitError::Spawn)?;
        let id = child.id();
        let pipe = child.stdin.take();
        let bytes = self.stdin;
        let feed = async move {
            if let (Some(mut pipe), Some(bytes)) = (pipe, bytes) {
                // A git that ends without reading everything says why by its exit code.
                let _ = pipe.write_all(&bytes).await;
            }
        };
        let both = async { tokio::join!(feed, child.wait_with_output()).1 };
        let mut group = Group(id.and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw));
        let output = match tokio::time::timeout(self.limit, both).await {
            Ok(output) => {
                group.0 = None;
                output.map_err(GitError::Spawn)?
            }
            Err(_) => return Err(GitError::TimedOut { command: described, limit: self.limit }),
        };
        Ok(Answer {
            code: output.status.code().unwrap_or(-1),
            stdout: output.stdout,
            stderr: redacted(tail(String::from_utf8_lossy(&output.stderr).trim(), STDERR_TAIL)),
        })
    }

    fn describe(&self) -> String {
        let words: Vec<_> = self.args.iter().map(|arg| arg.to_string_lossy()).collect();
        redacted(&words.join(" "))
    }
}

/// The text, where URLs have lost the name and the password in them: they may be somebody's token.
#[must_use]
pub fn redacted(text: &str) -> String {
    let mut parts = text.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let ends = |c: char| c == '/' || c.is_whitespace() || matches!(c, '\'' | '"' | '`');
        let (authority, rest) = part.split_at(part.find(ends).unwrap_or(part.len()));
        shown.push_str("://");
        shown.push_str(authority.rsplit_once('@').map_or(authority, |(_, host)| host));
        shown.push_str(rest);
    }
    shown
}

/// A git that has not ended, with the programs it has started; killed when dropped.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            let _ = killpg(leader, Signal::SIGKILL);
        }
    }
}

/// A path as git reads it from a list that `:` separates.
fn c_quoted(path: &Path) -> OsString {
    let mut quoted = OsString::from("\"");
    quoted.push(path.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\""));
    quoted.push("\"");
    quoted
}

/// The last `bytes` bytes of a text, cut at a character.
#[must_use]
pub fn tail(text: &str, bytes: usize) -> &str {
    let mut from = text.len().saturating_sub(bytes);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_passwords_in_urls_are_not_repeated() {
        let said = "git push https://x:to@ken@host/o/n.git refused: 'https://me@host', ssh://git@h:22/a, git@host:o/n";
        let shown = "git push https://host/o/n.git refused: 'https://host', ssh://h:22/a, git@host:o/n";
        assert_eq!(redacted(said), shown);
        assert_eq!(redacted("a://"), "a://");
    }

    #[tokio::test]
    async fn an_error_does_not_repeat_the_password_of_a_url_and_is_transient_where_nobody_answers() {
        let home = tempfile::tempdir().unwrap();
        let git = Git::new(home.path(), &[]);
        let call = git.call(["ls-remote", "http://ann:secret@127.0.0.1:1/a.git"]);
        let error = call.dir(home.path()).ok().await.unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(said.contains("127.0.0.1:1") && !said.contains("secret") && !said.contains("ann"), "{said}");
        assert!(error.is_transient(), "{said}");
    }

    #[tokio::test]
    async fn an_error_names_the_command_its_code_and_what_it_said() {
        let home = tempfile::tempdir().unwrap();
        let error =
            Git::new(home.path(), &[]).call(["cat-file", "-e", "nonsense"]).dir(home.path()).ok().await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("cat-file -e nonsense") && text.contains("128") && text.contains("not a git"), "{text}");
        assert!(!error.is_transient());
    }

    #[tokio::test]
    async fn a_command_that_takes_too_long_is_killed_with_what_it_started() {
        let home = tempfile::tempdir().unwrap();
        let git = Git::new(home.path(), &[]);
        let file = home.path().join("pid");
        let alias = format!("alias.wait=!echo $$ > {}; exec sleep 60", file.display());
        let error = git.call(["-c", &alias, "wait"]).limit(Duration::from_millis(500)).ok().await;
        assert!(matches!(error, Err(GitError::TimedOut { .. })), "{error:?}");
        let pid = std::fs::read_to_string(file).unwrap();
        // A zombie has no command line; who reaps it is not our business.
        let alive = || std::fs::read(format!("/proc/{}/cmdline", pid.trim())).is_ok_and(|words| !words.is_empty());
        let until = std::time::Instant::now() + Duration::from_secs(10);
        while alive() {
            assert!(std::time::Instant::now() < until, "{pid} is still running");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_tail_is_cut_at_a_character() {
        assert_eq!(tail("aä", 1), "");
        assert_eq!(tail("aä", 2), "ä");
        assert_eq!(tail("aä", 10), "aä");
    }
}
