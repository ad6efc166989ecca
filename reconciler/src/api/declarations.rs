//! Policies and groups as declared.

use super::listing::{PageQuery, page};
use crate::app::App;
use crate::http::{ApiError, Body, ErrorBody, Path, Query, only_new};
use crate::store::{Command, Page, Put, Stored};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use shadow_core::model::Problems;
use shadow_core::model::group::{GroupSpec, ModuleSpec};
use shadow_core::model::policy::PolicySpec;
use shadow_core::state::Request;
use std::sync::Arc;
use std::time::Duration;

/// How long a removal waits for what was made to be gone, before it answers "accepted": less than
/// clients commonly wait for an answer.
const REMOVAL_WAIT: Duration = Duration::from_secs(20);

/// Creates or changes a policy.
#[utoipa::path(put, path = "/v1/policies/{name}", request_body = PolicySpec, responses(
    (status = 200, body = Stored<PolicySpec>), (status = 201, body = Stored<PolicySpec>),
    (status = 412, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub(super) async fn put_policy(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(spec): Body<PolicySpec>,
) -> Result<(StatusCode, Json<Stored<PolicySpec>>), ApiError> {
    same_name(&name, &spec.name)?;
    spec.clone().check()?;
    let (put, generation) = app.store.put_policy(&spec, only_new(&headers))?;
    for group in app.store.groups_with_policy(&name)? {
        app.board.wake(&group);
    }
    Ok((status_of(put, "policy", &name)?, Json(Stored { spec, generation })))
}

/// Policies in the order of their names.
#[utoipa::path(get, path = "/v1/policies", params(PageQuery), responses(
    (status = 200, body = Page<PolicySpec>), (status = 304), (status = 400, body = ErrorBody)))]
pub(super) async fn list_policies(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    query: Query<PageQuery>,
) -> Result<Response, ApiError> {
    page(&app.store, &headers, query, |after, limit| app.store.policies(after, limit))
}

/// A policy.
#[utoipa::path(get, path = "/v1/policies/{name}", responses(
    (status = 200, body = Stored<PolicySpec>), (status = 404, body = ErrorBody)))]
pub(super) async fn get_policy(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<Stored<PolicySpec>>, ApiError> {
    app.store.policy(&name)?.map(Json).ok_or_else(|| ApiError::NotFound(format!("there is no policy {name:?}")))
}

/// Removes a policy that no group uses.
#[utoipa::path(delete, path = "/v1/policies/{name}", responses((status = 204), (status = 409, body = ErrorBody)))]
pub(super) async fn delete_policy(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    let users = app.store.remove_policy(&name)?.join(", ");
    if users.is_empty() {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(ApiError::Conflict(format!("policy {name:?} is used by {users}: remove or change these groups first")))
}

/// Groups in the order of their names.
#[utoipa::path(get, path = "/v1/groups", params(PageQuery), responses(
    (status = 200, body = Page<GroupSpec>), (status = 304), (status = 400, body = ErrorBody)))]
pub(super) async fn list_groups(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    query: Query<PageQuery>,
) -> Result<Response, ApiError> {
    page(&app.store, &headers, query, |after, limit| app.store.groups(after, limit))
}

