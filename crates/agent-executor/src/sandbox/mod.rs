//! What a command may see and reach: said as a value here, applied by the shim.
//!
//! A [`Sandbox`] knows what the configuration wants and what this machine allows; a [`Confinement`] is that for one
//! command, with what is the command's own added. The shim (see [`crate::shim`]) puts the command into namespaces of
//! its own, gives it a root folder of its own, takes every capability from it and repeats the rules to Landlock, each
//! where the machine allows it. `docs/sandbox.md` says what that protects against and what it does not.

pub(crate) mod command;
#[cfg(unix)]
pub(crate) mod handover;
#[cfg(target_os = "linux")]
pub(crate) mod landlock;
#[cfg(target_os = "linux")]
mod loopback;
#[cfg(target_os = "linux")]
mod mounts;
#[cfg(target_os = "linux")]
pub(crate) mod namespaces;
mod objects;
#[cfg(target_os = "linux")]
pub(crate) mod privileges;
pub mod probe;
#[cfg(target_os = "linux")]
pub(crate) mod root;
mod view;

use std::path::{Path, PathBuf};

use coditect_service::config::{SandboxConfig, SandboxMode, SandboxNetwork};
use serde::{Deserialize, Serialize};

pub use objects::borrowed;

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
    /// No capability, and no way to one: `sudo` and the like do nothing.
    pub privileges: bool,
    /// A PID namespace (and user and IPC namespaces): the whole process tree ends with its first process. Without it
    /// there are no other namespaces either.
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
    /// What is not seen though it is in a folder that may be read or written.
    pub hide: Vec<PathBuf>,
    /// What it sees as `/tmp`; the folder exists.
    pub tmp: Option<PathBuf>,
    /// What it reaches of the network.
    pub network: Network,
    /// What of this is applied.
    pub layers: Layers,
}

impl Layers {
    /// Whether anything of a confinement is applied.
    #[must_use]
    pub fn any(self) -> bool {
        self != Self::default()
    }
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
    off: Option<String>,
}

/// Why commands cannot be confined as they have to be.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// `executor.sandbox.mode` is `required`, and this machine lacks parts.
    #[error(
        "executor.sandbox.mode is \"required\", and this machine does not allow: {0}. docs/sandbox.md says how to \
         allow it; with \"auto\" the executor does without"
    )]
    Missing(String),
}

impl Sandbox {
    /// Finds out what this machine allows, with the executor's own binary, and what of it is wanted.
    ///
    /// # Errors
    /// [`SandboxError::Missing`] where the mode is `required`.
    pub fn open(config: &SandboxConfig, binary: &Path) -> Result<Self, SandboxError> {
        let SandboxConfig { mode, network, read, write, hosts: _ } = config;
        if *mode == SandboxMode::Off {
            let off = "commands are not confined here: executor.sandbox.mode is \"off\"".to_owned();
            return Ok(Self { base: Confinement::off(), off: Some(off) });
        }
        let probe::Found { layers, missing } = probe::ask(binary);
        let missing = missing.join("; ");
        if *mode == SandboxMode::Required && !missing.is_empty() {
            return Err(SandboxError::Missing(missing));
        }
        let (network, layers) = match network {
            SandboxNetwork::Closed => (Network::Closed, layers),
            SandboxNetwork::Host => (Network::Host, Layers { network: false, ..layers }),
        };
        let paths = |paths: &[String]| paths.iter().map(|path| expanded(path)).collect();
        let base = Confinement {
            read: paths(read),
            write: paths(write),
            hide: view::not_for_everybody(),
            tmp: None,
            network,
            layers,
        };
        let off = (!missing.is_empty())
            .then(|| format!("this machine does not confine commands in full; missing: {missing}"));
        Ok(Self { base, off })
    }

    /// The same, with this out of every command's sight.
    #[must_use]
    pub fn hiding(mut self, path: &Path) -> Self {
        self.base.hide.push(path.to_owned());
        self
    }

    /// The same as on a machine that allows no namespaces.
    #[must_use]
    pub fn without_namespaces(mut self) -> Self {
        let Layers { privileges, landlock, .. } = self.base.layers;
        self.base.layers = Layers { privileges, landlock, ..Layers::default() };
        self
    }

    /// What every command of this executor may see and reach; the caller adds what is the command's own.
    #[must_use]
    pub fn confinement(&self) -> Confinement {
        self.base.clone()
    }

    /// Whether it bounds what a command sees of files, at least.
    #[must_use]
    pub const fn confines(&self) -> bool {
        self.base.layers.files || self.base.layers.landlock > 0
    }

    /// What of confinement is off here, and why, for the log of an attempt; none if nothing is.
    #[must_use]
    pub fn off(&self) -> Option<&str> {
        self.off.as_deref()
    }
}

/// A path of the configuration, in which `~/` is the home of the executor's user.
fn expanded(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_parts_are_missing_required_refuses_and_auto_says_so() {
        // It answers as no probe does.
        let nothing = Path::new("/bin/true");
        let config = |mode| SandboxConfig { mode, ..SandboxConfig::default() };
        let refused = Sandbox::open(&config(SandboxMode::Required), nothing).unwrap_err();
        assert!(refused.to_string().contains("any confinement"), "{refused}");
        let auto = Sandbox::open(&config(SandboxMode::Auto), nothing).unwrap();
        assert!(auto.off().unwrap().contains("any confinement"));
        let off = Sandbox::open(&config(SandboxMode::Off), nothing).unwrap();
        assert!(off.off().unwrap().contains("executor.sandbox.mode"));
        assert_eq!(off.confinement(), Confinement::off());
    }

    #[test]
    fn a_path_below_the_home_is_the_executors() {
        let home = std::env::home_dir().unwrap();
        assert_eq!(expanded("~/.rustup"), home.join(".rustup"));
        assert_eq!(expanded("/srv/~/x"), Path::new("/srv/~/x"));
    }
}
