//! What can be asked of the daemon.

use coditect_proto::{
    FILE_DESCRIPTORS,
    v1::{
        SyncNowRequest, SyncNowResponse, SyncedDocument,
        sync_daemon_server::{SERVICE_NAME, SyncDaemon, SyncDaemonServer},
    },
};
use coditect_service::grpc::Api;
use tokio::sync::{mpsc, oneshot};
use tonic::{Request, Response, Status, service::Routes};

use crate::daemon::Ask;

/// The gRPC service; requests go to the loop through `asks`.
#[must_use]
pub fn api(asks: mpsc::Sender<Ask>) -> Api {
    Api {
        routes: Routes::new(SyncDaemonServer::new(Server { asks })),
        names: &[SERVICE_NAME],
        descriptors: FILE_DESCRIPTORS,
    }
}

#[derive(Debug)]
struct Server {
    asks: mpsc::Sender<Ask>,
}

#[tonic::async_trait]
impl SyncDaemon for Server {
    async fn sync_now(&self, _: Request<SyncNowRequest>) -> Result<Response<SyncNowResponse>, Status> {
        let stopping = || Status::unavailable("the sync-daemon is stopping");
        let (answer, answered) = oneshot::channel();
        self.asks.send(answer).await.map_err(|_| stopping())?;
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
