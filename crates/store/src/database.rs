//! Connections, transactions, schema.

use std::str::FromStr;
use std::sync::Once;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{Any, AnyPool, Executor, Transaction};

use crate::StoreError;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations");
static DRIVERS: Once = Once::new();

/// The two engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// One file, one machine.
    Sqlite,
    /// A server, a cluster.
    Postgres,
}

/// How durable a commit is on SQLite. PostgreSQL's commits are always durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Survives a crash of the process; a power cut may undo the last commits, which reconcilers repeat.
    Normal,
    /// Survives a power cut: for landing and completion.
    Full,
}

/// A handle to the database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) pool: AnyPool,
    writer: AnyPool,
    engine: Engine,
    pub(crate) fence: Option<LeaderFence>,
}

/// What a leader's transactions check before anything else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LeaderFence {
    pub(crate) service: &'static str,
    pub(crate) epoch: i64,
}

/// A write transaction. Dropped without [`Tx::commit`], it changes nothing.
#[derive(Debug)]
pub struct Tx {
    pub(crate) inner: Transaction<'static, Any>,
}

impl Store {
    /// Opens the database at `url`: `sqlite://FILE` (made when missing) or `postgres://…`.
    ///
    /// # Errors
    /// A URL of neither kind; a database that cannot be reached.
    pub async fn open(url: &str, durability: Durability) -> Result<Self, StoreError> {
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        let engine = match url.split(':').next() {
            Some("sqlite") => Engine::Sqlite,
            Some("postgres" | "postgresql") => Engine::Postgres,
            _ => return Err(StoreError::Url(redacted(url))),
        };
        let url = match engine {
            Engine::Sqlite if !url.contains('?') => format!("{url}?mode=rwc"),
            Engine::Sqlite | Engine::Postgres => url.to_owned(),
        };
        let options = AnyConnectOptions::from_str(&url).map_err(|_| StoreError::Url(redacted(&url)))?;
        let pool = |connections| {
            AnyPoolOptions::new().max_connections(connections).acquire_timeout(Duration::from_secs(10)).after_connect(
                move |connection, _| {
                    Box::pin(async move {
                        match (engine, durability) {
                            (Engine::Postgres, _) => {
                                connection.execute(POSTGRES).await?;
                            }
                            (Engine::Sqlite, Durability::Normal) => {
                                connection.execute(SQLITE_NORMAL).await?;
                            }
                            (Engine::Sqlite, Durability::Full) => {
                                connection.execute(SQLITE_FULL).await?;
                            }
                        }
                        Ok(())
                    })
                },
            )
        };
        let opening = StoreError::during("open");
        match engine {
            Engine::Sqlite => {
                let writer = pool(1).connect_with(options.clone()).await.map_err(opening)?;
                Ok(Self { pool: pool(4).connect_lazy_with(options), writer, engine, fence: None })
            }
            Engine::Postgres => {
                let pool = pool(8).connect_with(options).await.map_err(opening)?;
                Ok(Self { writer: pool.clone(), pool, engine, fence: None })
            }
        }
    }

    /// Which engine this is.
    #[must_use]
    pub const fn engine(&self) -> Engine {
        self.engine
    }

    /// Brings the schema up to date.
    ///
    /// # Errors
    /// A migration that fails, or an applied one that was changed since.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        MIGRATIONS.run(&self.writer).await.map_err(StoreError::Migrate)
    }

    /// Checks that the schema is the one this version works with.
    ///
    /// # Errors
    /// [`StoreError::Schema`] with the cure.
    pub async fn check_schema(&self) -> Result<(), StoreError> {
        let applied: Result<Vec<(i64,)>, _> =
            sqlx::query_as("SELECT version FROM _sqlx_migrations ORDER BY version").fetch_all(&self.pool).await;
        let known: Vec<_> = MIGRATIONS.iter().map(|m| (m.version,)).collect();
        match applied {
            Ok(applied) if applied == known => Ok(()),
            Ok(_) | Err(sqlx::Error::Database(_)) => Err(StoreError::Schema),
            Err(source) => Err(StoreError::Database { doing: "read its schema version", source }),
        }
    }

    /// Begins a write transaction; that of a leader ([`Store::led`]) holds off its successor until it ends.
    ///
    /// # Errors
    /// The database cannot be reached, or is locked by others for too long; [`StoreError::NotLeader`].
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let begin = match self.engine {
            Engine::Sqlite => "BEGIN IMMEDIATE",
            Engine::Postgres => "BEGIN",
        };
        let inner = self.writer.begin_with(begin).await.map_err(StoreError::during("begin a transaction"))?;
        let mut tx = Tx { inner };
        if let Some(fence) = self.fence {
            self.check_leader(&mut tx, fence).await?;
        }
        Ok(tx)
    }

    async fn check_leader(&self, tx: &mut Tx, LeaderFence { service, epoch }: LeaderFence) -> Result<(), StoreError> {
        let check = match self.engine {
            // The transaction has the only right to write as it is.
            Engine::Sqlite => "SELECT epoch FROM leases WHERE service = $1 AND epoch = $2",
            // Keeps off who takes the lease, and not who renews it.
            Engine::Postgres => "SELECT epoch FROM leases WHERE service = $1 AND epoch = $2 FOR KEY SHARE",
        };
        let leads = sqlx::query(check)
            .bind(service)
            .bind(epoch)
            .fetch_optional(&mut *tx.inner)
            .await
            .map_err(StoreError::during("check who leads"))?;
        leads.map(drop).ok_or(StoreError::NotLeader { service, epoch })
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.pool).await.map_err(StoreError::during("answer"))?;
        Ok(())
    }
}

impl Tx {
    /// Makes the transaction's changes true.
    ///
    /// # Errors
    /// The database refused; nothing has changed.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.inner.commit().await.map_err(StoreError::during("commit"))
    }
}

/// WAL lets readers and the writer work side by side; ten seconds is far above any transaction of ours.
const SQLITE_NORMAL: &str =
    "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL";
const SQLITE_FULL: &str =
    "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL";

/// A process that stands still in mid-transaction must not hold up its successor.
const POSTGRES: &str = "SET idle_in_transaction_session_timeout = '10s'";

/// A URL without its user and password.
fn redacted(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 < at => format!("{}…{}", &url[..scheme + 3], &url[at..]),
        _ => url.to_owned(),
    }
}
