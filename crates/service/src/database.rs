//! Opening the database, however long it takes to be there.

use std::time::Duration;

use coditect_store::{Durability, Store, StoreError};
use tracing::{info, warn};

use crate::Service;

/// Between two tries.
const AGAIN: Duration = Duration::from_secs(1);

/// Opens the configured database, once it can be reached and its schema is that of this version; until then, the check
/// `database` fails. `None`: the service drained before.
pub async fn open(service: &Service, durability: Durability) -> Option<Store> {
    let url = &service.config.database.url;
    let mut waiting = false;
    while !service.shutdown.drain.is_cancelled() {
        match try_open(url.expose(), durability).await {
            Ok(store) => {
                info!(database = %url, "the database is open");
                service.readiness.pass("database");
                return Some(store);
            }
            Err(error) => {
                if !waiting {
                    let cause = format!("{:#}", anyhow::Error::new(error));
                    warn!(database = %url, cause, "cannot use the database; trying until it is there");
                }
                waiting = true;
                service.readiness.fail("database", "cannot be used yet");
            }
        }
        tokio::select! {
            () = service.shutdown.drain.cancelled() => {}
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
    None
}

async fn try_open(url: &str, durability: Durability) -> Result<Store, StoreError> {
    let store = Store::open(url, durability).await?;
    store.check_schema().await?;
    Ok(store)
}
