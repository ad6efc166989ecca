//! The secret that a client of an API must show. Never printed, never compared byte by byte.

use super::ApiError;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use std::fmt;

/// A bearer token.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Takes a token; empty text is no token.
    pub fn new(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// The text, for a request header or a child's environment.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether a request shows this token. Digests are compared: nobody can choose them, so the time
    /// that it takes tells nothing about the token.
    pub fn is_shown_in(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        shown
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"))
            .is_some_and(|(_, text)| Sha256::digest(text) == Sha256::digest(&self.0))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Lets a request pass when no token is wanted or when it shows the right one.
pub(super) async fn require(State(token): State<Option<Token>>, request: Request, next: Next) -> Response {
    match token {
        Some(token) if !token.is_shown_in(request.headers()) => {
            let error = "the bearer token is missing or wrong: set `token` in the provider, or SHADOW_TOKEN in the \
                         environment, to the one that the server was started with";
            let answer = ApiError::Refused(StatusCode::UNAUTHORIZED, error.to_owned());
            ([(WWW_AUTHENTICATE, "Bearer")], answer).into_response()
        }
        Some(_) | None => next.run(request).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_itself_is_accepted() {
        let token = Token::new("secret").unwrap();
        let check = |value: Option<&str>| {
            let header = value.map(|value| (AUTHORIZATION, value.parse().unwrap()));
            token.is_shown_in(&header.into_iter().collect())
        };
        assert!(check(Some("Bearer secret")));
        assert!(check(Some("bearer secret")));
        for other in [None, Some(""), Some("Bearer "), Some("Bearer secret2"), Some("secret"), Some("Basic secret")] {
            assert!(!check(other), "{other:?}");
        }
    }

    #[test]
    fn a_token_is_not_printed_and_empty_text_is_none() {
        assert_eq!(format!("{:?}", Token::new("secret").unwrap()), "Token(…)");
        assert!(Token::new("").is_none());
    }
}
