//! What git's refusals mean, and what to do about each.

use coditect_service::git::{GitError, redacted};

/// How much of what git said is repeated.
const SAID: usize = 300;

/// What git says when a credential is missing or wrong, or opens something else.
const ACCESS: [&str; 11] = [
    "Authentication failed",
    "Permission denied",
    "could not read Username",
    "could not read Password",
    "terminal prompts disabled",
    "Host key verification failed",
    "Repository not found",
    "returned error: 401",
    "returned error: 403",
    "does not appear to be a git repository",
    "Could not read from remote repository",
];

/// What git says when the other side takes the connection but not the commit.
const DECLINED: [&str; 3] = ["remote rejected", "hook declined", "protected branch"];

/// Why the repository cannot be read.
#[must_use]
pub fn unreachable(url: &str, error: &GitError) -> String {
    let (shown, said) = (redacted(url), said(url, error));
    let cure = match error {
        GitError::Spawn(_) => "install git",
        _ if error.is_transient() => "it is tried again; look at the network, and at the proxy if there is one",
        _ if has(error, &ACCESS) => {
            "look at `repository.path`, and give the sync-daemon a key or token that may read and push there \
             (GIT_SSH_COMMAND, GIT_ASKPASS; on Kubernetes `repository.sshSecret`)"
        }
        _ => "look at `repository.path`",
    };
    format!("the repository {shown} cannot be read ({said}); {cure}")
}

/// Why nothing can be pushed to the branch.
#[must_use]
pub fn refused(url: &str, branch: &str, error: &GitError) -> String {
    let said = said(url, error);
    let cure = if has(error, &["is currently checked out", "checked out branch"]) {
        "check out another branch there, name another in `plan.branch`, or set `plan.source` to \"working-tree\""
    } else if has(error, &DECLINED) {
        "let the sync-daemon's account push to it (branch protection, rules, hooks), or name another in `plan.branch`"
    } else if has(error, &ACCESS) {
        "give the sync-daemon a key or token that may push (GIT_SSH_COMMAND, GIT_ASKPASS; on Kubernetes \
         `repository.sshSecret`)"
    } else {
        "look at the repository"
    };
    format!("the branch `{branch}` does not take the commit ({said}); {cure}; it is tried again, less and less often")
}

/// Why the plan's branch cannot be found.
#[must_use]
pub fn no_branch(url: &str, branch: Option<&str>) -> String {
    let url = redacted(url);
    match branch {
        Some(branch) => format!(
            "the repository {url} has no branch `{branch}`; push the one that the plan is on, or correct `plan.branch`"
        ),
        None => format!(
            "the repository {url} has no default branch with a commit; push one, or name the plan's in `plan.branch`"
        ),
    }
}

/// Why the clone on this machine cannot be used.
#[must_use]
pub fn clone_broken(folder: &std::path::Path, why: &str) -> String {
    let folder = folder.display();
    format!(
        "the clone in {folder} cannot be used ({why}); let the user that runs the sync-daemon write there, make room on the disk"
    )
}

fn has(error: &GitError, signs: &[&str]) -> bool {
    matches!(error, GitError::Failed { stderr, .. } if signs.iter().any(|sign| stderr.contains(sign)))
}

/// What git said, on one line and without secrets. The command is not part of it: it has the URL.
fn said(url: &str, error: &GitError) -> String {
    match error {
        GitError::Failed { code, stderr, .. } => {
            let text = stderr.replace(url, &redacted(url));
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            match text.is_empty() {
                true => format!("git ended with exit code {code}"),
                false => text.chars().take(SAID).collect(),
            }
        }
        GitError::TimedOut { limit, .. } => format!("no answer within {} s", limit.as_secs()),
        GitError::Spawn(error) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(stderr: &str) -> GitError {
        GitError::Failed { command: "push https://me:hunter2@h/a.git".into(), code: 1, stderr: stderr.into() }
    }

    #[test]
    fn each_refusal_has_its_cure_and_shows_no_password() {
        let url = "https://me:hunter2@git.example.com/a.git";
        let protected = failed(&format!(
            "remote: error: GH006\nTo {url}\n ! [remote rejected] a -> main (protected branch hook declined)"
        ));
        let text = refused(url, "main", &protected);
        assert!(text.contains("branch protection") && text.contains("`main`") && !text.contains("hunter2"), "{text}");
        let text = unreachable(url, &failed("fatal: Authentication failed for 'https://git.example.com/a.git/'"));
        assert!(text.contains("GIT_ASKPASS") && !text.contains("hunter2"), "{text}");
        let text = unreachable(url, &failed("fatal: Could not resolve host: git.example.com"));
        assert!(text.contains("tried again") && text.contains("https://git.example.com/a.git"), "{text}");
        assert!(no_branch(url, Some("plans")).contains("`plan.branch`"));
    }

    #[test]
    fn only_names_and_passwords_are_taken_from_a_url() {
        assert_eq!(redacted("ssh://git@h:22/a@b.git"), "ssh://h:22/a@b.git");
        assert_eq!(redacted("git@h:team/a.git"), "git@h:team/a.git");
        assert_eq!(redacted("/srv/a.git"), "/srv/a.git");
    }
}
