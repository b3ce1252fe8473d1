//! Results are kept on disk until the orchestrator has applied them: Redis may lose them on the way.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use coditect_core::FailureClass;
use coditect_proto::v1::orchestrator_client::OrchestratorClient;
use coditect_proto::v1::{GetAttemptRequest, UploadEvidenceRequest};
use coditect_queue::message::{ResultEntry, ResultKind, evidence_reference};
use coditect_queue::{Queue, Stream};
use coditect_service::trace;
use serde::{Deserialize, Serialize};
use tokio::fs;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic::transport::Channel;
use tracing::{debug, warn};

use crate::job::Outcome;

/// How often undelivered results are looked at; also how long a delivered one has to be applied before it is sent again.
const EVERY: Duration = Duration::from_secs(2);

/// Evidence that is no longer than this, in bytes, goes through the stream itself: most of it is.
const IN_STREAM: usize = 8 * 1024;

/// How long uploading evidence may take.
const UPLOAD_LIMIT: Duration = Duration::from_secs(10);

/// A result as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) task: String,
    pub(crate) attempt: String,
    pub(crate) token: i64,
    pub(crate) account: String,
    pub(crate) traceparent: String,
    pub(crate) outcome: Outcome,
}

/// The folder of kept results.
#[derive(Debug, Clone)]
pub(crate) struct Outbox {
    folder: PathBuf,
    queue: Queue,
    orchestrator: OrchestratorClient<Channel>,
}

impl Outbox {
    pub(crate) async fn open(
        folder: PathBuf,
        queue: Queue,
        orchestrator: OrchestratorClient<Channel>,
    ) -> io::Result<Self> {
        fs::create_dir_all(&folder).await?;
        Ok(Self { folder, queue, orchestrator })
    }

    /// Keeps the result, then sends it.
    pub(crate) async fn put(&self, kept: &Kept) {
        if let Err(error) = self.write(kept).await {
            warn!(%error, attempt = kept.attempt, folder = %self.folder.display(), "a result could not be kept on disk");
        }
        self.send(kept).await;
    }

    /// Whether a result of the attempt is kept.
    pub(crate) async fn holds(&self, attempt: &str) -> bool {
        fs::try_exists(self.path(attempt)).await.unwrap_or(false)
    }

