//! How a service is asked to stop: first to finish, then to stop at once.
//!
//! The first SIGTERM or SIGINT drains; the second, or the deadline, cuts. Under `coditect up`, which sets
//! `CODITECT_SUPERVISED=1` and holds the service's standard input open, the end of standard input cuts too: no service
//! outlives its supervisor. There the terminal's SIGINT, which reaches every process of the group, is the
//! supervisor's to act on.

use std::{env, io, thread, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// Set to `1` by a supervisor that holds the service's standard input open.
pub const SUPERVISED: &str = "CODITECT_SUPERVISED";

/// The two tokens that a service watches. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Take no new work; finish what is under way.
    pub drain: CancellationToken,
    /// Stop at once. Whoever is cut was drained before.
    pub cut: CancellationToken,
}

impl Shutdown {
    /// Asks the service to finish.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Asks the service to stop at once.
    pub fn cut(&self) {
        self.drain.cancel();
        self.cut.cancel();
    }

    /// Begins to listen for signals and, if supervised, for the end of standard input. Call it within the runtime.
    ///
    /// # Errors
    /// When signal handlers or the thread that reads standard input cannot be set up.
    pub(crate) fn listen(&self, drain_limit: Duration) -> io::Result<()> {
        let supervised = env::var_os(SUPERVISED).is_some_and(|value| value == "1");
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        if supervised {
            let shutdown = self.clone();
            thread::Builder::new().name("supervisor".into()).spawn(move || shutdown.cut_at_end_of(io::stdin()))?;
        }
        tokio::spawn(self.clone().follow(terminate, interrupt, supervised));
        tokio::spawn(self.clone().enforce(drain_limit));
        Ok(())
    }

    /// Reads to the end, then cuts. A thread of its own: the runtime's blocking reads would hold up its end.
    fn cut_at_end_of(&self, mut input: impl io::Read) {
        // What the supervisor writes means nothing; an error is an end too.
        let _ = io::copy(&mut input, &mut io::sink());
        self.cut();
        warn!("the supervisor is gone; stopping at once");
    }

    async fn follow(self, mut terminate: Signal, mut interrupt: Signal, supervised: bool) {
        loop {
            let name = tokio::select! {
                Some(()) = terminate.recv() => "SIGTERM",
                Some(()) = interrupt.recv() => "SIGINT",
                else => return,
            };
            if supervised && name == "SIGINT" {
                continue;
            }
            if self.drain.is_cancelled() {
                warn!(signal = name, "stopping at once");
                return self.cut();
            }
            info!(signal = name, "finishing what is under way; another signal stops at once");
            self.drain();
        }
    }

    async fn enforce(self, drain_limit: Duration) {
        self.drain.cancelled().await;
        tokio::select! {
            () = self.cut.cancelled() => {}
            () = time::sleep(drain_limit) => {
                error!(limit_ms = drain_limit.as_millis(), "what is under way takes too long; stopping at once");
                self.cut();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_standard_input_cuts() {
        let shutdown = Shutdown::default();
        shutdown.cut_at_end_of(&b"ignored"[..]);
        assert!(shutdown.drain.is_cancelled() && shutdown.cut.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_that_takes_too_long_is_cut() {
        let shutdown = Shutdown::default();
        let deadline = tokio::spawn(shutdown.clone().enforce(Duration::from_secs(30)));
        shutdown.drain();
        time::sleep(Duration::from_secs(29)).await;
        assert!(!shutdown.cut.is_cancelled());
        deadline.await.unwrap();
        assert!(shutdown.cut.is_cancelled());
    }
}
