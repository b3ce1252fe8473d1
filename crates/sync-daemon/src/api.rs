//! What can be asked of the daemon.

use coditect_proto::{
    FILE_DESCRIPTORS,
    v1::{
        Conflict, ListConflictsRequest, ListConflictsResponse, SyncNowRequest, SyncNowResponse, SyncStatusRequest,
        SyncedDocument,
        sync_daemon_server::{SERVICE_NAME, SyncDaemon, SyncDaemonServer},
    },
};
use coditect_service::grpc::Api;
use coditect_store::Store;
use tokio::sync::{mpsc, oneshot};
use tonic::{Request, Response, Status, service::Routes};

use crate::daemon::{Ask, What};

/// The gRPC service; requests go to the loop through `asks`.
#[must_use]
pub fn api(asks: mpsc::Sender<Ask>, store: Store) -> Api {
    Api {
        routes: Routes::new(SyncDaemonServer::new(Server { asks, store })),
        names: &[SERVICE_NAME],
        descriptors: FILE_DESCRIPTORS,
    }
}

#[derive(Debug)]
struct Server {
    asks: mpsc::Sender<Ask>,
    store: Store,
}

impl Server {
    /// Asks the loop, which does one thing at a time.
    async fn ask(&self, what: What) -> Result<Response<SyncNowResponse>, Status> {
        let stopping = || Status::unavailable("the sync-daemon is stopping");
        let (answer, answered) = oneshot::channel();
        self.asks.send(Ask { what, answer }).await.map_err(|_| stopping())?;
        let documents = answered.await.map_err(|_| stopping())?.map_err(Status::unavailable)?;
        let documents = documents
            .into_iter()
            .map(|status| SyncedDocument {
                document: status.document.id,
                path: status.document.path,
                revision: status.revision,
                tasks: status.tasks,
                error: status.trouble,
            })
            .collect();
        Ok(Response::new(SyncNowResponse { documents }))
    }
}

#[tonic::async_trait]
impl SyncDaemon for Server {
    async fn sync_now(&self, _: Request<SyncNowRequest>) -> Result<Response<SyncNowResponse>, Status> {
        self.ask(What::Sync).await
    }

    async fn status(&self, _: Request<SyncStatusRequest>) -> Result<Response<SyncNowResponse>, Status> {
        self.ask(What::Look).await
    }

    async fn list_conflicts(
        &self,
        _: Request<ListConflictsRequest>,
    ) -> Result<Response<ListConflictsResponse>, Status> {
        let refused = self.store.refused_wishes().await.map_err(|error| {
            tracing::warn!(cause = format!("{:#}", anyhow::Error::new(error)), "a question could not be answered");
            Status::unavailable("the database does not answer")
        })?;
        let conflicts = refused.into_iter().map(|refused| Conflict {
            task: refused.task.to_string(),
            wish: refused.wish,
            revision: refused.revision,
            at_ms: refused.at_ms,
            result: refused.result,
            marker: refused.marker,
            state: refused.state,
        });
        Ok(Response::new(ListConflictsResponse { conflicts: conflicts.collect() }))
    }
}
