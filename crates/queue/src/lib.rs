//! Work in flight: Redis streams between the services, and nothing that would be missed if Redis lost it.
//!
//! The database is the truth. An entry of a stream wakes its reader up and names a task; the reader looks the rest up.
//!
//! # The data in Redis
//!
//! Every key begins `coditect:{<project>}:`; the braces keep a project's keys in one slot of a cluster.
//!
//! - **Streams** ([`Stream`]: `plan`, `ready`, `work:<pool>`, `results`, `events`). An entry ([`EntryId`], [`Fields`])
//!   is one [`message`], flat and readable. Each service that reads a stream is a *group*; Redis keeps, per group, the
//!   last id it handed out and the *pending* entries: handed to a consumer of the group, not yet acknowledged. Groups
//!   begin at the start of the stream, so what was published before the reader first came up is not missed.
//! - **`dead:<stream>`** ([`DeadLetter`]): entries nobody could handle, as they were, with `error` and `deliveries`.
//! - **`log:<attempt>`** ([`LogLine`](message::LogLine)): what an agent says, bounded in length and in time.
//! - **`turn:<line>`** ([`Turn`]): who waits for a turn, by when they came; the first has it.
//! - **`lease:<attempt>`**: a plain key with an expiry: the executor's sign of life when it can reach only Redis.
//!
//! # The data in a consumer
//!
//! [`Queue`] is a pool of connections for commands. [`Queue::consume`] starts one task, the *reader*, with a connection
//! of its own, because a blocking read delays whatever shares its connection. The reader is never cancelled while it
//! reads: a cancelled read strands entries that Redis has already handed out. It reads only as many entries as were
//! asked for (`prefetch` plus the one being waited for) and hands them over through a channel.
//!
//! Each entry handed over is *held* until its [`Delivery`] is acknowledged or dropped. The set of held ids tells
//! the heartbeat which claims to renew, and the reader which of its own pending entries are in good hands; the
//! others it delivers again. What is dropped without an acknowledgement stays pending and is claimed again after
//! `min_idle` by any consumer of the group, at most `max_deliveries` times.
//!
//! Delivery is at least once. A consumer that lost its claim may still finish and acknowledge: whoever acts on an entry
//! does so by compare-and-set in the database, never because the entry came.

mod consumer;
mod dead;
mod entry;
mod error;
mod heartbeat;
mod held;
mod inspect;
mod janitor;
mod lease;
mod log;
pub mod message;
mod outage;
mod pending;
mod producer;
mod queue;
mod reader;
mod stream;
mod trim;
mod turn;

pub use consumer::{Claim, Consumer, ConsumerOptions, Delivery};
pub use dead::DeadLetter;
pub use entry::{EntryId, Fields, InvalidEntryId, MalformedEntry};
pub use error::QueueError;
pub use inspect::{GroupInfo, ServerInfo, StreamInfo};
pub use message::Message;
pub use queue::Queue;
pub use stream::{Stream, UnknownStream};
pub use tokio_util::sync::CancellationToken;
pub use trim::Trimmed;
pub use turn::Turn;
