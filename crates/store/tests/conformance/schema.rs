//! The schema, and what a transaction is.

use coditect_store::testing::Database;
use coditect_store::{Durability, Engine, Store, StoreError};

use crate::plan::{document, task};

pub(crate) async fn migrating_again_changes_nothing(database: &Database) {
    database.store.migrate().await.unwrap();
    database.again().await.migrate().await.unwrap();
    database.store.check_schema().await.unwrap();
    database.store.ping().await.unwrap();
}

pub(crate) async fn a_database_that_was_never_migrated_is_refused(database: &Database) {
    let folder = tempfile::tempdir().unwrap();
    let url = match database.store.engine() {
        Engine::Sqlite => format!("sqlite://{}", folder.path().join("bare.db").display()),
        // The database that every server has.
        Engine::Postgres => database.url.rsplit_once('/').map(|(server, _)| format!("{server}/postgres")).unwrap(),
    };
    let bare = Store::open(&url, Durability::Full).await.unwrap();
    assert!(matches!(bare.check_schema().await, Err(StoreError::Schema)));
}

pub(crate) async fn a_transaction_that_is_dropped_changes_nothing(database: &Database) {
    let mut tx = database.store.begin().await.unwrap();
    tx.sync_document(&document("1", &[task("a", &[])]), "person", 1).await.unwrap();
    drop(tx);
    assert!(database.store.tasks().await.unwrap().is_empty());
    // And the writer is free again.
    database.store.begin().await.unwrap().commit().await.unwrap();
}
