//! Stands between an agent and its model's API, so that the agent never has the account's key.

pub mod api;
mod hosts;
mod prices;
mod quota;
mod scan;
mod sse;
mod tap;
mod usage;

pub use api::{Api, Credential, InvalidCredential, Scheme};
pub use hosts::{HostPattern, InvalidHost};
pub use prices::{PriceList, Priced, Prices};
pub use usage::Usage;
