//! What can go wrong between us and the database.

/// An error of the store. The cause is in `source`.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or refused a statement.
    #[error("the database failed to {doing}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        #[source]
        source: sqlx::Error,
    },
    /// The URL names no database we know.
    #[error("`{0}` is no database URL: expected sqlite://FILE or postgres://HOST/NAME")]
    Url(String),
    /// The migrations could not be applied.
    #[error("the database's schema could not be brought up to date")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// The schema is not the one this version works with.
    #[error("the database's schema is not that of this version; run `coditect migrate`")]
    Schema,
    /// Another instance leads the service; nothing was written.
    #[error("another instance of {service} leads by now; epoch {epoch} is over")]
    NotLeader {
        /// The service.
        service: &'static str,
        /// The epoch in which this instance led.
        epoch: i64,
    },
    /// A row holds what no version of us writes.
    #[error("table {table}, row {id}: column {column} holds {value}, which is not valid")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The row.
        id: String,
        /// The column.
        column: &'static str,
        /// What it holds.
        value: String,
    },
}

impl StoreError {
    pub(crate) const fn during(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { doing, source }
    }
}
