//! The model everything else speaks: ids, states and their transitions, failures, retries, time.
//!
//! Pure: no I/O, no clock, no randomness of its own. Time and seeds are parameters.

pub mod failure;
mod priority;

pub use failure::FailureClass;
pub use priority::{Priority, UnknownPriority};
