//! Waiting until a file has come to rest, but not for ever.

use std::time::Duration;

use tokio::time::Instant;

/// How many quiet times a file that never rests is waited for.
const PATIENCE: u32 = 5;

/// The changes of one file.
#[derive(Debug, Clone)]
pub struct Debounce {
    quiet: Duration,
    /// The first and the last change that have not been dealt with.
    changes: Option<(Instant, Instant)>,
}

impl Debounce {
    /// Waits for `quiet` without a change, and at most five times that.
    #[must_use]
    pub const fn new(quiet: Duration) -> Self {
        Self { quiet, changes: None }
    }

    /// The file changed.
    pub fn touch(&mut self, now: Instant) {
        let first = self.changes.map_or(now, |(first, _)| first);
        self.changes = Some((first, now));
    }

    /// When the file is to be read; nothing if it did not change.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let (first, last) = self.changes?;
        Some((last + self.quiet).min(first + self.quiet * PATIENCE))
    }

    /// Whether the file is to be read now. Asking it again needs another change.
    pub fn take(&mut self, now: Instant) -> bool {
        let due = self.due().is_some_and(|due| due <= now);
        if due {
            self.changes = None;
        }
        due
    }

    /// The file has been read.
    pub fn clear(&mut self) {
        self.changes = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_once_it_is_quiet_or_after_five_times_that() {
        let (start, ms) = (Instant::now(), Duration::from_millis);
        let mut debounce = Debounce::new(ms(100));
        assert!(debounce.due().is_none());
        debounce.touch(start);
        debounce.touch(start + ms(50));
        assert_eq!(debounce.due(), Some(start + ms(150)));
        for at in (100..1_000).step_by(50) {
            debounce.touch(start + ms(at));
        }
        assert_eq!(debounce.due(), Some(start + ms(500)));
        assert!(!debounce.take(start + ms(499)) && debounce.take(start + ms(500)) && !debounce.take(start + ms(900)));
    }
}
