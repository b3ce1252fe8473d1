//! The reading side as a service sees it: a consumer, its deliveries, and what is done with one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::dead::BuryWhen;
use crate::entry::EntryId;
use crate::error::QueueError;
use crate::held::Held;
use crate::message::Message;
use crate::queue::Queue;
use crate::reader::Reader;
use crate::stream::Stream;
use crate::{heartbeat, reader};

/// The most entries that are read at once or ahead, whatever the options say.
const MOST_ENTRIES: usize = 10_000;

/// How a service reads a stream.
#[derive(Debug, Clone)]
pub struct ConsumerOptions {
    /// The group: the name of the service. Each entry goes to one consumer of each group.
    pub group: &'static str,
    /// The name of this consumer within its group. It must be the same after a restart, so that the consumer finds
    /// its pending entries again, and no two running consumers may share it.
    pub consumer: String,
    /// How many entries are read at once, at most.
    pub batch: usize,
    /// How long a pending entry must have been left alone before another delivery is due.
    pub min_idle: Duration,
    /// How often an entry is delivered before it becomes a dead letter.
    pub max_deliveries: u32,
    /// How often the claims of held entries are renewed. `None` for entries that are handled within `min_idle`.
    /// `min_idle` is raised to three heartbeats where it is shorter.
    pub heartbeat: Option<Duration>,
    /// How many entries are read ahead of being asked for. With 0 an entry is claimed only while
    /// [`Consumer::next`] waits for it: a busy consumer keeps nothing from the others.
    pub prefetch: usize,
}

impl ConsumerOptions {
    /// The usual options, for entries that are handled in moments.
    #[must_use]
    pub fn new(group: &'static str, consumer: impl Into<String>) -> Self {
        Self {
            group,
            consumer: consumer.into(),
            batch: 64,
            min_idle: Duration::from_secs(30),
            max_deliveries: 5,
            heartbeat: None,
            prefetch: 64,
        }
    }

    /// The usual options for entries that are held for as long as a run takes, one at a time.
    #[must_use]
    pub fn for_runs(group: &'static str, consumer: impl Into<String>) -> Self {
        Self { batch: 1, heartbeat: Some(Duration::from_secs(10)), prefetch: 0, ..Self::new(group, consumer) }
    }

    /// The options as they can be kept: nothing is zero that must not be, and a claim outlives two lost heartbeats.
    fn sound(mut self) -> Self {
        self.batch = self.batch.clamp(1, MOST_ENTRIES);
        self.prefetch = self.prefetch.min(MOST_ENTRIES);
        self.max_deliveries = self.max_deliveries.max(1);
        self.heartbeat = self.heartbeat.map(|every| every.max(Duration::from_millis(10)));
        self.min_idle = self.min_idle.max(self.heartbeat.unwrap_or_default() * 3).max(Duration::from_millis(1));
        self
    }
}

/// What the parts of one consumer share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) queue: Queue,
    pub(crate) stream: Stream,
    pub(crate) options: ConsumerOptions,
    pub(crate) held: Held,
    /// How many entries the reader may read: one permit each.
    pub(crate) demand: Semaphore,
    pub(crate) closed: CancellationToken,
}

/// A consumer of one stream. Dropping it ends its reader; deliveries that are still held stay valid and renewed.
#[derive(Debug)]
pub struct Consumer<M> {
    shared: Arc<Shared>,
    deliveries: mpsc::Receiver<Delivery<M>>,
    reconnected: watch::Receiver<u64>,
    /// Whether the entry that `next` waits for has been asked for already, by a call that was cancelled.
    asked: bool,
    _close: DropGuard,
}

