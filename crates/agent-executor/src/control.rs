//! What an attempt may do, as its executor knows: where its log goes, whether its lease holds, whether it may go on.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use coditect_queue::Turn;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::runtime::{AccountNotice, AccountStanding, Spent};

/// Where a line of an attempt's log comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// A command's standard output.
    Stdout,
    /// A command's standard error.
    Stderr,
    /// The executor itself.
    Harness,
    /// The agent's own words.
    Text,
    /// A tool the agent uses.
    Tool,
    /// What the tool answered.
    ToolResult,
    /// A tool the agent was not allowed to use.
    Denied,
    /// A request of the agent's that failed and is made again.
    Retry,
    /// The state of the account's quota.
    RateLimit,
    /// How the agent's run ended.
    Result,
    /// What the run used.
    Cost,
}

impl LineKind {
    /// The name used in streams and on screen.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Harness => "harness",
            Self::Text => "text",
            Self::Tool => "tool",
            Self::ToolResult => "tool_result",
            Self::Denied => "denied",
            Self::Retry => "retry",
            Self::RateLimit => "rate_limit",
            Self::Result => "result",
            Self::Cost => "cost",
        }
    }
}

/// One line of an attempt's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When it was read, in milliseconds since 1970.
    pub at_ms: i64,
    /// Where it comes from.
    pub kind: LineKind,
    /// The line, without its end.
    pub text: String,
}

impl LogLine {
    /// A line that was read now.
    #[must_use]
    pub fn now(kind: LineKind, text: impl Into<String>) -> Self {
        Self { at_ms: now_ms(), kind, text: text.into() }
    }
}

/// Now, in milliseconds since 1970.
#[must_use]
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// What an attempt is about to begin, and asks leave for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Merging with the target's tip and running the verify commands. Asked once.
    Verifying,
    /// Moving the target branch. Asked before every try, so it may come again after a lost race.
    Landing,
}

/// The attempt is not current any more: nothing it does may take effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the attempt is not the current one any more")]
pub struct Fenced;

/// The lease an attempt is held under.
#[derive(Debug, Clone)]
pub struct Lease {
    /// How long a renewal holds.
    pub duration: Duration,
    /// When it was last renewed. Not sent to for longer than the duration, the attempt's processes are killed.
    pub renewed: watch::Receiver<Instant>,
}

impl Lease {
    /// How long the last renewal still holds.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.duration.saturating_sub(self.renewed.borrow().elapsed())
    }
}

type Notify = dyn Fn(AccountNotice) + Send + Sync;

/// How an account stands, and when its quota is there again.
type Told = (AccountStanding, Option<i64>);

type Line = dyn Fn(String) -> Pin<Box<dyn Future<Output = Option<Turn>> + Send>> + Send + Sync;

type Count = dyn Fn(Spent) + Send + Sync;

type Gate = dyn Fn(Phase) -> Pin<Box<dyn Future<Output = Result<(), Fenced>> + Send>> + Send + Sync;

/// What an attempt is connected to.
#[derive(Clone)]
pub struct Control {
    log: mpsc::Sender<LogLine>,
    lease: Option<Lease>,
    gate: Arc<Gate>,
    account: Arc<Notify>,
    /// What was told last of the account.
    told: Arc<Mutex<Option<Told>>>,
    spent: Arc<Count>,
    line: Arc<Line>,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("lease", &self.lease).finish_non_exhaustive()
    }
}

impl Control {
    /// An attempt that logs here and may always go on.
    #[must_use]
    pub fn new(log: mpsc::Sender<LogLine>) -> Self {
        Self {
            log,
            lease: None,
            gate: Arc::new(|_| Box::pin(std::future::ready(Ok(())))),
            account: Arc::new(|_| {}),
            told: Arc::default(),
            spent: Arc::new(|_| {}),
            line: Arc::new(|_| Box::pin(std::future::ready(None))),
        }
    }

    /// Asks this before each phase, and waits for the answer.
    #[must_use]
    pub fn with_gate<F, A>(mut self, gate: F) -> Self
    where
        F: Fn(Phase) -> A + Send + Sync + 'static,
        A: Future<Output = Result<(), Fenced>> + Send + 'static,
    {
        self.gate = Arc::new(move |phase| Box::pin(gate(phase)));
        self
    }

    /// Tells this what the run learns about its account, as soon as it does.
    #[must_use]
    pub fn with_account(mut self, account: impl Fn(AccountNotice) + Send + Sync + 'static) -> Self {
        self.account = Arc::new(account);
        self
    }

    /// Tells this what the run has used so far, while it runs.
    #[must_use]
    pub fn with_spent(mut self, spent: impl Fn(Spent) + Send + Sync + 'static) -> Self {
        self.spent = Arc::new(spent);
        self
    }

    /// Waits here for turns that are shared with other executors; one that answers `None` has nobody to share with.
    #[must_use]
    pub fn with_turns<F, A>(mut self, line: F) -> Self
    where
        F: Fn(String) -> A + Send + Sync + 'static,
        A: Future<Output = Option<Turn>> + Send + 'static,
    {
        self.line = Arc::new(move |name| Box::pin(line(name)));
        self
    }

    /// Runs under this lease.
    #[must_use]
    pub fn with_lease(mut self, lease: Lease) -> Self {
        self.lease = Some(lease);
        self
    }

    /// The lease, if the attempt runs under one.
    #[must_use]
    pub fn lease(&self) -> Option<Lease> {
        self.lease.clone()
    }

    /// Where log lines go.
    #[must_use]
    pub const fn log(&self) -> &mpsc::Sender<LogLine> {
        &self.log
    }

    /// Writes a line of the executor's own into the log; drops it if the log is blocked.
    pub fn say(&self, text: impl Into<String>) {
        let _ = self.log.try_send(LogLine::now(LineKind::Harness, text));
    }

    /// Tells what the run has learned about its account, unless it was just told: the gateway and the agent's program learn of
    /// the same things.
    pub fn account(&self, notice: AccountNotice) {
        let now = (notice.standing, notice.reset_at_ms);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_some_and(|before| before == now || (before.0 == now.0 && now.1.is_none())) {
            return;
        }
        *told = Some(now);
        drop(told);
        (self.account)(notice);
    }

    /// Tells what the run has used so far.
    pub fn spent(&self, spent: Spent) {
        (self.spent)(spent);
    }

    /// Waits for this executor's turn in a line. None: there is nobody to wait for, or no way to know.
    pub async fn turn(&self, line: String) -> Option<Turn> {
        (self.line)(line).await
    }

    /// Waits for leave to begin a phase.
    pub async fn enter(&self, phase: Phase) -> Result<(), Fenced> {
        (self.gate)(phase).await
    }
}
