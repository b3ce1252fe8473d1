//! The one place that asks the machine what time it is.

use std::time::{SystemTime, UNIX_EPOCH};

use coditect_core::Clock;

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// A clock set before 1970 reads 0; one beyond the year 292 million reads the largest number.
    fn now_ms(&self) -> i64 {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_reads_milliseconds_of_this_century() {
        let now = SystemClock.now_ms();
        assert!((1_700_000_000_000..4_102_444_800_000).contains(&now), "{now}");
    }
}
