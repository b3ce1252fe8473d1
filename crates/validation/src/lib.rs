//! Validation: a plan of 122 tasks, agents that go wrong, nobody who helps, and a count of what came of it that trusts
//! nothing the system says of itself.
//!
//! [`example`] makes the repository, [`system`] runs the system on it, [`history`], [`repository`], [`planfile`] and
//! [`ledger`] count, and [`verdict`] compares and decides.

pub mod example;
pub mod history;
pub mod ledger;
pub mod planfile;
pub mod repository;
pub mod system;
pub mod verdict;
