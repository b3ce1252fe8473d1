//! Agents, and which of them a task is for. Pure.

mod choice;

pub use choice::{Because, choose};
