//! Who leads, on a real database.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::sync::Arc;
use std::time::Duration;

use coditect_service::config::Live;
use coditect_service::leadership::{self, Term};
use coditect_service::{Config, Service, ServiceName};
use coditect_store::testing::Database;
use coditect_store::{Lease, Store};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

const LONG: Duration = Duration::from_secs(30);
const LEASE: Duration = Duration::from_secs(6);
const NAME: &str = "orchestrator";

/// An instance, and what it does.
struct Instance {
    service: Service,
    said: mpsc::UnboundedReceiver<&'static str>,
    running: JoinHandle<()>,
}

/// Says when it begins to act, and when it is dropped.
struct Acting(mpsc::UnboundedSender<&'static str>);

impl Drop for Acting {
    fn drop(&mut self) {
        let _ = self.0.send("stops");
    }
}

impl Instance {
    fn start(store: &Store) -> Self {
        Self::of(Service::new(ServiceName::Orchestrator, Config::default()), store)
    }

    fn of(service: Service, store: &Store) -> Self {
        let (sender, said) = mpsc::unbounded_channel();
        let running = tokio::spawn({
            let (service, store) = (service.clone(), store.clone());
            async move {
                let act = |term: Term| {
                    let sender = sender.clone();
                    async move {
                        let _ = sender.send("acts");
                        let _acting = Acting(sender);
                        term.ended.cancelled().await;
                    }
                };
                leadership::lead(&service, &store, act, || async { _ = sender.send("stands by") }).await;
            }
        });
        Self { service, said, running }
    }

    async fn says(&mut self, what: &str) {
        assert_eq!(timeout(LONG, self.said.recv()).await.unwrap().unwrap(), what);
    }

    fn note(&self) -> String {
        self.service.readiness.report().notes["leadership"].clone()
    }

    async fn drain(self) {
        self.service.shutdown.drain();
        self.running.await.unwrap();
    }
}

#[tokio::test]
async fn one_leads_and_the_other_is_ready_and_stands_by_until_the_first_one_drains() {
    let database = Database::sqlite().await;
    let mut first = Instance::start(&database.store);
    first.says("acts").await;
    let mut second = Instance::start(&database.again().await);
    second.says("stands by").await;
    assert!(second.service.readiness.report().ready);
    assert!(second.note().starts_with("stands by; "), "{}", second.note());
    let drained = Instant::now();
    first.drain().await;
    second.says("acts").await;
    assert!(drained.elapsed() < LEASE / 2, "the lease was given back");
    assert!(second.note().contains("epoch 2"), "{}", second.note());
    second.drain().await;
}

#[tokio::test]
async fn whoever_loses_the_lease_stops_at_once_stands_by_and_leads_again_when_it_can() {
    let database = Database::sqlite().await;
    let mut instance = Instance::start(&database.store);
    instance.says("acts").await;
    let other = database.again().await;
    assert_eq!(other.take_lease(NAME, "thief", LEASE, |_| true).await.unwrap(), Lease::Taken(2));
    instance.says("stops").await;
    instance.says("stands by").await;
    other.release_lease(NAME, "thief", 2).await.unwrap();
    instance.says("acts").await;
    instance.drain().await;
}

#[tokio::test]
async fn a_leader_that_cannot_renew_stops_before_its_lease_runs_out() {
    let database = Database::sqlite().await;
    let mut instance = Instance::start(&database.store);
    instance.says("acts").await;
    // Nobody else can write.
    let other = database.again().await;
    let held = other.begin().await.unwrap();
    instance.says("stops").await;
    let remaining = other.lease(NAME).await.unwrap().unwrap().remaining_ms;
    assert!(remaining > 0, "its lease ran out {remaining} ms ago");
    drop(held);
    while timeout(LONG, instance.said.recv()).await.unwrap().unwrap() != "acts" {}
    instance.drain().await;
}

#[tokio::test]
async fn a_changed_configuration_reaches_the_leader_as_a_new_beginning_with_the_lease_kept() {
    let database = Database::sqlite().await;
    let mut service = Service::new(ServiceName::Orchestrator, Config::default());
    let (live, change) = Live::new(Arc::clone(&service.config));
    service.live = live;
    let mut instance = Instance::of(service, &database.store);
    instance.says("acts").await;
    let mut config = Config::default();
    config.dispatch.max_concurrent = 9;
    change.send_replace(Arc::new(config));
    instance.says("stops").await;
    instance.says("acts").await;
    assert_eq!(database.store.lease(NAME).await.unwrap().unwrap().epoch, 1);
    instance.drain().await;
}
