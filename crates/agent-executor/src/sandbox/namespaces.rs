//! The namespaces of a run: those that the shim enters before it starts the run's first process.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

use super::{Confinement, Network, loopback, privileges};

/// Who root is inside: not root, so that no program takes itself for it.
const NOT_ROOT: u32 = 1000;

/// Enters the user namespace, and that of the network where the confinement has one. Answers the socket that
/// [`Network::Loopback`] asks for. Only for a process with one thread.
pub(crate) fn enter(confinement: &Confinement) -> io::Result<Option<TcpListener>> {
    enter_user()?;
    match confinement.network {
        Network::Host => Ok(None),
        network if confinement.layers.network => enter_network(network),
        _ => Ok(None),
    }
}

/// Makes the next child the first process of a PID namespace, with what it needs to do its work. After this no thread can
/// be started.
pub(crate) fn enter_processes() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWIPC).map_err(of("the PID namespace"))?;
    privileges::keep_over_exec().map_err(|error| context("capabilities", error))
}

/// Enters a user namespace that knows one user.
pub(crate) fn enter_user() -> io::Result<()> {
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    unshare(CloneFlags::CLONE_NEWUSER).map_err(of("the user namespace"))?;
    let inside = |id: u32| if id == 0 { NOT_ROOT } else { id };
    // Without this, nobody but root may write the map of groups: it could be used to lose a group that is refused
    // something.
    fs::write("/proc/self/setgroups", "deny").map_err(|error| context("setgroups", error))?;
    for (file, id) in [("uid_map", user), ("gid_map", group)] {
        let map = format!("{} {id} 1\n", inside(id));
        fs::write(format!("/proc/self/{file}"), map).map_err(|error| context(file, error))?;
    }
    Ok(())
}

/// Enters a network namespace, in which there is nothing but a loopback.
pub(crate) fn enter_network(network: Network) -> io::Result<Option<TcpListener>> {
    unshare(CloneFlags::CLONE_NEWNET).map_err(of("the network namespace"))?;
    loopback::up().map_err(|error| context("the loopback", error))?;
    match network {
        Network::Loopback { port } => TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(Some),
        Network::Host | Network::Closed => Ok(None),
    }
}

fn of(what: &'static str) -> impl Fn(nix::Error) -> io::Error {
    move |error| context(what, error.into())
}

fn context(what: &str, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}
