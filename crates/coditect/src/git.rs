//! The little of git that the command line asks for itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;

/// The trailer of a landed commit that names its task.
pub(crate) const TASK_TRAILER: &str = "Coditect-Task";

/// A git working tree.
#[derive(Debug, Clone)]
pub(crate) struct Repository {
    /// Its top folder.
    pub(crate) root: PathBuf,
}

/// What git answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Whether git succeeded.
    pub(crate) ok: bool,
    /// What it printed.
    pub(crate) text: String,
    /// What it complained about.
    pub(crate) complaint: String,
}

/// Runs git in `folder`, whatever repository the caller's environment points to.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> Result<Answer, Failure> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(arguments).stdin(std::process::Stdio::null());
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"] {
        command.env_remove(variable);
    }
    let output = command.output().map_err(|error| {
        let failure = Failure::wrong(format!("cannot run git: {error}"));
        failure.help(format!("install git: {}", installing("git")))
    })?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    Ok(Answer { ok: output.status.success(), text: text(&output.stdout), complaint: text(&output.stderr) })
}

/// How to install a package on the systems people have.
pub(crate) fn installing(package: &str) -> String {
    let fedora = if package == "redis" { "sudo dnf install redis (or valkey)" } else { "sudo dnf install git" };
    let debian = if package == "redis" { "redis-server" } else { package };
    format!("sudo apt-get install {debian} (Debian, Ubuntu), brew install {package} (macOS), {fedora} (Fedora)")
}

impl Repository {
    /// The working tree that `folder` is in.
    pub(crate) fn find(folder: &Path) -> Result<Self, Failure> {
        if !folder.is_dir() {
            return Err(Failure::usage(format!("{} is not a folder", folder.display()))
                .help("name the repository with --repo PATH"));
        }
        let answer = git(folder, &["rev-parse", "--show-toplevel"])?;
        if !answer.ok || answer.text.is_empty() {
            let why = match answer.complaint.contains("not a git repository") {
                true => "is not in a git repository".to_owned(),
                false => format!("has no git working tree: {}", answer.complaint),
            };
            return Err(Failure::wrong(format!("{} {why}", folder.display())).help(
                "change into the repository or name it with --repo PATH; a new one: git init && git add -A && git commit -m Start",
            ));
        }
        let root = PathBuf::from(answer.text);
        Ok(Self { root: root.canonicalize().unwrap_or(root) })
    }

    fn ask(&self, arguments: &[&str]) -> Result<Answer, Failure> {
        git(&self.root, arguments)
    }

    /// The commit a revision names, if there is one.
    pub(crate) fn commit(&self, revision: &str) -> Result<Option<String>, Failure> {
        let answer = self.ask(&["rev-parse", "--verify", "--quiet", &format!("{revision}^{{commit}}")])?;
        Ok(answer.ok.then_some(answer.text).filter(|text| !text.is_empty()))
    }

    /// The branch that is checked out; empty where none is.
    pub(crate) fn branch(&self) -> Result<String, Failure> {
        Ok(self.ask(&["branch", "--show-current"])?.text)
    }

    /// How many files differ from the last commit, untracked ones included.
    pub(crate) fn uncommitted(&self) -> Result<usize, Failure> {
        Ok(self.ask(&["status", "--porcelain"])?.text.lines().count())
    }

    /// The working tree that has `branch` checked out, if any has.
    pub(crate) fn checked_out(&self, branch: &str) -> Result<Option<PathBuf>, Failure> {
        let listed = self.ask(&["worktree", "list", "--porcelain"])?.text;
        let wanted = format!("branch refs/heads/{branch}");
        let mut tree = None;
        for line in listed.lines() {
            if let Some(path) = line.strip_prefix("worktree ") {
                tree = Some(PathBuf::from(path));
            } else if line == wanted {
                return Ok(tree);
            }
        }
        Ok(None)
    }

    /// The tasks that landed in `range`, newest first, one for each commit with the trailer.
    pub(crate) fn landed(&self, range: &str) -> Result<Vec<String>, Failure> {
        let format = format!("--format=%(trailers:key={TASK_TRAILER},valueonly,separator=%x2C)");
        let answer = self.ask(&["log", &format, range, "--"])?;
        Ok(answer.text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
    }

    /// How many commits `range` has.
    pub(crate) fn count(&self, range: &str) -> Result<usize, Failure> {
        Ok(self.ask(&["rev-list", "--count", range, "--"])?.text.parse().unwrap_or(0))
    }
}
