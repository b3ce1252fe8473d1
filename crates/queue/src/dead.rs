//! Dead letters: entries that nobody could handle, kept for people, and the way back.

use std::sync::LazyLock;
use std::time::Duration;

use redis::aio::ConnectionLike;
use redis::{RedisResult, Script, cmd};

use crate::entry::{EntryId, Fields, MalformedEntry, RawEntry, read_entries};
use crate::error::QueueError;
use crate::queue::Queue;
use crate::stream::Stream;

/// How many dead letters of a stream are kept.
const CAP: usize = 10_000;

/// Moves a pending entry to the dead letters, the copy first, then the acknowledgement, in one step. Nothing is done
/// if it is no longer pending, or if it has been idle for less than it must, because somebody claimed it meanwhile.
static BURY: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1)[1]
        if not pending or pending[3] < tonumber(ARGV[4]) then return 0 end
        local entry = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1]
        if entry then
            local fields = entry[2]
            for _, extra in ipairs({ 'error', ARGV[3], 'deliveries', tostring(pending[4]) }) do
                fields[#fields + 1] = extra
            end
            redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[5], '*', unpack(fields))
        end
        redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
        return 1",
    )
});

/// Moves a dead letter back to its stream as it was before it died, in one step.
static REVIVE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local entry = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
        if not entry then return false end
        local fields = {}
        for i = 1, #entry[2], 2 do
            local name = entry[2][i]
            if name ~= 'error' and name ~= 'deliveries' then
                fields[#fields + 1] = name
                fields[#fields + 1] = entry[2][i + 1]
            end
        end
        local id = redis.call('XADD', KEYS[2], '*', unpack(fields))
        redis.call('XDEL', KEYS[1], ARGV[1])
        return id",
    )
});

/// An entry that nobody could handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its id among the dead letters.
    pub id: EntryId,
    /// The entry as it was, or why it is not text.
    pub fields: Result<Fields, MalformedEntry>,
    /// Why it is here.
    pub error: String,
    /// How often it had been delivered.
    pub deliveries: u32,
}

/// What must be so for an entry to be buried.
#[derive(Debug, Clone, Copy)]
pub(crate) enum BuryWhen {
    /// It is pending.
    Now,
    /// It is pending and has been left alone for this long.
    IdleFor(Duration),
}

impl Queue {
    /// The newest dead letters of a stream, newest first, at most `count`.
    pub async fn dead_letters(&self, stream: &Stream, count: usize) -> Result<Vec<DeadLetter>, QueueError> {
        let mut connection = self.connection().await?;
        let mut range = cmd("XREVRANGE");
        range.arg(self.keys.dead(stream)).arg("+").arg("-").arg("COUNT").arg(count.max(1));
        let entries = read_entries(range.query_async(&mut connection).await?)?;
        Ok(entries.into_iter().map(dead_letter).collect())
    }

    /// Puts a dead letter back into its stream, at its end. Its new id, or nothing if there is no such dead letter.
    pub async fn revive(&self, stream: &Stream, id: EntryId) -> Result<Option<EntryId>, QueueError> {
        let mut connection = self.connection().await?;
        let mut script = REVIVE.key(self.keys.dead(stream));
        script.key(self.keys.stream(stream)).arg(id.to_string());
        let revived: Option<String> = script.invoke_async(&mut connection).await?;
        Ok(revived.and_then(|id| id.parse().ok()))
    }

    /// Moves a pending entry to the dead letters. Whether it was moved.
    pub(crate) async fn bury(
        &self,
        connection: &mut (impl ConnectionLike + Send),
        stream: &Stream,
        group: &str,
        id: EntryId,
        error: &str,
        when: BuryWhen,
    ) -> RedisResult<bool> {
        let idle_ms = match when {
            BuryWhen::Now => 0,
            BuryWhen::IdleFor(idle) => idle.as_millis(),
        };
        let mut script = BURY.key(self.keys.stream(stream));
        script.key(self.keys.dead(stream)).arg(group).arg(id.to_string()).arg(error);
        script.arg(idle_ms.to_string()).arg(CAP);
        let buried: bool = script.invoke_async(connection).await?;
        if buried {
            tracing::warn!(%stream, %id, error, "an entry became a dead letter");
        }
        Ok(buried)
    }
}

fn dead_letter(entry: RawEntry) -> DeadLetter {
    let of = |name: &str| entry.fields.as_ref().ok().and_then(|fields| fields.optional(name)).unwrap_or_default();
    let (error, deliveries) = (of("error"), of("deliveries").parse().unwrap_or_default());
    let alive = |(name, _): &(&str, &str)| *name != "error" && *name != "deliveries";
    let fields = entry.fields.map(|fields| fields.iter().filter(alive).collect());
    DeadLetter { id: entry.id, fields, error, deliveries }
}
