//! What an attempt prints, as it prints it.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::Event;
use coditect_proto::v1;
use coditect_proto::v1::orchestrator_server::Orchestrator as _;
use serde_json::json;
use tokio::sync::mpsc;
use tonic::Request;

use super::App;
use super::error::{ErrorBody, Refusal};
use super::events::{Stream, stream};
use super::routes::{LogQuery, Params, TaskName};

/// How often new lines are looked for.
const EVERY: Duration = Duration::from_millis(500);

/// How many lines are read at once.
const BATCH: i64 = 1_000;

/// What an attempt prints, as it prints it.
///
/// Server-sent events: `line` for each line, `ended` when the attempt has ended and every line was sent. The id of an
/// event is the line's `seq`; Last-Event-ID resumes.
#[utoipa::path(get, path = "/api/v1/tasks/{id}/log/stream", tag = "live", operation_id = "log_stream",
    params(("id" = String, Path, description = "the task's id"), LogQuery),
    responses((status = 200, content_type = "text/event-stream", body = String,
               description = "`event: line` with {seq, at_ms, kind, text}; `event: ended`"),
              (status = "default", body = ErrorBody, description = "refused")))]
pub(super) async fn log_stream(
    State(app): State<App>,
    TaskName(task): TaskName,
    Params(query): Params<LogQuery>,
    headers: HeaderMap,
) -> Result<Stream, Refusal> {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse::<i64>().ok());
    let mut after = last.or(query.after).unwrap_or_default();
    let request = move |number, after| v1::ReadLogRequest { task: task.clone(), number, after, limit: BATCH };
    // The first look says whether there is such a task and attempt, and which attempt the newest is.
    let first = app.orchestrator.read_log(Request::new(request(query.attempt.unwrap_or_default(), after))).await?;
    let mut log = first.into_inner();
    let number = log.number;
    let (sender, receiver) = mpsc::channel::<Result<Event, Infallible>>(64);
    tokio::spawn(async move {
        loop {
            for line in &log.lines {
                after = line.seq;
                let data = serde_json::to_string(line).unwrap_or_default();
                if sender.send(Ok(Event::default().event("line").id(after.to_string()).data(data))).await.is_err() {
                    return;
                }
            }
            if log.ended {
                let data = json!({ "attempt": log.attempt, "number": number });
                let _ = sender.send(Ok(Event::default().event("ended").data(data.to_string()))).await;
                return;
            }
            if log.lines.is_empty() {
                tokio::select! {
                    () = app.drain.cancelled() => return,
                    () = sender.closed() => return,
                    () = tokio::time::sleep(EVERY) => {}
                }
            }
            if app.drain.is_cancelled() {
                return;
            }
            log.lines.clear();
            if let Ok(next) = app.orchestrator.read_log(Request::new(request(number, after))).await {
                log = next.into_inner();
            }
        }
    });
    Ok(stream(receiver))
}
