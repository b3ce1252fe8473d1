//! What a session has spent, and what the requests that are not answered yet may still cost.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::session::Shared;
use crate::usage::Usage;

/// The money of one session, in millionths of a US dollar.
#[derive(Debug)]
pub(crate) struct Ledger {
    budget: i64,
    spent: AtomicI64,
    usage: Mutex<Usage>,
    open: Mutex<Open>,
    /// An admitted request has been settled.
    settled: Notify,
}

/// The requests that are admitted and not settled.
#[derive(Debug, Default)]
struct Open {
    count: u32,
    /// What they may cost in all.
    micros: i64,
}

/// So many requests of a session wait for answers at once; more wait for one of them.
const AT_ONCE: u32 = 32;

/// A request may be answered. Until this is dropped, others reckon with what it may cost.
#[derive(Debug)]
pub(crate) struct Admission {
    shared: Arc<Shared>,
    micros: i64,
}

impl Ledger {
    pub(crate) fn new(budget: i64) -> Self {
        let spent = AtomicI64::new(0);
        Self { budget, spent, usage: Mutex::default(), open: Mutex::default(), settled: Notify::new() }
    }

    pub(crate) const fn budget(&self) -> i64 {
        self.budget
    }

    pub(crate) fn spent(&self) -> i64 {
        self.spent.load(Ordering::Relaxed)
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.spent() >= self.budget
    }

    /// A request that was thought to cost one sum is now thought to cost another.
    pub(crate) fn replace(&self, before: i64, now: i64) {
        self.spent.fetch_add(now.saturating_sub(before), Ordering::Relaxed);
    }

    /// An answer has ended, and this was used for it.
    pub(crate) fn used(&self, usage: Usage) {
        let mut total = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        *total = total.plus(usage);
    }

    pub(crate) fn usage(&self) -> Usage {
        *self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a request that may cost so much is admitted now: it is alone, or the budget holds it and all others.
    fn admits(&self, micros: i64) -> bool {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = self.spent().saturating_add(open.micros).saturating_add(micros) <= self.budget;
        let admitted = open.count == 0 || (fits && open.count < AT_ONCE);
        if admitted {
            open.count += 1;
            open.micros = open.micros.saturating_add(micros);
        }
        admitted
    }
}

/// Waits until a request that may cost so much may be answered. Near the end of the budget requests follow one another, so that not many
/// together pass it.
pub(crate) async fn admit(shared: Arc<Shared>, micros: i64) -> Admission {
    loop {
        let settled = shared.ledger.settled.notified();
        if shared.ledger.admits(micros) {
            drop(settled);
            return Admission { shared, micros };
        }
        settled.await;
    }
}

impl Admission {
    /// The budget was spent while it waited.
    pub(crate) fn is_too_late(&self) -> bool {
        self.shared.ledger.is_spent()
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let ledger = &self.shared.ledger;
        let mut open = ledger.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.count = open.count.saturating_sub(1);
        open.micros = open.micros.saturating_sub(self.micros);
        drop(open);
        ledger.settled.notify_waiters();
    }
}
