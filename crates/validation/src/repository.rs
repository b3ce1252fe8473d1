//! What the repository says: which tasks landed, as which commits, in which order, and whether all of it is really
//! there.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use coditect_plan::PlanTask;

use crate::example::{BRANCH, PLAN, TARGET};

/// A commit on the target branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landed {
    /// The key of its task, by its trailer.
    pub key: String,
    /// The commit.
    pub commit: String,
}

/// Runs git in `folder`; answers what it prints.
///
/// # Errors
/// Git cannot be run, or fails.
pub fn git(folder: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(arguments).stdin(Stdio::null());
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"] {
        command.env_remove(variable);
    }
    let output = command.output().context("cannot run git")?;
    let what = arguments.first().copied().unwrap_or_default();
    ensure!(output.status.success(), "git {what} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The commits on the target branch, oldest first.
///
/// # Errors
/// Git fails, or a commit names no task.
pub fn landed(root: &Path) -> anyhow::Result<Vec<Landed>> {
    if git(root, &["for-each-ref", &format!("refs/heads/{TARGET}")])?.is_empty() {
        return Ok(Vec::new());
    }
    let format = "--format=%H %(trailers:key=Coditect-Task,valueonly,separator=%x2C)";
    let log = git(root, &["log", "--reverse", format, &format!("{BRANCH}..{TARGET}"), "--"])?;
    log.lines()
        .map(|line| {
            let (commit, task) = line.split_once(' ').unwrap_or((line, ""));
            let (_, key) = task.split_once('/').with_context(|| format!("commit {commit} names no task"))?;
            Ok(Landed { key: key.to_owned(), commit: commit.to_owned() })
        })
        .collect()
}

/// What is wrong about what landed: not what should have, twice, out of order, or not as its ref says.
///
/// # Errors
/// Git fails.
pub fn faults(root: &Path, tasks: &[PlanTask], landed: &[Landed], completed: &[String]) -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    let mut place = HashMap::new();
    for (at, Landed { key, .. }) in landed.iter().enumerate() {
        if place.insert(key.as_str(), at).is_some() {
            faults.push(format!("{key} landed twice"));
        }
    }
    for key in completed.iter().filter(|key| !place.contains_key(key.as_str())) {
        faults.push(format!("{key} is completed, and no commit names it"));
    }
    for key in place.keys().filter(|key| !completed.iter().any(|done| done == *key)) {
        faults.push(format!("{key} landed, and is not completed"));
    }
    let before: Vec<&str> = tasks.iter().filter(|task| done(task)).map(|task| task.key.as_str()).collect();
    for task in tasks {
        let Some(own) = place.get(task.key.as_str()) else { continue };
        for dependency in &task.dependencies {
            let on = dependency.key.as_str();
            if !before.contains(&on) && place.get(on).is_none_or(|other| other > own) {
                faults.push(format!("{} landed before {on}, which it depends on", task.key));
            }
        }
    }
    let refs = git(root, &["for-each-ref", "--format=%(objectname) %(refname)", "refs/coditect/landed/"])?;
    let mut named: Vec<(&str, &str)> = refs
        .lines()
        .filter_map(|line| {
            let (commit, name) = line.split_once(' ')?;
            let (task, _generation) = name.strip_prefix("refs/coditect/landed/")?.rsplit_once('/')?;
            Some((task.split_once('/')?.1, commit))
        })
        .collect();
    let mut made: Vec<(&str, &str)> = landed.iter().map(|l| (l.key.as_str(), l.commit.as_str())).collect();
    named.sort_unstable();
    made.sort_unstable();
    if named != made {
        faults.push(format!("{} refs of landed tasks do not name the {} commits", named.len(), made.len()));
    }
    let status = git(root, &["status", "--porcelain"])?;
    if status.trim_end() != format!(" M {PLAN}") && !status.is_empty() {
        faults.push(format!("the working tree was changed: {}", status.trim()));
    }
    if git(root, &["rev-list", "--count", BRANCH])?.trim() != "1"
        || git(root, &["branch", "--show-current"])?.trim() != BRANCH
    {
        faults.push(format!("{BRANCH} is not as it was, or not checked out"));
    }
    Ok(faults)
}

/// Whether a task was done before the system began.
#[must_use]
pub fn done(task: &PlanTask) -> bool {
    task.status == coditect_plan::MarkerStatus::Completed
}

/// Which verify commands of these tasks fail on a clean checkout of the target branch, as it is in the end.
///
/// # Errors
/// Git or the shell cannot be run.
pub fn unproved(root: &Path, tasks: &[PlanTask], keys: &[String]) -> anyhow::Result<Vec<String>> {
    let folder = tempfile::Builder::new().prefix("coditect-proof-").tempdir().context("no temporary folder")?;
    let tree = folder.path().join("tree");
    let text = |path: &Path| path.to_string_lossy().into_owned();
    git(root, &["clone", "--quiet", "--branch", TARGET, &text(root), &text(&tree)])?;
    let mut failing = Vec::new();
    for task in tasks.iter().filter(|task| keys.contains(&task.key)) {
        failing.extend(failing_of(&tree, task)?);
    }
    Ok(failing)
}

/// Which verify commands of a task fail in a folder.
///
/// # Errors
/// The shell cannot be run.
pub fn failing_of(tree: &Path, task: &PlanTask) -> anyhow::Result<Vec<String>> {
    let mut failing = Vec::new();
    for command in &task.verify {
        let mut shell = Command::new("sh");
        shell.args(["-ec", command]).current_dir(tree);
        let ran = shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !ran.context("cannot run sh")?.success() {
            failing.push(format!("{}: `{command}` fails", task.key));
        }
    }
    Ok(failing)
}
