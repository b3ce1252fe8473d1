//! The model everything else speaks: ids, states and their transitions, failures, retries, circuit breakers, time.
//!
//! Pure: no I/O, no clock, no randomness of its own. Time and seeds are parameters.

mod breaker;
mod clock;
pub mod failure;
mod id;
mod lifecycle;
mod priority;
mod retry;
pub mod state;

pub use breaker::{Admission, Breaker, BreakerPolicy, BreakerScope, BreakerState, Signal, UnknownBreakerPart};
pub use clock::Clock;
pub use failure::FailureClass;
pub use id::{AttemptId, InvalidAttemptId, InvalidTaskId, TaskId, document_slug};
pub use lifecycle::{Change, Lifecycle};
pub use priority::{Priority, UnknownPriority};
pub use retry::{InvalidRetryPolicy, RetryPolicy, Tally, Verdict, decide_unmerged};
pub use state::{IllegalTransition, Service, TaskState, Trigger, transition};
