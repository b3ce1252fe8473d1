//! What can be asked of the dispatcher.

use std::sync::Arc;

use coditect_core::{Clock, TaskState};
use coditect_proto::{
    FILE_DESCRIPTORS,
    v1::{
        CapacityRequest, CapacityResponse,
        task_dispatcher_server::{SERVICE_NAME, TaskDispatcher, TaskDispatcherServer},
    },
};
use coditect_service::{Config, SystemClock, grpc::Api};
use coditect_store::{Store, StoreError};
use tonic::{Request, Response, Status, service::Routes};

use crate::capacity::Capacity;
use crate::decide::{PAUSE, Pauses};

/// The gRPC service.
#[must_use]
pub fn api(store: Store, config: Arc<Config>) -> Api {
    Api {
        routes: Routes::new(TaskDispatcherServer::new(Server { store, config })),
        names: &[SERVICE_NAME],
        descriptors: FILE_DESCRIPTORS,
    }
}

/// The answers, from the database.
#[derive(Debug)]
struct Server {
    store: Store,
    config: Arc<Config>,
}

impl Server {
    async fn capacity(&self) -> Result<CapacityResponse, StoreError> {
        let (capacity, _) = Capacity::read(&self.store, &self.config, SystemClock.now_ms()).await?;
        let counts = self.store.count_by_state().await?;
        let ready = counts.iter().find(|(state, _)| *state == TaskState::Ready).map_or(0, |(_, count)| *count);
        let number = |size| i64::try_from(size).unwrap_or(i64::MAX);
        Ok(CapacityResponse {
            max_concurrent: number(capacity.max_concurrent),
            slots: number(capacity.slots),
            active: number(capacity.active),
            ready,
            paused: Pauses::from_facts(&self.store.facts(PAUSE).await?).all,
        })
    }
}

#[tonic::async_trait]
impl TaskDispatcher for Server {
    async fn capacity(&self, _: Request<CapacityRequest>) -> Result<Response<CapacityResponse>, Status> {
        Self::capacity(self).await.map(Response::new).map_err(|error| {
            tracing::warn!(cause = format!("{:#}", anyhow::Error::new(error)), "a question could not be answered");
            Status::unavailable("the database does not answer")
        })
    }
}
