//! Stands between an agent and its model's API, so that the agent never has the account's key.

pub mod api;

pub use api::{Api, Credential, InvalidCredential, Scheme};
