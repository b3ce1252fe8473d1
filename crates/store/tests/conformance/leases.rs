//! Leadership.

use std::time::Duration;

use coditect_store::testing::Database;
use coditect_store::{Lease, StoreError};

const SERVICE: &str = "orchestrator";
const LONG: Duration = Duration::from_secs(600);
const OVER: Duration = Duration::ZERO;

fn nobody(_: &str) -> bool {
    false
}

fn held_by(lease: Lease) -> String {
    match lease {
        Lease::Held(row) => row.holder,
        Lease::Taken(epoch) => panic!("taken with epoch {epoch}"),
    }
}

pub(crate) async fn a_lease_is_one_holders_until_it_runs_out_and_then_the_next_ones_with_a_higher_epoch(
    database: &Database,
) {
    let store = &database.store;
    assert_eq!(store.lease(SERVICE).await.unwrap(), None);
    assert_eq!(store.take_lease(SERVICE, "a", LONG, nobody).await.unwrap(), Lease::Taken(1));
    assert_eq!(held_by(store.take_lease(SERVICE, "b", LONG, nobody).await.unwrap()), "a");
    assert_eq!(store.take_lease("sync-daemon", "b", LONG, nobody).await.unwrap(), Lease::Taken(1));
    assert_eq!(store.leader(SERVICE).await.unwrap().as_deref(), Some("a"));
    assert!(store.renew_lease(SERVICE, "a", 1, OVER).await.unwrap());
    assert_eq!(store.leader(SERVICE).await.unwrap(), None);
    assert_eq!(store.take_lease(SERVICE, "b", LONG, nobody).await.unwrap(), Lease::Taken(2));
    let row = store.lease(SERVICE).await.unwrap().unwrap();
    assert_eq!((row.holder.as_str(), row.epoch), ("b", 2));
    let remaining = row.remaining_ms;
    assert!((500_000..=600_000).contains(&remaining), "{remaining}");
    assert_eq!(store.leaders().await.unwrap().len(), 2);
}

pub(crate) async fn a_lease_is_renewed_by_its_holder_alone_and_given_back_at_once(database: &Database) {
    let store = &database.store;
    store.take_lease(SERVICE, "a", LONG, nobody).await.unwrap();
    assert!(store.renew_lease(SERVICE, "a", 1, LONG).await.unwrap());
    assert!(!store.renew_lease(SERVICE, "b", 1, LONG).await.unwrap());
    assert!(!store.renew_lease(SERVICE, "a", 2, LONG).await.unwrap());
    store.release_lease(SERVICE, "b", 1).await.unwrap();
    assert_eq!(held_by(store.take_lease(SERVICE, "b", LONG, nobody).await.unwrap()), "a");
    store.release_lease(SERVICE, "a", 1).await.unwrap();
    assert!(store.leaders().await.unwrap().is_empty());
    assert_eq!(store.take_lease(SERVICE, "b", LONG, nobody).await.unwrap(), Lease::Taken(2));
}

pub(crate) async fn the_lease_of_one_that_is_dead_for_certain_is_taken_at_once(database: &Database) {
    let store = &database.store;
    store.take_lease(SERVICE, "up/1", LONG, nobody).await.unwrap();
    let dead = |holder: &str| holder.starts_with("up/");
    assert_eq!(store.take_lease(SERVICE, "up/2", LONG, dead).await.unwrap(), Lease::Taken(2));
    assert!(!store.renew_lease(SERVICE, "up/1", 1, LONG).await.unwrap());
}

pub(crate) async fn a_leader_that_was_succeeded_writes_nothing_any_more(database: &Database) {
    let (first, second) = (database.store.led(SERVICE, 1), database.store.led(SERVICE, 2));
    database.store.take_lease(SERVICE, "a", OVER, nobody).await.unwrap();
    let mut tx = first.begin().await.unwrap();
    tx.set_fact("who", "first", 1).await.unwrap();
    tx.commit().await.unwrap();
    database.store.take_lease(SERVICE, "b", LONG, nobody).await.unwrap();
    assert!(matches!(first.begin().await, Err(StoreError::NotLeader { epoch: 1, .. })));
    second.begin().await.unwrap().commit().await.unwrap();
    assert_eq!(database.store.facts("who").await.unwrap(), [("who".to_owned(), "first".to_owned())]);
}

pub(crate) async fn a_successor_waits_for_the_transaction_its_predecessor_has_open(database: &Database) {
    database.store.take_lease(SERVICE, "a", OVER, nobody).await.unwrap();
    let mut tx = database.store.led(SERVICE, 1).begin().await.unwrap();
    let other = database.again().await;
    let mut successor = tokio::spawn(async move { other.take_lease(SERVICE, "b", LONG, nobody).await.unwrap() });
    assert!(tokio::time::timeout(Duration::from_millis(100), &mut successor).await.is_err(), "it does not wait");
    tx.set_fact("who", "first", 1).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(successor.await.unwrap(), Lease::Taken(2));
    assert_eq!(database.store.facts("who").await.unwrap().len(), 1);
}
