//! Keeps plan files and the database in step, in both directions.
//!
//! File to database: a file that changed is read once it has come to rest, and [`sync::PlanSync::sync`] takes it over.
//! Database to file: of a task that is completed the box is ticked, and nothing but markers is ever changed
//! ([`sync::PlanSync::tick`]). Own writes are known by their content: its hash is noted in the database.
//!
//! One loop ([`daemon`]) does everything in turn; files, entries, people and clocks only wake it up.

pub mod api;
pub mod daemon;
pub mod debounce;
pub mod document;
pub mod file;
pub mod planned;
pub mod sync;
pub mod ticks;
mod tracked;
pub mod watch;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use coditect_queue::{ConsumerOptions, Queue, Stream, message::Event};
use coditect_service::{Config, Service};
use coditect_store::{Durability, Store, StoreError};
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::daemon::Daemon;
use crate::sync::PlanSync;

/// How long to wait between two tries to open the database.
const REOPEN: Duration = Duration::from_secs(1);

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
    let Some(store) = open(&service).await else { return Ok(()) };
    for left in store.documents().await?.iter().filter(|row| documents.iter().all(|d| d.id != row.id)) {
        warn!(path = left.path, "was synced before and is in `plan.paths` no more; its tasks stay as they are");
    }

    let (watch, changes) = watch::Watch::start(&documents);
    let drain = service.shutdown.drain.clone();
    let events =
        queue.consume::<Event>(Stream::Events, ConsumerOptions::new("sync-daemon", "sync-daemon"), drain.clone());
    let (asks, asked) = mpsc::channel(ASKS);
    let plans = PlanSync::new(store, documents, config.plan.debounce());
    let daemon = Daemon::new(plans, queue, watch, &service);
    tokio::try_join!(service.serve_grpc(api::api(asks)), async {
        daemon.run(changes, events, asked, drain).await;
        Ok(())
    })?;
    Ok(())
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

/// The database, once it is there and has the right schema; nothing if the service drains before.
async fn open(service: &Service) -> Option<Store> {
    let url = &service.config.database.url;
    let mut failures: u64 = 0;
    while !service.shutdown.drain.is_cancelled() {
        match try_open(url.expose()).await {
            Ok(store) => {
                info!(database = %url, "the database is open");
                service.readiness.pass("database");
                return Some(store);
            }
            Err(error) => {
                let cause = format!("{:#}", anyhow::Error::new(error));
                if failures == 0 {
                    warn!(database = %url, cause, "cannot use the database; trying until it is there");
                }
                failures += 1;
                service.readiness.fail("database", "cannot be used yet");
            }
        }
        tokio::select! {
            () = service.shutdown.drain.cancelled() => {}
            () = tokio::time::sleep(REOPEN) => {}
        }
    }
    None
}

async fn try_open(url: &str) -> Result<Store, StoreError> {
    let store = Store::open(url, Durability::Normal).await?;
    store.check_schema().await?;
    Ok(store)
}
