//! Makes a fresh checkout ready to work in: the project's setup commands, confined as everything that comes from a repository.

use std::path::Path;

use coditect_core::FailureClass;

use crate::egress::{Egress, closed};
use crate::git::tail;
use crate::job::Failure;
use crate::run::{self, End, Start};
use crate::sandbox::Confinement;
use crate::verify::Verifier;

/// How much of a failing command's output its message repeats.
const MESSAGE_TAIL: usize = 2_000;

/// The checkout that is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checkout {
    /// The agent's own, fresh from the target branch: what fails there is no fault of the agent.
    Agents,
    /// The result's: what fails there, the agent has broken.
    Results,
}

/// Runs the job's setup commands in a folder; the first that fails ends it.
pub(crate) async fn set_up(
    of: Verifier<'_>,
    checkout: Checkout,
    place: (&Path, &Path),
    confine: &Confinement,
) -> Result<(), Failure> {
    let Verifier { host, job, control, cancel, secrets, .. } = of;
    let (cwd, home) = place;
    for command in &job.setup {
        control.say(format!("setup: {command}"));
        let mut egress = Egress::of_command(host.egress(), confine, control).map_err(closed)?;
        let mut env = run::environment(host.env(), &job.env_allow, job);
        env.extend(egress.iter().flat_map(Egress::env));
        let confine = egress.as_ref().map_or_else(|| confine.clone(), |egress| egress.confine(confine.clone()));
        let limit = job.limits.setup_wall;
        let start = Start {
            shim: host.shim(),
            argv: run::shell(command),
            stdin: None,
            cwd,
            home,
            env,
            wall: limit,
            silence: limit,
            grace: job.limits.kill_grace,
            log_bytes: job.limits.log_bytes,
            secrets,
            confine: &confine,
            outlet: egress.as_mut().map(Egress::outlet),
            reader: None,
        };
        let ended = run::run(start, control, cancel).await?;
        let what = match ended.end {
            End::Exited if ended.code == Some(0) => continue,
            End::Exited | End::Settled => ended.status(),
            End::Wall | End::Silence => format!("not ended after {limit:?}"),
            End::Cancelled | End::LeaseLost | End::ShimLost => {
                let other = run::failure_of(&ended, &format!("the setup command `{command}`"), limit, limit);
                return Err(other.unwrap_or_else(|| Failure::cancelled("the attempt was stopped")));
            }
        };
        let (class, on) = match checkout {
            Checkout::Agents => (FailureClass::Config, format!("a checkout of `{}`", job.target_branch)),
            Checkout::Results => (FailureClass::VerificationFailed, "the merged result".to_owned()),
        };
        let printed = format!("{}\n{}", ended.stdout_tail, ended.stderr_tail);
        let mut message = format!("the setup command `{command}` (worktree.setup) failed ({what}) on {on}");
        let end = tail(printed.trim(), MESSAGE_TAIL);
        if !end.is_empty() {
            message = format!("{message}:\n{end}");
        }
        return Err(Failure::new(class, message));
    }
    Ok(())
}
