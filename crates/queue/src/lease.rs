//! The sign of life of an attempt: a key that expires, for when the orchestrator cannot be reached.

use std::time::Duration;

use redis::cmd;

use crate::error::QueueError;
use crate::queue::Queue;

impl Queue {
    /// Says that the attempt, claimed with `token`, is alive, and will be for `ttl` without another word.
    pub async fn touch_lease(&self, attempt: &str, token: i64, ttl: Duration) -> Result<(), QueueError> {
        let mut connection = self.connection().await?;
        let ttl_ms = ttl.as_millis().max(1).to_string();
        cmd("SET").arg(self.keys.lease(attempt)).arg(token).arg("PX").arg(ttl_ms).exec_async(&mut connection).await?;
        Ok(())
    }

    /// The token of the attempt if it has given a sign of life that is still good.
    pub async fn lease(&self, attempt: &str) -> Result<Option<i64>, QueueError> {
        let mut connection = self.connection().await?;
        Ok(cmd("GET").arg(self.keys.lease(attempt)).query_async(&mut connection).await?)
    }

    /// Ends the lease of an attempt that is over.
    pub async fn drop_lease(&self, attempt: &str) -> Result<(), QueueError> {
        let mut connection = self.connection().await?;
        cmd("DEL").arg(self.keys.lease(attempt)).exec_async(&mut connection).await?;
        Ok(())
    }
}
