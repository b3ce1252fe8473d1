//! Keeps plan files and the database in step, in both directions.
//!
//! File to database: a file that changed is read once it has come to rest, and [`sync::PlanSync::sync`] takes it over.
//! Database to file: a task's marker says what was decided of it, and nothing but markers is ever changed
//! ([`sync::PlanSync::tick`]). Own writes are known by their content: its hash is in the database before it is written.
//!
//! Where the files are, in a working tree or on a branch, only [`source`] knows.
//!
//! One loop ([`daemon`]) does everything in turn; files, entries, people and clocks only wake it up.

pub mod api;
mod asked;
pub mod daemon;
pub mod debounce;
pub mod discovery;
pub mod document;
pub mod marking;
pub mod members;
pub mod planned;
mod recovery;
pub mod source;
mod standby;
pub mod sync;
pub mod ticks;
mod tracked;
pub mod watch;

pub use source::file;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use coditect_queue::{ConsumerOptions, Queue, Stream, message::Event};
use coditect_service::config::PlanSource;
use coditect_service::leadership::{self, Term};
use coditect_service::{Config, Service, database};
use coditect_store::Durability;
use tokio::sync::{Mutex, mpsc};
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use crate::daemon::{Ask, Daemon};
use crate::discovery::PlanSet;
use crate::source::git::GitSource;
use crate::source::{Source, poll};
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
    let (source, root) = source_of(config)?;
    let mut set = PlanSet::new(&root, &config.plan.paths)?;
    let documents = set.look().documents;
    let queue = Queue::connect(config.redis.url.expose(), &config.project.name)?;
    let Some(store) = database::open(&service, Durability::Normal).await else { return Ok(()) };
    // What folders and patterns of a branch mean is known once it was fetched.
    if source.is_watched() || !set.is_open() {
        for left in store.documents().await?.iter().filter(|row| documents.iter().all(|d| d.id != row.id)) {
            warn!(path = left.path, "was synced before and is in `plan.paths` no more; its tasks stay as they are");
        }
    }

    let (asks, asked) = mpsc::channel(ASKS);
    let asked = Mutex::new(asked);
    let act = |term| act(&service, &queue, &source, &set, &asked, term);
    let leading = leadership::lead(&service, &store, act, || standby::refuse(&service, &queue, &asked));
    tokio::try_join!(service.serve_grpc(api::api(asks, store.clone())), async {
        leading.await;
        Ok(())
    })?;
    Ok(())
}

/// What the leader does.
async fn act(
    service: &Service,
    queue: &Queue,
    source: &Source,
    set: &PlanSet,
    asked: &Mutex<mpsc::Receiver<Ask>>,
    term: Term,
) {
    let mut set = set.clone();
    let found = set.look();
    let (watch, mut changes) = watch::Watch::start(if source.is_watched() { &found.documents } else { &[] });
    let _polling = if let Source::Git(git) = source {
        let (moved, moves) = mpsc::channel(ASKS);
        changes = moves;
        let poll = poll::run(Arc::clone(git), moved, Arc::clone(&service.told), term.ended.clone());
        Some(AbortOnDropHandle::new(tokio::spawn(poll)))
    } else {
        None
    };
    let options = ConsumerOptions::new("sync-daemon", "sync-daemon");
    let events = queue.consume::<Event>(Stream::Events, options, term.ended.clone());
    let plan = &service.config.plan;
    let plans = PlanSync::new(term.store, found.documents, plan.debounce())
        .within(source.clone())
        .with(Marks { in_progress: plan.mark_in_progress, annotate: plan.annotate });
    let daemon = Daemon::new(plans, queue.clone(), watch, service).following(set);
    daemon.run(changes, events, &mut *asked.lock().await, term.ended).await;
}

/// Where the plan files are, and the folder that `plan.paths` are relative to.
fn source_of(config: &Config) -> anyhow::Result<(Source, PathBuf)> {
    if config.plan.source == PlanSource::Git {
        let git = Arc::new(GitSource::new(config));
        let root = PathBuf::from(coditect_service::git::redacted(git.own().url()));
        return Ok((Source::Git(git), root));
    }
    let root = working_tree(config)?;
    Ok((Source::WorkingTree { root: root.clone() }, root))
}

/// The working tree.
fn working_tree(config: &Config) -> anyhow::Result<PathBuf> {
    let path = &config.repository.path;
    let root = std::path::absolute(path).with_context(|| format!("`repository.path` ({path})"))?;
    if !root.is_dir() {
        bail!(
            "`repository.path` ({path}) is no folder on this machine: the sync-daemon reads and ticks plan files in a \
             working tree; give it the path of a checkout, or set `plan.source` to \"git\""
        );
    }
    Ok(root)
}