impl Queue {
    /// Starts to read `stream` until `shutdown`. Must be called within a tokio runtime; Redis need not be up.
    pub fn consume<M: Message>(
        &self,
        stream: Stream,
        options: ConsumerOptions,
        shutdown: CancellationToken,
    ) -> Consumer<M> {
        let options = options.sound();
        let closed = shutdown.child_token();
        let (sender, deliveries) = mpsc::channel(options.prefetch + 1);
        let (outages, reconnected) = watch::channel(0);
        let shared = Arc::new(Shared {
            queue: self.clone(),
            stream,
            held: Held::default(),
            demand: Semaphore::new(options.prefetch),
            closed: closed.clone(),
            options,
        });
        tokio::spawn(reader::run(Reader::new(Arc::clone(&shared), sender), outages));
        if let Some(every) = shared.options.heartbeat {
            tokio::spawn(heartbeat::run(Arc::clone(&shared), every));
        }
        Consumer { shared, deliveries, reconnected, asked: false, _close: closed.drop_guard() }
    }
}

impl<M: Message> Consumer<M> {
    /// The next entry; `None` at once after shutdown. May be cancelled without losing an entry.
    ///
    /// Entries that were read and not yet returned at shutdown stay pending: this consumer gets them first when it is
    /// started again, or another one does after `min_idle`.
    pub async fn next(&mut self) -> Option<Delivery<M>> {
        if !self.asked {
            self.shared.demand.add_permits(1);
            self.asked = true;
        }
        let delivery = tokio::select! {
            biased;
            () = self.shared.closed.cancelled() => None,
            delivery = self.deliveries.recv() => delivery,
        };
        self.asked = false;
        delivery
    }

    /// Counts the times Redis came back after it was lost (or had lost the stream). Await
    /// [`changed`](watch::Receiver::changed) on it to reconcile right after an outage: entries may be gone.
    #[must_use]
    pub fn reconnected(&self) -> watch::Receiver<u64> {
        self.reconnected.clone()
    }
}

/// An entry in the hands of this consumer.
#[derive(Debug)]
pub struct Delivery<M> {
    /// What the entry says.
    pub message: M,
    /// The entry's id in its stream.
    pub id: EntryId,
    /// How often it has been delivered, this time included.
    pub deliveries: u32,
    /// The claim on the entry. It can be taken apart from the message and acknowledged later.
    pub claim: Claim,
}

impl<M> Delivery<M> {
    pub(crate) fn new(message: M, id: EntryId, deliveries: u32, shared: &Arc<Shared>) -> Self {
        Self { message, id, deliveries, claim: Claim { id, shared: Arc::clone(shared) } }
    }

    /// Says that the entry has been dealt with. See [`Claim::ack`].
    pub async fn ack(self) -> Result<(), QueueError> {
        self.claim.ack().await
    }

    /// Makes the entry a dead letter at once. See [`Claim::reject`].
    pub async fn reject(self, error: &str) -> Result<(), QueueError> {
        self.claim.reject(error).await
    }
}

/// The claim on an entry, renewed while it is held if the consumer has a heartbeat. Dropped without an
/// acknowledgement, it leaves the entry pending, to be delivered again after `min_idle`.
#[derive(Debug)]
pub struct Claim {
    id: EntryId,
    shared: Arc<Shared>,
}

impl Claim {
    /// Says that the entry has been dealt with: the group does not get it again. After an error it stays pending.
    ///
    /// That the entry is no longer pending, because Redis lost it or another consumer was quicker, is no error.
    pub async fn ack(self) -> Result<(), QueueError> {
        let Shared { queue, stream, options, .. } = &*self.shared;
        let mut connection = queue.connection().await?;
        let mut ack = redis::cmd("XACK");
        ack.arg(queue.keys.stream(stream)).arg(options.group).arg(self.id.to_string());
        ack.exec_async(&mut connection).await?;
        Ok(())
    }

    /// Makes the entry a dead letter at once, with `error` as the reason: for what no repetition would mend.
    pub async fn reject(self, error: &str) -> Result<(), QueueError> {
        let Shared { queue, stream, options, .. } = &*self.shared;
        let mut connection = queue.connection().await?;
        queue.bury(&mut *connection, stream, options.group, self.id, error, BuryWhen::Now).await?;
        Ok(())
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.shared.held.release(self.id);
    }
}
