//! Metrics: what this process sees it counts here; what the database knows is looked up when it is asked for.
//!
//! One registry a process. Call sites are single lines, like `metrics::repaired("lost_attempt", 1)`.

pub mod described;
mod snapshot;

use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use coditect_store::Moved;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram};
use prometheus_client::registry::Registry;

pub use described::Description;
pub use snapshot::{Distribution, Snapshot};

use crate::ServiceName;
use described::{BUILD, DISPATCH_LATENCY, LEADER, PLAN_SYNC, REPAIRS};
use snapshot::registered;

/// What `/metrics` answers with.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What every metric's name begins with.
const PREFIX: &str = "coditect";

/// Upper bounds, in seconds, for what should take milliseconds.
const MOMENTS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

type Labels<const N: usize> = [(&'static str, String); N];

struct Recorded {
    registry: Registry,
    dispatch_latency: Family<Labels<0>, Histogram>,
    plan_sync: Family<Labels<1>, Histogram>,
    leader: Family<Labels<1>, Gauge>,
    repairs: Family<Labels<1>, Counter>,
    build: Family<Labels<2>, Gauge>,
}

static RECORDED: LazyLock<Recorded> = LazyLock::new(|| {
    let mut registry = Registry::with_prefix(PREFIX);
    let recorded = (
        Family::<Labels<0>, Histogram>::new_with_constructor(|| Histogram::new(MOMENTS)),
        Family::<Labels<1>, Histogram>::new_with_constructor(|| Histogram::new(MOMENTS)),
        Family::<Labels<1>, Gauge>::default(),
        Family::<Labels<1>, Counter>::default(),
        Family::<Labels<2>, Gauge>::default(),
    );
    let (dispatch_latency, plan_sync, leader, repairs, build) = recorded;
    registry.register(registered(DISPATCH_LATENCY), DISPATCH_LATENCY.help, dispatch_latency.clone());
    registry.register(registered(PLAN_SYNC), PLAN_SYNC.help, plan_sync.clone());
    registry.register(registered(LEADER), LEADER.help, leader.clone());
    registry.register(registered(REPAIRS), REPAIRS.help, repairs.clone());
    registry.register(registered(BUILD), BUILD.help, build.clone());
    Recorded { registry, dispatch_latency, plan_sync, leader, repairs, build }
});

/// This service runs, in this version.
pub fn started(service: ServiceName) {
    let labels = [("version", env!("CARGO_PKG_VERSION").to_owned()), ("service", service.as_str().to_owned())];
    RECORDED.build.get_or_create(&labels).set(1);
}

/// A task was assigned.
pub fn assigned(moved: &Moved) {
    if let (Some(ready), Some(assigned)) = (moved.now.ready_at_ms, moved.now.assigned_at_ms) {
        let waited = Duration::from_millis(u64::try_from(assigned - ready).unwrap_or(0));
        RECORDED.dispatch_latency.get_or_create(&[]).observe(waited.as_secs_f64());
    }
}

/// A plan was synced: `to_database` or `to_plan`.
pub fn synced(direction: &'static str, took: Duration) {
    RECORDED.plan_sync.get_or_create(&[("direction", direction.to_owned())]).observe(took.as_secs_f64());
}

/// A periodic look found and mended so much.
pub fn repaired(kind: &'static str, count: usize) {
    if count > 0 {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        RECORDED.repairs.get_or_create(&[("kind", kind.to_owned())]).inc_by(count);
    }
}

/// This instance of a service leads, or does not.
pub(crate) fn leads(service: &'static str, leads: bool) {
    RECORDED.leader.get_or_create(&[("service", service.to_owned())]).set(i64::from(leads));
}

type Looking = Pin<Box<dyn Future<Output = Snapshot> + Send>>;
type Look = Arc<dyn Fn() -> Looking + Send + Sync>;

static LOOK: Mutex<Option<Look>> = Mutex::new(None);

/// As long as the answer lives, `look` is called at each scrape.
#[must_use]
pub fn at_scrape<F, Fut>(look: F) -> AtScrape
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Snapshot> + Send + 'static,
{
    let look: Look = Arc::new(move || Box::pin(look()));
    *LOOK.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&look));
    AtScrape(look)
}

/// Says that somebody looks at each scrape. Dropped, nobody does.
pub struct AtScrape(Look);

impl std::fmt::Debug for AtScrape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AtScrape")
    }
}

impl Drop for AtScrape {
    fn drop(&mut self) {
        let mut look = LOOK.lock().unwrap_or_else(PoisonError::into_inner);
        if look.as_ref().is_some_and(|look| Arc::ptr_eq(look, &self.0)) {
            *look = None;
        }
    }
}

/// Everything, as text.
pub async fn text() -> String {
    let look = LOOK.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut looked = Registry::with_prefix(PREFIX);
    if let Some(look) = look {
        looked.register_collector(Box::new(look().await));
    }
    let mut text = String::new();
    // Writing to a text does not fail.
    let _ = encode_registry(&mut text, &RECORDED.registry);
    let _ = encode_registry(&mut text, &looked);
    let _ = encode_eof(&mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::described::{RETRIES, TASK_DURATION, TASKS};
    use super::*;

    #[tokio::test]
    async fn what_was_counted_and_what_is_looked_up_is_told_in_one_text() {
        repaired("lost_attempt", 2);
        started(ServiceName::Orchestrator);
        let scrape = at_scrape(async || {
            let mut snapshot = Snapshot::default();
            snapshot.number(TASKS, ["a \"b\"", "ready"], 3.0);
            snapshot.number(RETRIES, ["a", "timeout"], 4.0);
            let buckets = vec![(0.5, 1), (1.0, 2)];
            snapshot.histogram(TASK_DURATION, ["a"], Distribution { sum: 7.5, count: 4, buckets });
            snapshot
        });
        let text = text().await;
        for line in [
            "coditect_reconcile_repairs_total{kind=\"lost_attempt\"} 2",
            "# TYPE coditect_tasks_total gauge",
            "coditect_tasks_total{agent=\"a \\\"b\\\"\",status=\"ready\"} 3",
            "coditect_retry_attempts_total{agent=\"a\",failure=\"timeout\"} 4",
            "coditect_task_duration_seconds_count{agent=\"a\"} 4",
            "coditect_task_duration_seconds_bucket{le=\"1.0\",agent=\"a\"} 3",
            "coditect_task_duration_seconds_bucket{le=\"+Inf\",agent=\"a\"} 4",
        ] {
            assert!(text.contains(line), "{line} is missing:\n{text}");
        }
        assert!(text.contains("coditect_build_info{version=") && text.ends_with("# EOF\n"), "{text}");
        drop(scrape);
        assert!(!super::text().await.contains("tasks_total"));
    }
}
