//! Validation: a plan of 122 tasks, agents that go wrong, nobody who helps, and a count of what came of it that trusts
//! nothing the system says of itself.
//!
//! [`example`] makes the repository, a [`place`] runs the system on it ([`system`] as processes, [`compose`] in
//! containers), [`history`], [`repository`], [`planfile`] and [`ledger`] count, and [`verdict`] compares and decides.

pub mod compose;
pub mod example;
pub mod history;
pub mod ledger;
pub mod place;
pub mod planfile;
pub mod repository;
pub mod system;
pub mod verdict;
