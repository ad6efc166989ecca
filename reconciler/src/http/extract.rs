//! Parts of a request, read so that whatever cannot be read is told as every other error is.

use super::ApiError;
use axum::Json;
use axum::extract::rejection::{JsonDataError, JsonRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use shadow_core::model::Problems;

/// What to do about a body that is no document of ours.
const REMEDY: &str = "send the JSON document that the API's OpenAPI document describes";

/// The JSON document in a request's body.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let Json(body) = Json::from_request(request, state).await.map_err(|rejection| unread(&rejection))?;
        Ok(Self(body))
    }
}

fn unread(rejection: &JsonRejection) -> ApiError {
    if let JsonRejection::JsonDataError(error) = rejection {
        return unfitting(error);
    }
    ApiError::Refused(rejection.status(), format!("{}; {REMEDY}", rejection.body_text()))
}

/// Names the attribute that does not fit.
fn unfitting(error: &JsonDataError) -> ApiError {
    let mut problems = Problems::default();
    let located = anyhow::Chain::new(error)
        .find_map(|cause| cause.downcast_ref::<serde_path_to_error::Error<serde_json::Error>>());
    match located {
        Some(located) => problems.add(&attribute(located.path()), located.inner().to_string(), REMEDY),
        None => problems.add("", error.body_text(), REMEDY),
    }
    ApiError::Invalid(problems)
}

/// An attribute path as all problems have it; empty for the document as a whole.
fn attribute(path: &serde_path_to_error::Path) -> String {
    let is_whole = path.iter().next().is_none();
    if is_whole { String::new() } else { path.to_string() }
}

/// The variable parts of a request's path.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let read = axum::extract::Path::from_request_parts(parts, state).await;
        read.map(|axum::extract::Path(parts)| Self(parts))
            .map_err(|rejection| ApiError::Refused(rejection.status(), rejection.body_text()))
    }
}

/// The query of a request's address.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let read = axum::extract::Query::from_request_parts(parts, state).await;
        read.map(|axum::extract::Query(query)| Self(query))
            .map_err(|rejection| ApiError::Refused(rejection.status(), rejection.body_text()))
    }
}
