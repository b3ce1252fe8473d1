//! The key that an attempt's agent has in place of the account's: it opens one session, for as long as that is open.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq;

/// What every token begins with, so that people see what it is.
const PREFIX: &str = "attempt-";

/// The name in the credentials of the forward proxy.
pub(crate) const PROXY_USER: &str = "attempt";

/// A token of 256 random bits.
#[derive(Clone)]
pub(crate) struct Token(String);

impl Token {
    pub(crate) fn random() -> Self {
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Compares without telling by its time how much fits.
    pub(crate) fn is(&self, key: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(key).into()
    }

    /// Whether `Proxy-Authorization` has it, as `http://attempt:TOKEN@…` makes clients send it.
    pub(crate) fn is_in_proxy_authorization(&self, value: &[u8]) -> bool {
        let Some((scheme, encoded)) = value.split_at_checked(6) else { return false };
        let decoded = STANDARD.decode(encoded.trim_ascii()).unwrap_or_default();
        let key = decoded.split(|byte| *byte == b':').nth(1).unwrap_or_default();
        scheme.eq_ignore_ascii_case(b"basic ") && self.is(key)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_itself_and_nothing_else() {
        let (token, other) = (Token::random(), Token::random());
        assert!(token.is(token.expose().as_bytes()) && !token.is(other.expose().as_bytes()) && !token.is(b""));
        let basic = |user: &str| format!("Basic {}", STANDARD.encode(format!("{user}:{}", token.expose())));
        assert!(token.is_in_proxy_authorization(basic(PROXY_USER).as_bytes()));
        assert!(!other.is_in_proxy_authorization(basic(PROXY_USER).as_bytes()));
        assert!(!token.is_in_proxy_authorization(b"Basic ") && !token.is_in_proxy_authorization(b"x"));
        assert!(!format!("{token:?}").contains(token.expose()));
    }
}
