//! How the work stands, asked for twice a second, and what follows from it.

use std::collections::HashMap;
use std::time::Duration;

use coditect_proto::v1;
use coditect_service::ServiceName;
use owo_colors::OwoColorize;
use tokio::sync::mpsc;

use super::ports::Ports;
use super::screen::Screen;
use crate::commands::status;
use crate::failure::Failure;
use crate::{client, output};

/// Between two looks.
const EVERY: Duration = Duration::from_millis(400);

/// So many looks in a row must agree that everything is done.
const DONE_LOOKS: u32 = 2;

/// So many looks in a row must agree that nothing can move.
const STUCK_LOOKS: u32 = 6;

/// Whom to ask.
#[derive(Debug, Clone)]
pub(super) struct Endpoints {
    orchestrator: String,
    sync_daemon: String,
}

impl Endpoints {
    /// Those of a run.
    pub(super) fn of(ports: &Ports) -> Self {
        Self {
            orchestrator: ports.endpoint(ServiceName::Orchestrator),
            sync_daemon: ports.endpoint(ServiceName::SyncDaemon),
        }
    }
}

/// What one look adds to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Work goes on, or may.
    GoOn,
    /// Everything is done.
    Done,
    /// Nothing can move without a person.
    Stuck,
}

/// Looks at one status after the other.
#[derive(Debug, Default)]
pub(super) struct Judge {
    done: u32,
    stuck: u32,
}

impl Judge {
    /// A plan without tasks is done too. A pause is a person's wish, not a dead end.
    pub(super) fn look(&mut self, status: &v1::Status) -> Verdict {
        let count = |so: bool, before: u32| if so { before + 1 } else { 0 };
        self.done = count(status.done || status.total == 0, self.done);
        self.stuck = count(status.stuck && !status.paused, self.stuck);
        match (self.done, self.stuck) {
            (DONE_LOOKS.., _) => Verdict::Done,
            (_, STUCK_LOOKS..) => Verdict::Stuck,
            _ => Verdict::GoOn,
        }
    }
}

/// Looks until nobody wants to know. The first look is taken after the plans have been read: before, the database
/// speaks of the run before this one.
pub(super) async fn run(
    endpoints: Endpoints,
    looks: mpsc::Sender<v1::Status>,
    tell: bool,
    screen: Screen,
) -> Result<(), Failure> {
    let mut orchestrator = client::orchestrator(&endpoints.orchestrator)?;
    let mut sync_daemon = client::sync_daemon(&endpoints.sync_daemon)?;
    while sync_daemon.sync_now(v1::SyncNowRequest {}).await.is_err() {
        tokio::time::sleep(EVERY / 4).await;
    }
    let mut teller = Teller::default();
    loop {
        if let Ok(status) = orchestrator.get_status(v1::GetStatusRequest {}).await {
            if tell && let Ok(tasks) = orchestrator.list_tasks(v1::ListTasksRequest::default()).await {
                teller.tell(&tasks.into_inner().tasks, &screen);
            }
            if looks.send(status.into_inner()).await.is_err() {
                return Ok(());
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Tells of each task what has happened to it since the last look.
#[derive(Debug, Default)]
struct Teller {
    known: HashMap<String, (String, i64)>,
}

impl Teller {
    fn tell(&mut self, tasks: &[v1::Task], screen: &Screen) {
        for task in tasks {
            let now = (task.state.clone(), task.attempts_spent);
            let before = self.known.insert(task.id.clone(), now.clone());
            if before.as_ref() == Some(&now) {
                continue;
            }
            let what = match task.state.as_str() {
                "running" => "running".cyan().to_string(),
                "completed" => "completed".green().to_string(),
                "waiting_retry" => format!("{} {}", "will be tried again:".yellow(), status::reason(task)),
                "needs_human" | "failed" => format!("{} {}", "needs you:".red(), status::reason(task)),
                _ => continue,
            };
            screen.say(format_args!("{:<8} {:<44} {what}", task.key, output::short(&task.title, 42)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_believed_only_when_it_lasts() {
        let (going, done, stuck) = (
            v1::Status { total: 1, ..v1::Status::default() },
            v1::Status { total: 1, done: true, ..v1::Status::default() },
            v1::Status { total: 1, stuck: true, ..v1::Status::default() },
        );
        let mut judge = Judge::default();
        assert_eq!(
            [&done, &going, &done, &done].map(|s| judge.look(s))[1..],
            [Verdict::GoOn, Verdict::GoOn, Verdict::Done]
        );
        let mut judge = Judge::default();
        let verdicts: Vec<_> = (0..STUCK_LOOKS).map(|_| judge.look(&stuck)).collect();
        assert_eq!((verdicts[4], verdicts[5]), (Verdict::GoOn, Verdict::Stuck));
        let paused = v1::Status { paused: true, ..stuck };
        assert_eq!(judge.look(&paused), Verdict::GoOn);
    }
}
