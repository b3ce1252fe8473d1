//! Looks at the plan's branch every few seconds, and when it is told that something was pushed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::git::GitSource;

/// The longest pause while the repository cannot be reached.
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// What is sent when anything may have changed: no document has this place.
pub const ANYTHING: usize = usize::MAX;

/// Looks until `until`. Of each change, [`ANYTHING`] is sent: whoever receives it compares.
pub async fn run(source: Arc<GitSource>, changes: mpsc::Sender<usize>, told: Arc<Notify>, until: CancellationToken) {
    let (mut last, mut failures) = (None, 0_u32);
    let mut asked = false;
    while !until.is_cancelled() {
        let seen = if asked { source.asked().await } else { source.fetch().await };
        failures = if seen.is_err() { failures.saturating_add(1).min(16) } else { 0 };
        if last.as_ref() != Some(&seen) || asked {
            // A full channel means that the loop has enough to look at.
            let _ = changes.try_send(ANYTHING);
            last = Some(seen);
        }
        asked = tokio::select! {
            () = until.cancelled() => false,
            () = told.notified() => true,
            () = tokio::time::sleep(pause(source.poll_interval(), failures)) => false,
        };
    }
}

/// How long until the next look: longer after each failure, and never quite the same.
fn pause(poll: Duration, failures: u32) -> Duration {
    let pause = poll.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(LONGEST.max(poll));
    pause.mul_f64(0.9 + 0.2 * rand::random::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_with_failures_and_has_an_end() {
        let poll = Duration::from_secs(15);
        let within = |failures, least, most| {
            let pause = pause(poll, failures).as_secs_f64();
            assert!((least..=most).contains(&pause), "{failures}: {pause}");
        };
        within(0, 13.5, 16.5);
        within(1, 13.5, 16.5);
        within(3, 54.0, 66.0);
        within(16, 270.0, 330.0);
    }
}
