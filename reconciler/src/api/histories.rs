//! What was measured of a group's signals.

use super::measured::{SAMPLES_MAX, known, policy_of, serving};
use crate::app::App;
use crate::clock;
use crate::http::{ApiError, ErrorBody, Path, Query};
use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shadow_core::history::Sample;
use shadow_core::model::signal::SignalSpec;
use shadow_core::model::{Problems, SlotId};
use std::sync::Arc;

/// What was measured of a signal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SignalHistory {
    /// The slot that serves, whose signal this is.
    pub slot: SlotId,
    /// The signal with its limit.
    pub spec: SignalSpec,
    /// One for each step of the policy, in the order of time. Where steps are longer than 15 s, their mean, at their
    /// beginning.
    pub samples: Vec<Sample>,
}

/// Which part of the past.
#[derive(Debug, Clone, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct SpanQuery {
    /// Its first time; the policy's history before its last when absent.
    #[param(value_type = Option<String>)]
    start: Option<Timestamp>,
    /// Its last time; now when absent.
    #[param(value_type = Option<String>)]
    end: Option<Timestamp>,
}

/// What was measured of one signal of a group's primary.
#[utoipa::path(get, path = "/v1/groups/{name}/history/{signal}", params(SpanQuery), responses(
    (status = 200, body = SignalHistory), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub(super) async fn signal_history(
    State(app): State<Arc<App>>,
    Path((name, signal)): Path<(String, String)>,
    Query(span): Query<SpanQuery>,
) -> Result<Json<SignalHistory>, ApiError> {
    let (group, state) = known(&app, &name)?;
    let policy = policy_of(&app, &group.spec.policy)?;
    let unknown = || ApiError::NotFound(format!("group {name:?} has no signal {signal:?}"));
    let spec = group.spec.signals.get(&signal).ok_or_else(unknown)?.clone();
    let end = span.end.unwrap_or_else(clock::now);
    let start = span.start.or_else(|| end.checked_sub(policy.history).ok()).unwrap_or(end);
    let few = end.duration_since(start).as_millis() / policy.step.as_millis().max(1) <= SAMPLES_MAX as i128;
    let mut problems = Problems::default();
    let remedy = format!("ask for at most {SAMPLES_MAX} steps of {:#} at once", policy.step);
    problems.require(few, "start", "there are too many steps until the end", remedy);
    problems.into_result(())?;
    let (slot, instance_id) = serving(&group, state.as_ref())?;
    let query = spec.query_for(&group.name, &slot, &instance_id);
    let samples = app.prometheus.steps(&query, start, end, policy.step).await;
    let samples = samples.map_err(|error| ApiError::Conflict(format!("signal {signal:?} cannot be read: {error}")))?;
    Ok(Json(SignalHistory {
        slot,
        spec,
        samples: samples.into_iter().map(|(at, value)| Sample { at, value }).collect(),
    }))
}
