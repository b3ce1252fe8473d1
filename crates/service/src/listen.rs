//! Listening on an address, with an error that says what to change.

use std::{io, net::SocketAddr};

use tokio::net::TcpListener;

use crate::config::variable;

/// An address could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {why}. Choose another address with `{key}` in the configuration file, or {}", variable(.key))]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// The configuration key that holds the address, like `listen.http`.
    pub key: String,
    why: &'static str,
    #[source]
    source: io::Error,
}

/// Listens on `address`, which the configuration key `key` holds.
///
/// # Errors
/// When the address is in use, is not this machine's, or needs more rights.
pub async fn bind(address: SocketAddr, key: &str) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| {
        let why = match source.kind() {
            io::ErrorKind::AddrInUse => "another process already does",
            io::ErrorKind::AddrNotAvailable => "this machine has no such address",
            io::ErrorKind::PermissionDenied => "this user may not (ports below 1024 need more rights)",
            _ => "the system refuses",
        };
        BindError { address, key: key.to_owned(), why, source }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_in_use_is_named_with_the_key_that_changes_it() {
        let first = bind(SocketAddr::from(([127, 0, 0, 1], 0)), "listen.http").await.unwrap();
        let address = first.local_addr().unwrap();
        let error = bind(address, "listen.http").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "cannot listen on {address}: another process already does. Choose another address with `listen.http` \
                 in the configuration file, or CODITECT_LISTEN__HTTP"
            )
        );
    }
}
