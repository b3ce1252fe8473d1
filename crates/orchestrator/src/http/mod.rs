//! What the orchestrator serves over HTTP.
#![allow(dead_code, reason = "the listener is not there yet")]

pub(crate) mod assets;
