//! Takes one sample of a group: pulls its metrics, asks its instances how they are, forecasts and
//! scores. Reads only. What could not be read is absent from the sample, with the reason.

use crate::app::App;
use crate::expectations::Expectations;
use crate::metrics::MetricsError;
use futures_util::future::{join, join_all, join3};
use jiff::{SignedDuration, Timestamp};
use shadow_core::events::{Expected, forecast};
use shadow_core::forecast::{Forecast, NotReady};
use shadow_core::history::{FROZEN_SAMPLES, History, Sample};
use shadow_core::model::group::{SignalSpec, replace_placeholders};
use shadow_core::model::slot::Instance;
use shadow_core::model::{Group, Policy, SlotId};
use shadow_core::observation::{Health, Lag};
use shadow_core::score::{Score, SignalForecast, score};
use shadow_core::sizing::needs::{Need, Needs};
use shadow_core::state::GroupState;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What one look at a group brought.
#[derive(Debug, Clone)]
pub struct GroupSample {
    /// When.
    pub at: Timestamp,
    /// Score of the primary.
    pub score: Score,
    /// What an instance that serves everything will need.
    pub needs: Needs,
    /// Why the metrics cannot be relied on, if so.
    pub metrics_outage: Option<String>,
    /// Newest fresh value of each signal, by slot.
    pub signals: BTreeMap<SlotId, BTreeMap<String, f64>>,
    /// What the probe and the agent say of each slot.
    pub health: BTreeMap<SlotId, Health>,
    /// How far the shadow's data is behind.
    pub lag: Option<Lag>,
}

/// Keeps the histories of a group's signals between samples.
#[derive(Debug, Default)]
pub struct Sampler {
    histories: BTreeMap<(SlotId, String), Arc<History>>,
    expectations: Expectations,
}

/// Evaluations without a new value until a signal counts as stale.
const STALE_INTERVALS: i32 = 3;

/// Most time for one health probe. A service that is slower than that is not well.
const PROBE_TIMEOUT_MAX: Duration = Duration::from_secs(5);

impl Sampler {
    /// Takes a sample. Bounded in time by the policy's interval, so that a source that hangs
    /// delays nothing but itself.
    pub async fn sample(
        &mut self,
        app: &App,
        group: &Group,
        policy: &Policy,
        state: &GroupState,
        at: Timestamp,
    ) -> GroupSample {
        let limit = Duration::try_from(policy.interval).unwrap_or(PROBE_TIMEOUT_MAX).min(PROBE_TIMEOUT_MAX);
        let instances: Vec<(&SlotId, &Instance)> =
            state.slots.iter().filter_map(|(id, slot)| Some((id, slot.instance.as_ref()?))).collect();
        self.histories.retain(|(slot, _), _| state.slots.contains_key(slot));
        let (pulled, health, lag) = join3(
            self.pull(app, group, policy, &instances, at, limit),
            join_all(instances.iter().map(|(id, instance)| look_at(app, id, instance, at, limit))),
            tokio::time::timeout(limit, lag(app, group, state, at)),
        )
        .await;
        let primary = state.primary();
        let patience = policy.interval.max(policy.step).saturating_mul(STALE_INTERVALS);
        let outage = pulled.get(primary).cloned().or_else(|| self.outage(group, primary, at, patience));
        let expected = self.expectations.of(&app.store, group, policy);
        let (score, needs) = self.foresee(app, group, policy, primary, expected, at).await;
        GroupSample {
            at,
            score,
            needs,
            metrics_outage: outage,
            signals: self.newest(group, &instances, at, patience),
            health: health.into_iter().collect(),
            lag: lag.ok().flatten(),
        }
    }

