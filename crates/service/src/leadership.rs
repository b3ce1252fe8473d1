//! One instance of a service leads, the others stand by: a lease in the database decides (`coditect_store`'s
//! `leases`).
//!
//! Whoever leads renews the lease every two seconds. Whoever could not in time, by its own monotonic clock, stops to
//! act before anybody else may begin; and every transaction of a leader checks the lease's epoch, so that one that was
//! frozen meanwhile changes nothing when it wakes up. Losing the lease does not end the process: it stands by again.
//!
//! A crashed leader's lease runs out within six seconds. Where a supervisor makes sure that an instance runs once, and
//! says so with `CODITECT_INSTANCE`, the restarted process takes over from its predecessor at once.

use std::{env, future::Future, pin::pin, sync::Arc, time::Duration};

use coditect_store::{Lease, LeaseRow, Store, StoreError};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info, warn};

use crate::{Config, Readiness, Service, metrics};

/// Names an instance of which a supervisor runs one process at a time: a Pod's name, a folder on a machine.
pub const INSTANCE: &str = "CODITECT_INSTANCE";

/// How long a lease lasts unless it is renewed.
const LEASE: Duration = Duration::from_secs(6);

/// How often it is renewed.
const RENEW: Duration = Duration::from_secs(2);

/// So long before the end of its lease a leader stops to act.
const MARGIN: Duration = Duration::from_secs(1);

/// Between two tries that failed.
const AGAIN: Duration = Duration::from_millis(250);

/// The longest pause between two looks at somebody else's lease.
const LOOK: Duration = Duration::from_secs(1);

/// How long a reader of a stream may wait for an entry after it was told to stop.
const LET_GO: Duration = Duration::from_millis(1_200);

/// What `/readyz` calls it.
const NOTE: &str = "leadership";

/// A time in which this instance leads.
#[derive(Debug, Clone)]
pub struct Term {
    /// The database; its transactions begin only while nobody else leads.
    pub store: Store,
    /// Cancelled when it is over: the service drains, or somebody else may lead.
    pub ended: CancellationToken,
    /// The configuration to follow. When it changes, the term ends, and the next one begins at once.
    pub config: Arc<Config>,
}

/// Runs `act` whenever this instance leads, and `stand_by` while another does, until the service drains.
///
/// `act` returns once [`Term::ended`] is cancelled; where the lease was lost, what is under way is dropped at once. The
/// lease is given back when the service drains. `stand_by` is dropped when this instance is to lead.
pub async fn lead<A, Acting, S, StandingBy>(service: &Service, store: &Store, mut act: A, mut stand_by: S)
where
    A: FnMut(Term) -> Acting,
    Acting: Future<Output = ()>,
    S: FnMut() -> StandingBy,
    StandingBy: Future<Output = ()>,
{
    let drain = &service.shutdown.drain;
    let mut candidate = Candidate::new(service, store.clone());
    metrics::leads(candidate.service, false);
    while !drain.is_cancelled() {
        let stood = tokio::select! {
            () = drain.cancelled() => break,
            stood = candidate.stand() => stood,
        };
        let epoch = match stood {
            Ok(epoch) => epoch,
            Err(pause) => tokio::select! {
                biased;
                () = drain.cancelled() => break,
                epoch = candidate.elected(pause) => epoch,
                () = forever(stand_by()) => break,
            },
        };
        metrics::leads(candidate.service, true);
        let lost = CancellationToken::new();
        let renewing = AbortOnDropHandle::new(tokio::spawn(candidate.clone().keep(epoch, lost.clone())));
        let led = store.led(service.name.as_str(), epoch);
        tokio::select! {
            biased;
            () = lost.cancelled() => {}
            () = Box::pin(terms(service, &led, &mut act)) => {}
        }
        metrics::leads(candidate.service, false);
        drop(renewing);
        if !lost.is_cancelled() {
            candidate.release(epoch).await;
        }
    }
}

/// Acts, and begins anew whenever the configuration changes, until the service drains.
async fn terms<A, Acting>(service: &Service, store: &Store, act: &mut A)
where
    A: FnMut(Term) -> Acting,
    Acting: Future<Output = ()>,
{
    let (drain, mut live) = (&service.shutdown.drain, service.live.clone());
    while !drain.is_cancelled() {
        // What was spawned ends with it, also where the lease is lost and all of this is dropped.
        let ended = drain.child_token();
        let _end = ended.clone().drop_guard();
        let mut acting = pin!(act(Term { store: store.clone(), ended: ended.clone(), config: live.look() }));
        tokio::select! {
            () = &mut acting => {}
            () = live.changed() => {
                ended.cancel();
                acting.await;
                // By then those that read streams for it have let go.
                tokio::select! {
                    () = drain.cancelled() => {}
                    () = sleep(LET_GO) => {}
                }
            }
        }
    }
}

