//! Routes that our own control plane realises on Envoy.

use super::declarations::same_name;
use super::{ApiError, ErrorBody};
use crate::app::App;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
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
    Json(spec): Json<SplitSpec>,
) -> Result<Json<SplitDocument>, ApiError> {
    same_name(&name, &spec.name)?;
    spec.check()?;
    let before = app.store.split(&name)?;
    let only_new = headers.get(header::IF_NONE_MATCH).is_some_and(|value| value == "*");
    if only_new && before.as_ref().is_some_and(|before| *before != spec) {
        return Err(ApiError::Exists(format!("route {name:?} exists and differs: import it, or choose another name")));
    }
    if let Some(before) = before.filter(|before| before.epoch > spec.epoch) {
        return Err(ApiError::Conflict(format!(
            "epoch {} is older than {}, which is in force: somebody else leads this group now",
            spec.epoch, before.epoch
        )));
    }
    // Stored first: a route that the control plane forgot in a restart would be an outage.
    app.store.put_split(&spec)?;
    app.control_plane.apply(spec.clone()).map_err(|error| ApiError::Conflict(error.to_string()))?;
    document(&app, spec).await
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
