//! The real Claude Code, run by the executor against a scripted API. `cargo xtask real-cli` installs the program and
//! runs these; where it is not installed they are skipped, with a word, unless `CI=true`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

#[path = "../attempts/fixture.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
mod fixture;

mod claude;
mod program;
