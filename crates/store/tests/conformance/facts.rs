//! Small facts, and executors.

use coditect_store::testing::Database;
use coditect_store::{ExecutorRow, Tx};

async fn write(database: &Database, write: impl AsyncFnOnce(&mut Tx)) {
    let mut tx = database.store.begin().await.unwrap();
    write(&mut tx).await;
    tx.commit().await.unwrap();
}

pub(crate) async fn facts_are_kept_changed_and_forgotten(database: &Database) {
    let facts = async || database.store.facts("pause:").await.unwrap();
    let fact = |value: &str| ("pause:all".to_owned(), value.to_owned());
    assert_eq!(facts().await, []);
    write(database, async |tx| tx.set_fact("pause:all", "holidays", 1).await.unwrap()).await;
    assert_eq!(facts().await, [fact("holidays")]);
    write(database, async |tx| tx.set_fact("pause:all", "still", 2).await.unwrap()).await;
    assert_eq!(facts().await, [fact("still")]);
    write(database, async |tx| tx.set_fact("pause:all", "", 3).await.unwrap()).await;
    assert_eq!(facts().await, []);
}

pub(crate) async fn facts_are_found_by_what_their_key_begins_with(database: &Database) {
    write(database, async |tx| {
        for key in ["pause", "pause:account:b_1", "pause:agent:Über", "pausex", "Pause:all", "quota:a"] {
            tx.set_fact(key, "1", 1).await.unwrap();
        }
    })
    .await;
    let found = database.store.facts("pause:").await.unwrap();
    let keys: Vec<_> = found.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["pause:account:b_1", "pause:agent:Über"]);
}

pub(crate) async fn an_executor_is_known_by_what_it_said_last(database: &Database) {
    let executor = |id: &str, slots, draining, seen_at_ms| ExecutorRow {
        id: id.to_owned(),
        pool: "default".to_owned(),
        slots,
        draining,
        seen_at_ms,
    };
    for said in [executor("b", 2, false, 100), executor("a", 5, false, 50), executor("b", 3, true, 120)] {
        write(database, async |tx| tx.executor_seen(&said).await.unwrap()).await;
    }
    assert_eq!(database.store.executors(0).await.unwrap(), [executor("a", 5, false, 50), executor("b", 3, true, 120)]);
    assert_eq!(database.store.executors(120).await.unwrap(), [executor("b", 3, true, 120)]);
}
