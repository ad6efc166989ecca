//! What can go wrong with a request, and what to tell the user.

use super::Side;
use crate::client::transport::Answer;
use http::StatusCode;
use shadow_core::model::Problem;
use terraform_provider_framework::{Diagnostic, Diagnostics, Failure};

/// Why a request did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("{url} did not answer: {cause}")]
    Unreachable { side: Side, url: String, cause: String, took_effect: Effect },
    #[error("interrupted while waiting for {url}")]
    Interrupted { url: String, took_effect: Effect },
    #[error("{url} answered {status}: {text}")]
    Refused { side: Side, url: String, status: StatusCode, text: String, problems: Vec<Problem>, has_token: bool },
    #[error("{url} answered something unexpected: {cause}")]
    Unreadable { side: Side, url: String, cause: String },
}

/// Whether a request that failed may have been carried out all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    No,
    Perhaps,
}

/// A body of an error.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Complaint {
    error: String,
    problems: Vec<Problem>,
}

impl ApiError {
    /// What an answer says that is no success.
    pub(super) fn refused(side: Side, url: &str, answer: &Answer, has_token: bool) -> Self {
        let Complaint { error, problems } = serde_json::from_slice(&answer.body).unwrap_or_default();
        let status = answer.status;
        let text =
            if error.is_empty() { status.canonical_reason().unwrap_or("no reason given").to_owned() } else { error };
        Self::Refused { side, url: url.to_owned(), status, text, problems, has_token }
    }

    /// Whether the request may have been carried out all the same.
    pub(crate) fn effect(&self) -> Effect {
        match self {
            Self::Unreachable { took_effect, .. } | Self::Interrupted { took_effect, .. } => *took_effect,
            Self::Refused { .. } => Effect::No,
            Self::Unreadable { .. } => Effect::Perhaps,
        }
    }

    /// What to tell the user.
    pub(crate) fn diagnostics(&self) -> Diagnostics {
        match self {
            Self::Unreachable { side, url, cause, .. } => {
                let summary = format!("The {} cannot be reached", side.noun());
                Diagnostic::error(summary, format!("{url}: {cause}. {}.", side.remedy())).into()
            }
            Self::Interrupted { url, .. } => {
                Diagnostic::error("Interrupted", format!("{url} had not finished yet. Apply again.")).into()
            }
            Self::Refused { side, url, status, text, problems, has_token } => {
                refused(*side, url, *status, text, problems, *has_token)
            }
            Self::Unreadable { side, url, cause } => Diagnostic::error(
                format!("The {} answered something unexpected", side.noun()),
                format!("{url}: {cause}. {} and its version.", side.remedy()),
            )
            .into(),
        }
    }
}

fn refused(
    side: Side,
    url: &str,
    status: StatusCode,
    text: &str,
    problems: &[Problem],
    has_token: bool,
) -> Diagnostics {
    let mut told: Diagnostics = problems.iter().map(crate::documents::diagnostic).collect();
    if !problems.is_empty() {
        return told;
    }
    let noun = side.noun();
    told.push(match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let state = if has_token { "does not accept the token" } else { "wants a token" };
            let detail = format!("{url}: {text}. Set token (or SHADOW_TOKEN) to the one that the {noun} was given.");
            Diagnostic::error(format!("The {noun} {state}"), detail)
        }
        StatusCode::PRECONDITION_FAILED => {
            let detail =
                format!("{url}: {text}. Bring it under Terraform with `terraform import`, or take another name.");
            Diagnostic::error("It exists already, and is different", detail)
        }
        _ if status.is_server_error() => {
            let detail = format!("{url}: {text} (HTTP {}). Look in its log, then apply again.", status.as_u16());
            Diagnostic::error(format!("The {noun} failed"), detail)
        }
        _ => Diagnostic::error(format!("The {noun} refused"), format!("{text} (HTTP {}, {url})", status.as_u16())),
    });
    told
}

impl From<ApiError> for Diagnostics {
    fn from(error: ApiError) -> Self {
        error.diagnostics()
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        error.diagnostics().into()
    }
}