async fn forever(work: impl Future<Output = ()>) {
    work.await;
    std::future::pending().await
}

/// One instance.
#[derive(Debug, Clone)]
struct Candidate {
    service: &'static str,
    holder: String,
    /// What the holders of this instance's earlier processes begin with. Used once: should two processes be called the
    /// same after all, they do not take turns.
    predecessors: Option<String>,
    /// The epoch of the leader that was last told of.
    told: Option<i64>,
    store: Store,
    readiness: Readiness,
}

impl Candidate {
    fn new(service: &Service, store: Store) -> Self {
        let chance: u32 = rand::random();
        let instance = env::var(INSTANCE).ok().filter(|name| !name.is_empty());
        let (holder, predecessors) = match instance {
            Some(instance) => (format!("{instance}#{chance:08x}"), Some(format!("{instance}#"))),
            None => (format!("{}:{}#{chance:08x}", machine(), std::process::id()), None),
        };
        Self {
            service: service.name.as_str(),
            holder,
            predecessors,
            told: None,
            store,
            readiness: service.readiness.clone(),
        }
    }

    /// Stands by until this instance leads; tries after `pause`.
    async fn elected(&mut self, mut pause: Duration) -> i64 {
        loop {
            sleep(pause).await;
            match self.stand().await {
                Ok(epoch) => return epoch,
                Err(again) => pause = again,
            }
        }
    }

    /// Tries once to lead: the epoch, or how long to wait before the next try.
    async fn stand(&mut self) -> Result<i64, Duration> {
        let (own, predecessors) = (self.holder.clone(), self.predecessors.clone());
        // Our own, where it could not be renewed: we do not act any more.
        let dead = |holder: &str| holder == own || predecessors.as_deref().is_some_and(|it| holder.starts_with(it));
        match self.store.take_lease(self.service, &self.holder, LEASE, dead).await {
            Ok(Lease::Taken(epoch)) => {
                (self.predecessors, self.told) = (None, None);
                info!(holder = self.holder, epoch, "leads");
                self.readiness.note(NOTE, format!("leads as {} (epoch {epoch})", self.holder));
                Ok(epoch)
            }
            Ok(Lease::Held(LeaseRow { holder, epoch, remaining_ms })) => {
                self.predecessors = None;
                // What the loops would say, were they to run.
                self.readiness.pass("database");
                if self.told.replace(epoch) != Some(epoch) {
                    info!(leader = holder, epoch, "stands by");
                    self.readiness.note(NOTE, format!("stands by; {holder} leads (epoch {epoch})"));
                }
                Err(Duration::from_millis(u64::try_from(remaining_ms).unwrap_or(0) + 10).min(LOOK))
            }
            Err(error) => {
                debug!(cause = cause(error), "cannot stand for leader");
                self.readiness.fail("database", "fails");
                self.readiness.note(NOTE, "unknown: the database fails");
                self.told = None;
                Err(AGAIN)
            }
        }
    }

    /// Renews the lease for as long as that works, then says that it is lost.
    async fn keep(self, epoch: i64, lost: CancellationToken) {
        // Taken before now; the margin is far longer than that took, or the first renewal comes too late for nobody.
        let mut deadline = Instant::now() + LEASE - MARGIN;
        let mut pause = RENEW;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(deadline) => break,
                () = sleep(pause) => {}
            }
            let asked = Instant::now();
            let renewal = self.store.renew_lease(self.service, &self.holder, epoch, LEASE);
            pause = match timeout_at(deadline, renewal).await {
                Ok(Ok(true)) => {
                    deadline = asked + LEASE - MARGIN;
                    RENEW
                }
                Ok(Ok(false)) => break,
                Ok(Err(error)) => {
                    debug!(cause = cause(error), "the lease could not be renewed; will be tried again");
                    AGAIN
                }
                Err(_) => break,
            };
        }
        warn!(holder = self.holder, epoch, "does not lead any more; stands by");
        self.readiness.note(NOTE, "stands by; leadership was lost");
        lost.cancel();
    }

    async fn release(&self, epoch: i64) {
        self.readiness.note(NOTE, "stands by; leadership was given back");
        match timeout_at(Instant::now() + MARGIN, self.store.release_lease(self.service, &self.holder, epoch)).await {
            Ok(Ok(())) => debug!(epoch, "leadership given back"),
            Ok(Err(error)) => debug!(cause = cause(error), "the lease was not given back; it runs out"),
            Err(_) => debug!("the lease was not given back; it runs out"),
        }
    }
}

fn cause(error: StoreError) -> String {
    format!("{:#}", anyhow::Error::new(error))
}

/// What this machine is called.
#[must_use]
pub fn machine() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "here".to_owned() } else { name.to_owned() }
}
