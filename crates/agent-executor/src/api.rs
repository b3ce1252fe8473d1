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
