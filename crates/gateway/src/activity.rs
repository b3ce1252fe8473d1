//! Whether a session lives: bytes that flow, and requests that are held.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// When something last happened in a session. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Activity(Arc<Seen>);

#[derive(Debug)]
struct Seen {
    since: Instant,
    /// Milliseconds after that.
    last: AtomicU64,
    held: AtomicUsize,
}

/// A request is held until this is dropped.
#[derive(Debug)]
pub(crate) struct Held(Activity);

impl Default for Activity {
    /// Nothing has happened since now.
    fn default() -> Self {
        Self(Arc::new(Seen { since: Instant::now(), last: AtomicU64::new(0), held: AtomicUsize::new(0) }))
    }
}

impl Activity {
    /// When bytes last went through, or now while requests are held: whoever waits for an account is not silent.
    #[must_use]
    pub fn last(&self) -> Instant {
        if self.is_held() {
            return Instant::now();
        }
        self.0.since + Duration::from_millis(self.0.last.load(Ordering::Relaxed))
    }

    /// Whether requests are held now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.0.held.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn touch(&self) {
        let after = u64::try_from(self.0.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.last.fetch_max(after, Ordering::Relaxed);
    }

    pub(crate) fn hold(&self) -> Held {
        self.0.held.fetch_add(1, Ordering::Relaxed);
        Held(self.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.touch();
        self.0.0.held.fetch_sub(1, Ordering::Relaxed);
    }
}
