//! The secret that a client of an HTTP API must show. Never printed, never compared byte by byte.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// A secret, kept as its digest.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token([u8; 32]);

impl Token {
    /// The token of that text.
    pub(super) fn new(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// Whether a request shows this token. The time that it takes tells nothing of the token, since
    /// nobody can choose the digest that is compared.
    pub(super) fn is_shown_in(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        shown.and_then(|value| value.strip_prefix("Bearer ")).is_some_and(|text| Self::new(text) == *self)
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
    fn only_the_token_itself_is_accepted() {
        let token = Token::new("secret");
        let check = |value: Option<&str>| {
            let header = value.map(|value| (AUTHORIZATION, value.parse().unwrap()));
            token.is_shown_in(&header.into_iter().collect())
        };
        assert!(check(Some("Bearer secret")));
        for other in [None, Some(""), Some("Bearer "), Some("Bearer secret2"), Some("secret"), Some("Basic secret")] {
            assert!(!check(other), "{other:?}");
        }
    }

    #[test]
    fn a_token_is_not_printed() {
        assert_eq!(format!("{:?}", Token::new("secret")), "Token(…)");
    }
}
