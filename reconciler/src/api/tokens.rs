//! Tokens for a while and for a part: made for whoever shows the main token, told once, and stored as
//! a digest only.

use crate::app::App;
use crate::clock;
use crate::http::{Access, ApiError, Body, ErrorBody, Path, Scope, Token};
use anyhow::Context as _;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use shadow_core::model::Problems;
use std::fmt::Write as _;
use std::sync::Arc;

/// Longest life of a token: a working day, for what takes long. What needs more has the main token.
const LIFETIME_SECONDS_MAX: u32 = 24 * 3600;

/// Bytes of chance in a token: as many as can never be guessed.
const SECRET_BYTES: usize = 32;

/// Bytes of chance in an id: enough to tell tokens apart.
const ID_BYTES: usize = 8;

/// What a token is to be good for.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// What its holder may do.
    pub scope: Scope,
    /// Seconds until it expires, 1 to 86,400.
    pub lifetime_seconds: u32,
}

/// A token, told once.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
pub struct IssuedToken {
    /// By which it is revoked.
    pub id: String,
    /// To be shown as bearer token.
    pub token: String,
    /// When it expires.
    #[schema(value_type = String)]
    pub expires: Timestamp,
}

/// Who may ask this reconciler for what.
pub(super) fn access(app: &App) -> Access {
    let store = app.store.clone();
    Access::with_issued(app.config.token.clone(), Arc::new(move |digest| store.scope_of(digest, clock::now())))
}

/// Makes a token for a while. Only the main token may.
#[utoipa::path(post, path = "/v1/tokens", request_body = TokenRequest, responses(
    (status = 201, body = IssuedToken), (status = 403, body = ErrorBody),
    (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub(super) async fn issue_token(
    State(app): State<Arc<App>>,
    Body(request): Body<TokenRequest>,
) -> Result<Response, ApiError> {
    if app.config.token.is_none() {
        let error = "this reconciler asks nobody for a token, so none would mean anything: start it with SHADOW_TOKEN";
        return Err(ApiError::Conflict(error.to_owned()));
    }
    let mut problems = Problems::default();
    let seconds = request.lifetime_seconds;
    problems.in_range("lifetime_seconds", f64::from(seconds), 1.0, f64::from(LIFETIME_SECONDS_MAX));
    problems.into_result(())?;
    let now = clock::now();
    let expires =
        now.checked_add(SignedDuration::from_secs(i64::from(seconds))).context("the clock is out of range")?;
    let issued =
        IssuedToken { id: chance::<ID_BYTES>()?, token: format!("shadow_{}", chance::<SECRET_BYTES>()?), expires };
    let digest = Token::new(&issued.token).context("an empty token")?.digest();
    if !app.store.add_token(&issued.id, &digest, request.scope, expires, now)? {
        let error = "too many tokens are good at this time: revoke some, or wait until they expire";
        return Err(ApiError::Conflict(error.to_owned()));
    }
    tracing::info!(id = issued.id, scope = ?request.scope, %expires, "token issued");
    // Nobody on the way may keep it.
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(issued)).into_response())
}

/// Makes a token worthless. One that is unknown is so already.
#[utoipa::path(delete, path = "/v1/tokens/{id}", responses((status = 204), (status = 403, body = ErrorBody)))]
pub(super) async fn revoke_token(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    app.store.remove_token(&id)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Bytes that nobody can guess, in hexadecimal.
fn chance<const N: usize>() -> Result<String, ApiError> {
    let mut bytes = [0; N];
    let source = rustls::crypto::ring::default_provider().secure_random;
    source.fill(&mut bytes).ok().context("the system gives no random numbers")?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to text cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    }))
}
