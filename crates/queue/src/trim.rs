//! Keeping streams short without losing what somebody still needs.

use std::sync::LazyLock;

use redis::Script;

use crate::error::QueueError;
use crate::queue::Queue;
use crate::stream::Stream;

/// Drops what every group has acknowledged, in one step, so that no group can fall behind the mark meanwhile. Ids are
/// compared as padded text because numbers in Lua are too coarse for them.
static TRIM: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        if redis.call('EXISTS', KEYS[1]) == 0 then return { 0, 0 } end
        local function padded(id)
            local ms, seq = string.match(id, '^(%d+)%-(%d+)$')
            return string.rep('0', 20 - #ms) .. ms .. string.rep('0', 20 - #seq) .. seq
        end
        local mark
        for _, flat in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
            local group = {}
            for i = 1, #flat, 2 do group[flat[i]] = flat[i + 1] end
            local needed = redis.call('XPENDING', KEYS[1], group.name)[2] or group['last-delivered-id']
            if not mark or padded(needed) < padded(mark) then mark = needed end
        end
        local done = mark and redis.call('XTRIM', KEYS[1], 'MINID', mark) or 0
        return { done, redis.call('XTRIM', KEYS[1], 'MAXLEN', ARGV[1]) }",
    )
});

/// What trimming dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Trimmed {
    /// Entries that every group had acknowledged.
    pub acknowledged: u64,
    /// Entries beyond the bound of the stream, which some group may not have seen.
    pub beyond_cap: u64,
}

impl Queue {
    /// Drops the entries of a stream that every group has acknowledged, and the oldest of what is beyond its bound.
    pub async fn trim(&self, stream: &Stream) -> Result<Trimmed, QueueError> {
        let mut connection = self.connection().await?;
        let mut script = TRIM.key(self.keys.stream(stream));
        script.arg(self.stream_cap);
        let (acknowledged, beyond_cap) = script.invoke_async(&mut connection).await?;
        if beyond_cap > 0 {
            tracing::warn!(%stream, beyond_cap, cap = self.stream_cap, "entries were dropped: a group has stopped");
        }
        Ok(Trimmed { acknowledged, beyond_cap })
    }
}