    /// Brings the histories up to date. Answers why it could not, by slot.
    async fn pull(
        &mut self,
        app: &App,
        group: &Group,
        policy: &Policy,
        instances: &[(&SlotId, &Instance)],
        at: Timestamp,
        limit: Duration,
    ) -> BTreeMap<SlotId, String> {
        let histories = &self.histories;
        let wanted = instances.iter().flat_map(|(id, instance)| {
            group.spec.signals.iter().filter_map(move |(name, signal)| {
                let key = ((*id).clone(), name.clone());
                let start = first_wanted(histories.get(&key).map(AsRef::as_ref), policy.history, at)?;
                Some((key, signal.query_for(&group.name, id, &instance.instance_id), start))
            })
        });
        let answers = join_all(wanted.map(|(key, query, start)| async move {
            let range = app.prometheus.range(&query, start, at, policy.step);
            (key, tokio::time::timeout(limit, range).await)
        }))
        .await;
        let mut failures = BTreeMap::new();
        for (key, answer) in answers {
            match answer {
                Ok(Ok(samples)) => self.remember(key, policy, samples, at),
                // A signal without a series yet is told by its missing history.
                Ok(Err(MetricsError::NoSeries { .. })) => {}
                Ok(Err(error)) => drop(failures.insert(key.0, format!("signal {}: {error}", key.1))),
                Err(_late) => drop(failures.insert(key.0, format!("signal {}: no answer within {limit:?}", key.1))),
            }
        }
        failures
    }

    fn remember(&mut self, key: (SlotId, String), policy: &Policy, samples: Vec<(Timestamp, f64)>, now: Timestamp) {
        // A changed step needs other samples.
        let fits = |history: &Arc<History>| history.step() == policy.step;
        let known = self.histories.remove(&key).filter(fits);
        let mut history = known.unwrap_or_else(|| Arc::new(History::new(policy.step, policy.history)));
        // No copy is made: a forecast gives the history back before the next sample is taken.
        let window = Arc::make_mut(&mut history);
        for (at, value) in samples {
            window.push(Sample { at, value }, now);
        }
        self.histories.insert(key, history);
    }

    fn history(&self, slot: &SlotId, signal: &str) -> Option<&History> {
        self.histories.get(&(slot.clone(), signal.to_owned())).map(AsRef::as_ref)
    }

    fn outage(&self, group: &Group, primary: &SlotId, now: Timestamp, patience: SignedDuration) -> Option<String> {
        let mut frozen = 0;
        for name in group.spec.signals.keys() {
            let Some(history) = self.history(primary, name) else {
                return Some(format!(
                    "signal {name} of slot {primary} has no series: check its query and the scrape job"
                ));
            };
            if let Some(skew) = history.skew() {
                return Some(format!("signal {name} has samples {skew:#} in the future: check the clocks"));
            }
            if history.is_stale(now, patience) {
                let newest = history.newest().map_or_else(|| "never".to_owned(), |at| at.to_string());
                return Some(format!("signal {name} of slot {primary} is stale: its newest value is from {newest}"));
            }
            let stands = history.frozen_samples();
            frozen += usize::from(stands >= FROZEN_SAMPLES && stands < history.present());
        }
        let all = group.spec.signals.len();
        (frozen == all && all > 1).then(|| format!("all signals have stood still for {FROZEN_SAMPLES} samples"))
    }

    fn newest(
        &self,
        group: &Group,
        instances: &[(&SlotId, &Instance)],
        now: Timestamp,
        patience: SignedDuration,
    ) -> BTreeMap<SlotId, BTreeMap<String, f64>> {
        let fresh = |slot: &SlotId, name: &String| {
            let history = self.history(slot, name).filter(|history| !history.is_stale(now, patience))?;
            let value = history.newest_value()?;
            Some((name.clone(), value))
        };
        let of_slot = |slot: &SlotId| group.spec.signals.keys().filter_map(|name| fresh(slot, name)).collect();
        instances.iter().map(|(id, _)| ((*id).clone(), of_slot(id))).collect()
    }

    /// Forecasts and scores on a thread of its own: milliseconds of arithmetic for each signal would keep the workers
    /// from answering Envoy and the API.
    async fn foresee(
        &self,
        app: &App,
        group: &Group,
        policy: &Policy,
        primary: &SlotId,
        expected: Arc<Expected>,
        now: Timestamp,
    ) -> (Score, Needs) {
        let signals: Vec<Signal> = group
            .spec
            .signals
            .iter()
            .map(|(name, spec)| {
                let history = self.histories.get(&(primary.clone(), name.clone())).cloned();
                Signal { name: name.clone(), spec: spec.clone(), history }
            })
            .collect();
        let (horizons, confidence) = (policy.horizons.clone(), policy.spec.confidence);
        // The semaphore is never closed.
        let _permit = app.forecasts.acquire().await.ok();
        let scoring = tokio::task::spawn_blocking(move || foresee(&signals, &expected, &horizons, confidence, now));
        scoring.await.unwrap_or_else(|error| {
            tracing::error!(group = %group.name, %error, "forecasting ended in a panic: please report it");
            (score(&[], &policy.horizons, now), Needs::new())
        })
    }
}

