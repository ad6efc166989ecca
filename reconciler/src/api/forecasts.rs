//! Forecasts of a group's signals as fans, with the score and the sizes that follow.

use super::measured::{Pulled, alone, compute, known, policy_of, pull, serving};
use crate::app::App;
use crate::clock;
use crate::expectations::expected;
use crate::http::{ApiError, ErrorBody, Path};
use crate::sample::Calibrated;
use axum::Json;
use axum::extract::State;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use shadow_core::events::{EventEffect, Expected, forecast};
use shadow_core::forecast::{Forecast, Glance, LEVELS, NotReady};
use shadow_core::history::{History, Sample};
use shadow_core::model::signal::{Direction, SignalSpec};
use shadow_core::model::size::Size;
use shadow_core::model::{Group, Policy, Resource, SlotId};
use shadow_core::score::{Score, SignalForecast, score};
use shadow_core::sizing::needs::{Need, Needs};
use std::collections::BTreeMap;
use std::sync::Arc;

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
    let _only_one = alone().await?;
    let pulled = pull(&app, &group, &policy, (&slot, &instance_id), policy.history, now).await;
    let expected = expected(&app.store, &group, &policy)?;
    let mut forecast = compute(move || Ok(foresee(&group, &policy, &expected, slot, &pulled, now))).await?;
    if let Some(seen) = app.board.view(&name).foreseen.filter(|seen| seen.slot == forecast.slot) {
        (forecast.score, forecast.calibration) = (seen.score.clone(), seen.calibration.clone());
    }
    Ok(Json(forecast))
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use shadow_core::model::group::GroupSpec;
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
