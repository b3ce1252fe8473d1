//! Keeps plan files and the database in step, in both directions.
//!
//! File to database: a file that changed is read once it has come to rest, and [`sync::PlanSync::sync`] takes it over.
//! Database to file: a task's marker says what was decided of it, and nothing but markers is ever changed
//! ([`sync::PlanSync::tick`]). Own writes are known by their content: its hash is in the database before it is written.
//!
//! One loop ([`daemon`]) does everything in turn; files, entries, people and clocks only wake it up.

pub mod api;
mod asked;
pub mod daemon;
pub mod debounce;
pub mod document;
pub mod file;
pub mod marking;
pub mod planned;
mod standby;
pub mod sync;
pub mod ticks;
mod tracked;
pub mod watch;

use std::path::PathBuf;

use anyhow::{Context, bail};
use coditect_queue::{ConsumerOptions, Queue, Stream, message::Event};
use coditect_service::leadership::{self, Term};
use coditect_service::{Config, Service, database};
use coditect_store::Durability;
use tokio::sync::{Mutex, mpsc};
use tracing::warn;

use crate::daemon::{Ask, Daemon};
use crate::document::Document;
use crate::sync::{Marks, PlanSync};

/// How many requests may wait for the loop.
const ASKS: usize = 16;

/// Runs the service until it drains.
///
/// # Errors
/// A configuration that cannot be followed; a port that cannot be listened on.
pub async fn run(service: Service) -> anyhow::Result<()> {
    for check in ["database", "redis", "plan"] {
        service.readiness.wait_for(check);
    }
    let config = &service.config;
    let documents = document::configured(&working_tree(config)?, &config.plan.paths)?;
    let queue = Queue::connect(config.redis.url.expose(), &config.project.name)?;
    let Some(store) = database::open(&service, Durability::Normal).await else { return Ok(()) };
    for left in store.documents().await?.iter().filter(|row| documents.iter().all(|d| d.id != row.id)) {
        warn!(path = left.path, "was synced before and is in `plan.paths` no more; its tasks stay as they are");
    }

    let (asks, asked) = mpsc::channel(ASKS);
    let asked = Mutex::new(asked);
    let act = |term| act(&service, &queue, &documents, &asked, term);
    let leading = leadership::lead(&service, &store, act, || standby::refuse(&service, &queue, &asked));
    tokio::try_join!(service.serve_grpc(api::api(asks, store.clone())), async {
        leading.await;
        Ok(())
    })?;
    Ok(())
}

/// What the leader does.
async fn act(service: &Service, queue: &Queue, documents: &[Document], asked: &Mutex<mpsc::Receiver<Ask>>, term: Term) {
    let (watch, changes) = watch::Watch::start(documents);
    let options = ConsumerOptions::new("sync-daemon", "sync-daemon");
    let events = queue.consume::<Event>(Stream::Events, options, term.ended.clone());
    let plan = &service.config.plan;
    let plans = PlanSync::new(term.store, documents.to_vec(), plan.debounce())
        .with(Marks { in_progress: plan.mark_in_progress, annotate: plan.annotate });
    let daemon = Daemon::new(plans, queue.clone(), watch, service);
    daemon.run(changes, events, &mut *asked.lock().await, term.ended).await;
}

/// The folder that `plan.paths` are relative to.
fn working_tree(config: &Config) -> anyhow::Result<PathBuf> {
    let path = &config.repository.path;
    let root = std::path::absolute(path).with_context(|| format!("`repository.path` ({path})"))?;
    if !root.is_dir() {
        bail!(
            "`repository.path` ({path}) is no folder on this machine: the sync-daemon reads and ticks plan files in a \
             working tree; give it the path of a checkout"
        );
    }
    Ok(root)
}
