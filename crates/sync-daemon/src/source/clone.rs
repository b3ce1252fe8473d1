//! The daemon's own bare clone of the plan's branch, and what is done in it: fetch, read, make a commit, push.
//!
//! Nothing is ever checked out, so that no attribute or setting changes a byte: content is read from blobs and written
//! as blobs. The clone has the branch's tip and no history; it can be lost at any time, and is then made anew.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use coditect_service::git::{self, Answer, Call, Git, GitError};

use super::trouble;

/// Where the tip of the plan's branch is kept.
const TIP: &str = "refs/coditect/plan";

/// How long talking to the repository may take.
const REMOTE_LIMIT: Duration = Duration::from_secs(60);

/// How many symbolic links lead to a file at most.
const MAX_LINKS: usize = 8;

/// The name and address that commits carry.
const NAME: &str = "coditect";
const EMAIL: &str = "coditect@localhost";

/// The clone.
#[derive(Debug)]
pub struct PlanClone {
    git: Git,
    data: PathBuf,
    folder: PathBuf,
    url: String,
    branch: Option<String>,
    /// The branch that is made from the default one where it is missing.
    made: String,
}

/// Where the plan's branch stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tip {
    /// The branch.
    pub branch: String,
    /// Its commit.
    pub commit: String,
}

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
    /// A clone of the repository at `url` (a path or a URL) in the folder `data`; nothing is done yet. Without a
    /// `branch`, the repository's default one is followed. The branch `made` is made from that if it is missing.
    #[must_use]
    pub fn new(data: &Path, url: &str, branch: Option<&str>, made: &str) -> Self {
        let url = match std::path::absolute(url) {
            Ok(path) if path.is_dir() => path.to_string_lossy().into_owned(),
            _ => url.to_owned(),
        };
        Self {
            git: Git::new(&data.join("git-home"), &git::access()),
            data: data.to_path_buf(),
            folder: data.join("plan.git"),
            url,
            branch: branch.map(str::to_owned),
            made: made.to_owned(),
        }
    }

    /// The repository that it is a clone of.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The clone's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Brings the tip of the branch here; of `known`, nothing is transferred.
    ///
    /// # Errors
    /// What is wrong, with the cure.
    pub async fn fetch(&self, known: Option<&Tip>) -> Result<Tip, String> {
        std::fs::create_dir_all(&self.data).map_err(|error| trouble::clone_broken(&self.data, &error.to_string()))?;
        let tip = self.look().await?;
        if known == Some(&tip) {
            return Ok(tip);
        }
        let first = match self.transfer(&tip).await {
            Ok(commit) => return Ok(Tip { commit, ..tip }),
            Err(error) if error.is_transient() => return Err(trouble::unreachable(&self.url, &error)),
            Err(error) => error,
        };
        // The repository answers; so it is the clone.
        tracing::warn!(cause = %first, folder = %self.folder.display(), "the clone of the plan is made anew");
        self.remove().map_err(|error| trouble::clone_broken(&self.folder, &error.to_string()))?;
        let commit = self.transfer(&tip).await.map_err(|error| trouble::unreachable(&self.url, &error))?;
        Ok(Tip { commit, ..tip })
    }

    /// Removes the clone; the next [`fetch`](Self::fetch) makes it anew.
    ///
    /// # Errors
    /// The folder cannot be removed.
    pub fn remove(&self) -> std::io::Result<()> {
        match std::fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Throws away what old tips have left.
    pub async fn tidy(&self) {
        if let Err(error) = self.here(["gc", "--quiet", "--prune=now"]).ok().await {
            tracing::debug!(%error, "the clone of the plan could not be tidied");
        }
    }

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
        let scratch = tempfile::tempdir_in(&self.data).map_err(GitError::Spawn)?;
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

    /// Moves the branch from `tip` to `commit`, if it still is there.
    ///
    /// # Errors
    /// It is not, or the repository refuses it, or does not answer.
    pub async fn push(&self, tip: &Tip, commit: &str) -> Result<(), GitError> {
        let name = format!("refs/heads/{}", tip.branch);
        self.push_to(&name, &tip.commit, commit).await?;
        self.here(["update-ref", TIP, commit]).ok().await.map(|_| ())
    }

    async fn push_to(&self, name: &str, expected: &str, commit: &str) -> Result<(), GitError> {
        let mut args = vec!["push".to_owned(), "--quiet".to_owned(), "--no-verify".to_owned()];
        if self.is_here() {
            let settings = "-c core.hooksPath=/dev/null -c 'safe.directory=*' -c receive.denyCurrentBranch=refuse";
            args.push(format!("--receive-pack=git {settings} receive-pack"));
        }
        args.push(format!("--force-with-lease={name}:{expected}"));
        args.extend(["--".to_owned(), self.url.clone(), format!("{commit}:{name}")]);
        self.here(args).limit(REMOTE_LIMIT).ok().await.map(|_| ())
    }

    /// Asks the repository where the branch is.
    async fn look(&self) -> Result<Tip, String> {
        let unreachable = |error: GitError| trouble::unreachable(&self.url, &error);
        let name = self.branch.as_ref().map(|branch| format!("refs/heads/{branch}"));
        let mut args = vec!["ls-remote".to_owned(), "--quiet".to_owned(), "--symref".to_owned()];
        args.extend(self.upload_pack());
        args.extend(["--".to_owned(), self.url.clone(), "HEAD".to_owned()]);
        args.extend(name.clone());
        let said = self.git.call(args).dir(&self.data).limit(REMOTE_LIMIT).ok().await.map_err(unreachable)?;
        let listed: Vec<_> = said.lines().filter_map(|line| line.split_once('\t')).collect();
        let at = |wanted: &str| listed.iter().find(|(oid, at)| *at == wanted && !oid.starts_with("ref: "));
        let head = at("HEAD").map(|(commit, _)| (*commit).to_owned());
        if let (Some(branch), Some(name)) = (&self.branch, name) {
            return match at(&name) {
                Some((commit, _)) => Ok(Tip { branch: branch.clone(), commit: (*commit).to_owned() }),
                None if *branch == self.made => self.make(branch, &name, head).await,
                None => Err(trouble::no_branch(&self.url, Some(branch))),
            };
        }
        let branch =
            listed.iter().find_map(|(leads, at)| leads.strip_prefix("ref: refs/heads/").filter(|_| *at == "HEAD"));
        match (branch, head) {
            (Some(branch), Some(commit)) => Ok(Tip { branch: branch.to_owned(), commit }),
            _ => Err(trouble::no_branch(&self.url, None)),
        }
    }

    /// Makes the branch that work lands on from the default one, as executors do.
    async fn make(&self, branch: &str, name: &str, head: Option<String>) -> Result<Tip, String> {
        let Some(commit) = head else { return Err(trouble::no_branch(&self.url, None)) };
        let made = async {
            self.init(&commit).await?;
            self.bring("HEAD").await?;
            self.push_to(name, "", &commit).await
        };
        match made.await {
            Ok(()) => Ok(Tip { branch: branch.to_owned(), commit }),
            // Somebody else may just have made it: the next look finds it.
            Err(error) => Err(trouble::refused(&self.url, branch, &error)),
        }
    }

    /// Fetches the branch.
    async fn transfer(&self, tip: &Tip) -> Result<String, GitError> {
        self.init(&tip.commit).await?;
        self.bring(&format!("refs/heads/{}", tip.branch)).await?;
        let commit = self.here(["rev-parse", "--verify", TIP]).ok().await?;
        Ok(commit.trim().to_owned())
    }

    async fn bring(&self, from: &str) -> Result<(), GitError> {
        let mut args = vec!["fetch".to_owned(), "--quiet".to_owned(), "--no-tags".to_owned(), "--depth=1".to_owned()];
        args.push("--no-write-fetch-head".to_owned());
        args.extend(self.upload_pack());
        args.extend(["--".to_owned(), self.url.clone(), format!("+{from}:{TIP}")]);
        self.here(args).limit(REMOTE_LIMIT).ok().await.map(|_| ())
    }

    /// Makes an empty clone where there is none, for objects that are named like this one.
    async fn init(&self, oid: &str) -> Result<(), GitError> {
        if self.folder.join("HEAD").is_file() {
            return Ok(());
        }
        let path = self.folder.to_string_lossy().into_owned();
        let format = if oid.len() == 64 { "--object-format=sha256" } else { "--object-format=sha1" };
        let init = ["init", "--quiet", "--bare", "--template=", format, &path];
        self.git.call(init).dir(&self.data).ok().await.map(|_| ())
    }

    /// Whether the repository is a folder on this machine.
    fn is_here(&self) -> bool {
        Path::new(&self.url).is_dir()
    }

    /// An option that lets a repository be read that belongs to somebody else on this machine.
    fn upload_pack(&self) -> Option<String> {
        self.is_here().then(|| "--upload-pack=git -c 'safe.directory=*' upload-pack".to_owned())
    }

    fn here<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Call<'_> {
        self.git.call(args).git_dir(&self.folder)
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
