//! The loop: woken by files, entries, people and clocks, it does one thing at a time.

use std::time::Duration;

use coditect_core::{Clock, TaskState};
use coditect_queue::message::{Event, PlanChanged};
use coditect_queue::{CancellationToken, Consumer, Queue, Stream};
use coditect_service::trace::{self, Stage};
use coditect_service::{Readiness, Service, SystemClock, metrics};
use coditect_store::{ConflictRow, Side};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tracing::{debug, info, warn};

use crate::debounce::Debounce;
use crate::discovery::{Found, PlanSet};
use crate::members::Relinked;
use crate::source::poll;
use crate::sync::{Looked, PlanSync, Status, Ticked, off_thread};
use crate::watch::Watch;

/// How long completions are gathered before they are ticked in one go.
const GATHER: Duration = Duration::from_millis(150);

/// The shortest time a file must stay unchanged, whatever the configuration says: the loop is not to spin.
const LEAST_QUIET: Duration = Duration::from_millis(10);

/// How often files are compared although nobody said that they changed.
const COMPARE: Duration = Duration::from_secs(10);

/// The states whose news changes a marker; whatever else does is found by the periodic look.
const MARKED: [TaskState; 4] = [TaskState::Completed, TaskState::Cancelled, TaskState::Skipped, TaskState::Pending];

/// What is asked of the loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Compare every file with the database now.
    Sync,
    /// Say how they stood when they were last compared.
    Look,
    /// Take a side in conflicts.
    Settle {
        /// Their ids, or their tasks; none: all of them.
        conflicts: Vec<String>,
        /// The side.
        side: Side,
        /// `person:<name>`.
        actor: String,
    },
    /// Bring an older content back into a file.
    Restore {
        /// The document.
        document: String,
        /// The revision with that content.
        revision: i64,
        /// `person:<name>`.
        actor: String,
    },
}

/// What the loop answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// How the documents are.
    Documents(Vec<Status>),
    /// The conflicts that are settled.
    Settled(Vec<ConflictRow>),
    /// The revision that was made.
    Restored(i64),
}

/// Why it is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The database, or this instance, cannot.
    Unavailable(String),
    /// There is no such thing.
    NotFound(String),
    /// Not as things are.
    NotNow(String),
}

/// A request, and where the answer goes.
#[derive(Debug)]
pub struct Ask {
    /// What is asked.
    pub what: What,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Result<Answer, Refusal>>,
}

/// The state of the loop.
#[derive(Debug)]
pub struct Daemon {
    pub(crate) plans: PlanSync,
    queue: Queue,
    watch: Watch,
    readiness: Readiness,
    reconcile: Duration,
    debounces: Vec<Debounce>,
    /// When the completions that were told of are to be ticked.
    gathered: Option<Instant>,
    /// Those tasks, each with the trace of the attempt that completed it.
    completed: Vec<(String, String)>,
    /// Whether the database failed the last time, as it was logged.
    outage: bool,
    /// A file could not be taken over: all are compared as soon as the database works.
    unsynced: bool,
    pub(crate) clock: SystemClock,
    /// What `plan.paths` means, if documents can come and go.
    set: Option<PlanSet>,
    /// Files that came or went.
    looking: Debounce,
    quiet: Duration,
}

impl Daemon {
    /// A loop over `plans`.
    #[must_use]
    pub fn new(plans: PlanSync, queue: Queue, watch: Watch, service: &Service) -> Self {
        let quiet = service.config.plan.debounce().max(LEAST_QUIET);
        let debounces = vec![Debounce::new(quiet); plans.len()];
        Self {
            plans,
            queue,
            watch,
            readiness: service.readiness.clone(),
            reconcile: service.config.reconcile.interval(),
            debounces,
            gathered: None,
            completed: Vec::new(),
            outage: false,
            unsynced: false,
            clock: SystemClock,
            set: None,
            looking: Debounce::new(quiet),
            quiet,
        }
    }