/// Creates or changes a group.
#[utoipa::path(put, path = "/v1/groups/{name}", request_body = GroupSpec, responses(
    (status = 200, body = Stored<GroupSpec>), (status = 201, body = Stored<GroupSpec>),
    (status = 412, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub(super) async fn put_group(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(spec): Body<GroupSpec>,
) -> Result<(StatusCode, Json<Stored<GroupSpec>>), ApiError> {
    same_name(&name, &spec.name)?;
    let mut problems = spec.clone().check(0).err().unwrap_or_default();
    if app.store.policy(&spec.policy)?.is_none() {
        problems.add(
            "policy",
            format!("there is no policy {:?}", spec.policy),
            "declare a shadow_policy of that name first",
        );
    }
    for (i, calendar) in spec.calendars.iter().enumerate() {
        if app.store.calendar(calendar)?.is_none() {
            let summary = format!("there is no calendar {calendar:?}");
            problems.add(&format!("calendars[{i}]"), summary, "declare a shadow_calendar of that name first");
        }
    }
    for (path, module) in [("instance.source", &spec.instance), ("traffic.source", &spec.traffic)] {
        check_allowed(&app, path, module, &mut problems);
    }
    problems.into_result(())?;
    let (put, generation) = app.store.put_group(&spec, only_new(&headers))?;
    app.board.wake(&name);
    app.groups_changed.notify_one();
    Ok((status_of(put, "group", &name)?, Json(Stored { spec, generation })))
}

fn check_allowed(app: &App, path: &str, module: &ModuleSpec, problems: &mut Problems) {
    if let Err(error) = crate::terraform::allowed(&module.source, &app.config.allowed_modules) {
        problems.add(path, error.to_string(), "use a module below a folder or address given to `serve --allow-module`");
    }
}

/// A group as declared.
#[utoipa::path(get, path = "/v1/groups/{name}", responses(
    (status = 200, body = Stored<GroupSpec>), (status = 404, body = ErrorBody)))]
pub(super) async fn get_group(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<Stored<GroupSpec>>, ApiError> {
    app.store.group(&name)?.map(Json).ok_or_else(|| ApiError::NotFound(format!("there is no group {name:?}")))
}

/// Asks for a group to be retired, and waits a while until what was made for it is gone. Refused
/// while another instance than the user's own serves.
#[utoipa::path(delete, path = "/v1/groups/{name}", responses(
    (status = 202, description = "retiring goes on"), (status = 204), (status = 409, body = ErrorBody)))]
pub(super) async fn delete_group(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    if app.store.group(&name)?.is_none() {
        return Ok(StatusCode::NO_CONTENT);
    }
    let state = app.store.state(&name)?;
    let serving = state.as_ref().filter(|state| *state.primary() != state.original);
    if let Some(state) = serving.filter(|state| !state.route_removed) {
        return Err(ApiError::Conflict(format!(
            "group {name:?} cannot be removed: its traffic is on slot {}, not on the instance that you declared. \
             Return to your own instance first (`shadow-reconciler failback {name}`), or take everything down on purpose \
             (`shadow-reconciler retire {name} --remove-route`)",
            state.primary()
        )));
    }
    if state.is_none_or(|state| !matches!(state.request, Some(Request::Retire | Request::RetireWithRoute))) {
        app.store.add_command(&name, &Command::Request(Request::Retire))?;
    }
    app.board.wake(&name);
    Ok(if removed_in_time(&app, &name).await? { StatusCode::NO_CONTENT } else { StatusCode::ACCEPTED })
}

async fn removed_in_time(app: &App, name: &str) -> anyhow::Result<bool> {
    let deadline = tokio::time::Instant::now() + REMOVAL_WAIT;
    while tokio::time::Instant::now() < deadline {
        let changed = app.board.changed(name);
        if app.store.group(name)?.is_none() {
            return Ok(true);
        }
        // A cycle that ends before we wait is caught by the next look, at most a second later.
        drop(tokio::time::timeout(Duration::from_secs(1), changed).await);
    }
    Ok(false)
}

pub(super) fn status_of(put: Put, kind: &str, name: &str) -> Result<StatusCode, ApiError> {
    match put {
        Put::Created => Ok(StatusCode::CREATED),
        Put::Updated | Put::Unchanged => Ok(StatusCode::OK),
        Put::Exists => {
            Err(ApiError::Exists(format!("{kind} {name:?} exists and differs: import it, or choose another name")))
        }
    }
}

pub(super) fn same_name(in_path: &str, in_document: &str) -> Result<(), Problems> {
    let mut problems = Problems::default();
    problems.require(
        in_path == in_document,
        "name",
        format!("the document says {in_document:?}, the address {in_path:?}"),
        "use one name",
    );
    problems.into_result(())
}
