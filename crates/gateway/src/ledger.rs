//! What a session has spent, those requests included that are not answered yet.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::usage::Usage;

/// The money of one session, in millionths of a US dollar.
#[derive(Debug)]
pub(crate) struct Ledger {
    budget: i64,
    spent: AtomicI64,
    usage: Mutex<Usage>,
}

impl Ledger {
    pub(crate) fn new(budget: i64) -> Self {
        Self { budget, spent: AtomicI64::new(0), usage: Mutex::default() }
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
}
