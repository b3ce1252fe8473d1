//! The daemon's own bare clone of the plan's branch, and how it keeps up with the repository: fetch and push. What
//! is read and written in it is in [`super::tree`].
//!
//! Nothing is ever checked out, so that no attribute or setting changes a byte: content is read from blobs and written
//! as blobs. The clone has the branch's tip and no history; it can be lost at any time, and is then made anew.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use coditect_service::git::{self, Call, Git, GitError};

use super::trouble;

/// Where the tip of the plan's branch is kept.
const TIP: &str = "refs/coditect/plan";

/// How long talking to the repository may take.
const REMOTE_LIMIT: Duration = Duration::from_secs(60);

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

    /// The folder that the clone is in, with what else belongs to it.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
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

    /// A git command in the clone.
    pub(super) fn here<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Call<'_> {
        self.git.call(args).git_dir(&self.folder)
    }
}
