//! Runs one command under its limits, through the shim, and streams what it prints.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use coditect_core::FailureClass;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::control::{Control, Lease, LineKind};
use crate::egress::Outlet;
use crate::job::{DEFAULT_ENV, Failure, Job};
use crate::output::{Lines, Meaning, Sink};
use crate::processes;
use crate::runtime::{Conclusion, Reader, Spent};
use crate::sandbox::{Confinement, Network, command, handover};
use crate::shim::{self, Cause, Order, Report, Spec};

/// How long a shim that was told to stop may take beyond the grace it gives.
const SHIM_LIMIT: Duration = Duration::from_secs(15);

/// How long the shim may take to hand the front socket over.
const FRONT_LIMIT: Duration = Duration::from_secs(10);

/// How long output is waited for after everything that could print is dead.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);

/// What to run.
pub struct Start<'a> {
    /// The program that is the shim, with the arguments that make it one.
    pub shim: &'a Path,
    /// The command and its arguments.
    pub argv: Vec<String>,
    /// What it reads.
    pub stdin: Option<String>,
    /// The folder it starts in.
    pub cwd: &'a Path,
    /// Its `HOME`; nothing else on the machine has the same one.
    pub home: &'a Path,
    /// Its environment, without `HOME`.
    pub env: Vec<(String, String)>,
    /// The longest it may run.
    pub wall: Duration,
    /// The longest it may print nothing.
    pub silence: Duration,
    /// Between asking it to end and killing it.
    pub grace: Duration,
    /// How much of its output is kept.
    pub log_bytes: usize,
    /// What is struck out of all that is kept of its output.
    pub secrets: &'a [String],
    /// What it may see and reach.
    pub confine: &'a Confinement,
    /// What it has to do with its way out. Where [`crate::sandbox::Network::Loopback`] is asked for and there are network
    /// namespaces, its front takes the socket that listens on that port, before the command starts.
    pub outlet: Option<Outlet>,
    /// Understands its standard output; none: the lines speak for themselves.
    pub reader: Option<&'a mut dyn Reader>,
}

/// Why a run was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The command ended by itself.
    Exited,
    /// What it said left no doubt about the end, and it was stopped.
    Settled,
    /// It ran too long.
    Wall,
    /// It was silent too long.
    Silence,
    /// The attempt was cancelled.
    Cancelled,
    /// The lease was not renewed in time.
    LeaseLost,
    /// The shim died, and with it all knowledge of the command.
    ShimLost,
}

/// How a run ended. Nothing of it is running any more.
#[derive(Debug)]
pub struct Ended {
    /// Why it was over.
    pub end: End,
    /// The exit code.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The last line on standard output that was not blank.
    pub last_line: String,
    /// The end of standard output.
    pub stdout_tail: String,
    /// The end of standard error.
    pub stderr_tail: String,
    /// How many processes the command left behind, which were killed.
    pub left_behind: usize,
    /// When it was stopped, it waited for its account, which is paused.
    pub held: bool,
    /// How long it ran.
    pub duration: Duration,
}

impl Ended {
    /// The end of what it printed: of its standard error, unless it said nothing there.
    #[must_use]
    pub fn tail(&self) -> &str {
        if self.stderr_tail.is_empty() { &self.stdout_tail } else { &self.stderr_tail }
    }

    /// `exit code 3` or `signal 9`.
    #[must_use]
    pub fn status(&self) -> String {
        match (self.code, self.signal) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "no exit status".to_owned(),
        }
    }
}

/// What the last line of a command may say about its run.
#[derive(Debug, Default, Deserialize)]
pub struct SelfReport {
    /// What it did.
    pub summary: Option<String>,
    /// What it cost.
    pub cost_usd: Option<f64>,
    /// Tokens read.
    pub tokens_in: Option<i64>,
    /// Tokens written.
    pub tokens_out: Option<i64>,
}

impl From<SelfReport> for Conclusion {
    fn from(said: SelfReport) -> Self {
        let SelfReport { summary, cost_usd, tokens_in, tokens_out } = said;
        Self { summary, spent: Spent { cost_usd, tokens_in, tokens_out }, ..Self::default() }
    }
}

