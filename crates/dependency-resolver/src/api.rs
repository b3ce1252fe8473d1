//! What can be asked of the resolver.

use std::sync::Arc;

use coditect_core::TaskId;
use coditect_graph::render::{Format, render};
use coditect_proto::{
    FILE_DESCRIPTORS,
    v1::{
        CheckRequest, CheckResponse, CriticalPathRequest, CriticalPathResponse, Cycle, Dangling, DrawingResponse,
        GraphRequest, Root, Unmet, WhyRequest, WhyResponse,
        dependency_resolver_server::{DependencyResolver, DependencyResolverServer, SERVICE_NAME},
    },
};
use coditect_service::graph::{cause, held};
use coditect_service::grpc::Api;
use coditect_store::{Store, StoreError};
use tokio::sync::Mutex;
use tonic::{Request, Response, Status, service::Routes};

use crate::resolver::Resolver;

/// The gRPC service.
#[must_use]
pub fn api(resolver: Arc<Mutex<Resolver>>, store: Store) -> Api {
    Api {
        routes: Routes::new(DependencyResolverServer::new(Server::new(resolver, store))),
        names: &[SERVICE_NAME],
        descriptors: FILE_DESCRIPTORS,
    }
}

/// The answers: shape and words from the graph, states from the database.
#[derive(Debug)]
pub struct Server {
    resolver: Arc<Mutex<Resolver>>,
    store: Store,
}

impl Server {
    /// Answers from these.
    #[must_use]
    pub const fn new(resolver: Arc<Mutex<Resolver>>, store: Store) -> Self {
        Self { resolver, store }
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
        let row = self.store.task(&id).await.map_err(unavailable)?;
        let row = row.ok_or_else(|| Status::not_found(format!("no task is called `{id}`")))?;
        let dependencies = self.store.dependencies(&id).await.map_err(unavailable)?;
        let why = self.resolver.lock().await.graph().why(id.as_str()).map_err(|unknown| {
            Status::unavailable(format!("{unknown} yet; the plan has just changed, ask again in a moment"))
        })?;
        let mut roots = Vec::with_capacity(why.roots.len());
        for root in why.roots {
            let state = match root.id.parse() {
                Ok(id) => self.store.state(&id).await.map_err(unavailable)?,
                Err(_) => None,
            };
            roots.push(Root { cause: cause(root.cause, state).to_owned(), task: root.id });
        }
        let unmet = dependencies.into_iter().filter(|d| d.kind == "blocks" && !d.state.meets_dependency());
        Ok(Response::new(WhyResponse {
            task: why.id,
            state: row.life.state.as_str().to_owned(),
            ready: why.ready,
            unmet: unmet.map(|d| Unmet { task: d.task.to_string(), state: d.state.as_str().to_owned() }).collect(),
            roots,
            cycle: why.cycle.map(|cycle| cycle.path).unwrap_or_default(),
            dangling: why.dangling,
            held: if why.held { held(row.line) } else { String::new() },
            dependents: why.dependents,
            holds_up: i64::try_from(why.holds_up).unwrap_or(i64::MAX),
        }))
    }

    async fn critical_path(&self, _: Request<CriticalPathRequest>) -> Result<Response<CriticalPathResponse>, Status> {
        let tasks = self.resolver.lock().await.graph().critical_path();
        Ok(Response::new(CriticalPathResponse { tasks }))
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
