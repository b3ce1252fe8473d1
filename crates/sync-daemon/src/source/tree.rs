//! What is in the clone: files of a commit, and commits that change one of them.
//!
//! Content is read from blobs and written as blobs, so that no attribute or setting changes a byte of it.

use coditect_service::git::{Answer, GitError};

use super::clone::PlanClone;

/// How many symbolic links lead to a file at most.
const MAX_LINKS: usize = 8;

/// The name and address that commits carry.
const NAME: &str = "coditect";
const EMAIL: &str = "coditect@localhost";

/// A file on the branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path; another than was asked for, if that is a symbolic link.
    pub path: String,
    /// Its mode: `100644`, or `100755` if it is executable.
    pub mode: String,
    /// Its blob.
    pub blob: String,
}

impl PlanClone {
    /// The file at a path; nothing if there is none.
    ///
    /// # Errors
    /// The clone is broken.
    pub async fn entry(&self, commit: &str, path: &str) -> Result<Option<Entry>, GitError> {
        let mut path = path.to_owned();
        for _ in 0..MAX_LINKS {
            // The path and every folder on the way to it, any of which may be a link.
            let ways = path.match_indices('/').map(|(at, _)| &path[..at]).chain([path.as_str()]);
            let ask = ["--literal-pathspecs", "ls-tree", "-z", "-t", "--full-tree", commit, "--"];
            let listed = self.here(ask.into_iter().chain(ways)).ok().await?;
            let mut next = None;
            for line in listed.split('\0') {
                let Some((about, at)) = line.split_once('\t') else { continue };
                let mut about = about.split(' ');
                let (Some(mode), _, Some(blob)) = (about.next(), about.next(), about.next()) else { continue };
                if mode == "120000" {
                    let target = String::from_utf8_lossy(&self.content(blob).await?).into_owned();
                    next = linked(at, &target).map(|target| format!("{target}{}", path.strip_prefix(at).unwrap_or("")));
                    break;
                }
                if at == path && mode.starts_with("100") {
                    return Ok(Some(Entry { path, mode: mode.to_owned(), blob: blob.to_owned() }));
                }
            }
            match next {
                Some(next) => path = next,
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// The bytes of a blob.
    ///
    /// # Errors
    /// The clone is broken.
    pub async fn content(&self, blob: &str) -> Result<Vec<u8>, GitError> {
        let Answer { code, stdout, stderr } = self.here(["cat-file", "blob", blob]).answer().await?;
        match code {
            0 => Ok(stdout),
            _ => Err(GitError::Failed { command: format!("cat-file blob {blob}"), code, stderr }),
        }
    }

    /// The paths of all files of a commit.
    ///
    /// # Errors
    /// The clone is broken.
    pub async fn list(&self, commit: &str) -> Result<Vec<String>, GitError> {
        let listed = self.here(["ls-tree", "-r", "-z", "--full-tree", "--name-only", commit]).ok().await?;
        Ok(listed.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
    }

    /// Makes a commit on `tip` in which the file of `entry` has other content, and nothing else differs. It is nowhere
    /// but in the clone, and no ref leads to it.
    ///
    /// # Errors
    /// The clone is broken, or the disk is full.
    pub async fn commit(&self, tip: &str, entry: &Entry, new: &str, message: &str) -> Result<String, GitError> {
        let hash = self.here(["hash-object", "-w", "--no-filters", "--stdin"]).stdin(new);
        let blob = hash.ok().await?;
        let scratch = tempfile::tempdir_in(self.data()).map_err(GitError::Spawn)?;
        let index = scratch.path().join("index");
        self.here(["read-tree", tip]).index(&index).ok().await?;
        let line = format!("{} {}\t{}\0", entry.mode, blob.trim(), entry.path);
        self.here(["update-index", "-z", "--index-info"]).index(&index).stdin(line).ok().await?;
        let tree = self.here(["write-tree"]).index(&index).ok().await?;
        let call = self.here(["commit-tree", "-p", tip, "-F", "-", tree.trim()]).stdin(message);
        let call = call.env("GIT_AUTHOR_NAME", NAME).env("GIT_AUTHOR_EMAIL", EMAIL);
        let commit = call.env("GIT_COMMITTER_NAME", NAME).env("GIT_COMMITTER_EMAIL", EMAIL).ok().await?;
        Ok(commit.trim().to_owned())
    }
}

/// Where a symbolic link at `at` leads to, within the repository.
fn linked(at: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = at.rsplit_once('/').map_or(Vec::new(), |(folder, _)| folder.split('/').collect());
    if target.starts_with('/') {
        return None;
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/")).filter(|path| !path.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_followed_within_the_repository_and_not_out_of_it() {
        assert_eq!(linked("docs/PLAN.md", "../plans/a.md").as_deref(), Some("plans/a.md"));
        assert_eq!(linked("PLAN.md", "./docs//PLAN.md").as_deref(), Some("docs/PLAN.md"));
        assert_eq!(linked("PLAN.md", "../PLAN.md"), None);
        assert_eq!(linked("PLAN.md", "/etc/passwd"), None);
    }
}