impl SelfReport {
    /// Reads it from a line; a line that is no JSON object says nothing.
    #[must_use]
    pub fn parse(line: &str) -> Self {
        let line = line.trim();
        if line.starts_with('{') { serde_json::from_str(line).unwrap_or_default() } else { Self::default() }
    }
}

/// A shell command that stops at the first error.
#[must_use]
pub fn shell(body: &str) -> Vec<String> {
    ["sh", "-ec", body].map(str::to_owned).to_vec()
}

/// What a command of this attempt sees of the executor's environment, and what it is told about itself.
#[must_use]
pub fn environment(host: &[(String, String)], allow: &[String], job: &Job) -> Vec<(String, String)> {
    let allowed = |name: &str| {
        DEFAULT_ENV.into_iter().chain(allow.iter().map(String::as_str)).any(|pattern| {
            pattern.strip_suffix('*').map_or(name == pattern, |start| !start.is_empty() && name.starts_with(start))
        })
    };
    let mut env: Vec<_> = host.iter().filter(|(name, _)| name != "HOME" && allowed(name)).cloned().collect();
    if !env.iter().any(|(name, _)| name == "PATH") {
        env.push(("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned()));
    }
    let about = [
        ("CODITECT_TASK_ID", job.task.clone()),
        ("CODITECT_TASK_KEY", job.key.clone()),
        ("CODITECT_TASK_TITLE", job.title.clone()),
        ("CODITECT_ATTEMPT", job.attempt_number.to_string()),
        ("CODITECT_ATTEMPT_ID", job.attempt_id.clone()),
        ("CODITECT_AGENT", job.agent.clone()),
    ];
    env.extend(about.map(|(name, value)| (name.to_owned(), value.replace('\0', ""))));
    env
}

/// Runs the command to its end. When this returns, no process of it is alive; when it is dropped, the shim sees to that.
pub async fn run(mut order: Start<'_>, control: &Control, cancel: &CancellationToken) -> Result<Ended, Failure> {
    let mut lease = control.lease();
    let started = Instant::now();
    let (front, activity, settle) = match order.outlet.take() {
        Some(Outlet { front, activity, settle }) => (front, Some(activity), settle),
        None => (None, None, CancellationToken::new()),
    };
    let mut shim = Shim::start(&order, lease.as_ref(), front).await?;
    let mut sink = Sink::new(control.log(), order.log_bytes);
    let reader = order.reader.take();
    let mut streams =
        [Lines::new(LineKind::Stdout, order.secrets).read_by(reader), Lines::new(LineKind::Stderr, order.secrets)];
    let [out, err] = &mut streams;
    let (mut out_buffer, mut err_buffer) = (vec![0; 16 * 1024], vec![0; 4 * 1024]);
    let (mut out_open, mut err_open) = (true, true);
    let mut spoke = started;
    let mut stopped: Option<End> = None;
    let mut give_up: Option<Instant> = None;
    let mut report: Option<Option<Report>> = None;
    let mut held = false;

    while out_open || err_open || report.is_none() {
        let lived = activity.as_ref().map_or(spoke, |activity| spoke.max(activity.last()));
        let limit = (started + order.wall).min(lived + order.silence);
        let running = stopped.is_none() && report.is_none();
        tokio::select! {
            read = shim.stdout.read(&mut out_buffer), if out_open => match read {
                Ok(0) | Err(_) => out_open = false,
                Ok(n) => {
                    let meaning = out.feed(out_buffer.get(..n).unwrap_or_default(), &mut sink).await;
                    spoke = Instant::now();
                    // What is said of a request that was refused because the budget is spent, says nothing of the account.
                    let counts = !settle.is_cancelled();
                    if counts && tell_of(meaning, control) && running {
                        stopped = Some(End::Settled);
                        tell(&mut shim.orders, Order::Stop).await;
                        give_up = Some(Instant::now() + order.grace + SHIM_LIMIT);
                    }
                }
            },
            read = shim.stderr.read(&mut err_buffer), if err_open => match read {
                Ok(0) | Err(_) => err_open = false,
                Ok(n) => {
                    err.feed(err_buffer.get(..n).unwrap_or_default(), &mut sink).await;
                    spoke = Instant::now();
                }
            },
            answer = shim.reports.last(), if report.is_none() => {
                report = Some(answer);
                give_up = Some(Instant::now() + DRAIN_LIMIT);
            }
            () = settle.cancelled(), if running => {
                stopped = Some(End::Settled);
                tell(&mut shim.orders, Order::Stop).await;
                give_up = Some(Instant::now() + order.grace + SHIM_LIMIT);
            }
            () = cancel.cancelled(), if running => {
                stopped = Some(End::Cancelled);
                tell(&mut shim.orders, Order::Stop).await;
                give_up = Some(Instant::now() + order.grace + SHIM_LIMIT);
            }
            () = sleep_until(limit), if running => {
                let wall = started.elapsed() >= order.wall;
                held = activity.as_ref().is_some_and(coditect_gateway::Activity::is_held);
                let lives = activity.as_ref().is_some_and(|activity| activity.last() > lived);
                if !wall && lives {
                    continue;
                }
                stopped = Some(if wall { End::Wall } else { End::Silence });
                tell(&mut shim.orders, Order::Stop).await;
                give_up = Some(Instant::now() + order.grace + SHIM_LIMIT);
            }
            renewed = renewal(&mut lease), if running => match renewed {
                Some(remaining) => tell(&mut shim.orders, Order::Renew(millis(remaining))).await,
                None => lease = None,
            },
            () = sleep_until(give_up.unwrap_or(started)), if give_up.is_some() => break,
        }
    }
    let last = out.finish(&mut sink).await;
    if !settle.is_cancelled() {
        tell_of(last, control);
    }
    err.finish(&mut sink).await;
    shim.end(order.home, report.as_ref().is_some_and(Option::is_some)).await;

    let [out, err] = streams;
    let ((last_line, stdout_tail), (_, stderr_tail)) = (out.into_end(), err.into_end());
    let (cause, code, signal, left_behind) = match report.flatten() {
        Some(Report::SpawnFailed { message }) => {
            return Err(Failure::config(format!("the command could not be started: {message}")));
        }
        Some(Report::Ended { cause, code, signal, left_behind, survivors }) => {
            if survivors > 0 {
                tracing::warn!(survivors, "processes of a run could not be killed");
            }
            (Some(cause), code, signal, left_behind)
        }
        None => (None, None, None, 0),
    };
    let end = match (stopped, cause) {
        (Some(end), _) => end,
        (None, Some(Cause::LeaseExpired)) => End::LeaseLost,
        (None, Some(Cause::Exited)) => End::Exited,
        (None, Some(Cause::Stopped | Cause::ExecutorLost) | None) => End::ShimLost,
    };
    Ok(Ended { end, code, signal, last_line, stdout_tail, stderr_tail, left_behind, held, duration: started.elapsed() })
}

/// What an end other than the command's own means for the attempt; none if it ended by itself.
#[must_use]
pub fn failure_of(ended: &Ended, what: &str, wall: Duration, silence: Duration) -> Option<Failure> {
    let (class, message) = match ended.end {
        End::Exited | End::Settled => return None,
        End::Wall => (FailureClass::Timeout, format!("{what} ran longer than its limit of {wall:?} and was killed")),
        End::Silence => (FailureClass::Silent, format!("{what} printed nothing for {silence:?} and was killed")),
        End::Cancelled => (FailureClass::Cancelled, format!("{what} was stopped because the attempt was cancelled")),
        End::LeaseLost => {
            (FailureClass::ExecutorLost, format!("{what} was killed because the lease was not renewed in time"))
        }
        End::ShimLost => {
            (FailureClass::AgentError, format!("the process that supervised {what} died, so {what} was killed"))
        }
    };
    Some(Failure::new(class, message))
}

/// Tells what lines meant for the account; answers whether the command is to be stopped.
fn tell_of(meaning: Meaning, control: &Control) -> bool {
    for notice in meaning.accounts {
        control.account(notice);
    }
    meaning.stop
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Waits for the next renewal; none when there will be no more (the last one then runs out by itself).
async fn renewal(lease: &mut Option<Lease>) -> Option<Duration> {
    match lease {
        Some(lease) => lease.renewed.changed().await.ok().map(|()| lease.remaining()),
        None => std::future::pending().await,
    }
}

/// A started shim.
struct Shim {
    child: Child,
    stdout: tokio::process::ChildStdout,
    stderr: tokio::process::ChildStderr,
    reports: Reports,
    orders: tokio::net::unix::OwnedWriteHalf,
}

impl Shim {
    async fn start(
        order: &Start<'_>,
        lease: Option<&Lease>,
        front: Option<oneshot::Sender<std::net::TcpListener>>,
    ) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::config(format!("the supervising process {} could not be started: {error}", order.shim.display()))
        };
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(failed)?;
        ours.set_nonblocking(true).map_err(failed)?;
        let mut command = Command::new(order.shim);
        command.arg(shim::SUBCOMMAND).env_clear().env("HOME", order.home).process_group(0);
        command.stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        // The command keeps its copy of the shim's end; were it alive, the shim's death would go unnoticed.
        drop(command);
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(failed(std::io::ErrorKind::BrokenPipe.into()));
        };
        let mut ours = UnixStream::from_std(ours).map_err(failed)?;

        let mut env = order.env.clone();
        env.push(("HOME".to_owned(), order.home.to_string_lossy().into_owned()));
        let confine = command::complete(order.confine, &order.argv, order.cwd, order.home, &mut env).map_err(failed)?;
        let fronted = confine.layers.network && matches!(confine.network, Network::Loopback { .. });
        let spec = Spec {
            argv: order.argv.clone(),
            cwd: PathBuf::from(order.cwd),
            env,
            stdin: order.stdin.clone(),
            lease_ms: lease.map(|lease| millis(lease.remaining())),
            grace_ms: millis(order.grace),
            confine,
        };
        let mut line = serde_json::to_string(&spec).map_err(|error| failed(error.into()))?;
        line.push('\n');
        ours.write_all(line.as_bytes()).await.map_err(failed)?;
        let said = if fronted { take_front(&ours, front).await.map_err(failed)? } else { Vec::new() };
        let (reports, orders) = ours.into_split();
        Ok(Self { child, stdout, stderr, reports: Reports { reader: BufReader::new(reports), line: said }, orders })
    }

    /// Leaves nothing behind, whatever happened to the shim.
    async fn end(mut self, home: &Path, reported: bool) {
        if reported && timeout(DRAIN_LIMIT, self.child.wait()).await.is_ok() {
            return;
        }
        let _ = self.child.kill().await;
        let home = home.to_owned();
        let _ = tokio::task::spawn_blocking(move || processes::kill_by_home(|at| at == home)).await;
    }
}

