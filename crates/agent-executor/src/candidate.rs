//! From what an agent left in its worktree to the one commit that may land.

use std::collections::BTreeMap;

use coditect_core::FailureClass;

use crate::git::GitError;
use crate::job::{Evidence, Failure, Job, MAX_FILES};
use crate::repository::Repository;
use crate::workspace::Folders;

/// The mode git gives a nested repository.
const GITLINK: &str = "160000";

/// A commit that may land, and the tree it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The commit.
    pub commit: String,
    /// Its tree.
    pub tree: String,
}

/// Everything the worktree differs in from the base, as ONE commit on the base; whether and what the agent committed
/// itself does not matter. Protected paths stay as they are in the base.
pub async fn squash(
    repository: &Repository,
    folders: &Folders,
    job: &Job,
    base: &str,
    evidence: &mut Evidence,
) -> Result<Candidate, Failure> {
    let git = repository.git();
    let is_folder = std::fs::symlink_metadata(&folders.worktree).is_ok_and(|meta| meta.is_dir());
    if !is_folder {
        return Err(Failure::new(FailureClass::AgentError, "the agent removed or replaced its own worktree"));
    }
    let add = folders.staging(repository, git.call(["add", "--all"])).work_tree(&folders.worktree);
    add.ok().await.map_err(|error| blame_agent("the files in the worktree could not be staged", &error))?;

    let mut changes = staged(repository, folders, base).await?;
    let protected: Vec<String> = changes.keys().filter(|path| is_protected(path, &job.protected)).cloned().collect();
    if !protected.is_empty() {
        restore(repository, folders, base, &protected).await?;
        evidence
            .notes
            .push(format!("the agent changed protected paths, which were put back: {}", protected.join(", ")));
        changes = staged(repository, folders, base).await?;
    }
    if let Some(path) = changes.iter().find(|(_, change)| change.nested).map(|(path, _)| path) {
        return Err(Failure::new(
            FailureClass::AgentError,
            format!(
                "`{path}` is a git repository inside the worktree; only a reference to it would land, not its files. Remove `{path}/.git`"
            ),
        ));
    }
    if changes.is_empty() {
        let message = "the agent ended without an error and changed nothing that could land";
        return Err(Failure::new(FailureClass::NoChange, message));
    }
    evidence.diff_stat = diff_stat(&changes);
    evidence.files = changes.keys().take(MAX_FILES).cloned().collect();

    let written = folders.staging(repository, git.call(["write-tree"])).ok().await;
    let tree = written.map_err(|error| blame_agent("the changes could not be committed", &error))?.trim().to_owned();
    commit(repository, folders, job, tree, base).await
}

/// What a commit changes, for the evidence: the sentence and the paths.
pub(crate) async fn describe(
    repository: &Repository,
    folders: &Folders,
    base: &str,
    commit: &str,
    evidence: &mut Evidence,
) -> Result<(), Failure> {
    let ask = ["diff-tree", "-r", "--no-renames", "--raw", "--numstat", "-z", base, commit];
    let listed = folders.staging(repository, repository.git().call(ask)).ok().await?;
    let changes = parse_changes(&listed);
    evidence.diff_stat = diff_stat(&changes);
    evidence.files = changes.keys().take(MAX_FILES).cloned().collect();
    Ok(())
}

/// The candidate's changes on top of another tip of the target branch, as a new commit; worktrees are not touched.
pub async fn rebase(
    repository: &Repository,
    folders: &Folders,
    job: &Job,
    candidate: &Candidate,
    base: &str,
    tip: &str,
) -> Result<Candidate, Failure> {
    let git = repository.git();
    let tip_tree = match repository.tree_after(job, base, tip) {
        Some(tree) => tree,
        None => tree_of_descendant(repository, folders, job, base, tip).await?,
    };
    let merge = ["merge-tree", "--write-tree", "--no-messages", "--name-only", "-z", tip, &candidate.commit];
    let merged = folders.staging(repository, git.call(merge)).answer().await?;
    let text = merged.text();
    let mut fields = text.split('\0').map(str::trim).filter(|field| !field.is_empty());
    let tree = fields.next().unwrap_or_default();
    match merged.code {
        0 => {}
        1 => {
            let files: Vec<_> = fields.collect();
            return Err(Failure::new(
                FailureClass::MergeConflict,
                format!(
                    "the result conflicts with what has landed on `{}` meanwhile, in: {}",
                    job.target_branch,
                    files.join(", ")
                ),
            ));
        }
        code => return Err(GitError::Failed { command: "merge-tree".to_owned(), code, stderr: merged.stderr }.into()),
    }
    if tree == tip_tree {
        let message = format!("everything the attempt changed is on `{}` already", job.target_branch);
        return Err(Failure::new(FailureClass::NoChange, message));
    }
    commit(repository, folders, job, tree.to_owned(), tip).await
}

