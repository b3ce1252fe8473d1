//! Proves a result: every verify command, on a clean checkout, in an environment the agent has not touched.

use coditect_core::FailureClass;
use tokio_util::sync::CancellationToken;

use crate::control::Control;
use crate::egress::{Egress, closed};
use crate::git::tail;
use crate::job::{Evidence, Failure, Job, VerifyResult};
use crate::pipeline::Host;
use crate::repository::Repository;
use crate::run::{self, End, Start};
use crate::sandbox;
use crate::setup::{self, Checkout};
use crate::workspace::Folders;

/// How much of a failing command's output its message repeats.
const MESSAGE_TAIL: usize = 2_000;

/// Whose result is proved, and with what.
#[derive(Debug, Clone, Copy)]
pub struct Verifier<'a> {
    /// The machine it runs on.
    pub host: &'a Host,
    /// Where the result is to land.
    pub repository: &'a Repository,
    /// The folders of the attempt.
    pub folders: &'a Folders,
    /// The attempt.
    pub job: &'a Job,
    /// What the attempt is connected to.
    pub control: &'a Control,
    /// Ends it early.
    pub cancel: &'a CancellationToken,
    /// What is struck out of all that is kept of the output.
    pub secrets: &'a [String],
}

/// Runs the verify commands on a checkout of the commit; the first that fails ends it.
pub async fn verify(of: Verifier<'_>, commit: &str, evidence: &mut Evidence) -> Result<(), Failure> {
    let Verifier { host, repository, folders, job, control, cancel, secrets } = of;
    evidence.verify.clear();
    evidence.no_verify = job.verify.is_empty();
    if job.verify.is_empty() {
        return Ok(());
    }
    folders.prepare_verify(repository, job, commit).await?;
    let env = run::environment(host.env(), &job.verify_env_allow, job);
    let borrowed = sandbox::borrowed(repository.objects());
    let confine = host.sandbox().confinement().reading(borrowed).reading([&folders.objects]);
    setup::set_up(of, Checkout::Results, (&folders.verify, &folders.verify_home), &confine).await?;
    for (at, command) in job.verify.iter().enumerate() {
        control.say(format!("verify: {command}"));
        let mut egress = Egress::of_command(host.egress(), &confine, control).map_err(closed)?;
        let mut env = env.clone();
        env.extend(egress.iter().flat_map(Egress::env));
        let confine = egress.as_ref().map_or_else(|| confine.clone(), |egress| egress.confine(confine.clone()));
        let start = Start {
            shim: host.shim(),
            argv: run::shell(command),
            stdin: None,
            cwd: &folders.verify,
            home: &folders.verify_home,
            env,
            wall: job.limits.verify_wall,
            silence: job.limits.verify_wall,
            grace: job.limits.kill_grace,
            log_bytes: job.limits.log_bytes,
            secrets,
            confine: &confine,
            outlet: egress.as_mut().map(Egress::outlet),
            reader: None,
        };
        let ended = run::run(start, control, cancel).await?;
        let printed = format!("{}\n{}", ended.stdout_tail, ended.stderr_tail).trim().to_owned();
        evidence.verify.push(VerifyResult {
            command: command.clone(),
            source: job.proof.sources.get(at).cloned().unwrap_or_default(),
            exit_code: ended.code,
            tail: printed.clone(),
            duration_ms: u64::try_from(ended.duration.as_millis()).unwrap_or(u64::MAX),
        });
        let what = match ended.end {
            End::Exited if ended.code == Some(0) => continue,
            End::Exited | End::Settled => ended.status(),
            End::Wall | End::Silence => format!("not ended after {:?}", job.limits.verify_wall),
            End::Cancelled | End::LeaseLost | End::ShimLost => {
                let limit = job.limits.verify_wall;
                let other = run::failure_of(&ended, &format!("the verify command `{command}`"), limit, limit);
                return Err(other.unwrap_or_else(|| Failure::cancelled("the attempt was stopped")));
            }
        };
        let message = format!("the verify command `{command}` failed ({what}) on the merged result");
        let end = tail(&printed, MESSAGE_TAIL);
        let message = if end.is_empty() { message } else { format!("{message}:\n{end}") };
        return Err(Failure::new(FailureClass::VerificationFailed, message));
    }
    Ok(())
}
