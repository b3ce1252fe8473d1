//! Pending entries that are in nobody's hands: finding them, claiming them, burying those that nobody can handle.
//!
//! `XPENDING` and `XCLAIM` rather than `XAUTOCLAIM`: the first tells how often each entry was delivered, and lets the
//! reader leave out what it holds itself; the second claims only what is still idle, so that one of several wins.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{RedisResult, cmd};

use crate::consumer::Shared;
use crate::dead::BuryWhen;
use crate::entry::{EntryId, RawEntry, read_entries, read_id};

/// How many pending entries are looked at in one go.
const PAGE: usize = 128;

/// Whose entries are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// This consumer's own: at the start, what a former life of it left behind.
    Own,
    /// Anyone's that has been left alone for `min_idle`.
    Idle,
}

/// An entry that has been claimed.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub(crate) entry: RawEntry,
    pub(crate) deliveries: u32,
}

struct Pending {
    id: EntryId,
    deliveries: u32,
}

/// A walk through the pending entries of the group, oldest first, in as many steps as the demand makes it.
#[derive(Debug)]
pub(crate) struct Walk {
    whose: Whose,
    after: Option<EntryId>,
    /// Whether everything has been looked at.
    pub(crate) done: bool,
}

impl Walk {
    pub(crate) fn new(whose: Whose) -> Self {
        Self { whose, after: None, done: false }
    }

    /// Goes on until `count` entries are claimed or all have been looked at. With a `count` of 0 it only buries.
    pub(crate) async fn claim(
        &mut self,
        connection: &mut MultiplexedConnection,
        shared: &Shared,
        count: usize,
    ) -> RedisResult<Vec<Claimed>> {
        let mut claimed = Vec::new();
        while !self.done && (claimed.len() < count || count == 0) {
            let page = self.page(connection, shared).await?;
            self.done = page.len() < PAGE;
            let mut due = Vec::new();
            for pending in page {
                if due.len() + claimed.len() == count && count > 0 {
                    self.done = false;
                    break;
                }
                self.after = Some(pending.id);
                if shared.held.contains(pending.id) {
                    continue;
                }
                if pending.deliveries >= shared.options.max_deliveries {
                    self.bury(connection, shared, &pending).await?;
                } else if count > 0 {
                    due.push(pending);
                }
            }
            claimed.extend(self.take(connection, shared, &due).await?);
        }
        Ok(claimed)
    }

    fn min_idle(&self, shared: &Shared) -> Duration {
        match self.whose {
            Whose::Own => Duration::ZERO,
            Whose::Idle => shared.options.min_idle,
        }
    }

    async fn page(&self, connection: &mut MultiplexedConnection, shared: &Shared) -> RedisResult<Vec<Pending>> {
        let options = &shared.options;
        let mut list = cmd("XPENDING");
        list.arg(shared.queue.keys.stream(&shared.stream)).arg(options.group);
        if self.whose == Whose::Idle {
            list.arg("IDLE").arg(millis(options.min_idle));
        }
        list.arg(self.after.map_or("-".to_owned(), |id| format!("({id}"))).arg("+").arg(PAGE);
        if self.whose == Whose::Own {
            list.arg(&options.consumer);
        }
        let rows: Vec<(redis::Value, String, i64, u32)> = list.query_async(connection).await?;
        rows.into_iter().map(|(id, _, _, deliveries)| Ok(Pending { id: read_id(id)?, deliveries })).collect()
    }

    /// Claims what nobody else claimed in the meantime. Entries that trimming took away are forgotten by Redis here.
    async fn take(
        &self,
        connection: &mut MultiplexedConnection,
        shared: &Shared,
        due: &[Pending],
    ) -> RedisResult<Vec<Claimed>> {
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let mut claim = cmd("XCLAIM");
        claim.arg(shared.queue.keys.stream(&shared.stream)).arg(shared.options.group).arg(&shared.options.consumer);
        claim.arg(millis(self.min_idle(shared)));
        for pending in due {
            claim.arg(pending.id.to_string());
        }
        let entries = read_entries(claim.query_async(connection).await?)?;
        let before = |id| due.iter().find(|pending| pending.id == id).map_or(0, |pending| pending.deliveries);
        Ok(entries.into_iter().map(|entry| Claimed { deliveries: before(entry.id) + 1, entry }).collect())
    }

    async fn bury(
        &self,
        connection: &mut MultiplexedConnection,
        shared: &Shared,
        pending: &Pending,
    ) -> RedisResult<bool> {
        let error = format!("delivered {} times and never acknowledged", pending.deliveries);
        let when = BuryWhen::IdleFor(self.min_idle(shared));
        shared.queue.bury(connection, &shared.stream, shared.options.group, pending.id, &error, when).await
    }
}

/// A duration as Redis takes it.
fn millis(duration: Duration) -> String {
    duration.as_millis().to_string()
}
