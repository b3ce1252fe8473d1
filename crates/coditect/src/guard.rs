//! `coditect guard -- COMMAND`: runs a command that must not outlive whoever holds our standard input open.
//!
//! Services of ours watch their standard input themselves. redis-server does not, so `coditect up` runs it through
//! this: when standard input ends (the supervisor is gone, however it went) or SIGTERM comes, the command is asked to
//! end, and killed when it does not. The guard ends as the command did.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::failure::{Failure, WRONG};

/// Between asking the command to end and killing it.
const GRACE: Duration = Duration::from_secs(5);

/// Runs the command to its end, or to ours.
pub(crate) fn run(command: &[OsString]) -> Result<u8, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::wrong(format!("cannot start the runtime: {error}")))?;
    let code = runtime.block_on(guard(command));
    runtime.shutdown_background();
    code
}

async fn guard(command: &[OsString]) -> Result<u8, Failure> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(Failure::usage("there is no command to guard").help("coditect guard -- COMMAND [ARGUMENT]..."));
    };
    let failed = |error: std::io::Error| Failure::wrong(format!("cannot run {}: {error}", program.display()));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut child = Command::new(program).args(arguments).stdin(Stdio::null()).spawn().map_err(failed)?;
    let ended = tokio::select! {
        ended = child.wait() => ended.map_err(failed)?,
        () = end_of_input() => end(&mut child).await.map_err(failed)?,
        _ = terminate.recv() => end(&mut child).await.map_err(failed)?,
        _ = interrupt.recv() => end(&mut child).await.map_err(failed)?,
    };
    Ok(code(ended))
}

/// Returns when standard input ends. A thread of its own: the runtime's blocking reads would hold up its end.
async fn end_of_input() {
    let (done, ended) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        drop(done);
    });
    let _ = ended.await;
}

async fn end(child: &mut Child) -> std::io::Result<ExitStatus> {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
    match tokio::time::timeout(GRACE, child.wait()).await {
        Ok(ended) => ended,
        Err(_) => {
            child.start_kill()?;
            child.wait().await
        }
    }
}

/// The code of a command, as shells have it.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(WRONG)
}
