//! Errors as an API tells them: always the same JSON document, whatever went wrong.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use shadow_core::model::{Problem, Problems};

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ErrorBody {
    /// What is wrong and what to do.
    pub error: String,
    /// What is wrong with the document, attribute by attribute.
    pub problems: Vec<Problem>,
}

/// Why a request was not done.
#[derive(Debug)]
pub enum ApiError {
    /// It is turned away before anybody looks at what it asks for: the status, and what to do.
    Refused(StatusCode, String),
    /// There is no such thing.
    NotFound(String),
    /// It stands against something that is.
    Conflict(String),
    /// It was to be created and exists.
    Exists(String),
    /// The document is wrong.
    Invalid(Problems),
    /// We could not.
    Internal(anyhow::Error),
}

impl From<anyhow::Error> for ApiError {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(error)
    }
}

impl From<Problems> for ApiError {
    fn from(problems: Problems) -> Self {
        Self::Invalid(problems)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, error, problems) = match self {
            Self::Refused(status, error) => (status, error, Vec::new()),
            Self::NotFound(error) => (StatusCode::NOT_FOUND, error, Vec::new()),
            Self::Conflict(error) => (StatusCode::CONFLICT, error, Vec::new()),
            Self::Exists(error) => (StatusCode::PRECONDITION_FAILED, error, Vec::new()),
            Self::Invalid(problems) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "the document has problems".to_owned(), problems.0)
            }
            Self::Internal(error) => {
                tracing::error!(error = format!("{error:#}"), "request failed");
                (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}"), Vec::new())
            }
        };
        (status, Json(ErrorBody { error, problems })).into_response()
    }
}
