//! What people ask: how is it, why did it not act, leave it alone, do it now.

use crate::app::App;
use crate::board::View;
use crate::http::{ApiError, Body, ErrorBody, Path, Query};
use crate::journal::Record;
use crate::store::Command;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shadow_core::model::check::parse_duration;
use shadow_core::model::name::SlotId;
use shadow_core::model::slot::{Instance, Role, Slot};
use shadow_core::model::{Phase, Problems};
use shadow_core::observation::Observation;
use shadow_core::report::Guard;
use shadow_core::score::Score;
use shadow_core::state::{GroupState, Hold, Request};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How a group is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Status {
    /// The group.
    pub group: String,
    /// Where it is.
    pub phase: String,
    /// Since when.
    #[schema(value_type = Option<String>)]
    pub phase_since: Option<Timestamp>,
    /// Why it went there.
    pub reason: String,
    /// Raised by each change of leadership and each hand-over.
    pub epoch: u64,
    /// The slot that serves.
    pub primary: Option<SlotId>,
    /// Share of traffic in percent by slot, as the data plane reports it.
    pub weights: Option<BTreeMap<SlotId, u32>>,
    /// Its instances.
    pub slots: BTreeMap<SlotId, SlotStatus>,
    /// The newest score.
    pub score: Option<Score>,
    /// Whether somebody holds it.
    pub held: bool,
    /// What is waited for.
    pub waiting: Vec<String>,
    /// What deserves a human's attention.
    pub alerts: Vec<String>,
    /// Why the last cycle failed, if it did.
    pub error: Option<String>,
}

/// An instance of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SlotStatus {
    /// What it is to its group.
    pub role: Role,
    /// Whether the reconciler made it.
    pub managed: bool,
    /// The instance, once there is one.
    pub instance: Option<Instance>,
}

impl From<&Slot> for SlotStatus {
    fn from(slot: &Slot) -> Self {
        Self { role: slot.role, managed: slot.is_managed(), instance: slot.instance.clone() }
    }
}

/// Why a group did or did not act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Explanation {
    /// How it is.
    pub status: Status,
    /// Every guard that the last decision looked at, with its inputs.
    pub guards: Vec<Guard>,
    /// What the last decision was made from.
    pub observation: Option<Observation>,
    /// What is remembered.
    pub state: Option<GroupState>,
}

/// Why a group is to be left alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HoldBody {
    /// For the others on call.
    #[serde(default)]
    pub reason: String,
    /// For how long; until released when absent.
    #[serde(default, rename = "for")]
    pub duration: Option<String>,
}

/// How much of a group is to be taken away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RetireBody {
    /// Whether the route goes as well: the service is then no longer reachable through it.
    #[serde(default)]
    pub remove_route: bool,
}

/// A page of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JournalPage {
    /// Oldest first.
    pub records: Vec<Record>,
    /// What to ask for as `after` to read on; absent when there were no more.
    pub next: Option<i64>,
}

/// Which part of the journal.
#[derive(Debug, Clone, Deserialize, utoipa::IntoParams)]
pub(super) struct JournalQuery {
    /// Only this group.
    group: Option<String>,
    /// Only records after this id.
    #[serde(default)]
    after: i64,
    /// At most so many, 1 to 1000; 1000 when left out, or when more are asked for.
    limit: Option<u32>,
}

/// Most records in one answer.
const PAGE_MAX: u32 = 1000;

/// How a group is.
#[utoipa::path(get, path = "/v1/groups/{name}/status", responses(
    (status = 200, body = Status), (status = 404, body = ErrorBody)))]
pub(super) async fn status(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<Status>, ApiError> {
    let (view, state) = seen(&app, &name)?;
    Ok(Json(status_of(&name, &view, state.as_ref())))
}

/// Why a group did or did not act: inputs, guards, waits.
#[utoipa::path(get, path = "/v1/groups/{name}/explain", responses(
    (status = 200, body = Explanation), (status = 404, body = ErrorBody)))]
