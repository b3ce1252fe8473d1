//! The handle: which Redis, which project, and a pool of connections for commands that do not block.

use std::fmt;
use std::time::Duration;

use deadpool_redis::{Connection, Manager, Pool, Runtime, Timeouts};
use redis::{AsyncConnectionConfig, Client};

use crate::error::QueueError;
use crate::stream::Keys;

/// How many entries a stream may hold before the oldest are dropped, acknowledged or not.
const STREAM_CAP: usize = 100_000;
const POOL_SIZE: usize = 16;
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The streams of one project in one Redis. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Queue {
    pub(crate) keys: Keys,
    pub(crate) client: Client,
    pub(crate) stream_cap: usize,
    pool: Pool,
}

impl Queue {
    /// A handle on `project` in the Redis at `redis_url`. Connects when first used, so Redis need not be up.
    pub fn connect(redis_url: &str, project: &str) -> Result<Self, QueueError> {
        let keys = Keys::new(project).ok_or_else(|| QueueError::Project(project.to_owned()))?;
        let client = Client::open(redis_url).map_err(QueueError::Url)?;
        let manager = Manager::new_with_config(redis_url, connection_config(ANSWER_WITHIN)).map_err(QueueError::Url)?;
        let timeouts =
            Timeouts { wait: Some(ANSWER_WITHIN), create: Some(CONNECT_WITHIN), recycle: Some(CONNECT_WITHIN) };
        let pool = Pool::builder(manager)
            .max_size(POOL_SIZE)
            .timeouts(timeouts)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| QueueError::Build(error.to_string()))?;
        Ok(Self { keys, client, stream_cap: STREAM_CAP, pool })
    }

    /// The same handle with another bound on the length of a stream (100,000 entries unless set).
    ///
    /// A stream is normally kept short by [`Queue::trim`]. The bound is for a group that stopped for very long: it
    /// loses the oldest entries and makes up for them from the database.
    #[must_use]
    pub fn with_stream_cap(mut self, entries: usize) -> Self {
        self.stream_cap = entries.max(1);
        self
    }

    /// Asks Redis for a sign of life.
    pub async fn ping(&self) -> Result<(), QueueError> {
        let mut connection = self.connection().await?;
        redis::cmd("PING").exec_async(&mut connection).await?;
        Ok(())
    }

    /// A connection for one command or a few.
    pub(crate) async fn connection(&self) -> Result<Connection, QueueError> {
        self.pool.get().await.map_err(QueueError::Unreachable)
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("keys", &self.keys).finish_non_exhaustive()
    }
}

/// The limits of a connection whose longest command is answered within `answer_within`.
pub(crate) fn connection_config(answer_within: Duration) -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT_WITHIN)).set_response_timeout(Some(answer_within))
}
