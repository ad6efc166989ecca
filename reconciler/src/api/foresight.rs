//! What is foreseen, and what would be done: forecasts as fans, places for shadows, replays of the
//! past. It reads and computes; nothing is stored, moved or made.

use crate::app::App;
use crate::clock;
use crate::expectations::expected;
use crate::http::{ApiError, Body, ErrorBody, Path, Query};
use crate::recording::when_known;
use crate::sample::Calibrated;
use anyhow::Context as _;
use axum::Json;
use axum::extract::State;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use shadow_core::backtest::{Backtest, Recorded, Setting, replay};
use shadow_core::events::{EventEffect, Expected, forecast};
use shadow_core::forecast::{Forecast, Glance, LEVELS, NotReady};
use shadow_core::history::{History, Sample};
use shadow_core::model::group::GroupSpec;
use shadow_core::model::signal::{Direction, SignalKind, SignalSpec};
use shadow_core::model::size::Size;
use shadow_core::model::{Group, Policy, Problems, Resource, SlotId};
use shadow_core::placement::{PlacementReport, place};
use shadow_core::score::{Score, SignalForecast, score};
use shadow_core::sizing::needs::{Need, Needs};
use shadow_core::state::GroupState;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Forecasts and replays at once. Each keeps a core busy for seconds, and cycles must not wait for
/// those who are curious.
static COMPUTATIONS: Semaphore = Semaphore::const_new(1);

/// Most signals of a replay.
const SIGNALS_MAX: usize = 16;

/// Most samples of one signal in a request; a recording of a group is bounded by its history.
const SAMPLES_MAX: usize = 20_000;

/// Forecasts that one replay makes at most: some seconds of a core, as somebody waits for the answer. Longer
/// replays are for the command `backtest`, which computes on the machine of who asks.
const FORECASTS_MAX: usize = 4_000;

/// Points of the past and of the future of one signal at most: more than a chart has pixels for helps nobody.
const POINTS_MAX: usize = 400;

/// Forecasts of a group's signals, and the score that follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GroupForecast {
    /// The group.
    pub group: String,
    /// The slot that serves, whose signals these are.
    pub slot: SlotId,
    /// When it was made.
    #[schema(value_type = String)]
    pub made_at: Timestamp,
    /// Levels of the quantiles, rising.
    pub levels: Vec<f64>,
    /// By signal.
    pub signals: BTreeMap<String, Fan>,
    /// The degradation score with its parts: that of the newest cycle, which knows the early warnings, once there is one.
    pub score: Score,
    /// How the early warnings so far compare with what came; empty where there are none.
    #[serde(default)]
    pub calibration: Vec<Calibrated>,
    /// What an instance that serves everything will need, by resource from the shortest horizon to the longest.
    #[serde(default)]
    pub needs: Vec<ResourceNeed>,
    /// The size that a shadow made now would be asked for.
    #[serde(default)]
    pub size: Size,
}

/// What is needed of one resource within one horizon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ResourceNeed {
    /// The resource.
    pub resource: Resource,
    /// How much of it.
    #[serde(flatten)]
    pub need: Need,
}

/// The forecast of one signal, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Fan {
    /// The model that made it; absent without a forecast.
    pub model: Option<String>,
    /// Why that model, or why there is no forecast.
    pub reason: String,
    /// When there will be one, if that is known.
    #[schema(value_type = Option<String>)]
    pub ready_at: Option<Timestamp>,
    /// Value at which the service no longer does its job.
    pub limit: f64,
    /// On which side of the limit the trouble lies.
    pub direction: Direction,
    /// Unit of all values.
    pub unit: String,
    /// The sample that it starts from.
    pub newest: Option<Sample>,
    /// From short to long; empty without a forecast.
    pub horizons: Vec<FanHorizon>,
    /// The newest part of the past, as long as the longest horizon; every nth sample where there are many.
    pub past: Vec<Sample>,
    /// What comes, in the order of time; every nth step where there are many, and the last one.
    pub steps: Vec<FanStep>,
    /// Expected events that were considered, and what each is worth.
    #[serde(default)]
    pub events: Vec<EventEffect>,
}

/// What one step of the future will probably be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FanStep {
    /// When.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// Quantiles of the value then.
    pub quantiles: Vec<f64>,
}

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

/// The extremes of the time from now to a horizon, as quantiles in the signal's unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FanHorizon {
    /// Length in seconds.
    pub seconds: f64,
    /// Quantiles of the highest value in it.
    pub maximum: Vec<f64>,
    /// Quantiles of the lowest value in it.
    pub minimum: Vec<f64>,
}

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