/// Whether two tips of the target branch differ in nothing but protected paths: what was proved on one holds on the
/// other, as plan files are for people and say nothing of the result.
pub async fn only_plans_differ(
    repository: &Repository,
    folders: &Folders,
    job: &Job,
    one: &str,
    other: &str,
) -> Result<bool, Failure> {
    if one == other {
        return Ok(true);
    }
    let ask = ["diff-tree", "-r", "--no-renames", "--name-only", "-z", one, other];
    let listed = folders.staging(repository, repository.git().call(ask)).ok().await?;
    Ok(listed.split('\0').filter(|path| !path.is_empty()).all(|path| is_protected(path, &job.protected)))
}

/// The tree of the tip, if the tip has the base in its history. Where it has not, merging would bring back what the
/// rewriting took away.
async fn tree_of_descendant(
    repository: &Repository,
    folders: &Folders,
    job: &Job,
    base: &str,
    tip: &str,
) -> Result<String, Failure> {
    let ask = ["rev-parse".to_owned(), format!("{tip}^{{tree}}"), format!("{tip}...{base}")];
    let said = folders.staging(repository, repository.git().call(ask)).ok().await?;
    let mut lines = said.lines();
    let tree = lines.next().unwrap_or_default().to_owned();
    if lines.any(|line| line.strip_prefix('^') == Some(base)) {
        return Ok(tree);
    }
    Err(Failure::new(
        FailureClass::MergeConflict,
        format!(
            "the target branch `{}` was rewritten while the attempt ran: {base} is no part of it any more",
            job.target_branch
        ),
    ))
}

async fn commit(
    repository: &Repository,
    folders: &Folders,
    job: &Job,
    tree: String,
    parent: &str,
) -> Result<Candidate, Failure> {
    let call = repository.git().call(["commit-tree", "-p", parent, "-F", "-", &tree]).stdin(message(job));
    let commit = folders.staging(repository, signed(call, job)).ok().await?.trim().to_owned();
    Ok(Candidate { commit, tree })
}

/// The message of the commit: what people read, then what the system finds it by.
fn message(job: &Job) -> String {
    let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    format!(
        "{}: {}\n\nCoditect-Task: {}\nCoditect-Generation: {}\nCoditect-Attempt: {}\nCoditect-Agent: {}\n",
        line(&job.key),
        line(&job.title),
        job.task,
        job.generation,
        job.attempt_id,
        line(&job.agent)
    )
}

/// Gives a call the name that what it makes is signed with.
pub(crate) fn signed<'a>(call: crate::git::Call<'a>, job: &Job) -> crate::git::Call<'a> {
    let (name, email) = (&job.author.name, &job.author.email);
    call.env("GIT_AUTHOR_NAME", name)
        .env("GIT_AUTHOR_EMAIL", email)
        .env("GIT_COMMITTER_NAME", name)
        .env("GIT_COMMITTER_EMAIL", email)
}

fn blame_agent(what: &str, error: &GitError) -> Failure {
    Failure::new(FailureClass::AgentError, format!("{what}. {error}"))
}

/// What is staged of one path.
#[derive(Debug, Default, PartialEq, Eq)]
struct Change {
    added: u64,
    removed: u64,
    nested: bool,
}

