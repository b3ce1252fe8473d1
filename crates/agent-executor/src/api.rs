//! What can be asked of an executor.

use std::pin::Pin;

use coditect_proto::v1::agent_executor_server::AgentExecutor;
use coditect_proto::v1::{
    CancelRunRequest, CancelRunResponse, DrainRequest, DrainResponse, ListLocalRunsRequest, ListLocalRunsResponse,
    LocalRun, RunLogLine, TailLogRequest,
};
use coditect_service::Shutdown;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::runs::{LogTail, Runs};

/// How many lines wait for a reader who is slow.
const AHEAD: usize = 64;

/// The gRPC service.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) runs: Runs,
    pub(crate) shutdown: Shutdown,
}

fn not_here(attempt: &str) -> Status {
    Status::not_found(format!("attempt {attempt} does not run on this executor; `ListRuns` says which do"))
}

#[tonic::async_trait]
impl AgentExecutor for Api {
    type TailLogStream = Pin<Box<dyn Stream<Item = Result<RunLogLine, Status>> + Send>>;

    async fn list_runs(&self, _: Request<ListLocalRunsRequest>) -> Result<Response<ListLocalRunsResponse>, Status> {
        let runs = self.runs.lock();
        let runs = runs.iter().map(|(attempt, run)| LocalRun {
            task: run.task.clone(),
            attempt: attempt.clone(),
            phase: run.phase.to_owned(),
            age_ms: i64::try_from(run.since.elapsed().as_millis()).unwrap_or(i64::MAX),
        });
        Ok(Response::new(ListLocalRunsResponse { runs: runs.collect() }))
    }

    async fn cancel_run(&self, request: Request<CancelRunRequest>) -> Result<Response<CancelRunResponse>, Status> {
        let CancelRunRequest { attempt } = request.into_inner();
        match self.runs.cancel(&attempt) {
            true => Ok(Response::new(CancelRunResponse {})),
            false => Err(not_here(&attempt)),
        }
    }

    async fn tail_log(&self, request: Request<TailLogRequest>) -> Result<Response<Self::TailLogStream>, Status> {
        let TailLogRequest { attempt, after, follow } = request.into_inner();
        let log = self.runs.log(&attempt).ok_or_else(|| not_here(&attempt))?;
        let (sender, lines) = mpsc::channel(AHEAD);
        let cut = self.shutdown.cut.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = cut.cancelled() => {}
                () = copy(log, after, follow, sender) => {}
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(lines))))
    }

    async fn drain(&self, _: Request<DrainRequest>) -> Result<Response<DrainResponse>, Status> {
        self.shutdown.drain();
        let running = i64::try_from(self.runs.lock().len()).unwrap_or(i64::MAX);
        Ok(Response::new(DrainResponse { running }))
    }
}

/// Sends the lines on until the log has ended or nobody reads any more.
async fn copy(log: LogTail, mut seen: u64, follow: bool, to: mpsc::Sender<Result<RunLogLine, Status>>) {
    loop {
        for (number, line) in log.after(seen) {
            seen = number;
            let line = RunLogLine { number, at_ms: line.at_ms, kind: line.kind.as_str().to_owned(), text: line.text };
            if to.send(Ok(line)).await.is_err() {
                return;
            }
        }
        let more = async {
            tokio::select! {
                more = log.more_than(seen) => more,
                () = to.closed() => false,
            }
        };
        if !follow || !more.await {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use coditect_service::Shutdown;
    use tokio_stream::StreamExt;

    use super::*;
    use crate::control::{LineKind, LogLine};

    fn api() -> Api {
        Api { runs: Runs::default(), shutdown: Shutdown::default() }
    }

    #[tokio::test]
    async fn what_runs_is_listed_followed_and_stopped() {
        let api = api();
        let (_, cancelled, log) =
            api.runs.begin("a-1", "plan/1", 1, Duration::from_secs(1), tokio::time::Instant::now());
        let listed = api.list_runs(Request::new(ListLocalRunsRequest {})).await.unwrap().into_inner();
        assert_eq!((listed.runs[0].task.as_str(), listed.runs[0].phase.as_str()), ("plan/1", "running"));

        log.add(&[LogLine::now(LineKind::Text, "one"), LogLine::now(LineKind::Tool, "two")]);
        let tail = |after, follow| TailLogRequest { attempt: "a-1".to_owned(), after, follow };
        let lines = api.tail_log(Request::new(tail(1, false))).await.unwrap().into_inner();
        let lines: Vec<_> = lines.map(|line| line.map(|line| (line.number, line.kind, line.text))).collect().await;
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].as_ref().unwrap(), &(2, "tool".to_owned(), "two".to_owned()));

        let mut followed = api.tail_log(Request::new(tail(2, true))).await.unwrap().into_inner();
        log.add(&[LogLine::now(LineKind::Result, "three")]);
        assert_eq!(followed.next().await.unwrap().unwrap().number, 3);
        api.cancel_run(Request::new(CancelRunRequest { attempt: "a-1".to_owned() })).await.unwrap();
        assert!(cancelled.is_cancelled());
        api.runs.end("a-1");
        assert!(followed.next().await.is_none());
    }

    #[tokio::test]
    async fn what_does_not_run_here_is_not_found() {
        let attempt = "a-2".to_owned();
        let answer = api().cancel_run(Request::new(CancelRunRequest { attempt })).await;
        assert_eq!(answer.unwrap_err().code(), tonic::Code::NotFound);
    }
}