    /// Documents come and go as `set` finds them.
    #[must_use]
    pub fn following(mut self, set: PlanSet) -> Self {
        self.set = Some(set).filter(PlanSet::is_open);
        self
    }

    /// Runs until `drain`. Every file is synced at once; then all is driven by what happens.
    pub async fn run(
        mut self,
        mut changes: mpsc::Receiver<usize>,
        mut events: Consumer<Event>,
        asked: &mut mpsc::Receiver<Ask>,
        drain: CancellationToken,
    ) {
        let recovered = self.plans.recover().await;
        self.settled(recovered);
        self.sync_all().await;
        let (mut reconcile, mut compare) = (every(self.reconcile), every(COMPARE));
        while !drain.is_cancelled() {
            let rested = self.debounces.iter().chain([&self.looking]).filter_map(Debounce::due).min();
            tokio::select! {
                () = drain.cancelled() => {}
                Some(at) = changes.recv() => match self.debounces.get_mut(at) {
                    Some(debounce) => debounce.touch(Instant::now()),
                    // A file that came or went; or, where nobody watches, anything.
                    None => {
                        self.looking.touch(Instant::now());
                        if at == poll::ANYTHING {
                            self.debounces.iter_mut().for_each(|debounce| debounce.touch(Instant::now()));
                        }
                    }
                },
                () = at(rested) => self.sync_rested().await,
                Some(delivery) = events.next() => {
                    let to = delivery.message.to.as_str();
                    if MARKED.iter().any(|state| state.as_str() == to) {
                        self.gathered.get_or_insert(Instant::now() + GATHER);
                    }
                    if to == TaskState::Completed.as_str() {
                        self.completed.push((delivery.message.task.clone(), delivery.message.traceparent.clone()));
                    }
                    // Only a wake-up: should the acknowledgement be lost, it wakes once more.
                    if let Err(error) = delivery.ack().await {
                        debug!(%error, "an entry could not be acknowledged");
                    }
                }
                () = at(self.gathered) => self.tick_all().await,
                Some(ask) = asked.recv() => self.answer(ask).await,
                _ = reconcile.tick() => {
                    self.tick_all().await;
                    self.check().await;
                    if self.unsynced && !self.outage {
                        self.compare_all().await;
                    }
                }
                _ = compare.tick() => self.compare_all().await,
            }
        }
    }

    pub(crate) async fn sync_all(&mut self) {
        self.find().await;
        let read = self.plans.preload().await;
        self.settled(read);
        for at in 0..self.plans.len() {
            self.sync(at).await;
        }
        self.relink().await;
    }

    /// Looks which documents there are; those that are new are read once they are at rest.
    async fn find(&mut self) {
        let Some(mut set) = self.set.take() else { return };
        if !self.plans.source().is_watched() {
            let found = self.plans.look_listed(&set).await;
            self.set = Some(set);
            if let Some(found) = found {
                self.take(found);
            }
            return;
        }
        let looked = off_thread(move || {
            let (found, folders) = (set.look(), set.folders());
            (set, found, folders)
        });
        // Otherwise the runtime is ending.
        let Ok((set, found, folders)) = looked.await else { return };
        self.set = Some(set);
        self.take(found);
        self.watch.follow(self.plans.documents(), folders);
    }

    fn take(&mut self, found: Found) {
        let changed = self.plans.refresh(found);
        self.debounces.resize(self.plans.len(), Debounce::new(self.quiet));
        for at in changed {
            self.debounces[at].touch(Instant::now());
        }
    }

    /// Brings what tasks wait for in other documents up to date, and tells the resolver.
    async fn relink(&mut self) {
        let relinked = self.plans.relink(self.clock.now_ms()).await;
        for Relinked { at, revision, changed } in self.settled(relinked).unwrap_or_default() {
            self.tell(at, revision, changed).await;
        }
    }

