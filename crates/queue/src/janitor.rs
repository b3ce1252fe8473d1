//! Forgetting consumers that left for good.

use std::sync::LazyLock;
use std::time::Duration;

use redis::aio::ConnectionLike;
use redis::{RedisResult, Script};

use crate::error::QueueError;
use crate::queue::Queue;
use crate::stream::Stream;

/// Looks and deletes in one step: to delete a consumer is to lose what it has pending, so there must be nothing.
static FORGET: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local forgotten = 0
        for _, flat in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
            local consumer = {}
            for i = 1, #flat, 2 do consumer[flat[i]] = flat[i + 1] end
            if consumer.pending == 0 and consumer.idle >= tonumber(ARGV[2]) and consumer.name ~= ARGV[3] then
                redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer.name)
                forgotten = forgotten + 1
            end
        end
        return forgotten",
    )
});

impl Queue {
    /// Removes the consumers of a group that have nothing pending and have been silent for `idle`. How many it were.
    ///
    /// Every consumer does this now and then for its own group (after an hour's silence).
    pub async fn forget_consumers(&self, stream: &Stream, group: &str, idle: Duration) -> Result<usize, QueueError> {
        let mut connection = self.connection().await?;
        Ok(self.forget(&mut connection, stream, group, idle, "").await?)
    }

    pub(crate) async fn forget(
        &self,
        connection: &mut (impl ConnectionLike + Send),
        stream: &Stream,
        group: &str,
        idle: Duration,
        except: &str,
    ) -> RedisResult<usize> {
        let mut script = FORGET.key(self.keys.stream(stream));
        script.arg(group).arg(idle.as_millis().to_string()).arg(except);
        script.invoke_async(connection).await
    }
}
