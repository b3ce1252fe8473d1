//! Keeping the claims on held entries alive, so that a long run is not taken for a dead consumer.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use redis::Script;
use tokio::time::MissedTickBehavior;

use crate::consumer::Shared;
use crate::entry::EntryId;
use crate::error::QueueError;

/// Renews only what still belongs to this consumer: a claim that was lost is not taken back from its new owner.
static RENEW: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local renewed = 0
        for i = 3, #ARGV do
            local mine = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])
            if #mine > 0 then
                redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
                renewed = renewed + 1
            end
        end
        return renewed",
    )
});

/// How many claims are renewed in one go.
const CHUNK: usize = 500;

/// Renews `every` so often, until the consumer is closed and nothing is held any more.
pub(crate) async fn run(shared: Arc<Shared>, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let held = shared.held.all();
        if held.is_empty() && shared.closed.is_cancelled() {
            return;
        }
        for ids in held.chunks(CHUNK) {
            if let Err(error) = renew(&shared, ids).await {
                // The reader logs the outage; the next beat tries again.
                tracing::debug!(stream = %shared.stream, %error, "claims were not renewed");
                break;
            }
        }
    }
}

async fn renew(shared: &Shared, ids: &[EntryId]) -> Result<(), QueueError> {
    let Shared { queue, stream, options, .. } = shared;
    let mut connection = queue.connection().await?;
    let mut script = RENEW.key(queue.keys.stream(stream));
    script.arg(options.group).arg(&options.consumer);
    for id in ids {
        script.arg(id.to_string());
    }
    let renewed: usize = script.invoke_async(&mut connection).await?;
    if renewed < ids.len() {
        tracing::debug!(%stream, held = ids.len(), renewed, "some held entries belong to another consumer by now");
    }
    Ok(())
}
