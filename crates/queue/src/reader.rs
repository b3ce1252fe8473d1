//! The task that owns a consumer's connection. It alone reads, and nothing ever cancels it while it does.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{RedisResult, cmd};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::consumer::{Delivery, Shared};
use crate::dead::BuryWhen;
use crate::entry::{RawEntry, read_group_reply};
use crate::message::{Message, decode};
use crate::outage::Outage;
use crate::pending::{Claimed, Walk, Whose};
use crate::queue::connection_config;

/// The longest a read waits, and with it a shutdown.
const BLOCK: Duration = Duration::from_secs(1);
/// How long an answer may take on top of that. After it the connection counts as broken; what was delivered to it is
/// found among the own pending entries.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How often consumers that left are looked for.
const JANITOR_EVERY: Duration = Duration::from_secs(600);
/// How long a consumer with nothing pending must have been silent to be forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(3600);

/// What the reader has besides its connection.
pub(crate) struct Reader<M> {
    shared: Arc<Shared>,
    deliveries: mpsc::Sender<Delivery<M>>,
    /// How many entries have been asked for and not yet been handed over.
    wanted: usize,
    reclaim_at: Instant,
    janitor_at: Instant,
}

/// Reads until the consumer is closed, through any number of outages.
pub(crate) async fn run<M: Message>(mut reader: Reader<M>, outages: watch::Sender<u64>) {
    let shared = Arc::clone(&reader.shared);
    let mut outage = Outage::default();
    while !shared.closed.is_cancelled() {
        let Err(error) = reader.session(&mut outage, &outages).await else { return };
        let wait = outage.failed(&shared.stream, &error);
        tokio::select! {
            () = shared.closed.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

impl<M: Message> Reader<M> {
    pub(crate) fn new(shared: Arc<Shared>, deliveries: mpsc::Sender<Delivery<M>>) -> Self {
        let now = Instant::now();
        Self { shared, deliveries, wanted: 0, reclaim_at: now, janitor_at: now }
    }

    /// One life of a connection: ends well when the consumer is closed, and with an error when Redis fails.
    async fn session(&mut self, outage: &mut Outage, outages: &watch::Sender<u64>) -> RedisResult<()> {
        let shared = Arc::clone(&self.shared);
        let config = connection_config(BLOCK + ANSWER_WITHIN);
        let mut connection = shared.queue.client.get_multiplexed_async_connection_with_config(&config).await?;
        self.create_group(&mut connection).await?;
        if outage.over(&shared.stream) {
            outages.send_modify(|count| *count += 1);
        }
        let mut own = Walk::new(Whose::Own);
        while !shared.closed.is_cancelled() {
            self.take_demand().await;
            self.keep_order(&mut connection).await?;
            if !own.done && self.wanted > 0 {
                let claimed = own.claim(&mut connection, &shared, self.batch()).await?;
                self.hand_over(&mut connection, claimed).await?;
            }
            if own.done && self.wanted > 0 && !shared.closed.is_cancelled() {
                self.read_new(&mut connection).await?;
                outage.settled();
            }
        }
        Ok(())
    }

    /// Makes the stream and the group if they are not there. The group begins with the oldest entry.
    async fn create_group(&self, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        let mut create = cmd("XGROUP");
        create.arg("CREATE").arg(self.key()).arg(self.shared.options.group).arg("0").arg("MKSTREAM");
        match create.exec_async(connection).await {
            Err(error) if error.code() != Some("BUSYGROUP") => Err(error),
            _ => Ok(()),
        }
    }

    /// What is done on a timer, whether or not entries come: claiming what was left alone, burying, forgetting.
    async fn keep_order(&mut self, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        let shared = Arc::clone(&self.shared);
        if self.reclaim_at <= Instant::now() {
            let claimed = Walk::new(Whose::Idle).claim(connection, &shared, self.batch()).await?;
            self.hand_over(connection, claimed).await?;
            self.reclaim_at = Instant::now() + self.reclaim_every();
        }
        if self.janitor_at <= Instant::now() {
            let (queue, options) = (&shared.queue, &shared.options);
            queue.forget(connection, &shared.stream, options.group, FORGET_AFTER, &options.consumer).await?;
            self.janitor_at = Instant::now() + JANITOR_EVERY;
        }
        Ok(())
    }

    /// Waits until an entry is asked for, something is to be done on a timer, or the consumer is closed.
    async fn take_demand(&mut self) {
        let shared = Arc::clone(&self.shared);
        if self.wanted == 0 {
            tokio::select! {
                () = shared.closed.cancelled() => return,
                () = tokio::time::sleep_until(self.reclaim_at) => return,
                permit = shared.demand.acquire() => {
                    let Ok(permit) = permit else { return };
                    permit.forget();
                    self.wanted = 1;
                }
            }
        }
        while self.wanted < shared.options.batch
            && let Ok(permit) = shared.demand.try_acquire()
        {
            permit.forget();
            self.wanted += 1;
        }
    }

    /// Waits for new entries. This is the one blocking command, and it is awaited to its end.
    async fn read_new(&mut self, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        let until_reclaim = self.reclaim_at.saturating_duration_since(Instant::now());
        let block = BLOCK.min(until_reclaim).max(Duration::from_millis(1));
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP").arg(self.shared.options.group).arg(&self.shared.options.consumer);
        read.arg("COUNT").arg(self.batch()).arg("BLOCK").arg(block.as_millis().to_string());
        read.arg("STREAMS").arg(self.key()).arg(">");
        let entries = read_group_reply(read.query_async(connection).await?)?;
        let claimed = entries.into_iter().map(|entry| Claimed { entry, deliveries: 1 }).collect();
        self.hand_over(connection, claimed).await
    }

    async fn hand_over(&mut self, connection: &mut MultiplexedConnection, claimed: Vec<Claimed>) -> RedisResult<()> {
        for Claimed { entry: RawEntry { id, fields }, deliveries } in claimed {
            match fields.and_then(|fields| decode::<M>(&fields)) {
                // Redis came back without its last second and hands out again what we hold: it is in good hands.
                Ok(_) if !self.shared.held.take(id) => {}
                Ok(message) => {
                    let delivery = Delivery::new(message, id, deliveries, &self.shared);
                    self.wanted = self.wanted.saturating_sub(1);
                    // There is room for all that was asked for. An error means that the consumer is gone, and then
                    // the entry stays pending.
                    let _ = self.deliveries.send(delivery).await;
                }
                Err(error) => {
                    let (queue, stream, group) = (&self.shared.queue, &self.shared.stream, self.shared.options.group);
                    queue.bury(connection, stream, group, id, &error.to_string(), BuryWhen::Now).await?;
                }
            }
        }
        Ok(())
    }

    fn key(&self) -> String {
        self.shared.queue.keys.stream(&self.shared.stream)
    }

    fn batch(&self) -> usize {
        self.wanted.min(self.shared.options.batch)
    }

    fn reclaim_every(&self) -> Duration {
        (self.shared.options.min_idle / 3).clamp(Duration::from_millis(20), Duration::from_secs(10))
    }
}
