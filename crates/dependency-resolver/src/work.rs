//! The loop: entries, outages and the clock wake it; it settles, tells, and only then acknowledges.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use coditect_core::{Clock, TaskState};
use coditect_queue::message::{Event, PlanChanged};
use coditect_queue::{CancellationToken, Claim, Consumer, Delivery, Message, Queue};
use coditect_service::trace::{self, Stage};
use coditect_service::{Readiness, Service, SystemClock, metrics};
use coditect_store::Store;
use tokio::sync::Mutex;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, info, warn};

use crate::announce::announce;
use crate::resolver::{Resolver, Settled};

/// How many entries are dealt with at once.
pub const BATCH: usize = 256;

/// The state of the loop.
#[derive(Debug)]
pub struct Work {
    resolver: Arc<Mutex<Resolver>>,
    store: Store,
    queue: Queue,
    readiness: Readiness,
    reconcile: Duration,
    aging_ms: Option<i64>,
    ended: CancellationToken,
    /// Whether the database failed the last time, as it was logged. Nothing is read from the streams until it works.
    outage: bool,
    /// Entries that could not be dealt with: the next graph that is built deals with them all.
    owed: Vec<Claim>,
    clock: SystemClock,
}

impl Work {
    /// A loop for `resolver`.
    #[must_use]
    pub fn new(
        resolver: Arc<Mutex<Resolver>>,
        store: Store,
        queue: Queue,
        service: &Service,
        ended: CancellationToken,
    ) -> Self {
        Self {
            resolver,
            store,
            queue,
            readiness: service.readiness.clone(),
            reconcile: service.config.reconcile.interval(),
            aging_ms: i64::try_from(service.config.dispatch.aging_ms).ok().filter(|ms| *ms > 0),
            ended,
            outage: false,
            owed: Vec::new(),
            clock: SystemClock,
        }
    }

    /// Runs until `ended`. The graph is built at once, then on every changed plan, after every outage of
    /// Redis, and at every interval.
    pub async fn run(mut self, mut plans: Consumer<PlanChanged>, mut events: Consumer<Event>) {
        let mut reconnected = (plans.reconnected(), events.reconnected());
        let mut reconcile = interval(self.reconcile);
        reconcile.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ended = self.ended.clone();
        while !ended.is_cancelled() {
            tokio::select! {
                () = ended.cancelled() => {}
                // The first tick is at once.
                _ = reconcile.tick() => {
                    let mended = self.rebuild().await;
                    metrics::repaired("readiness", mended);
                    self.promote().await;
                    self.check().await;
                }
                Some(first) = plans.next(), if !self.outage => {
                    let batch = available(first, &mut plans).await;
                    // What is owed from before may have been missed: only the whole graph has it.
                    let missed = !self.owed.is_empty();
                    self.owed.extend(batch.into_iter().map(|delivery| delivery.claim));
                    if missed {
                        self.rebuild().await;
                    } else {
                        self.patch().await;
                    }
                }
                Some(first) = events.next(), if !self.outage => {
                    let batch = available(first, &mut events).await;
                    self.follow(batch).await;
                }
                Ok(()) = reconnected.0.changed() => { self.rebuild().await; }
                Ok(()) = reconnected.1.changed() => { self.rebuild().await; }
            }
        }
    }

    /// Answers how many tasks were misplaced.
    async fn rebuild(&mut self) -> usize {
        let result = self.resolver.lock().await.rebuild(self.clock.now_ms()).await;
        let moved = result.as_ref().map_or(0, |settled| settled.moved.len());
        if self.settled(result).await.is_some() {
            self.readiness.pass("graph");
            acknowledge(std::mem::take(&mut self.owed)).await;
        }
        moved
    }

    /// Nothing is lost when it fails: the next time does it.
    async fn promote(&self) {
        if let Some(aging_ms) = self.aging_ms {
            match self.store.promote_waiting(aging_ms, self.clock.now_ms()).await {
                Ok(0) => {}
                Ok(tasks) => debug!(tasks, "count as more urgent, having waited long"),
                Err(error) => debug!(%error, "tasks that wait long could not be promoted"),
            }
        }
    }

    async fn patch(&mut self) {
        let result = self.resolver.lock().await.patch(self.clock.now_ms()).await;
        if self.settled(result).await.is_some() {
            self.readiness.pass("graph");
            acknowledge(std::mem::take(&mut self.owed)).await;
        }
    }

    async fn follow(&mut self, batch: Vec<Delivery<Event>>) {
        let (events, claims): (Vec<_>, Vec<_>) = batch.into_iter().map(|d| (d.message, d.claim)).unzip();
        let done = events.iter().filter(|event| event.to == TaskState::Completed.as_str());
        let _spans: Vec<_> = done.map(|event| trace::follow(Stage::Unblock, &event.task, &event.traceparent)).collect();
        let result = self.resolver.lock().await.follow(&events, self.clock.now_ms()).await;
        match self.settled(result).await {
            Some(false) => acknowledge(claims).await,
            Some(true) => {
                self.owed.extend(claims);
                self.rebuild().await;
            }
            None => self.owed.extend(claims),
        }
    }

    /// Tells of what was settled; answers whether the graph is behind. Of an outage of the database, the beginning and
    /// the end are logged.
    async fn settled(&mut self, result: anyhow::Result<Settled>) -> Option<bool> {
        match result {
            Ok(settled) => {
                if std::mem::take(&mut self.outage) {
                    info!("the database works again");
                }
                self.readiness.pass("database");
                if !settled.moved.is_empty() {
                    info!(ready = settled.ready.len(), moved = settled.moved.len(), "readiness settled");
                    announce(&self.queue, &settled).await;
                }
                Some(settled.behind)
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

    async fn check(&self) {
        if self.store.ping().await.is_err() {
            self.readiness.fail("database", "does not answer");
        }
        match self.queue.ping().await {
            Ok(()) => self.readiness.pass("redis"),
            Err(_) => self.readiness.fail("redis", "does not answer"),
        }
    }
}

/// `first`, and what else can be had without waiting.
async fn available<M: Message>(first: Delivery<M>, consumer: &mut Consumer<M>) -> Vec<Delivery<M>> {
    let mut batch = vec![first];
    while batch.len() < BATCH {
        // One look: a wait for an entry may be given up without losing it.
        let mut next = pin!(consumer.next());
        let look = poll_fn(|context| {
            Poll::Ready(match next.as_mut().poll(context) {
                Poll::Ready(delivery) => delivery,
                Poll::Pending => None,
            })
        });
        match look.await {
            Some(delivery) => batch.push(delivery),
            None => break,
        }
    }
    batch
}

/// Says that the entries have been dealt with. One that cannot be acknowledged comes again and changes nothing.
async fn acknowledge(claims: Vec<Claim>) {
    for claim in claims {
        if let Err(error) = claim.ack().await {
            debug!(%error, "an entry could not be acknowledged");
        }
    }
}
