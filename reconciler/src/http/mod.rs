//! What the reconciler's API and the agent's have in common: who may ask, how requests are read, and
//! how errors are told. It knows nothing of what is asked for.

mod error;
mod extract;
mod reach;
mod token;

pub use error::{ApiError, ErrorBody};
pub use extract::{Body, Path, Query};
pub use reach::{OpenToOthers, Service, check_reach};
pub use token::{Access, Issued, Needs, Scope, Token};

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::{Router, middleware};

/// Routes that want a token which is enough for what they need.
pub fn guard<S: Clone + Send + Sync + 'static>(routes: Router<S>, access: &Access, needs: Needs) -> Router<S> {
    routes.layer(middleware::from_fn_with_state((access.clone(), needs), token::require))
}

/// A service of these routes. Whatever goes wrong before a handler is reached is answered as
/// [`ErrorBody`] too.
pub fn service<S: Clone + Send + Sync + 'static>(routes: Router<S>, body_bytes_max: usize) -> Router<S> {
    routes
        .fallback(unknown_address)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(body_bytes_max))
}

/// Whether a request asks for creation only: `If-None-Match: *` (RFC 9110, 13.1.2).
pub fn only_new(headers: &HeaderMap) -> bool {
    headers.get(header::IF_NONE_MATCH).is_some_and(|value| value == "*")
}

async fn unknown_address(uri: Uri) -> ApiError {
    ApiError::NotFound(format!("there is nothing at {}: see the API's OpenAPI document for its addresses", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    let error = format!("{} does not do {method}: the Allow header of this answer says what it does", uri.path());
    ApiError::Refused(StatusCode::METHOD_NOT_ALLOWED, error)
}
