//! What can go wrong between us and Redis.

use deadpool_redis::PoolError;
use redis::RedisError;

use crate::entry::MalformedEntry;

/// A request to the queue that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The Redis URL cannot be read.
    #[error("the Redis URL is not usable: {0}")]
    Url(#[source] RedisError),
    /// The name cannot be part of a key.
    #[error("`{0}` is no project name: expected letters, digits, `.`, `_` and `-`")]
    Project(String),
    /// The connection pool could not be built.
    #[error("no connection pool for Redis: {0}")]
    Build(String),
    /// No connection could be had.
    #[error("Redis cannot be reached: {0}")]
    Unreachable(#[source] PoolError),
    /// Redis answered with an error, or the connection broke while it was asked.
    #[error("Redis: {0}")]
    Redis(#[from] RedisError),
    /// An entry cannot be read as what its stream carries.
    #[error(transparent)]
    Malformed(#[from] MalformedEntry),
}

impl QueueError {
    /// Whether Redis is away (as opposed to having refused this request), so that the same request may succeed later.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Redis(error) => {
                error.is_io_error()
                    || error.is_connection_dropped()
                    || matches!(error.code(), Some("LOADING" | "MASTERDOWN" | "READONLY" | "TRYAGAIN"))
            }
            Self::Url(_) | Self::Project(_) | Self::Build(_) | Self::Malformed(_) => false,
        }
    }
}
