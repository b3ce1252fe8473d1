//! Whether a service can do its work: named checks that the service itself sets.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;
use tokio::sync::watch;

/// A handle to the checks of a service; clones share them.
///
/// A service is ready when it has named at least one check, none waits or fails, and it is not draining.
#[derive(Debug, Clone)]
pub struct Readiness {
    report: Arc<watch::Sender<Report>>,
}

/// What `/readyz` shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether the service can do its work.
    pub ready: bool,
    /// Whether it is on its way out.
    pub draining: bool,
    /// Every check by name.
    pub checks: BTreeMap<String, Check>,
    /// What else is to be known of it: whether it leads, which configuration it follows.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, String>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum Check {
    /// Not looked at yet.
    Waiting,
    /// All is well.
    Passing,
    /// Something is wrong.
    Failing {
        /// What.
        reason: String,
    },
}

impl Default for Readiness {
    fn default() -> Self {
        Self { report: Arc::new(watch::Sender::new(Report::default())) }
    }
}

impl Readiness {
    /// Names a check that has not been made yet: the service is not ready until it passes.
    pub fn wait_for(&self, check: &str) {
        self.set(check, Check::Waiting);
    }

    /// The check passes.
    pub fn pass(&self, check: &str) {
        self.set(check, Check::Passing);
    }

    /// The check fails, and why. The reason is shown to anyone who can reach the admin port: no secrets.
    pub fn fail(&self, check: &str, reason: impl Into<String>) {
        self.set(check, Check::Failing { reason: reason.into() });
    }

    /// Something to be known of the service that makes it neither ready nor unready. No secrets.
    pub fn note(&self, about: &str, text: impl Into<String>) {
        self.change(|report| {
            report.notes.insert(about.to_owned(), text.into());
        });
    }

    /// The service takes no new work.
    pub fn drain(&self) {
        self.change(|report| report.draining = true);
    }

    /// The checks as they are.
    #[must_use]
    pub fn report(&self) -> Report {
        self.report.borrow().clone()
    }

    /// Follows the checks.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Report> {
        self.report.subscribe()
    }

    fn set(&self, name: &str, check: Check) {
        self.change(|report| {
            report.checks.insert(name.to_owned(), check);
        });
    }

    fn change(&self, change: impl FnOnce(&mut Report)) {
        self.report.send_if_modified(|report| {
            let before = report.clone();
            change(report);
            report.ready = !report.draining
                && !report.checks.is_empty()
                && report.checks.values().all(|check| *check == Check::Passing);
            *report != before
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_ready_once_every_named_check_passes() {
        let readiness = Readiness::default();
        assert!(!readiness.report().ready, "no check made yet");
        readiness.wait_for("redis");
        readiness.pass("database");
        assert!(!readiness.report().ready);
        readiness.pass("redis");
        assert!(readiness.report().ready);
        readiness.fail("redis", "connection refused");
        assert!(!readiness.report().ready);
    }

    #[test]
    fn a_draining_service_is_not_ready() {
        let readiness = Readiness::default();
        readiness.pass("database");
        readiness.drain();
        assert!(!readiness.report().ready);
    }

    #[test]
    fn a_check_that_stays_as_it_was_wakes_nobody() {
        let readiness = Readiness::default();
        readiness.pass("database");
        let watch = readiness.watch();
        readiness.pass("database");
        assert!(!watch.has_changed().unwrap());
    }
}