    /// Sends kept results again until they are applied, then forgets them. Ends with `until`.
    pub(crate) async fn deliver(self, until: CancellationToken) {
        let mut orchestrator = self.orchestrator.clone();
        loop {
            tokio::select! {
                () = until.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            for kept in self.read().await {
                match orchestrator.get_attempt(GetAttemptRequest { attempt: kept.attempt.clone() }).await {
                    Ok(answer) if answer.get_ref().open => self.send(&kept).await,
                    Ok(_) => self.forget(&kept.attempt).await,
                    // The database was replaced by one that does not know the attempt.
                    Err(status) if status.code() == Code::NotFound => self.forget(&kept.attempt).await,
                    Err(status) => {
                        debug!(%status, "the orchestrator cannot be asked what it knows");
                        break;
                    }
                }
            }
        }
    }

    async fn send(&self, kept: &Kept) {
        let mut entry = entry(kept);
        entry.evidence = self.refer_to(&kept.attempt, entry.evidence.take()).await;
        if let Err(error) = self.queue.add(&Stream::Results, &entry).await {
            debug!(%error, attempt = kept.attempt, "a result could not be sent; it is kept and will be sent again");
        }
    }

    /// Evidence as the stream is to carry it: what is large goes to the orchestrator, and a reference takes its place. Where the
    /// orchestrator cannot be reached it is carried all the same, as it is bounded.
    async fn refer_to(&self, attempt: &str, evidence: Option<String>) -> Option<String> {
        let evidence = evidence?;
        if evidence.len() <= IN_STREAM {
            return Some(evidence);
        }
        let request = UploadEvidenceRequest { attempt: attempt.to_owned(), evidence: evidence.clone() };
        let mut orchestrator = self.orchestrator.clone();
        match tokio::time::timeout(UPLOAD_LIMIT, orchestrator.upload_evidence(trace::request(request))).await {
            Ok(Ok(_)) => Some(evidence_reference(attempt)),
            Ok(Err(status)) => {
                debug!(%status, attempt, "evidence could not be uploaded");
                Some(evidence)
            }
            Err(_) => Some(evidence),
        }
    }

    /// Written whole or not at all.
    async fn write(&self, kept: &Kept) -> io::Result<()> {
        let path = self.path(&kept.attempt);
        let draft = path.with_extension("draft");
        let file = fs::File::create(&draft).await?;
        let mut file = file.into_std().await;
        let text = serde_json::to_vec(kept).map_err(io::Error::other)?;
        tokio::task::spawn_blocking(move || {
            io::Write::write_all(&mut file, &text)?;
            file.sync_all()
        })
        .await
        .map_err(io::Error::other)??;
        fs::rename(&draft, &path).await
    }

    async fn read(&self) -> Vec<Kept> {
        let mut kept = Vec::new();
        let Ok(mut entries) = fs::read_dir(&self.folder).await else { return kept };
        while let Ok(Some(entry)) = entries.next_entry().await {
            let path = entry.path();
            if path.extension().is_none_or(|ending| ending != "json") {
                continue;
            }
            match fs::read(&path).await.map(|text| serde_json::from_slice(&text)) {
                Ok(Ok(result)) => kept.push(result),
                Ok(Err(error)) => {
                    warn!(%error, file = %path.display(), "a kept result cannot be read; left where it is")
                }
                Err(_) => {}
            }
        }
        kept
    }

    async fn forget(&self, attempt: &str) {
        if let Err(error) = fs::remove_file(self.path(attempt)).await {
            debug!(%error, attempt, "a kept result could not be removed");
        }
    }

    fn path(&self, attempt: &str) -> PathBuf {
        self.folder.join(Path::new(attempt).file_name().unwrap_or_default()).with_extension("json")
    }
}

/// The result as the stream carries it.
fn entry(kept: &Kept) -> ResultEntry {
    let evidence = kept.outcome.evidence();
    let (outcome, failure, commit, message): (&str, Option<FailureClass>, _, _) = match &kept.outcome {
        Outcome::Landed { commit, .. } => ("landed", None, Some(commit.clone()), String::new()),
        Outcome::Delivered { .. } => ("delivered", None, None, String::new()),
        Outcome::Held { flags, .. } => ("held", Some(FailureClass::Held), None, flags.join("\n")),
        Outcome::Failed { class, message, .. } => ("failed", Some(*class), None, message.clone()),
    };
    let reset_at_ms = match &kept.outcome {
        Outcome::Failed { reset_at_ms, .. } => *reset_at_ms,
        Outcome::Landed { .. } | Outcome::Delivered { .. } | Outcome::Held { .. } => None,
    };
    let (held, delivered, branch) = match &kept.outcome {
        Outcome::Held { commit, branch, .. } => (Some(commit.clone()), None, Some(branch.clone())),
        Outcome::Delivered { commit, branch, .. } => (None, Some(commit.clone()), Some(branch.clone())),
        Outcome::Landed { .. } | Outcome::Failed { .. } => (None, None, None),
    };
    ResultEntry {
        task: kept.task.clone(),
        attempt: kept.attempt.clone(),
        token: kept.token,
        kind: ResultKind::Finished,
        outcome: outcome.to_owned(),
        failure,
        account: kept.account.clone(),
        cost_usd: evidence.cost_usd,
        tokens_in: evidence.tokens_in,
        tokens_out: evidence.tokens_out,
        commit,
        held,
        delivered,
        branch,
        evidence: serde_json::to_string(evidence).ok(),
        message,
        traceparent: kept.traceparent.clone(),
        reset_at_ms,
    }
}
