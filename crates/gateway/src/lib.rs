//! Stands between agents and the APIs of their models, so that no agent has the key of an account.
//!
//! A [`Gateway`] is one per executor, a [`Session`] one per run of a command. A session listens where its command can reach it and leads
//! to two places: to one API, with a token in place of the account's key, and to the hosts that are allowed. What flows to the API and
//! back is passed on as it comes and not kept; on its way its cost is counted against the session's budget, and what it says about the
//! account is told. Nothing of its content, and no key, is ever logged.

mod activity;
mod api;
mod flow;
mod forward;
mod hold;
mod hosts;
mod ledger;
mod notice;
mod outbound;
mod prices;
mod quota;
mod scan;
mod serve;
mod session;
mod sse;
mod tap;
mod token;
mod upstream;
mod usage;

pub use activity::Activity;
pub use api::{Api, Credential, InvalidCredential, Scheme};
pub use hold::Holds;
pub use hosts::{HostPattern, InvalidHost};
pub use notice::Notice;
pub use prices::{PriceList, Priced, Prices};
pub use session::{InvalidBaseUrl, Open, Reach, Session, Upstream};
pub use upstream::TlsError;
pub use usage::Usage;

/// What the sessions of an executor share: connections to the APIs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gateway {
    client: upstream::Client,
}

impl Gateway {
    /// A gateway without sessions.
    ///
    /// # Errors
    /// TLS cannot be spoken.
    pub fn new() -> Result<Self, TlsError> {
        Ok(Self { client: upstream::Client::new()? })
    }

    /// Opens a session. It has to be given a listener with [`Session::serve`].
    #[must_use]
    pub fn open(&self, open: Open) -> Session {
        Session::new(self.client.clone(), open)
    }
}
