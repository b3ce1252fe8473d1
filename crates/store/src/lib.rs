//! The truth: everything that must survive is in SQL.
//!
//! One SQL text and one migrations folder serve SQLite (one machine) and PostgreSQL (a cluster), through sqlx's `Any`
//! driver. What makes that possible: only TEXT and BIGINT columns, epoch milliseconds, JSON as text, `$n` parameters,
//! `ON CONFLICT`, `RETURNING`. The same conformance suite runs on both.
//!
//! Reads go through the pool. Writes go through a transaction, [`Tx`]: on SQLite there is one writer connection a process
//! and it begins with `BEGIN IMMEDIATE`, so that writers queue instead of failing half-way. Every change of a task's
//! state goes through [`Tx::change`], which is a compare-and-set.

mod accounts;
pub mod adoption;
mod agents;
mod attempts;
pub mod backup;
mod breakers;
mod change;
mod conflicts;
mod database;
mod delivered;
mod documents;
mod edges;
mod error;
mod executors;
mod gates;
mod graph;
mod held;
mod known;
mod leases;
mod logs;
mod marks;
mod measures;
pub mod merge;
mod metrics;
mod naming;
mod overview;
mod people;
mod planned;
mod relink;
mod revisions;
mod sections;
mod set_aside;
mod settings;
mod tasks;
#[cfg(feature = "testing")]
pub mod testing;
mod texts;
mod told;
mod verdict;
mod wishes;

pub use accounts::AccountPause;
pub use agents::AgentRow;
pub use attempts::{AttemptEnd, AttemptRow, EarlierFailure, OpenAttempt};
pub use breakers::BreakerRow;
pub use change::{EventRow, Moved, keepable};
pub use conflicts::{ConflictRow, Side};
pub use database::{Durability, Engine, Store, Tx};
pub use delivered::{Deliver, Delivered, DeliveryVerdict, PullRequest};
pub use documents::{DocumentRow, Editor, Synced};
pub use error::StoreError;
pub use executors::ExecutorRow;
pub use gates::HeldTask;
pub use graph::{GraphEdge, GraphTask};
pub use held::{HeldResult, HeldVerdict, HoldResult};
pub use leases::{Lease, LeaseRow};
pub use logs::LogRow;
pub use marks::{MarkDue, Written};
pub use measures::{Bucket, Measures, Tally};
pub use metrics::{DURATION_BOUNDS_MS, Durations, Used};
pub use overview::{AttemptNotes, EpicRow, TaskBrief, TaskFilter, Transition};
pub use people::AnswerRow;
pub use planned::{FieldChange, PlannedDocument, PlannedTask};
pub use revisions::RevisionRow;
pub use set_aside::SetAside;
pub use tasks::{Delivery, DependencyRow, TaskRow};
pub use told::Told;
pub use wishes::{Wish, WishRow};
