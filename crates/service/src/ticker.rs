//! Level-triggered loops: event-driven for speed, periodic for certainty.

use std::time::Duration;

use tokio::{sync::Notify, time};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

/// Runs `pass` at once, then on every wake-up and at least every `every`, until `drain` is cancelled.
///
/// A pass takes no input and is never cut off: a wake-up or a drain that comes while it runs is seen right after.
/// A pass that fails is tried again at the next interval, whatever wakes the loop meanwhile; of an outage, the
/// beginning and the end are logged.
pub async fn run<F, Fut>(name: &str, every: Duration, wake: &Notify, drain: &CancellationToken, mut pass: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let mut failures: u64 = 0;
    while !drain.is_cancelled() {
        match pass().await {
            Ok(()) if failures > 0 => {
                info!(reconciler = name, failures, "works again");
                failures = 0;
            }
            Ok(()) => {}
            Err(error) => {
                let cause = format!("{error:#}");
                if failures == 0 {
                    warn!(reconciler = name, cause, retry_ms = every.as_millis(), "fails; will be tried again");
                } else {
                    debug!(reconciler = name, cause, failures, "still fails");
                }
                failures += 1;
            }
        }
        tokio::select! {
            () = drain.cancelled() => {}
            () = wake.notified(), if failures == 0 => {}
            () = time::sleep(every) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::ready};

    use tokio::time::Instant;

    use super::*;

    const EVERY: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_pass_runs_at_once_and_then_at_every_interval() {
        let (wake, drain, passes, begun) = (Notify::new(), CancellationToken::new(), Cell::new(0), Instant::now());
        run("test", EVERY, &wake, &drain, || {
            passes.set(passes.get() + 1);
            if passes.get() == 3 {
                drain.cancel();
            }
            ready(Ok(()))
        })
        .await;
        assert_eq!((passes.get(), begun.elapsed()), (3, 2 * EVERY));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wake_up_during_a_pass_runs_another_right_after_it() {
        let (wake, drain, passes, begun) = (Notify::new(), CancellationToken::new(), Cell::new(0), Instant::now());
        run("test", EVERY, &wake, &drain, || {
            passes.set(passes.get() + 1);
            if passes.get() == 1 {
                wake.notify_one();
            } else {
                drain.cancel();
            }
            ready(Ok(()))
        })
        .await;
        assert_eq!((passes.get(), begun.elapsed()), (2, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_pass_waits_for_the_interval_however_often_it_is_woken() {
        let (wake, drain, passes, begun) = (Notify::new(), CancellationToken::new(), Cell::new(0), Instant::now());
        run("test", EVERY, &wake, &drain, || {
            passes.set(passes.get() + 1);
            wake.notify_one();
            if passes.get() == 3 {
                drain.cancel();
            }
            ready(Err(anyhow::anyhow!("the database is away")))
        })
        .await;
        assert_eq!((passes.get(), begun.elapsed()), (3, 2 * EVERY));
    }
}
