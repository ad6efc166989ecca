//! What the reconciler's API and the agent's have in common: the bearer token.

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// Lets a request pass when no token is configured or when it carries the right one.
pub async fn require_token(token: Option<Token>, request: Request, next: Next) -> Response {
    let Some(token) = token else { return next.run(request).await };
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer "));
    if given.is_some_and(|given| token.matches(given)) {
        return next.run(request).await;
    }
    let body = serde_json::json!({
        "error": "the bearer token is missing or wrong; set `token` in the provider or SHADOW_TOKEN in the environment",
        "problems": [],
    });
    (StatusCode::UNAUTHORIZED, axum::Json(body)).into_response()
}

/// A bearer token. It is never printed.
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

    /// Compares digests, so that the time it takes tells nothing about the token.
    fn matches(&self, given: &str) -> bool {
        Sha256::digest(self.0.as_bytes()) == Sha256::digest(given.as_bytes())
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}