pub(super) async fn explain(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<Explanation>, ApiError> {
    let (view, state) = seen(&app, &name)?;
    let status = status_of(&name, &view, state.as_ref());
    let guards = view.decision.map(|decision| decision.report.guards).unwrap_or_default();
    Ok(Json(Explanation { status, guards, observation: view.observation, state }))
}

fn seen(app: &App, name: &str) -> Result<(View, Option<GroupState>), ApiError> {
    exists(app, name)?;
    Ok((app.board.view(name), app.store.state(name)?))
}

fn exists(app: &App, name: &str) -> Result<(), ApiError> {
    let found = app.store.group(name)?.is_some();
    if found { Ok(()) } else { Err(ApiError::NotFound(format!("there is no group {name:?}"))) }
}

fn status_of(name: &str, view: &View, state: Option<&GroupState>) -> Status {
    let report = view.decision.as_ref().map(|decision| decision.report.clone()).unwrap_or_default();
    let observation = view.observation.as_ref();
    Status {
        group: name.to_owned(),
        phase: state.map_or(Phase::Observing, |state| state.phase).name().to_owned(),
        phase_since: state.map(|state| state.phase_since),
        reason: state.map_or_else(|| "not yet looked at".to_owned(), |state| state.phase_reason.clone()),
        epoch: state.map_or(0, |state| state.epoch),
        primary: state.map(|state| state.primary().clone()),
        weights: observation.and_then(|observation| observation.route.weights.clone()),
        slots: state.map(slots_of).unwrap_or_default(),
        score: observation.and_then(|observation| observation.score.clone()),
        held: state.is_some_and(|state| state.hold.is_some()),
        waiting: report.waits,
        alerts: report.alerts,
        error: view.error.clone(),
    }
}

fn slots_of(state: &GroupState) -> BTreeMap<SlotId, SlotStatus> {
    state.slots.iter().map(|(id, slot)| (id.clone(), SlotStatus::from(slot))).collect()
}

/// Leaves a group alone.
#[utoipa::path(post, path = "/v1/groups/{name}/hold", request_body = HoldBody, responses(
    (status = 202), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub(super) async fn hold(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Body(body): Body<HoldBody>,
) -> Result<StatusCode, ApiError> {
    let mut problems = Problems::default();
    let duration = body.duration.map(|text| parse_duration(&text));
    let duration = match duration.transpose() {
        Ok(duration) => duration,
        Err(summary) => {
            problems.add("for", summary, "write a positive duration such as \"30m\"");
            None
        }
    };
    problems.into_result(())?;
    let since = crate::clock::now();
    let until = duration.and_then(|duration| since.checked_add(duration).ok());
    let reason = if body.reason.is_empty() { "held by a human".to_owned() } else { body.reason };
    command(&app, &name, &Command::Hold(Hold { reason, since, until }))
}

/// Lets a held group go on.
#[utoipa::path(post, path = "/v1/groups/{name}/release", responses((status = 202), (status = 404, body = ErrorBody)))]
pub(super) async fn release(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<StatusCode, ApiError> {
    command(&app, &name, &Command::Release)
}

/// Allows an automatic hand-over in spite of the cooldown.
#[utoipa::path(post, path = "/v1/groups/{name}/acknowledge", responses((status = 202), (status = 404, body = ErrorBody)))]
pub(super) async fn acknowledge(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<StatusCode, ApiError> {
    command(&app, &name, &Command::Acknowledge)
}

/// Makes a shadow and keeps it ready.
#[utoipa::path(post, path = "/v1/groups/{name}/prepare", responses(
    (status = 202), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub(super) async fn prepare(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<StatusCode, ApiError> {
    request(&app, &name, Request::Prepare)
}

/// Hands over to a shadow, making one first if there is none.
#[utoipa::path(post, path = "/v1/groups/{name}/failover", responses(
    (status = 202), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub(super) async fn failover(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<StatusCode, ApiError> {
    request(&app, &name, Request::Failover)
}

/// Returns to the standby.
#[utoipa::path(post, path = "/v1/groups/{name}/failback", responses(
    (status = 202), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub(super) async fn failback(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<StatusCode, ApiError> {
    exists(&app, &name)?;
    let standby = app.store.state(&name)?.is_some_and(|state| state.slot_with(Role::Standby).is_some());
    if !standby {
        return Err(ApiError::Conflict(format!(
            "group {name:?} has no standby to return to: its policy's after_handover is not \"standby\", or there was no hand-over"
        )));
    }
    request(&app, &name, Request::Failback)
}

/// Takes away what was made for a group.
#[utoipa::path(post, path = "/v1/groups/{name}/retire", request_body = RetireBody, responses(
    (status = 202), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub(super) async fn retire(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Body(body): Body<RetireBody>,
) -> Result<StatusCode, ApiError> {
    request(&app, &name, if body.remove_route { Request::RetireWithRoute } else { Request::Retire })
}

fn request(app: &App, name: &str, request: Request) -> Result<StatusCode, ApiError> {
    let held = app.store.state(name)?.is_some_and(|state| state.hold.is_some());
    if held {
        return Err(ApiError::Conflict(format!("group {name:?} is held: release it first")));
    }
    command(app, name, &Command::Request(request))
}

fn command(app: &App, name: &str, command: &Command) -> Result<StatusCode, ApiError> {
    exists(app, name)?;
    app.store.add_command(name, command)?;
    app.board.wake(name);
    Ok(StatusCode::ACCEPTED)
}

/// The journal.
#[utoipa::path(get, path = "/v1/journal", params(JournalQuery), responses(
    (status = 200, body = JournalPage), (status = 400, body = ErrorBody)))]
pub(super) async fn journal(
    State(app): State<Arc<App>>,
    Query(query): Query<JournalQuery>,
) -> Result<Json<JournalPage>, ApiError> {
    let limit = query.limit.unwrap_or(PAGE_MAX).min(PAGE_MAX);
    if limit == 0 {
        return Err(ApiError::Refused(StatusCode::BAD_REQUEST, format!("limit is 0: ask for 1 to {PAGE_MAX} records")));
    }
    Ok(Json(page(app.store.journal(query.group.as_deref(), query.after, limit + 1)?, limit)))
}

/// The page of at most `limit` records, of which one more than that were read if there are more.
fn page(mut records: Vec<Record>, limit: u32) -> JournalPage {
    let has_more = records.len() > limit as usize;
    records.truncate(limit as usize);
    let next = records.last().map(|record| record.id).filter(|_| has_more);
    JournalPage { records, next }
}

/// Tells that the reconciler serves.
#[utoipa::path(get, path = "/healthz", responses((status = 200, body = String)), security(()))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// The reconciler's own metrics, for Prometheus.
#[utoipa::path(get, path = "/metrics", responses((status = 200, body = String)), security(()))]
pub(super) async fn metrics(State(app): State<Arc<App>>) -> String {
    app.metrics.text(&app.board, &app.teaching.standings())
}
