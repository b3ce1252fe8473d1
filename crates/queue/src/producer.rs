//! Putting entries into a stream.

use redis::{Cmd, cmd};

use crate::entry::{EntryId, read_id};
use crate::error::QueueError;
use crate::message::{Message, encode};
use crate::queue::Queue;
use crate::stream::Stream;

/// How many entries go to Redis in one go.
const CHUNK: usize = 500;

impl Queue {
    /// Adds one entry. It is tried once: whether and when to try again is for the caller to say.
    pub async fn add<M: Message>(&self, stream: &Stream, message: &M) -> Result<EntryId, QueueError> {
        let mut connection = self.connection().await?;
        let reply = self.xadd(stream, message).query_async(&mut connection).await?;
        Ok(read_id(reply)?)
    }

    /// Adds entries in their order, many to a round trip. After an error some of them may have been added.
    pub async fn add_all<M: Message>(&self, stream: &Stream, messages: &[M]) -> Result<Vec<EntryId>, QueueError> {
        let mut ids = Vec::with_capacity(messages.len());
        for chunk in messages.chunks(CHUNK) {
            let mut connection = self.connection().await?;
            let mut pipeline = redis::pipe();
            for message in chunk {
                pipeline.add_command(self.xadd(stream, message));
            }
            let replies: Vec<redis::Value> = pipeline.query_async(&mut connection).await?;
            for reply in replies {
                ids.push(read_id(reply)?);
            }
        }
        Ok(ids)
    }

    fn xadd<M: Message>(&self, stream: &Stream, message: &M) -> Cmd {
        let mut add = cmd("XADD");
        add.arg(self.keys.stream(stream)).arg("MAXLEN").arg("~").arg(self.stream_cap).arg("*");
        for (name, value) in encode(message) {
            add.arg(name).arg(value);
        }
        add
    }
}