/// From when on samples of a signal are asked for: a whole window at first, later what is new. `None` where a step is
/// longer than the interval and nothing new can be there yet.
fn first_wanted(history: Option<&History>, window: SignedDuration, at: Timestamp) -> Option<Timestamp> {
    let next = history.and_then(History::next_needed);
    let start = next.unwrap_or_else(|| at.checked_sub(window).unwrap_or(at));
    (start <= at).then_some(start)
}

/// A signal of the primary, with what is known of its past.
struct Signal {
    name: String,
    spec: SignalSpec,
    history: Option<Arc<History>>,
}

impl Signal {
    fn forecast(&self, expected: &Expected, horizons: &[SignedDuration], now: Timestamp) -> Result<Forecast, NotReady> {
        match &self.history {
            Some(history) => forecast(expected, &self.name, history, horizons, now),
            None => Err(NotReady { reason: "it has no series yet".to_owned(), ready_at: None }),
        }
    }
}

fn foresee(
    signals: &[Signal],
    expected: &Expected,
    horizons: &[SignedDuration],
    confidence: f64,
    now: Timestamp,
) -> (Score, Needs) {
    let forecasts: Vec<_> = signals.iter().map(|signal| signal.forecast(expected, horizons, now)).collect();
    let signals: Vec<SignalForecast<'_>> = signals
        .iter()
        .zip(&forecasts)
        .map(|(Signal { name, spec, .. }, forecast)| SignalForecast { name, spec, forecast: forecast.as_ref() })
        .collect();
    let longest = horizons.last().copied().unwrap_or_default();
    let need = |it: &SignalForecast<'_>| Need::within(longest, confidence, (it.name, it.spec), it.forecast.ok()?);
    (score(&signals, horizons, now), signals.iter().filter_map(need).collect())
}

/// What the probe and the agent say of one slot.
async fn look_at(app: &App, id: &SlotId, instance: &Instance, at: Timestamp, limit: Duration) -> (SlotId, Health) {
    let probe = async {
        let url = instance.health_url.as_ref()?;
        let answer = app.http.get(url).timeout(limit).send().await;
        Some(answer.is_ok_and(|answer| answer.status().is_success() || answer.status().is_redirection()))
    };
    let (probe, agent) = join(probe, tokio::time::timeout(limit, agent_says(app, instance, at))).await;
    (id.clone(), Health { probe, data_plane: None, agent: agent.ok().flatten() })
}

/// The host's agent reports of each process whether it runs and whether it answers.
async fn agent_says(app: &App, instance: &Instance, at: Timestamp) -> Option<bool> {
    let id = instance.instance_id.replace('\\', "\\\\").replace('"', "\\\"");
    let query = format!("min({{__name__=~\"shadow_process_up|shadow_probe_success\",process=\"{id}\"}})");
    let (_, value) = app.prometheus.instant(&query, at).await.ok().flatten()?;
    Some(value > 0.0)
}

async fn lag(app: &App, group: &Group, state: &GroupState, at: Timestamp) -> Option<Lag> {
    let queries = group.spec.sync.as_ref()?;
    let shadow = state.shadow()?;
    let instance = state.slots.get(shadow)?.instance.as_ref()?;
    let ask = async |query: &str| {
        let query = replace_placeholders(query, &group.name, shadow, &instance.instance_id);
        app.prometheus.instant(&query, at).await.ok().flatten().map(|(_, value)| value)
    };
    let (seconds, bytes, position) =
        join3(ask(&queries.lag_seconds), ask(&queries.lag_bytes), ask(&queries.position)).await;
    Some(Lag { seconds: seconds?, bytes: bytes?, position: position? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: SignedDuration = SignedDuration::from_hours(1);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_new_signal_is_asked_for_its_whole_window() {
        assert_eq!(first_wanted(None, WINDOW, at(7_200)), Some(at(3_600)));
    }

    #[test]
    fn within_a_long_step_nothing_is_asked_for() {
        let mut history = History::new(SignedDuration::from_mins(5), WINDOW);
        history.push(Sample { at: at(7_200), value: 1.0 }, at(7_200));
        assert_eq!(first_wanted(Some(&history), WINDOW, at(7_260)), None);
        assert_eq!(first_wanted(Some(&history), WINDOW, at(7_500)), Some(at(7_500)));
    }
}
