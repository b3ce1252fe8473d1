//! The first process of a run's PID namespace: it builds the root folder, gives up what it no longer needs, starts the
//! command and reaps whoever is orphaned. When it ends, for whatever reason, the kernel kills everything in the
//! namespace; it ends with the command, when the shim says so, and with the shim.

use std::ffi::OsString;
use std::process::ExitCode;

/// The hidden subcommand of the executor that is the first process.
pub const SUBCOMMAND: &str = "run-init";

/// Its own `main`. Call it before any thread or runtime is started; it takes no arguments.
#[must_use]
pub fn main(_args: impl Iterator<Item = OsString>) -> ExitCode {
    #[cfg(target_os = "linux")]
    if let Err(error) = linux::run() {
        eprintln!("agent-executor {SUBCOMMAND}: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;

    use nix::sys::prctl;
    use nix::sys::signal::Signal;
    use nix::unistd::Pid;

    use super::super::{Spec, block_signals, open, say, supervise};
    use crate::sandbox::{privileges, root};

    pub(super) fn run() -> io::Result<()> {
        // The shim's death shows on the socket too, should it have come before this.
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        block_signals()?;
        let (socket, reader, line) = open()?;
        let mut spec: Spec = serde_json::from_str(&line)?;
        // The shim keeps it.
        spec.lease_ms = None;
        // Elsewhere, everybody that this process may signal would be everybody there is.
        if nix::unistd::getpid() != Pid::from_raw(1) {
            return Err(io::Error::other("it is not the first process of a PID namespace"));
        }
        let report = match prepare(&spec) {
            Ok(()) => supervise::run(spec, reader, supervise::Whole::Namespace),
            Err(error) => spec.failed(&io::Error::other(format!("it could not be confined: {error}"))),
        };
        say(&socket, &report)
    }

    fn prepare(spec: &Spec) -> io::Result<()> {
        // Without the executor's terminal, nothing can be typed into it.
        nix::unistd::setsid()?;
        if spec.confine.layers.files {
            root::build(&spec.confine)?;
        }
        privileges::drop_all()?;
        // The command runs as the same user: it may not look into this process.
        Ok(prctl::set_dumpable(false)?)
    }
}
