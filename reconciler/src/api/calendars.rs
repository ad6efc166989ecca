//! Calendars as declared.

use super::declarations::{same_name, status_of};
use super::listing::{PageQuery, page};
use crate::app::App;
use crate::http::{ApiError, Body, ErrorBody, Path, Query, only_new};
use crate::store::{Page, Stored};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use shadow_core::model::calendar::CalendarSpec;
use std::sync::Arc;

/// Creates or changes a calendar.
#[utoipa::path(put, path = "/v1/calendars/{name}", request_body = CalendarSpec, responses(
    (status = 200, body = Stored<CalendarSpec>), (status = 201, body = Stored<CalendarSpec>),
    (status = 412, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub(super) async fn put_calendar(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(spec): Body<CalendarSpec>,
) -> Result<(StatusCode, Json<Stored<CalendarSpec>>), ApiError> {
    same_name(&name, &spec.name)?;
    spec.clone().check()?;
    let (put, generation) = app.store.put_calendar(&spec, only_new(&headers))?;
    Ok((status_of(put, "calendar", &name)?, Json(Stored { spec, generation })))
}

/// Calendars in the order of their names.
#[utoipa::path(get, path = "/v1/calendars", params(PageQuery), responses(
    (status = 200, body = Page<CalendarSpec>), (status = 304), (status = 400, body = ErrorBody)))]
pub(super) async fn list_calendars(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    query: Query<PageQuery>,
) -> Result<Response, ApiError> {
    page(&app.store, &headers, query, |after, limit| app.store.calendars(after, limit))
}

/// A calendar.
#[utoipa::path(get, path = "/v1/calendars/{name}", responses(
    (status = 200, body = Stored<CalendarSpec>), (status = 404, body = ErrorBody)))]
pub(super) async fn get_calendar(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<Stored<CalendarSpec>>, ApiError> {
    app.store.calendar(&name)?.map(Json).ok_or_else(|| ApiError::NotFound(format!("there is no calendar {name:?}")))
}

/// Removes a calendar that no group names.
#[utoipa::path(delete, path = "/v1/calendars/{name}", responses((status = 204), (status = 409, body = ErrorBody)))]
pub(super) async fn delete_calendar(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    let users = app.store.remove_calendar(&name)?.join(", ");
    if users.is_empty() {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(ApiError::Conflict(format!("calendar {name:?} is named by {users}: remove or change these groups first")))
}
