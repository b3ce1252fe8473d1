//! New ids: the time they are made at, and chance.

use coditect_core::{AttemptId, Clock};

/// An id for a new attempt.
#[must_use]
pub fn new_attempt(clock: &dyn Clock) -> AttemptId {
    AttemptId::from_parts(clock.now_ms(), &rand::random())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Stopped;

    impl Clock for Stopped {
        fn now_ms(&self) -> i64 {
            1_700_000_000_000
        }
    }

    #[test]
    fn two_attempts_of_the_same_millisecond_differ() {
        assert_ne!(new_attempt(&Stopped), new_attempt(&Stopped));
    }
}
