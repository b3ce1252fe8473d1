//! The real programs of agents, run by the executor against a scripted API. `cargo xtask real-cli` installs them and runs these, one at
//! a time; where they are not installed they are skipped, with a word, unless `CI=true`. One case of each program is run with all other
//! tests, the rest only where they are asked for.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

#[path = "../attempts/fixture.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
mod fixture;

mod claude;
mod codex;
mod gemini;
mod opencode;
mod program;
mod stage;