/// Takes the front socket from the shim and gives it on. Without one, the beginning of what the shim said instead.
async fn take_front(
    shim: &UnixStream,
    front: Option<oneshot::Sender<std::net::TcpListener>>,
) -> std::io::Result<Vec<u8>> {
    let receive = async {
        loop {
            shim.readable().await?;
            match shim.try_io(tokio::io::Interest::READABLE, || handover::receive(shim)) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                received => return received,
            }
        }
    };
    match timeout(FRONT_LIMIT, receive).await?? {
        Ok(listener) => {
            if let Some(front) = front {
                // Whoever does not want it any more has given up the attempt.
                let _ = front.send(listener);
            }
            Ok(Vec::new())
        }
        Err(said) => Ok(said),
    }
}

/// What the shim says: one line, its last word.
struct Reports {
    reader: BufReader<tokio::net::unix::OwnedReadHalf>,
    line: Vec<u8>,
}

impl Reports {
    /// The report; none if the shim died without one. Nothing is lost if the future is dropped and asked again.
    async fn last(&mut self) -> Option<Report> {
        self.reader.read_until(b'\n', &mut self.line).await.ok()?;
        serde_json::from_slice(&self.line).ok()
    }
}

async fn tell(orders: &mut tokio::net::unix::OwnedWriteHalf, order: Order) {
    // A shim that is gone is noticed by its silence on the other half.
    let _ = orders.write_all(order.line().as_bytes()).await;
}