    async fn sync_rested(&mut self) {
        let now = Instant::now();
        if self.looking.take(now) {
            self.find().await;
        }
        for at in 0..self.plans.len() {
            if self.debounces[at].take(now) {
                self.sync(at).await;
            }
        }
    }

    /// Takes a file over, tells the resolver, and ticks what waited for it.
    async fn sync(&mut self, at: usize) {
        self.debounces[at].clear();
        let begun = Instant::now();
        let looked = self.plans.sync(at, self.clock.now_ms()).await;
        match self.settled(looked) {
            Some(Looked::Synced(synced)) => {
                metrics::synced("to_database", begun.elapsed());
                self.tell(at, synced.revision, synced.changed).await;
                self.relink().await;
                self.tick(at).await;
            }
            Some(Looked::InStep) => self.tick(at).await,
            Some(Looked::Unreadable(_)) => {}
            Some(Looked::HalfWritten) => self.debounces[at].touch(Instant::now()),
            None => self.unsynced = true,
        }
    }

    /// Tells the resolver that a plan changed.
    pub(crate) async fn tell(&self, at: usize, revision: i64, changed: i64) {
        let document = self.plans.document(at).id.clone();
        let entry = PlanChanged { document, revision, changed, traceparent: String::new() };
        if let Err(error) = self.queue.add(&Stream::Plan, &entry).await {
            warn!(%error, "the resolver could not be told of the change; it will see it by itself");
        }
    }

    pub(crate) async fn tick_all(&mut self) {
        self.gathered = None;
        let completed = std::mem::take(&mut self.completed);
        let _spans: Vec<_> = completed.iter().map(|(task, parent)| trace::follow(Stage::Tick, task, parent)).collect();
        for at in 0..self.plans.len() {
            self.tick(at).await;
        }
    }

    pub(crate) async fn tick(&mut self, at: usize) {
        let begun = Instant::now();
        let ticked = self.plans.tick(at, self.clock.now_ms()).await;
        match self.settled(ticked) {
            Some(Ticked::Done(_)) => metrics::synced("to_plan", begun.elapsed()),
            // Somebody is writing: what is due is ticked once the file has been taken over.
            Some(Ticked::Behind) if self.debounces[at].due().is_none() => self.debounces[at].touch(Instant::now()),
            Some(Ticked::Behind | Ticked::Nothing) | None => {}
        }
    }

    async fn compare_all(&mut self) {
        if self.plans.source().is_watched() {
            self.find().await;
        }
        self.watch.renew();
        self.unsynced = false;
        for at in 0..self.plans.len() {
            let behind = match self.plans.is_behind(at).await {
                Ok(false) => self.plans.is_leaving(at, self.clock.now_ms()).await,
                behind => behind,
            };
            match self.settled(behind) {
                Some(true) if self.debounces[at].due().is_none() => self.debounces[at].touch(Instant::now()),
                Some(_) => {}
                None => self.unsynced = true,
            }
        }
    }

    /// Brings the checks up to date.
    async fn check(&mut self) {
        let ping = self.plans.store().ping().await.map_err(anyhow::Error::new);
        self.settled(ping);
        match self.queue.ping().await {
            Ok(()) => self.readiness.pass("redis"),
            Err(_) => self.readiness.fail("redis", "does not answer"),
        }
        match self.plans.troubles().next() {
            None => self.readiness.pass("plan"),
            Some((path, trouble)) => self.readiness.fail("plan", format!("{path}: {trouble}")),
        }
    }

    /// The result, unless the database failed; of an outage, the beginning and the end are logged.
    fn settled<T>(&mut self, result: anyhow::Result<T>) -> Option<T> {
        match result {
            Ok(value) => {
                if std::mem::take(&mut self.outage) {
                    info!("the database works again");
                }
                self.readiness.pass("database");
                Some(value)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.outage, true) {
                    warn!(cause = format!("{error:#}"), "the database fails; will be tried again");
                }
                self.readiness.fail("database", "fails");
                None
            }
        }
    }
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Returns at `time`, and never without one.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