/// Forecasts a group's signals now.
#[utoipa::path(get, path = "/v1/groups/{name}/forecast", responses(
    (status = 200, body = GroupForecast), (status = 404, body = ErrorBody)))]
pub(super) async fn group_forecast(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<GroupForecast>, ApiError> {
    let (group, state) = known(&app, &name)?;
    let policy = policy_of(&app, &group.spec.policy)?;
    let (slot, instance_id) = serving(&group, state.as_ref())?;
    let now = clock::now();
    let _only_one = COMPUTATIONS.acquire().await.context("the reconciler is stopping")?;
    let pulled = pull(&app, &group, &policy, (&slot, &instance_id), policy.history, now).await;
    let expected = expected(&app.store, &group, &policy)?;
    let mut forecast = compute(move || Ok(foresee(&group, &policy, &expected, slot, &pulled, now))).await?;
    if let Some(seen) = app.board.view(&name).foreseen.filter(|seen| seen.slot == forecast.slot) {
        (forecast.score, forecast.calibration) = (seen.score.clone(), seen.calibration.clone());
    }
    Ok(Json(forecast))
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

/// Where shadows of a group would go, and why not elsewhere.
#[utoipa::path(get, path = "/v1/groups/{name}/placement", responses(
    (status = 200, body = PlacementReport), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub(super) async fn group_placement(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<PlacementReport>, ApiError> {
    let (group, state) = known(&app, &name)?;
    let Some(profile) = &group.spec.placement_profile else {
        let error = format!("group {name:?} has no placement_profile: declare its candidates there");
        return Err(ApiError::Conflict(error));
    };
    Ok(Json(place(profile, &group.spec.size, &serving_zones(&group.spec, state.as_ref()))))
}

/// Plays recorded telemetry through forecast, score and thresholds.
#[utoipa::path(post, path = "/v1/backtest", request_body = BacktestRequest, responses(
    (status = 200, body = Backtest), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub(super) async fn backtest(
    State(app): State<Arc<App>>,
    Body(request): Body<BacktestRequest>,
) -> Result<Json<Backtest>, ApiError> {
    request.check().into_result(())?;
    let _only_one = COMPUTATIONS.acquire().await.context("the reconciler is stopping")?;
    let hourly_cost = request.hourly_cost;
    let (policy, signals) = match &request.group {
        Some(group) => recorded_of(&app, group, &request).await?,
        None => (policy_of(&app, request.policy.as_deref().unwrap_or_default())?, request.recorded()),
    };
    let rounds_max = (FORECASTS_MAX / signals.len().max(1)).max(1);
    let setting = Setting { hourly_cost, rounds_max, from: None, to: None, zone: TimeZone::UTC };
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

/// A group's own past.
async fn recorded_of(
    app: &App,
    name: &str,
    request: &BacktestRequest,
) -> Result<(Policy, BTreeMap<String, Recorded>), ApiError> {
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
    Ok((policy, signals))
}

fn parse_window(text: &str) -> Option<SignedDuration> {
    shadow_core::model::check::parse_duration(text).ok()
}

fn known(app: &App, name: &str) -> Result<(Group, Option<GroupState>), ApiError> {
    let stored = app.store.group(name)?.ok_or_else(|| ApiError::NotFound(format!("there is no group {name:?}")))?;
    Ok((stored.spec.check(stored.generation)?, app.store.state(name)?))
}

fn policy_of(app: &App, name: &str) -> Result<Policy, ApiError> {
    let stored = app.store.policy(name)?.ok_or_else(|| ApiError::NotFound(format!("there is no policy {name:?}")))?;
    Ok(stored.spec.check()?)
}

/// The slot that serves and the id of its instance: the declared one, until a state says otherwise.
fn serving(group: &Group, state: Option<&GroupState>) -> Result<(SlotId, String), ApiError> {
    let declared = || group.spec.primary.instance_id.clone();
    let Some(state) = state else {
        let first = SlotId::next_after([]);
        return Ok((first, declared()));
    };
    let instance = state.slots.get(state.primary()).and_then(|slot| slot.instance.as_ref());
    Ok((state.primary().clone(), instance.map_or_else(declared, |instance| instance.instance_id.clone())))
}

/// Zones in which a shadow would fail together with what serves.
fn serving_zones(spec: &GroupSpec, state: Option<&GroupState>) -> BTreeSet<String> {
    let declared = std::iter::once(&spec.primary).chain(spec.members.values()).filter_map(|it| it.zone.clone());
    let primary = state.and_then(|state| state.slots.get(state.primary()));
    declared.chain(primary.and_then(|slot| slot.instance.as_ref()?.zone.clone())).collect()
}

/// Samples by signal, or why they cannot be had.
type Pulled = BTreeMap<String, Result<Vec<Sample>, String>>;

async fn pull(
    app: &App,
    group: &Group,
    policy: &Policy,
    (slot, instance_id): (&SlotId, &str),
    window: SignedDuration,
    now: Timestamp,
) -> Pulled {
    let start = now.checked_sub(window).unwrap_or(now);
    let mut pulled = Pulled::new();
    for (name, signal) in &group.spec.signals {
        let query = signal.query_for(&group.name, slot, instance_id);
        let answer = app.prometheus.steps(&query, start, now, policy.step).await;
        let samples = answer.map(|samples| samples.into_iter().map(|(at, value)| Sample { at, value }).collect());
        pulled.insert(name.clone(), samples.map_err(|error| error.to_string()));
    }
    pulled
}

fn foresee(
    group: &Group,
    policy: &Policy,
    expected: &Expected,
    slot: SlotId,
    pulled: &Pulled,
    now: Timestamp,
) -> GroupForecast {
    let known = |(name, samples)| {
        let signal = (String::as_str(name), group.spec.signals.get(name)?);
        Some(Known::new(signal, samples, policy, expected, now))
    };
    let known: Vec<Known<'_>> = pulled.iter().filter_map(known).collect();
    let signals: Vec<SignalForecast<'_>> = known
        .iter()
        .map(|Known { name, spec, glance, .. }| SignalForecast { name, spec, forecast: glance.as_ref() })
        .collect();
    let score = score(&signals, &policy.horizons, now);
    let needs = needs(policy, &signals);
    // The longest horizon comes last.
    let most: Needs = needs.iter().map(|it| (it.resource, it.need.clone())).collect();
    let signals = known.iter().map(|known| (known.name.to_owned(), known.fan(policy, now))).collect();
    GroupForecast {
        group: group.name.to_string(),
        slot,
        made_at: now,
        levels: LEVELS.to_vec(),
        signals,
        score,
        calibration: Vec::new(),
        needs,
        size: policy.spec.sizing.holding(&group.spec.size, &most),
    }
}

fn needs(policy: &Policy, signals: &[SignalForecast<'_>]) -> Vec<ResourceNeed> {
    let within = |it: SignalForecast<'_>, horizon: SignedDuration| {
        let (resource, need) = Need::within(horizon, policy.spec.confidence, &it.into())?;
        Some(ResourceNeed { resource, need })
    };
    signals.iter().flat_map(|it| policy.horizons.iter().filter_map(move |horizon| within(*it, *horizon))).collect()
}

/// A signal with what was measured of it and what follows.
struct Known<'a> {
    name: &'a str,
    spec: &'a SignalSpec,
    history: History,
    forecast: Result<Forecast, NotReady>,
    glance: Result<Glance, NotReady>,
}

impl<'a> Known<'a> {
    fn new(
        (name, spec): (&'a str, &'a SignalSpec),
        samples: &Result<Vec<Sample>, String>,
        policy: &Policy,
        expected: &Expected,
        now: Timestamp,
    ) -> Self {
        let mut history = History::new(policy.step, policy.history);
        for sample in samples.iter().flatten() {
            history.push(*sample, now);
        }
        let forecast = match samples {
            Ok(_) => forecast(expected, name, &history, &policy.horizons, now),
            Err(reason) => Err(NotReady { reason: reason.clone(), ready_at: None }),
        };
        let glance = forecast.as_ref().map(|forecast| forecast.glance(spec)).map_err(Clone::clone);
        Self { name, spec, history, forecast, glance }
    }

    fn fan(&self, policy: &Policy, now: Timestamp) -> Fan {
        let start = now.checked_sub(policy.longest_horizon()).unwrap_or(now);
        let past = self.history.iter().filter(|(at, _)| *at >= start);
        let past: Vec<Sample> = past.filter_map(|(at, value)| Some(Sample { at, value: value? })).collect();
        let SignalSpec { limit, direction, unit, .. } = self.spec.clone();
        let fan = Fan {
            model: None,
            reason: String::new(),
            ready_at: None,
            limit,
            direction,
            unit,
            newest: None,
            horizons: Vec::new(),
            past: thinned(past),
            steps: Vec::new(),
            events: Vec::new(),
        };
        match &self.forecast {
            Ok(forecast) => Fan {
                model: serde_json::to_value(forecast.model).ok().and_then(|model| Some(model.as_str()?.to_owned())),
                reason: forecast.reason.clone(),
                newest: Some(forecast.newest),
                horizons: forecast.windows.iter().map(fan_horizon).collect(),
                steps: thinned(fan_steps(forecast)),
                events: forecast.events.clone(),
                ..fan
            },
            Err(NotReady { reason, ready_at }) => Fan { reason: reason.clone(), ready_at: *ready_at, ..fan },
        }
    }
}

fn fan_steps(forecast: &Forecast) -> Vec<FanStep> {
    let step = |(number, quantiles): (i32, &shadow_core::forecast::Quantiles)| {
        let at = forecast.newest.at.checked_add(forecast.step.saturating_mul(number)).ok()?;
        Some(FanStep { at, quantiles: quantiles.to_vec() })
    };
    (1..).zip(&forecast.steps).filter_map(step).collect()
}

/// Every nth of many, counted from the last one.
fn thinned<T>(all: Vec<T>) -> Vec<T> {
    let (count, every) = (all.len(), all.len().div_ceil(POINTS_MAX).max(1));
    let kept = all.into_iter().enumerate().filter(|(number, _)| (count - 1 - number).is_multiple_of(every));
    kept.map(|(_, it)| it).collect()
}

fn fan_horizon(window: &shadow_core::forecast::Window) -> FanHorizon {
    FanHorizon {
        seconds: window.horizon.as_secs_f64(),
        maximum: window.maximum.quantiles().to_vec(),
        minimum: window.minimum.quantiles().to_vec(),
    }
}

/// Computes beside the threads that answer.
async fn compute<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.context("the computation failed")?
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use shadow_core::model::{CalendarSpec, PolicySpec};

    #[test]
    fn a_forecast_tells_its_events_and_what_will_be_needed() {
        let now: Timestamp = "2026-06-05T06:00:00Z".parse().expect("a time");
        let spec: GroupSpec = serde_json::from_value(json!({
            "name": "g", "policy": "p", "primary": {"instance_id": "i", "address": "h", "port": 80},
            "signals": {"cpu": {"query": "c{i=\"$instance\"}", "limit": 8.0, "unit": "cores", "resource": "cpu_cores"}},
            "calendars": ["shop"], "instance": {"source": "/m"}, "traffic": {"source": "/m"},
        }))
        .expect("a group");
        let group = spec.check(1).expect("a valid group");
        let policy = PolicySpec { history: "7d".into(), step: "15m".into(), ..PolicySpec::named("p") };
        let policy = policy.check().expect("a valid policy");
        let sale = json!({"sale": {"dates": ["2026-06-05T12:00"], "duration": "2h", "factor": 3}});
        let calendar: CalendarSpec =
            serde_json::from_value(json!({"name": "shop", "events": sale})).expect("a calendar");
        let expected = Expected::of(&group, &policy, &[calendar.check().expect("a valid calendar")]);
        let sample = |back: i64| {
            let at = now.checked_sub(SignedDuration::from_mins(15 * back)).expect("a time");
            Sample { at, value: 1.0 + f64::from(u8::try_from(back * 7 % 11).expect("small")) / 100.0 }
        };
        let pulled = Pulled::from([("cpu".to_owned(), Ok((0..600).rev().map(sample).collect()))]);
        let slot = SlotId::new("a").expect("a slot");
        let found = foresee(&group, &policy, &expected, slot, &pulled, now);
        let event = &found.signals["cpu"].events[0];
        assert_eq!((event.event.as_str(), event.lift, event.seen), ("sale", Some(3.0), 0));
        let upper: Vec<f64> = found.needs.iter().map(|it| it.need.upper).collect();
        assert!(upper[0] < 1.5 && upper[1] > 2.5 && upper[2] > 2.5, "the sale is six hours ahead: {upper:?}");
        assert!(found.size.cpu_cores.is_some_and(|cores| cores >= upper[2] && cores < upper[2] + 0.01));
        let reason = &found.score.parts.last().expect("a part").reason;
        assert!(reason.ends_with("event sale of calendar shop multiplies it by 3, as declared)"), "{reason}");
        let text = serde_json::to_value(&found).expect("a document");
        assert_eq!(serde_json::from_value::<GroupForecast>(text).expect("the same"), found);
    }
}
