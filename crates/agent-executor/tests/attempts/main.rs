//! Whole attempts, with a real git, real processes and real folders.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod daemons;
mod delivered;
mod fixture;
mod front;
mod hosts;
mod kept;
mod landing;
mod leftovers;
mod outcomes;
mod processes;
mod proof;
mod remote;
mod secrets;
mod shim;
mod speed;
