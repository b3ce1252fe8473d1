//! What can be asked of the dispatcher.

use std::sync::Arc;

use coditect_core::{Clock, TaskState};
use coditect_proto::{
    FILE_DESCRIPTORS,
    v1::{
        self, CapacityRequest, CapacityResponse,
        task_dispatcher_server::{SERVICE_NAME, TaskDispatcher, TaskDispatcherServer},
    },
};
use coditect_service::{SystemClock, config::Live, grpc::Api};
use coditect_store::{Store, StoreError, TaskRow};
use tokio::sync::{Notify, RwLock};
use tonic::{Request, Response, Status, service::Routes};

use crate::agents::Agents;
use crate::explain::explain;
use crate::look::look;
use crate::pauses::{PAUSE, Pauses};

/// The gRPC service. `wake` asks for a pass. What is answered follows the configuration of now.
#[must_use]
pub fn api(store: Store, live: Live, agents: Arc<RwLock<Agents>>, wake: Arc<Notify>) -> Api {
    Api {
        routes: Routes::new(TaskDispatcherServer::new(Server { store, live, agents, wake })),
        names: &[SERVICE_NAME],
        descriptors: FILE_DESCRIPTORS,
    }
}

/// The answers, from the database.
#[derive(Debug)]
struct Server {
    store: Store,
    live: Live,
    agents: Arc<RwLock<Agents>>,
    wake: Arc<Notify>,
}

impl Server {
    async fn capacity(&self) -> Result<CapacityResponse, StoreError> {
        let now_ms = SystemClock.now_ms();
        let config = self.live.get();
        let mut tx = self.store.begin().await?;
        let (ledger, _) = look(&mut tx, &config, now_ms).await?;
        drop(tx);
        let counts = self.store.count_by_state().await?;
        let ready = counts.iter().find(|(state, _)| *state == TaskState::Ready).map_or(0, |(_, count)| *count);
        let number = |size| i64::try_from(size).unwrap_or(i64::MAX);
        let accounts = ledger.accounts.iter().map(|account| {
            let settings = config.accounts.get(&account.name).cloned().unwrap_or_default();
            v1::AccountCapacity {
                name: account.name.clone(),
                max_concurrent: settings.max_concurrent.into(),
                active: number(account.active),
                spent_usd: dollars(account.spent_micros),
                daily_budget_usd: settings.daily_budget_usd,
                held: account.held(now_ms),
            }
        });
        Ok(CapacityResponse {
            max_concurrent: number(ledger.capacity.max_concurrent),
            slots: number(ledger.capacity.slots),
            active: number(ledger.capacity.active),
            ready,
            paused: ledger.pauses.all,
            accounts: accounts.collect(),
        })
    }

    /// The task that a person means by `name`.
    async fn named(&self, name: &str) -> Result<TaskRow, Status> {
        let ids = self.store.tasks_named(name).await.map_err(away)?;
        match ids.as_slice() {
            [] => Err(Status::not_found(format!("there is no task {name}; `coditect task list` shows them"))),
            [id] => {
                let task = self.store.task(id).await.map_err(away)?;
                task.ok_or_else(|| Status::not_found(format!("there is no task {name}")))
            }
            several => {
                let names: Vec<_> = several.iter().map(coditect_core::TaskId::as_str).collect();
                Err(Status::invalid_argument(format!("{name} may be any of {}: name one of these", names.join(", "))))
            }
        }
    }

    async fn pause(&self, account: &str, value: &str) -> Result<v1::PauseAccountResponse, StoreError> {
        let mut tx = self.store.begin().await?;
        let now_ms = SystemClock.now_ms();
        tx.set_fact(&format!("{PAUSE}account:{account}"), value, now_ms).await?;
        if value.is_empty() {
            tx.resume_account(account).await?;
        }
        tx.commit().await?;
        self.wake.notify_one();
        let mut paused = Pauses::from_facts(&self.store.facts(PAUSE).await?).accounts;
        let stopped = self.store.account_pauses().await?;
        paused.extend(stopped.into_iter().filter(|pause| pause.holds(now_ms)).map(|pause| pause.account));
        Ok(v1::PauseAccountResponse { paused: paused.into_iter().collect() })
    }
}

#[tonic::async_trait]
impl TaskDispatcher for Server {
    async fn capacity(&self, _: Request<CapacityRequest>) -> Result<Response<CapacityResponse>, Status> {
        Self::capacity(self).await.map(Response::new).map_err(away)
    }

    async fn explain(&self, request: Request<v1::ExplainRequest>) -> Result<Response<v1::ExplainResponse>, Status> {
        let task = self.named(&request.into_inner().task).await?;
        let (config, now_ms) = (self.live.get(), SystemClock.now_ms());
        // Whoever stands by makes no passes.
        if self.agents.read().await.is_due() {
            let refreshed = self.agents.write().await.follow(&config).refresh(&self.store, now_ms).await;
            refreshed.map_err(|error| unavailable(&error))?;
        }
        let agents = self.agents.read().await;
        let answer = explain(&self.store, &config, &agents, &task, now_ms).await;
        answer.map(Response::new).map_err(away)
    }

    async fn pause_account(
        &self,
        request: Request<v1::PauseAccountRequest>,
    ) -> Result<Response<v1::PauseAccountResponse>, Status> {
        let v1::PauseAccountRequest { account, actor, resume } = request.into_inner();
        let config = self.live.get();
        if !config.accounts.contains_key(&account) {
            let names: Vec<_> = config.accounts.keys().map(String::as_str).collect();
            let message = format!("there is no account `{account}`; there are: {}", names.join(", "));
            return Err(Status::not_found(message));
        }
        let actor = format!("person:{}", if actor.is_empty() { "unknown" } else { &actor });
        let value = if resume { "" } else { actor.as_str() };
        self.pause(&account, value).await.map(Response::new).map_err(away)
    }
}

/// The database's errors: the caller may try again.
fn away(error: StoreError) -> Status {
    unavailable(&anyhow::Error::new(error))
}

fn unavailable(error: &anyhow::Error) -> Status {
    tracing::warn!(cause = format!("{error:#}"), "a question could not be answered");
    Status::unavailable("the database does not answer")
}

#[expect(clippy::cast_precision_loss, reason = "accounts spend less than 2^52 millionths of a dollar a day")]
fn dollars(micros: i64) -> f64 {
    micros as f64 / 1_000_000.0
}