async fn staged(repository: &Repository, folders: &Folders, base: &str) -> Result<BTreeMap<String, Change>, Failure> {
    let ask = ["diff-index", "--cached", "--no-renames", "--raw", "--numstat", "-z", base];
    let call = folders.staging(repository, repository.git().call(ask)).work_tree(&folders.worktree);
    Ok(parse_changes(&call.ok().await?))
}

fn parse_changes(text: &str) -> BTreeMap<String, Change> {
    let mut changes: BTreeMap<String, Change> = BTreeMap::new();
    let mut fields = text.split('\0').filter(|field| !field.is_empty());
    while let Some(field) = fields.next() {
        if let Some(raw) = field.strip_prefix(':') {
            let mut modes = raw.split(' ');
            let (old, new) = (modes.next(), modes.next());
            let Some(path) = fields.next() else { break };
            changes.entry(path.to_owned()).or_default().nested = new == Some(GITLINK) && old != new;
        } else {
            let mut parts = field.splitn(3, '\t');
            let (added, removed, path) = (parts.next(), parts.next(), parts.next());
            let change = changes.entry(path.unwrap_or_default().to_owned()).or_default();
            // Binary files have `-` for both.
            change.added = added.and_then(|n| n.parse().ok()).unwrap_or(0);
            change.removed = removed.and_then(|n| n.parse().ok()).unwrap_or(0);
        }
    }
    changes
}

fn diff_stat(changes: &BTreeMap<String, Change>) -> String {
    let count = |n: u64, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
    let mut parts = vec![count(changes.len() as u64, "file changed", "files changed")];
    let added = changes.values().map(|change| change.added).sum();
    let removed = changes.values().map(|change| change.removed).sum();
    if added > 0 {
        parts.push(count(added, "insertion(+)", "insertions(+)"));
    }
    if removed > 0 {
        parts.push(count(removed, "deletion(-)", "deletions(-)"));
    }
    parts.join(", ")
}

fn is_protected(path: &str, protected: &[String]) -> bool {
    protected.iter().any(|entry| {
        let entry = entry.trim_start_matches("./").trim_end_matches('/');
        let rest = path.strip_prefix(entry);
        // A folder the agent turned into a file stands in the way of what is protected in it.
        let in_the_way = entry.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        !entry.is_empty() && (in_the_way || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    })
}

/// Puts paths back in the index to what they are in the base; the worktree itself is not needed any more.
async fn restore(repository: &Repository, folders: &Folders, base: &str, paths: &[String]) -> Result<(), Failure> {
    let listed: String = paths.iter().map(|path| format!("{path}\0")).collect();
    let reset = ["--literal-pathspecs", "reset", "--quiet", "--pathspec-from-file=-", "--pathspec-file-nul", base];
    let call = folders.staging(repository, repository.git().call(reset)).stdin(listed).work_tree(&folders.worktree);
    call.ok().await.map(|_| ()).map_err(Failure::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_protected_with_its_folder_and_by_what_stands_in_its_way() {
        let protected = ["docs/PLAN.md".to_owned(), "./plans/".to_owned()];
        for path in ["docs/PLAN.md", "plans/a.md", "plans/x/y", "plans", "docs"] {
            assert!(is_protected(path, &protected), "{path}");
        }
        for path in ["docs/PLAN.md.bak", "docs/other", "plans2/a", "doc", "PLAN.md"] {
            assert!(!is_protected(path, &protected), "{path}");
        }
        assert!(!is_protected("a", &["".to_owned(), "./".to_owned()]));
    }

    #[test]
    fn changes_are_read_with_their_counts_and_nested_repositories() {
        let text = ":000000 100644 0 1 A\0a b.txt\0:100644 000000 1 0 D\0old\0:000000 160000 0 1 A\0sub\0\
                    2\t0\ta b.txt\0\
                    0\t1\told\0-\t-\tsub\0";
        let changes = parse_changes(text);
        assert_eq!(changes["a b.txt"], Change { added: 2, removed: 0, nested: false });
        assert!(changes["sub"].nested);
        assert_eq!(diff_stat(&changes), "3 files changed, 2 insertions(+), 1 deletion(-)");
    }
}
