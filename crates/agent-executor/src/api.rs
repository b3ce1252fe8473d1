//! What can be asked of an executor.

use coditect_proto::v1::agent_executor_server::AgentExecutor;
use coditect_proto::v1::{DrainRequest, DrainResponse, ListLocalRunsRequest, ListLocalRunsResponse, LocalRun};
use coditect_service::Shutdown;
use tonic::{Request, Response, Status};

use crate::runs::Runs;

/// The gRPC service.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) runs: Runs,
    pub(crate) shutdown: Shutdown,
}

#[tonic::async_trait]
impl AgentExecutor for Api {
    async fn list_local_runs(
        &self,
        _: Request<ListLocalRunsRequest>,
    ) -> Result<Response<ListLocalRunsResponse>, Status> {
        let runs = self.runs.lock();
        let runs = runs.iter().map(|(attempt, run)| LocalRun {
            task: run.task.clone(),
            attempt: attempt.clone(),
            phase: run.phase.to_owned(),
            age_ms: i64::try_from(run.since.elapsed().as_millis()).unwrap_or(i64::MAX),
        });
        Ok(Response::new(ListLocalRunsResponse { runs: runs.collect() }))
    }

    async fn drain(&self, _: Request<DrainRequest>) -> Result<Response<DrainResponse>, Status> {
        self.shutdown.drain();
        let running = i64::try_from(self.runs.lock().len()).unwrap_or(i64::MAX);
        Ok(Response::new(DrainResponse { running }))
    }
}
