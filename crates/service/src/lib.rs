//! What every service needs to boot: configuration, logs, health, shutdown, and the loops and listeners they share.
//!
//! A service's `main.rs` is one call:
//!
//! ```no_run
//! use coditect_service::{ServiceName, boot};
//!
//! fn main() -> std::process::ExitCode {
//!     boot::main(ServiceName::Orchestrator, async |service| {
//!         service.readiness.pass("database");
//!         service.shutdown.drain.cancelled().await;
//!         Ok(())
//!     })
//! }
//! ```

pub mod admin;
pub mod announce;
pub mod boot;
pub mod clock;
pub mod config;
pub mod database;
pub mod explain;
pub mod fault;
pub mod forecast;
pub mod git;
pub mod graph;
pub mod grpc;
pub mod guarded;
pub mod hook;
pub mod ids;
pub mod leadership;
pub mod listen;
pub mod metrics;
mod name;
pub mod plan_files;
mod readiness;
mod reload;
mod shutdown;
pub mod telemetry;
pub mod ticker;
pub mod touches;
pub mod trace;

pub use boot::Service;
pub use clock::SystemClock;
pub use config::{Config, ConfigError};
pub use name::ServiceName;
pub use readiness::Readiness;
pub use shutdown::{SUPERVISED, Shutdown};
