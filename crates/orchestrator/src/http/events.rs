//! Live events: every transition, as soon as it is in the history, to everyone who listens.
//!
//! One reader in the process follows the history in the database and broadcasts what is new. Several processes write
//! the history, and what is written first may be visible last; so the reader looks back over a while, and knows what it
//! has told already by its id. Whoever reconnects is told again what happened in that while: at least once, never
//! less.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use coditect_core::Clock;
use coditect_store::{StoreError, Transition};
use serde::Serialize;
use serde_json::json;
use tokio::sync::{broadcast, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::App;
use super::error::ErrorBody;
use crate::Orchestrator;

/// How often the history is looked at.
const EVERY: Duration = Duration::from_millis(250);

/// For how long what is written may not be visible yet.
const WHILE_MS: i64 = 12_000;

/// How many events may wait for a slow listener.
const BEHIND: usize = 4_096;

/// How many events are told again at most; beyond, a listener is told that it has missed some.
const AGAIN: i64 = 10_000;

/// How often a silent stream says that it is there.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Every transition, to whoever listens. Clones share the listeners.
#[derive(Debug, Clone)]
pub(crate) struct Transitions(broadcast::Sender<Transition>);

impl Default for Transitions {
    fn default() -> Self {
        Self(broadcast::channel(BEHIND).0)
    }
}

/// What has been told.
#[derive(Debug, Default)]
struct Told {
    ids: HashMap<String, i64>,
    newest_ms: i64,
    /// What was before is not told.
    since_ms: i64,
}

impl Orchestrator {
    /// Broadcasts transitions until the service drains.
    pub(crate) async fn tell_transitions(self, drain: CancellationToken) {
        let now_ms = self.clock.now_ms();
        let mut told = Told { newest_ms: now_ms, since_ms: now_ms, ..Told::default() };
        loop {
            if let Err(error) = self.tell_new(&mut told).await {
                debug!(%error, "the history could not be read; will be tried again");
            }
            tokio::select! {
                () = drain.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    async fn tell_new(&self, told: &mut Told) -> Result<(), StoreError> {
        let seen = self.store.transitions(told.newest_ms - WHILE_MS, i64::MAX).await?;
        for transition in seen {
            told.newest_ms = told.newest_ms.max(transition.at_ms);
            let new = told.ids.insert(transition.id.clone(), transition.at_ms).is_none();
            if new && transition.at_ms >= told.since_ms {
                // Nobody may be listening.
                let _ = self.transitions.0.send(transition);
            }
        }
        let oldest = told.newest_ms - WHILE_MS;
        told.ids.retain(|_, at_ms| *at_ms >= oldest);
        Ok(())
    }
}

#[derive(Debug, Serialize)]
struct TaskEvent<'t> {
    task: &'t str,
    from: &'t str,
    to: &'t str,
    attempt: &'t str,
    actor: &'t str,
    at_ms: i64,
}

fn event(transition: &Transition) -> Event {
    let Transition { id, task, from, to, attempt, actor, at_ms } = transition;
    let data = TaskEvent { task, from, to, attempt: attempt.as_deref().unwrap_or_default(), actor, at_ms: *at_ms };
    // Of strings and a number JSON can always be made.
    let data = serde_json::to_string(&data).unwrap_or_default();
    Event::default().event("task").id(format!("{at_ms}:{id}")).data(data)
}

pub(super) type Stream = Sse<axum::response::sse::KeepAliveStream<ReceiverStream<Result<Event, Infallible>>>>;

/// A stream of what is sent, with a comment when nothing is.
pub(super) fn stream(events: mpsc::Receiver<Result<Event, Infallible>>) -> Stream {
    Sse::new(ReceiverStream::new(events)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE).text("still here"))
}

/// Every transition as it happens.
///
/// Server-sent events: `hello` with `now_ms`, `leader` and `missed` first, then `task` for each transition. Last-Event-ID
/// resumes; what happened shortly before it is told again. `missed` says that too much has happened since: look at
/// everything anew.
#[utoipa::path(get, path = "/api/v1/events", tag = "live", operation_id = "events",
    params(("Last-Event-ID" = Option<String>, Header, description = "the id of the last event that was received")),
    responses((status = 200, content_type = "text/event-stream", body = String,
               description = "`event: task` with {task, from, to, attempt, actor, at_ms}"),
              (status = "default", body = ErrorBody, description = "refused")))]
pub(super) async fn events(State(app): State<App>, headers: HeaderMap) -> Stream {
    let (sender, receiver) = mpsc::channel(64);
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.split_once(':')?.0.parse::<i64>().ok());
    tokio::spawn(async move {
        let drain = app.drain.clone();
        tokio::select! {
            () = drain.cancelled() => {}
            // An error means that the listener is gone.
            _ = follow(app, last, &sender) => {}
            () = sender.closed() => {}
        }
    });
    stream(receiver)
}

async fn follow(
    app: App,
    last_ms: Option<i64>,
    sender: &mpsc::Sender<Result<Event, Infallible>>,
) -> Result<(), mpsc::error::SendError<Result<Event, Infallible>>> {
    let Orchestrator { store, clock, transitions, .. } = &app.orchestrator;
    let mut live = transitions.0.subscribe();
    let before = match last_ms {
        Some(last_ms) => store.transitions(last_ms.saturating_sub(WHILE_MS), AGAIN + 1).await.ok(),
        None => Some(Vec::new()),
    };
    let now_ms = clock.now_ms();
    let leader = store.leader("orchestrator").await.ok().flatten().unwrap_or_default();
    let before = before.filter(|before| i64::try_from(before.len()).is_ok_and(|count| count <= AGAIN));
    let hello = json!({ "now_ms": now_ms, "leader": leader, "missed": before.is_none() });
    sender.send(Ok(Event::default().event("hello").data(hello.to_string()))).await?;
    for transition in before.unwrap_or_default() {
        sender.send(Ok(event(&transition))).await?;
    }
    loop {
        match live.recv().await {
            Ok(transition) => sender.send(Ok(event(&transition))).await?,
            // It comes back with the id of the last event, and is told again.
            Err(broadcast::error::RecvError::Lagged(_) | broadcast::error::RecvError::Closed) => return Ok(()),
        }
    }
}
