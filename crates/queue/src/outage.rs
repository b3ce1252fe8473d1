//! One outage of Redis, from the first failure to the first answer: how long to wait, and what to log (once each).

use std::time::{Duration, Instant};

use redis::RedisError;

use crate::stream::Stream;

const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// The state of the connection to Redis as its user sees it.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    since: Option<Instant>,
    failures: u32,
}

impl Outage {
    /// Redis failed us. How long to wait before the next try: 50 ms, twice that each time, 2 s at most.
    pub(crate) fn failed(&mut self, stream: &Stream, error: &RedisError) -> Duration {
        if self.since.is_none() {
            self.since = Some(Instant::now());
            tracing::warn!(%stream, %error, "Redis is lost; trying until it is back");
        } else {
            tracing::debug!(%stream, %error, failures = self.failures, "Redis is still lost");
        }
        let wait = SHORTEST.saturating_mul(1 << self.failures.min(6)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        wait
    }

    /// Redis answers again. Whether it had failed before. The waits stay long until it is [`settled`](Self::settled).
    pub(crate) fn over(&mut self, stream: &Stream) -> bool {
        let Some(since) = self.since.take() else { return false };
        let lost_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(%stream, lost_ms, "Redis is back");
        true
    }

    /// Redis does all that we ask: the next failure is the first of a new outage.
    pub(crate) fn settled(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_longer_each_time_up_to_a_bound_and_begins_anew_when_all_is_well() {
        let (mut outage, stream) = (Outage::default(), Stream::Plan);
        let error = RedisError::from((redis::ErrorKind::Io, "gone"));
        let waits: Vec<u128> = (0..8).map(|_| outage.failed(&stream, &error).as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
        assert!(outage.over(&stream) && !outage.over(&stream));
        assert_eq!(outage.failed(&stream, &error), LONGEST);
        outage.settled();
        assert_eq!(outage.failed(&stream, &error), SHORTEST);
    }
}
