//! Runs one attempt of a task: an isolated worktree, the agent in it, proof of the result, and its landing.
//!
//! [`pipeline::run`] is the whole way of an attempt. Everything it needs to know is a [`job::Job`], everything it
//! shares with other attempts on the machine is a [`pipeline::Host`], and what it may do next is asked of a
//! [`pipeline::Control`].

mod access;
mod api;
pub mod candidate;
mod conflict;
pub mod control;
mod conventions;
mod disk;
pub mod egress;
pub mod job;
pub mod kept;
pub mod land;
mod line;
mod mend;
mod outbox;
pub mod output;
pub mod pipeline;
mod place;
pub mod processes;
pub mod proof;
pub mod publish;
pub mod refs;
pub mod repository;
pub mod run;
mod runs;
pub mod runtime;
pub mod sandbox;
pub mod service;
mod settings;
mod setup;
pub mod shim;
pub mod verify;
mod worker;
pub mod workspace;

pub use coditect_service::git;
