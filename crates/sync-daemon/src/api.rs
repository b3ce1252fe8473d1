//! What can be asked of the daemon.

use coditect_proto::{
    FILE_DESCRIPTORS,
    v1::{
        self, GetRevisionRequest, GetRevisionResponse, ListConflictsRequest, ListConflictsResponse,
        ListRevisionsRequest, ListRevisionsResponse, RestoreRevisionRequest, RestoreRevisionResponse,
        SettleConflictRequest, SettleConflictResponse, SyncNowRequest, SyncNowResponse, SyncStatusRequest,
        SyncedDocument,
        sync_daemon_server::{SERVICE_NAME, SyncDaemon, SyncDaemonServer},
    },
};
use coditect_service::grpc::Api;
use coditect_store::{ConflictRow, DocumentRow, RevisionRow, Side, Store, StoreError};
use tokio::sync::{mpsc, oneshot};
use tonic::{Request, Response, Status, service::Routes};

use crate::daemon::{Answer, Ask, Refusal, What};

/// How many revisions are listed at once.
const PAGE: i64 = 100;
const LARGEST_PAGE: i64 = 1_000;

/// The gRPC service; what changes anything goes to the loop through `asks`.
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

type Reply<T> = Result<Response<T>, Status>;

impl Server {
    /// Asks the loop, which does one thing at a time.
    async fn ask(&self, what: What) -> Result<Answer, Status> {
        let stopping = || Status::unavailable("the sync-daemon is stopping");
        let (answer, answered) = oneshot::channel();
        self.asks.send(Ask { what, answer }).await.map_err(|_| stopping())?;
        answered.await.map_err(|_| stopping())?.map_err(|refusal| match refusal {
            Refusal::Unavailable(why) => Status::unavailable(why),
            Refusal::NotFound(why) => Status::not_found(why),
            Refusal::NotNow(why) => Status::failed_precondition(why),
        })
    }

    async fn documents(&self, what: What) -> Reply<SyncNowResponse> {
        let Answer::Documents(documents) = self.ask(what).await? else { return Err(other()) };
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

    /// The document of this name or path.
    async fn document(&self, plan: &str) -> Result<DocumentRow, Status> {
        let plan = plan.strip_prefix("./").unwrap_or(plan);
        let documents = self.store.documents().await.map_err(internal)?;
        let found = documents.into_iter().find(|row| row.path == plan || row.id == plan);
        found
            .ok_or_else(|| Status::not_found(format!("no plan `{plan}` was ever synced; `plan.paths` names the plans")))
    }
}

#[tonic::async_trait]
impl SyncDaemon for Server {
    async fn sync_now(&self, _: Request<SyncNowRequest>) -> Reply<SyncNowResponse> {
        self.documents(What::Sync).await
    }

    async fn status(&self, _: Request<SyncStatusRequest>) -> Reply<SyncNowResponse> {
        self.documents(What::Look).await
    }

    async fn list_conflicts(&self, request: Request<ListConflictsRequest>) -> Reply<ListConflictsResponse> {
        let conflicts = self.store.conflicts(request.into_inner().settled).await.map_err(internal)?;
        Ok(Response::new(ListConflictsResponse { conflicts: conflicts.into_iter().map(conflict).collect() }))
    }

    async fn settle_conflict(&self, request: Request<SettleConflictRequest>) -> Reply<SettleConflictResponse> {
        let SettleConflictRequest { conflicts, choice, actor } = request.into_inner();
        let side = [Side::Plan, Side::Database].into_iter().find(|side| side.as_str() == choice);
        let side =
            side.ok_or_else(|| Status::invalid_argument(format!("`{choice}` is no side: expected plan or database")))?;
        let what = What::Settle { conflicts, side, actor: person(&actor) };
        let Answer::Settled(settled) = self.ask(what).await? else { return Err(other()) };
        Ok(Response::new(SettleConflictResponse { settled: settled.into_iter().map(conflict).collect() }))
    }

    async fn list_revisions(&self, request: Request<ListRevisionsRequest>) -> Reply<ListRevisionsResponse> {
        let ListRevisionsRequest { plan, before, limit } = request.into_inner();
        let document = self.document(&plan).await?;
        let limit = if limit <= 0 { PAGE } else { limit.min(LARGEST_PAGE) };
        let rows = self.store.revisions(&document.id, before.max(0), limit).await.map_err(internal)?;
        Ok(Response::new(ListRevisionsResponse { revisions: rows.into_iter().map(revision).collect() }))
    }

    async fn get_revision(&self, request: Request<GetRevisionRequest>) -> Reply<GetRevisionResponse> {
        let GetRevisionRequest { plan, revision } = request.into_inner();
        let document = self.document(&plan).await?;
        let text = self.store.revision_text(&document.id, revision).await.map_err(internal)?;
        let text = text.ok_or_else(|| Status::not_found(unknown(&document.path, revision)))?;
        Ok(Response::new(GetRevisionResponse { text }))
    }

    async fn restore_revision(&self, request: Request<RestoreRevisionRequest>) -> Reply<RestoreRevisionResponse> {
        let RestoreRevisionRequest { plan, revision, actor } = request.into_inner();
        let document = self.document(&plan).await?.id;
        let what = What::Restore { document, revision, actor: person(&actor) };
        let Answer::Restored(revision) = self.ask(what).await? else { return Err(other()) };
        Ok(Response::new(RestoreRevisionResponse { revision }))
    }
}

/// Why a revision cannot be had.
pub(crate) fn unknown(path: &str, revision: i64) -> String {
    format!("{path} has no revision {revision} whose content is kept; `coditect plan history {path}` lists them")
}

fn conflict(row: ConflictRow) -> v1::Conflict {
    v1::Conflict {
        task: row.task.to_string(),
        revision: row.revision,
        at_ms: row.at_ms,
        marker: row.plan,
        state: row.state,
        id: row.id,
        key: row.key,
        title: row.title,
        field: row.field,
        base: row.base,
        database: row.database,
        settled_at_ms: row.settled_at_ms,
        settled_by: row.settled_by,
        choice: row.choice,
    }
}

fn revision(row: RevisionRow) -> v1::Revision {
    let RevisionRow { revision, hash, actor, at_ms, changes, kept } = row;
    let change = |change: coditect_store::FieldChange| v1::FieldChange {
        task: change.task,
        field: change.field,
        from: change.from,
        to: change.to,
    };
    v1::Revision { revision, hash, actor, at_ms, changes: changes.into_iter().map(change).collect(), kept }
}

/// Who it is, as the history has it.
fn person(actor: &str) -> String {
    let name = actor.strip_prefix("person:").unwrap_or(actor);
    format!("person:{}", if name.is_empty() { "unknown" } else { name })
}

fn other() -> Status {
    Status::internal("the loop answered something else than was asked")
}

fn internal(error: StoreError) -> Status {
    tracing::warn!(cause = format!("{:#}", anyhow::Error::new(error)), "a question could not be answered");
    Status::unavailable("the database does not answer")
}
