//! What can be asked of the resolver.

use std::sync::Arc;

use coditect_core::{Clock, TaskId};
use coditect_graph::render::{Format, render};
use coditect_proto::{
    FILE_DESCRIPTORS,
    v1::{
        CheckRequest, CheckResponse, CriticalPathRequest, CriticalPathResponse, Cycle, Dangling, DrawingResponse,
        ForecastRequest, ForecastResponse, GraphRequest, TouchesRequest, TouchesResponse, WhyRequest, WhyResponse,
        dependency_resolver_server::{DependencyResolver, DependencyResolverServer, SERVICE_NAME},
    },
};
use coditect_service::SystemClock;
use coditect_service::explain::explain;
use coditect_service::forecast;
use coditect_service::grpc::Api;
use coditect_service::touches::touches;
use coditect_store::{Store, StoreError};
use tokio::sync::Mutex;
use tonic::{Request, Response, Status, service::Routes};

use crate::resolver::Resolver;

/// The gRPC service, where so many tasks may be under way at once.
#[must_use]
pub fn api(resolver: Arc<Mutex<Resolver>>, store: Store, slots: u32) -> Api {
    Api {
        routes: Routes::new(DependencyResolverServer::new(Server::new(resolver, store, slots))),
        names: &[SERVICE_NAME],
        descriptors: FILE_DESCRIPTORS,
    }
}

/// The answers: shape and words from the graph, states from the database.
#[derive(Debug)]
pub struct Server {
    resolver: Arc<Mutex<Resolver>>,
    store: Store,
    /// How many tasks may be under way at once.
    slots: u32,
}

impl Server {
    /// Answers from these.
    #[must_use]
    pub const fn new(resolver: Arc<Mutex<Resolver>>, store: Store, slots: u32) -> Self {
        Self { resolver, store, slots }
    }

    /// The one task that a person means by `name`.
    async fn named(&self, name: &str) -> Result<TaskId, Status> {
        let mut ids = self.store.tasks_named(name).await.map_err(unavailable)?;
        match ids.pop() {
            None => Err(Status::not_found(format!("no task is called `{name}`"))),
            Some(id) if ids.is_empty() => Ok(id),
            Some(last) => {
                let all: Vec<_> = ids.iter().chain([&last]).map(TaskId::as_str).collect();
                Err(Status::invalid_argument(format!("`{name}` may mean any of {}; give the whole id", all.join(", "))))
            }
        }
    }
}

#[tonic::async_trait]
impl DependencyResolver for Server {
    async fn why(&self, request: Request<WhyRequest>) -> Result<Response<WhyResponse>, Status> {
        let id = self.named(&request.into_inner().task).await?;
        let resolver = self.resolver.lock().await;
        let why = explain(&self.store, resolver.graph(), &id).await.map_err(unavailable)?;
        why.map(Response::new).ok_or_else(|| {
            Status::unavailable(format!("`{id}` is not known yet; the plan has just changed, ask again in a moment"))
        })
    }

    async fn critical_path(&self, _: Request<CriticalPathRequest>) -> Result<Response<CriticalPathResponse>, Status> {
        let tasks = self.resolver.lock().await.graph().critical_path();
        Ok(Response::new(CriticalPathResponse { tasks }))
    }

    async fn forecast(&self, request: Request<ForecastRequest>) -> Result<Response<ForecastResponse>, Status> {
        let slots = forecast::slots(request.into_inner().slots, self.slots)
            .ok_or_else(|| Status::invalid_argument(forecast::NO_SLOTS))?;
        let (tasks, edges) = self.store.graph().await.map_err(unavailable)?;
        let graph = coditect_service::graph::graph(&tasks, &edges);
        let now_ms = SystemClock.now_ms();
        let forecast = forecast::forecast(&self.store, &graph, &tasks, slots, now_ms).await.map_err(unavailable)?;
        Ok(Response::new(forecast))
    }

    async fn touches(&self, request: Request<TouchesRequest>) -> Result<Response<TouchesResponse>, Status> {
        let id = self.named(&request.into_inner().task).await?;
        let touches = touches(&self.store, &id).await.map_err(unavailable)?;
        touches.map(Response::new).ok_or_else(|| Status::not_found(format!("no task is called `{id}`")))
    }

    async fn graph(&self, request: Request<GraphRequest>) -> Result<Response<DrawingResponse>, Status> {
        let name = request.into_inner().format;
        let format = match name.as_str() {
            "" => Format::default(),
            name => name.parse::<Format>().map_err(|error| Status::invalid_argument(error.to_string()))?,
        };
        let text = render(self.resolver.lock().await.graph(), format);
        Ok(Response::new(DrawingResponse { format: format.to_string(), text }))
    }

    async fn check(&self, _: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        let resolver = self.resolver.lock().await;
        let graph = resolver.graph();
        let cycles = graph.cycles().into_iter().map(|cycle| Cycle {
            path: cycle.path,
            dependent: cycle.suggestion.dependent,
            dependency: cycle.suggestion.dependency,
        });
        let dangling = graph.nodes().into_iter().filter(|node| !node.dangling.is_empty());
        let dangling = dangling.map(|node| Dangling { task: node.id.clone(), references: node.dangling.clone() });
        Ok(Response::new(CheckResponse { cycles: cycles.collect(), dangling: dangling.collect() }))
    }
}

fn unavailable(error: StoreError) -> Status {
    tracing::warn!(cause = format!("{:#}", anyhow::Error::new(error)), "a question could not be answered");
    Status::unavailable("the database does not answer")
}
