//! Leadership: one row a service, whose epoch every write of a leader checks in the writing transaction.
//!
//! The times are the database's own, so that the clocks of the instances do not matter; and should that one clock jump,
//! two instances may hold themselves for the leader for a moment, but only one of them can write.

use std::time::Duration;

use sqlx::Row;

use crate::database::LeaderFence;
use crate::{Engine, Store, StoreError};

/// Who leads a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRow {
    /// The instance.
    pub holder: String,
    /// How many leaders there have been.
    pub epoch: i64,
    /// How long the lease lasts unless it is renewed, in milliseconds: not above 0 if it has run out.
    pub remaining_ms: i64,
}

/// What came of a try to lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lease {
    /// The lease is ours, with this epoch.
    Taken(i64),
    /// Somebody else has it.
    Held(LeaseRow),
}

/// Texts that differ between the engines: the database's clock, and locking a row against leaders' writes.
struct Texts {
    read: &'static str,
    lock: &'static str,
    take: &'static str,
    renew: &'static str,
}

macro_rules! texts {
    ($now:literal, $lock:literal) => {
        Texts {
            read: concat!("SELECT holder, epoch, until_ms - ", $now, " AS remaining_ms FROM leases WHERE service = $1"),
            lock: concat!(
                "SELECT holder, epoch, until_ms - ",
                $now,
                " AS remaining_ms FROM leases WHERE service = $1",
                $lock
            ),
            take: concat!(
                "INSERT INTO leases (service, holder, epoch, until_ms) VALUES ($1, $2, 1, ",
                $now,
                " + $3) ON CONFLICT (service) DO UPDATE SET holder = excluded.holder, epoch = leases.epoch + 1, \
                 until_ms = excluded.until_ms WHERE leases.epoch = $4 RETURNING epoch"
            ),
            renew: concat!(
                "UPDATE leases SET until_ms = ",
                $now,
                " + $4 WHERE service = $1 AND holder = $2 AND epoch = $3"
            ),
        }
    };
}

const SQLITE: Texts = texts!("CAST((julianday('now') - 2440587.5) * 86400000 AS BIGINT)", "");
const POSTGRES: Texts = texts!("CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)", " FOR UPDATE");

impl Store {
    const fn texts(&self) -> &'static Texts {
        match self.engine() {
            Engine::Sqlite => &SQLITE,
            Engine::Postgres => &POSTGRES,
        }
    }

    /// Who leads `service`, if anybody ever did.
    ///
    /// # Errors
    /// The database failed.
    pub async fn lease(&self, service: &str) -> Result<Option<LeaseRow>, StoreError> {
        let row = sqlx::query(self.texts().read)
            .bind(service)
            .fetch_optional(&self.pool)
            .await
            .map_err(StoreError::during("read a lease"))?;
        row.as_ref().map(lease_row).transpose()
    }

    /// Who leads `service` now, by the database's clock.
    ///
    /// # Errors
    /// The database failed.
    pub async fn leader(&self, service: &str) -> Result<Option<String>, StoreError> {
        Ok(self.lease(service).await?.filter(|lease| lease.remaining_ms > 0).map(|lease| lease.holder))
    }

    /// Takes the lease of `service` for `holder`, if it has run out, or if whoever has it is `dead` for certain. Waits
    /// for the transactions of the leader before, which commit or not; none of them begins thereafter.
    ///
    /// # Errors
    /// The database failed.
    pub async fn take_lease(
        &self,
        service: &str,
        holder: &str,
        lease: Duration,
        dead: impl Fn(&str) -> bool + Send,
    ) -> Result<Lease, StoreError> {
        let taking = "take a lease";
        let free = |row: &LeaseRow| row.remaining_ms <= 0 || dead(&row.holder);
        // Standbys only read: they hold up nobody.
        if let Some(row) = self.lease(service).await?.filter(|row| !free(row)) {
            return Ok(Lease::Held(row));
        }
        let mut tx = self.begin().await?;
        let row = sqlx::query(self.texts().lock)
            .bind(service)
            .fetch_optional(&mut *tx.inner)
            .await
            .map_err(StoreError::during(taking))?;
        let seen = row.as_ref().map(lease_row).transpose()?;
        let epoch = match &seen {
            Some(row) if !free(row) => return Ok(Lease::Held(row.clone())),
            Some(row) => row.epoch,
            None => 0,
        };
        let taken: Option<(i64,)> = sqlx::query_as(self.texts().take)
            .bind(service)
            .bind(holder)
            .bind(millis(lease))
            .bind(epoch)
            .fetch_optional(&mut *tx.inner)
            .await
            .map_err(StoreError::during(taking))?;
        tx.commit().await?;
        // On PostgreSQL two may have found no row at all.
        Ok(match (taken, seen) {
            (Some((epoch,)), _) => Lease::Taken(epoch),
            (None, Some(row)) => Lease::Held(row),
            (None, None) => Lease::Held(LeaseRow { holder: String::new(), epoch: 0, remaining_ms: millis(lease) }),
        })
    }

    /// Prolongs a lease. False: it is somebody else's by now.
    ///
    /// # Errors
    /// The database failed.
    pub async fn renew_lease(
        &self,
        service: &str,
        holder: &str,
        epoch: i64,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let renewed = sqlx::query(self.texts().renew)
            .bind(service)
            .bind(holder)
            .bind(epoch)
            .bind(millis(lease))
            .execute(&mut *tx.inner)
            .await
            .map_err(StoreError::during("renew a lease"))?;
        tx.commit().await?;
        Ok(renewed.rows_affected() == 1)
    }

    /// Gives a lease back: another instance may take it at once.
    ///
    /// # Errors
    /// The database failed; the lease runs out by itself.
    pub async fn release_lease(&self, service: &str, holder: &str, epoch: i64) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE leases SET until_ms = 0 WHERE service = $1 AND holder = $2 AND epoch = $3")
            .bind(service)
            .bind(holder)
            .bind(epoch)
            .execute(&mut *tx.inner)
            .await
            .map_err(StoreError::during("release a lease"))?;
        tx.commit().await
    }

    /// The services that somebody leads now, and who.
    ///
    /// # Errors
    /// The database failed.
    pub async fn leaders(&self) -> Result<Vec<(String, LeaseRow)>, StoreError> {
        let names: Vec<(String,)> = sqlx::query_as("SELECT service FROM leases ORDER BY service")
            .fetch_all(&self.pool)
            .await
            .map_err(StoreError::during("read leases"))?;
        let mut leaders = Vec::with_capacity(names.len());
        for (name,) in names {
            if let Some(row) = self.lease(&name).await?.filter(|row| row.remaining_ms > 0) {
                leaders.push((name, row));
            }
        }
        Ok(leaders)
    }

    /// A handle for the leader of `service` with this epoch: its transactions begin only while nobody else leads.
    #[must_use]
    pub fn led(&self, service: &'static str, epoch: i64) -> Self {
        let mut led = self.clone();
        led.fence = Some(LeaderFence { service, epoch });
        led
    }
}

fn lease_row(row: &sqlx::any::AnyRow) -> Result<LeaseRow, StoreError> {
    let read = || {
        Ok(LeaseRow {
            holder: row.try_get("holder")?,
            epoch: row.try_get("epoch")?,
            remaining_ms: row.try_get("remaining_ms")?,
        })
    };
    read().map_err(StoreError::during("read a lease"))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
