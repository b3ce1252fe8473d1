//! Turns: one after the other, in the order of coming, across processes. What a turn is for is the matter of whoever takes it.
//!
//! A line is a sorted set of who waits, by when they came; the first has the turn. Each says again and again that it is
//! still there; one that has not for a while is taken for dead and loses its place. So a turn orders work and keeps others from
//! doing it in vain; it is no proof that nobody else does the same, and what must not be done twice has a fence of its own.

use std::sync::LazyLock;
use std::time::Duration;

use redis::{RedisError, Script, cmd};
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::debug;

use crate::error::QueueError;
use crate::queue::Queue;

/// How long one that says nothing is still believed to be there.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often one that waits looks whether its turn has come. Each look is one short script.
const LOOK: Duration = Duration::from_millis(20);

/// How often one that has the turn says that it is still there.
const BEAT: Duration = Duration::from_millis(1_500);

/// KEYS: the line, when each was last heard of. ARGV: who, patience in milliseconds. Answers 1 for who has the turn.
static STAND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local now = redis.call('TIME')
        now = now[1] * 1000 + math.floor(now[2] / 1000)
        redis.call('HSET', KEYS[2], ARGV[1], now)
        redis.call('ZADD', KEYS[1], 'NX', now, ARGV[1])
        while true do
            local first = redis.call('ZRANGE', KEYS[1], 0, 0)[1]
            local seen = tonumber(redis.call('HGET', KEYS[2], first) or '0')
            if now - seen <= tonumber(ARGV[2]) then
                redis.call('PEXPIRE', KEYS[1], 10 * ARGV[2])
                redis.call('PEXPIRE', KEYS[2], 10 * ARGV[2])
                return first == ARGV[1] and 1 or 0
            end
            redis.call('ZREM', KEYS[1], first)
            redis.call('HDEL', KEYS[2], first)
        end",
    )
});

/// A turn, until this is dropped.
#[derive(Debug)]
pub struct Turn {
    _kept: DropGuard,
}

impl Queue {
    /// Waits for `who`'s turn in a line, which is made by who comes first. `who` stands in a line once. Dropped while it waits,
    /// the place in the line is given up.
    ///
    /// # Errors
    /// Redis does not answer: nobody can have a turn, and whoever asks decides what that means.
    pub async fn turn(&self, line: &str, who: &str) -> Result<Turn, QueueError> {
        let place = Place { queue: self.clone(), line: line.to_owned(), who: who.to_owned() };
        let until = CancellationToken::new();
        let kept = until.clone().drop_guard();
        let (had, turn) = oneshot::channel();
        tokio::spawn(place.keep(until, had));
        match turn.await {
            Ok(Ok(())) => Ok(Turn { _kept: kept }),
            Ok(Err(error)) => Err(error),
            // The task that keeps the place ends only after it has answered, or with this one's guard.
            Err(_) => Err(RedisError::from(std::io::Error::from(std::io::ErrorKind::Interrupted)).into()),
        }
    }
}

/// A place in a line.
#[derive(Debug, Clone)]
struct Place {
    queue: Queue,
    line: String,
    who: String,
}

impl Place {
    /// Keeps the place until it is given up, and says when its turn has come.
    async fn keep(self, until: CancellationToken, had: oneshot::Sender<Result<(), QueueError>>) {
        let mut had = Some(had);
        loop {
            match self.stand().await {
                Ok(true) => {
                    if let Some(had) = had.take() {
                        let _ = had.send(Ok(()));
                    }
                }
                Ok(false) => {}
                Err(error) => match had.take() {
                    Some(had) => {
                        let _ = had.send(Err(error));
                        return;
                    }
                    None => debug!(%error, line = self.line, "a turn could not be kept"),
                },
            }
            tokio::select! {
                () = until.cancelled() => return self.leave().await,
                () = tokio::time::sleep(if had.is_some() { LOOK } else { BEAT }) => {}
            }
        }
    }

    fn keys(&self) -> (String, String) {
        let line = self.queue.keys.key(&format!("turn:{}", self.line));
        let seen = format!("{line}:seen");
        (line, seen)
    }

    async fn stand(&self) -> Result<bool, QueueError> {
        let (line, seen) = self.keys();
        let mut connection = self.queue.connection().await?;
        let mut script = STAND.key(line);
        let turn: i64 = script
            .key(seen)
            .arg(&self.who)
            .arg(u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX))
            .invoke_async(&mut connection)
            .await?;
        Ok(turn == 1)
    }

    async fn leave(&self) {
        let (line, seen) = self.keys();
        let left = async {
            let mut connection = self.queue.connection().await?;
            cmd("ZREM").arg(&line).arg(&self.who).exec_async(&mut connection).await?;
            cmd("HDEL").arg(&seen).arg(&self.who).exec_async(&mut connection).await?;
            Ok::<_, QueueError>(())
        };
        if let Err(error) = left.await {
            debug!(%error, line = self.line, "a place in a line could not be given up; it will be forgotten");
        }
    }
}
