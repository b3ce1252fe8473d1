//! How the streams are doing: for the command line, the metrics and the health checks.

use std::collections::HashMap;
use std::time::Duration;

use redis::aio::ConnectionLike;
use redis::{RedisError, RedisResult, Value, cmd, from_redis_value};

use crate::entry::{EntryId, read_entries, read_id};
use crate::error::QueueError;
use crate::queue::Queue;

/// A stream as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamInfo {
    /// The name without the project: `ready`, `work:default`, `dead:results`.
    pub name: String,
    /// How many entries it holds, those included that every group has acknowledged and no trimming has dropped yet.
    pub length: u64,
    /// Its groups.
    pub groups: Vec<GroupInfo>,
    /// How long ago its oldest entry was added.
    pub oldest: Option<Duration>,
}

/// A group of a stream as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupInfo {
    /// The name of the service.
    pub name: String,
    /// Entries handed to a consumer and not yet acknowledged.
    pub pending: u64,
    /// Entries not yet handed to a consumer, where Redis knows.
    pub lag: Option<u64>,
    /// How many consumers it has, those that are away included.
    pub consumers: u64,
    /// The last entry handed out.
    pub last_delivered: EntryId,
    /// How long ago its oldest pending entry was added.
    pub oldest_pending: Option<Duration>,
}

/// The Redis that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInfo {
    /// Its version.
    pub version: String,
    /// Its bound on memory in bytes; 0 is none.
    pub max_memory: u64,
    /// What it does when it reaches it.
    pub eviction_policy: String,
}

impl ServerInfo {
    /// Whether this Redis could drop keys of its own accord, which a queue cannot have: it must be `noeviction`.
    #[must_use]
    pub fn may_evict(&self) -> bool {
        self.eviction_policy != "noeviction"
    }
}

impl Queue {
    /// Every stream of the project, dead letters included and logs left out, by name.
    pub async fn inspect(&self) -> Result<Vec<StreamInfo>, QueueError> {
        let mut names = self.scan("").await?;
        names.retain(|name| !name.starts_with("log:"));
        let mut connection = self.connection().await?;
        let (seconds, micros): (u64, u64) = cmd("TIME").query_async(&mut connection).await?;
        let now_ms = seconds * 1000 + micros / 1000;
        let mut streams = Vec::with_capacity(names.len());
        for name in names {
            let key = self.keys.key(&name);
            match inspect_one(&mut connection, &key, name, now_ms).await {
                Ok(stream) => streams.push(stream),
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(streams)
    }

    /// Which Redis this is, and whether it is set up to keep what it is given.
    pub async fn server(&self) -> Result<ServerInfo, QueueError> {
        let mut connection = self.connection().await?;
        let info: String = cmd("INFO").query_async(&mut connection).await?;
        let of = |name: &str| {
            let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.unwrap_or_default().trim().to_owned()
        };
        Ok(ServerInfo {
            version: of("redis_version"),
            max_memory: of("maxmemory").parse().unwrap_or_default(),
            eviction_policy: of("maxmemory_policy"),
        })
    }

    /// The names of the streams that begin with `start`, sorted.
    pub(crate) async fn scan(&self, start: &str) -> Result<Vec<String>, QueueError> {
        let mut connection = self.connection().await?;
        let (mut names, mut cursor) = (Vec::new(), "0".to_owned());
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(&cursor).arg("MATCH").arg(self.keys.glob(start)).arg("COUNT").arg(1000);
            scan.arg("TYPE").arg("stream");
            let (next, keys): (String, Vec<String>) = scan.query_async(&mut connection).await?;
            names.extend(keys.iter().filter_map(|key| self.keys.name(key)).map(str::to_owned));
            if next == "0" {
                break;
            }
            cursor = next;
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }
}

async fn inspect_one(
    connection: &mut (impl ConnectionLike + Send),
    key: &str,
    name: String,
    now_ms: u64,
) -> RedisResult<StreamInfo> {
    let since = |id: EntryId| Duration::from_millis(now_ms.saturating_sub(id.ms));
    let length = cmd("XLEN").arg(key).query_async(connection).await?;
    let oldest = cmd("XRANGE").arg(key).arg("-").arg("+").arg("COUNT").arg(1).query_async(connection).await?;
    let rows: Vec<Value> = cmd("XINFO").arg("GROUPS").arg(key).query_async(connection).await?;
    let mut groups = Vec::with_capacity(rows.len());
    for row in rows {
        let mut group = read_group(row)?;
        if group.pending > 0 {
            let summary: Vec<Value> = cmd("XPENDING").arg(key).arg(&group.name).query_async(connection).await?;
            let first = summary.into_iter().nth(1).filter(|first| *first != Value::Nil);
            group.oldest_pending = first.map(read_id).transpose()?.map(since);
        }
        groups.push(group);
    }
    let oldest = read_entries(oldest)?.first().map(|entry| since(entry.id));
    Ok(StreamInfo { name, length, groups, oldest })
}

fn read_group(row: Value) -> RedisResult<GroupInfo> {
    let mut row: HashMap<String, Value> = from_redis_value(row)?;
    let mut of = |name: &str| row.remove(name).unwrap_or(Value::Nil);
    Ok(GroupInfo {
        name: from_redis_value(of("name"))?,
        pending: from_redis_value(of("pending"))?,
        lag: from_redis_value(of("lag"))?,
        consumers: from_redis_value(of("consumers"))?,
        last_delivered: read_id(of("last-delivered-id"))?,
        oldest_pending: None,
    })
}

/// Whether the stream was deleted while it was looked at.
fn is_gone(error: &RedisError) -> bool {
    error.code() == Some("NOGROUP") || error.detail().is_some_and(|detail| detail.contains("no such key"))
}
