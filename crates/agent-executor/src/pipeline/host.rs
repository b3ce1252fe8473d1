//! What the attempts on one machine share: folders, git, clones, confinement, the way out.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

use coditect_prompt::Template;
use coditect_service::config::SandboxConfig;
use nix::fcntl::{Flock, FlockArg};

use crate::control::now_ms;
use crate::egress::Policy;
use crate::git::Git;
use crate::job::Failure;
use crate::kept;
use crate::land;
use crate::repository::Repositories;
use crate::runtime::Versions;
use crate::sandbox::{Sandbox, SandboxError};
use crate::workspace::{Root, Swept};

/// What the attempts on one machine share. One process owns a root at a time.
#[derive(Debug)]
pub struct Host {
    pub(super) root: Root,
    pub(super) git: Git,
    pub(super) repositories: Repositories,
    pub(super) shim: PathBuf,
    pub(super) env: Vec<(String, String)>,
    pub(super) sandbox: Sandbox,
    pub(super) versions: Versions,
    pub(super) egress: Policy,
    pub(super) template: Template,
    pub(super) kept: kept::Store,
    _owned: Flock<File>,
}

/// Why a host cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The folder cannot be made or read.
    #[error("the executor's folder {} cannot be used", .0.display())]
    Folder(PathBuf, #[source] std::io::Error),
    /// Commands cannot be confined as the configuration demands.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// Nothing can be reached from here.
    #[error(transparent)]
    Egress(#[from] coditect_gateway::TlsError),
    /// It belongs to a process that is running.
    #[error("the executor's folder {} is in use by another executor; give each its own", .0.display())]
    InUse(PathBuf),
}

impl Host {
    /// Takes the folder over. `shim` is the executor's own binary; `git_env` is what git needs to reach remote
    /// repositories, and is shown to nothing else.
    pub fn open(root: &Path, shim: PathBuf, git_env: &[(OsString, OsString)]) -> Result<Self, HostError> {
        let failed = |error| HostError::Folder(root.to_owned(), error);
        let made = Root::create(root).map_err(failed)?;
        let file = File::create(made.path().join("lock")).map_err(failed)?;
        let owned =
            Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| HostError::InUse(root.to_owned()))?;
        let git = Git::new(&made.path().join("git-home"), git_env);
        let repositories = Repositories::new(git.clone(), made.path().join("repositories"));
        let env = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        let sandbox = Sandbox::open(&SandboxConfig::default(), &shim)?.hiding(made.path());
        let egress = Policy::new()?;
        let kept = kept::Store::new(made.path().join("kept"), kept::Bounds::default());
        Ok(Self {
            root: made,
            git,
            repositories,
            shim,
            env: env.collect(),
            sandbox,
            egress,
            versions: Versions::default(),
            template: Template::default(),
            kept,
            _owned: owned,
        })
    }

    /// Takes this for the executor's environment, of which agents see what is allowed.
    #[must_use]
    pub fn with_env(mut self, env: Vec<(String, String)>) -> Self {
        self.env = env;
        self
    }

    /// Confines commands in this way.
    #[must_use]
    pub fn with_sandbox(mut self, sandbox: Sandbox) -> Self {
        self.sandbox = sandbox.hiding(self.root.path());
        self
    }

    /// Lets commands reach this.
    #[must_use]
    pub fn with_egress(mut self, egress: Policy) -> Self {
        self.egress = egress;
        self
    }

    /// Tells agents of their task in these words.
    #[must_use]
    pub fn with_template(mut self, template: Template) -> Self {
        self.template = template;
        self
    }

    /// Keeps no more than this of failed attempts.
    #[must_use]
    pub fn with_kept(mut self, bounds: kept::Bounds) -> Self {
        self.kept = kept::Store::new(self.root.path().join("kept"), bounds);
        self
    }

    /// Kills and removes whatever belongs to none of the live attempts.
    pub async fn sweep(&self, live: &[String]) -> Result<Swept, HostError> {
        let (root, live, kept) = (self.root.clone(), live.to_vec(), self.kept.clone());
        let swept = tokio::task::spawn_blocking(move || {
            kept.prune(now_ms());
            root.sweep(&live)
        });
        let swept = swept.await.map_err(std::io::Error::other);
        swept.flatten().map_err(|error| HostError::Folder(self.root.path().to_owned(), error))
    }

    /// The commit that a generation of a task landed as, if it has.
    pub async fn landed_commit(
        &self,
        repository: &str,
        task: &str,
        generation: i64,
    ) -> Result<Option<String>, Failure> {
        land::landed_commit(&self.git, repository, task, generation).await
    }

    /// The executor's folder.
    #[must_use]
    pub const fn root(&self) -> &Root {
        &self.root
    }

    /// The git that reaches repositories.
    #[must_use]
    pub const fn git(&self) -> &Git {
        &self.git
    }

    /// How commands are confined here.
    #[must_use]
    pub const fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// What commands may reach.
    #[must_use]
    pub const fn egress(&self) -> &Policy {
        &self.egress
    }

    pub(crate) fn shim(&self) -> &Path {
        &self.shim
    }

    pub(crate) fn env(&self) -> &[(String, String)] {
        &self.env
    }
}
