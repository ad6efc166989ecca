//! Replays of a past: a group's own, or one that is sent. Nothing is stored, moved or made.

use super::measured::{SAMPLES_MAX, alone, compute, known, policy_of, pull, serving};
use crate::app::App;
use crate::clock;
use crate::expectations::expected;
use crate::http::{ApiError, Body, ErrorBody};
use crate::recording::when_known;
use anyhow::Context as _;
use axum::Json;
use axum::extract::State;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde::Deserialize;
use shadow_core::backtest::{Backtest, Recorded, Setting, replay};
use shadow_core::events::Expected;
use shadow_core::history::Sample;
use shadow_core::model::signal::{Direction, SignalKind, SignalSpec};
use shadow_core::model::{Policy, Problems};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most signals of a replay.
const SIGNALS_MAX: usize = 16;

/// Forecasts that one replay makes at most: some seconds of a core, as somebody waits for the answer. Longer
/// replays are for the command `backtest`, which computes on the machine of who asks.
const FORECASTS_MAX: usize = 4_000;

/// What is to be replayed: a group's own past, or samples.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BacktestRequest {
    /// The group whose telemetry is replayed.
    #[serde(default)]
    group: Option<String>,
    /// Name of the policy; that of the group when absent.
    #[serde(default)]
    policy: Option<String>,
    /// How much of the group's past; the policy's history when absent.
    #[serde(default)]
    window: Option<String>,
    /// Signals with their samples, in place of a group.
    #[serde(default)]
    signals: BTreeMap<String, RecordedSignal>,
    /// Cost of a shadow for an hour.
    #[serde(default)]
    hourly_cost: f64,
}

/// A signal with its samples.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordedSignal {
    /// Value at which the service no longer does its job.
    limit: f64,
    /// On which side of the limit the trouble lies.
    #[serde(default)]
    direction: Direction,
    /// In the order of time.
    samples: Vec<Sample>,
}

/// Plays recorded telemetry through forecast, score and thresholds.
#[utoipa::path(post, path = "/v1/backtest", request_body = BacktestRequest, responses(
    (status = 200, body = Backtest), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub(super) async fn backtest(
    State(app): State<Arc<App>>,
    Body(request): Body<BacktestRequest>,
) -> Result<Json<Backtest>, ApiError> {
    request.check().into_result(())?;
    let _only_one = alone().await?;
    let hourly_cost = request.hourly_cost;
    let (policy, signals, expected) = match &request.group {
        Some(group) => recorded_of(&app, group, &request).await?,
        None => {
            let policy = policy_of(&app, request.policy.as_deref().unwrap_or_default())?;
            let expected = Expected::by(&policy, Vec::new());
            (policy, request.recorded(), expected)
        }
    };
    let rounds_max = (FORECASTS_MAX / signals.len().max(1)).max(1);
    let (zone, expected) = (TimeZone::UTC, Arc::new(expected));
    let setting = Setting { hourly_cost, rounds_max, from: None, to: None, zone, expected };
    let found = compute(move || Ok(replay(&policy, &signals, &setting, |_| {}).map(|replay| replay.found))).await?;
    let too_short = "the recording is too short for one look: a forecast needs 40 samples at the policy's step";
    found.map(Json).ok_or_else(|| ApiError::Conflict(too_short.to_owned()))
}

impl BacktestRequest {
    fn check(&self) -> Problems {
        let mut problems = Problems::default();
        problems.require(
            self.group.is_some() == self.signals.is_empty(),
            "group",
            "it needs either group or signals",
            "name a group, or give signals with their samples",
        );
        problems.require(
            self.group.is_some() || self.policy.is_some(),
            "policy",
            "it is not said which policy is meant",
            "name one",
        );
        if let Some(window) = &self.window {
            problems.duration("window", window);
        }
        problems.in_range("hourly_cost", self.hourly_cost, 0.0, 1e15);
        let few = self.signals.len() <= SIGNALS_MAX;
        problems.require(few, "signals", "there are too many", format!("give at most {SIGNALS_MAX}"));
        for (name, signal) in &self.signals {
            let path = format!("signals[{name:?}].samples");
            let few = signal.samples.len() <= SAMPLES_MAX;
            problems.require(few, &path, "there are too many", format!("give at most {SAMPLES_MAX}"));
            let in_order = signal.samples.is_sorted_by_key(|sample| sample.at);
            problems.require(in_order, &path, "they are not in the order of time", "sort them");
        }
        problems
    }

    fn recorded(&self) -> BTreeMap<String, Recorded> {
        let recorded = |signal: &RecordedSignal| {
            let RecordedSignal { limit, direction, samples } = signal.clone();
            let (query, unit, kind) = (String::new(), "count".to_owned(), SignalKind::Gauge);
            let spec = SignalSpec { query, limit, direction, unit, kind, resource: None };
            Recorded { spec, samples }
        };
        self.signals.iter().map(|(name, signal)| (name.clone(), recorded(signal))).collect()
    }
}

/// A group's own past, and what its calendars say.
async fn recorded_of(
    app: &App,
    name: &str,
    request: &BacktestRequest,
) -> Result<(Policy, BTreeMap<String, Recorded>, Expected), ApiError> {
    let (group, state) = known(app, name)?;
    let policy = policy_of(app, request.policy.as_deref().unwrap_or(&group.spec.policy))?;
    let window = request.window.as_ref().and_then(|text| parse_window(text)).unwrap_or(policy.history);
    let (slot, instance_id) = serving(&group, state.as_ref())?;
    let pulled = pull(app, &group, &policy, (&slot, &instance_id), window.min(policy.history), clock::now()).await;
    let mut signals = BTreeMap::new();
    for (name, samples) in pulled {
        let samples =
            samples.map_err(|reason| ApiError::Conflict(format!("signal {name:?} cannot be read: {reason}")))?;
        let spec = group.spec.signals.get(&name).context("a signal that the group does not have")?.clone();
        signals.insert(name, Recorded { spec, samples: when_known(samples, policy.step) });
    }
    let expected = expected(&app.store, &group, &policy)?;
    Ok((policy, signals, expected))
}

fn parse_window(text: &str) -> Option<SignedDuration> {
    shadow_core::model::check::parse_duration(text).ok()
}
