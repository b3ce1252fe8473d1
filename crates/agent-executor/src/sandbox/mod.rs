//! What a command may see and reach: said as a value here, applied by the shim.
//!
//! A [`Sandbox`] knows what the configuration wants and what this machine allows; a [`Confinement`] is that for one
//! command, with what is the command's own added. The shim (see [`crate::shim`]) puts the command into namespaces of
//! its own, gives it a root folder of its own, takes every capability from it and repeats the rules to Landlock, each
//! where the machine allows it. `docs/sandbox.md` says what that protects against and what it does not.

use std::path::{Path, PathBuf};

use coditect_service::config::{SandboxConfig, SandboxMode, SandboxNetwork};
use serde::{Deserialize, Serialize};

/// What a command reaches of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// All that this machine reaches.
    Host,
    /// Nothing but a loopback of its own.
    #[default]
    Closed,
    /// A loopback of its own, on which this port leads to the executor (see [`crate::run::Start::front`]).
    Loopback {
        /// The port, on 127.0.0.1.
        port: u16,
    },
}

/// The parts a confinement is made of. Those that are false the machine does not allow, or nobody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Layers {
    /// A PID namespace (and user and IPC namespaces): the whole process tree ends with its first process.
    pub processes: bool,
    /// A mount namespace: a root folder in which only what is allowed exists.
    pub files: bool,
    /// A `/proc` in which only the processes of the run exist.
    pub proc: bool,
    /// A network namespace.
    pub network: bool,
    /// The version of Landlock's interface; 0: there is none.
    pub landlock: i32,
}

/// What one command may see and reach, beside what every command may: the system's own programs and libraries, what
/// `PATH` names, and its own program, folder and home (see [`crate::run::Start`]).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Confinement {
    /// Files and folders it may read.
    pub read: Vec<PathBuf>,
    /// Files and folders it may write.
    pub write: Vec<PathBuf>,
    /// What it reaches of the network.
    pub network: Network,
    /// What of this is applied.
    pub layers: Layers,
}

impl Confinement {
    /// Without any bounds.
    #[must_use]
    pub fn off() -> Self {
        Self { network: Network::Host, ..Self::default() }
    }

    /// Lets it read these too.
    #[must_use]
    pub fn reading(mut self, paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        self.read.extend(paths.into_iter().map(Into::into));
        self
    }

    /// Lets it write these too.
    #[must_use]
    pub fn writing(mut self, paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        self.write.extend(paths.into_iter().map(Into::into));
        self
    }

    /// Gives it this of the network, unless all of the network is allowed.
    #[must_use]
    pub fn reaching(mut self, network: Network) -> Self {
        if self.network != Network::Host {
            self.network = network;
        }
        self
    }
}

/// What the configuration wants of confinement, and what this machine allows of it.
#[derive(Debug, Clone)]
pub struct Sandbox {
    base: Confinement,
}

/// Why commands cannot be confined as they have to be.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// `executor.sandbox.mode` is `required`, and this machine lacks parts.
    #[error("executor.sandbox.mode is `required`, and this machine does not allow all of it: {0}; see docs/sandbox.md")]
    Missing(String),
}

impl Sandbox {
    /// Finds out what this machine allows, with the executor's own binary, and what of it is wanted.
    ///
    /// # Errors
    /// [`SandboxError::Missing`] where the mode is `required`.
    pub fn open(config: &SandboxConfig, _binary: &Path) -> Result<Self, SandboxError> {
        let SandboxConfig { mode, network, read, write, hosts: _ } = config;
        if *mode == SandboxMode::Off {
            return Ok(Self { base: Confinement::off() });
        }
        let network = match network {
            SandboxNetwork::Closed => Network::Closed,
            SandboxNetwork::Host => Network::Host,
        };
        let paths = |paths: &[String]| paths.iter().map(|path| expanded(path)).collect();
        Ok(Self { base: Confinement { read: paths(read), write: paths(write), network, layers: Layers::default() } })
    }

    /// What every command of this executor may see and reach; the caller adds what is the command's own.
    #[must_use]
    pub fn confinement(&self) -> Confinement {
        self.base.clone()
    }
}

/// A path of the configuration, in which `~/` is the home of the executor's user.
fn expanded(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}
