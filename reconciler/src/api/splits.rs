//! Routes that our own control plane realises on Envoy.

use super::declarations::same_name;
use crate::app::App;
use crate::http::{ApiError, Body, ErrorBody, Path, only_new};
use crate::traffic::{ControlPlane, SplitError};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use shadow_core::model::split::{SplitSpec, SplitStatus};
use std::sync::Arc;

/// A route as declared and as the data plane reports it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SplitDocument {
    /// As declared.
    pub spec: SplitSpec,
    /// As the data plane reports it.
    pub status: SplitStatus,
}

/// Creates or changes a route. A document of an older epoch than the one in force is refused.
#[utoipa::path(put, path = "/v1/splits/{name}", request_body = SplitSpec, responses(
    (status = 200, body = SplitDocument), (status = 409, body = ErrorBody),
    (status = 412, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub(super) async fn put_split(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(spec): Body<SplitSpec>,
) -> Result<Json<SplitDocument>, ApiError> {
    same_name(&name, &spec.name)?;
    let only_new = only_new(&headers);
    // Stored first: a route that the control plane forgot in a restart would be an outage. Checked before
    // that: a stored one that it refuses would keep the reconciler from starting.
    app.store.put_split(&spec, |stored| admissible(&spec, stored, only_new))??;
    app.control_plane.apply(spec.clone())?;
    document(&app, spec).await
}

/// Whether a control plane that serves the stored routes would take this one.
fn admissible(spec: &SplitSpec, stored: Vec<SplitSpec>, only_new: bool) -> Result<(), ApiError> {
    let before = stored.iter().find(|before| before.name == spec.name);
    if only_new && before.is_some_and(|before| before != spec) {
        let error = format!("route {:?} exists and differs: import it, or choose another name", spec.name);
        return Err(ApiError::Exists(error));
    }
    let rehearsal = ControlPlane::new(stored)?;
    Ok(rehearsal.apply(spec.clone())?)
}

impl From<SplitError> for ApiError {
    fn from(error: SplitError) -> Self {
        match error {
            SplitError::Invalid { problems, .. } => Self::Invalid(problems),
            SplitError::StaleEpoch { .. } | SplitError::ListenerTaken { .. } => Self::Conflict(error.to_string()),
        }
    }
}

/// A route.
#[utoipa::path(get, path = "/v1/splits/{name}", responses(
    (status = 200, body = SplitDocument), (status = 404, body = ErrorBody)))]
pub(super) async fn get_split(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<SplitDocument>, ApiError> {
    match app.store.split(&name)? {
        Some(spec) => document(&app, spec).await,
        None => Err(ApiError::NotFound(format!("there is no route {name:?}"))),
    }
}

/// Removes a route, and with it the listener on every Envoy that serves it.
#[utoipa::path(delete, path = "/v1/splits/{name}", responses((status = 204)))]
pub(super) async fn delete_split(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    app.store.remove_split(&name)?;
    app.control_plane.remove(&name);
    Ok(StatusCode::NO_CONTENT)
}

async fn document(app: &App, spec: SplitSpec) -> Result<Json<SplitDocument>, ApiError> {
    let status = app.control_plane.status(&spec).await;
    Ok(Json(SplitDocument { spec, status }))
}
