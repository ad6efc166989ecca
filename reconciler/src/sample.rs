//! Takes one sample of a group: pulls its metrics, asks its instances how they are, forecasts and
//! scores. Reads only. What could not be read is absent from the sample, with the reason.

mod anomalies;
mod foreseen;
mod keep;
mod pull;
mod track;

pub use foreseen::{Calibrated, CalibrationBin, Foreseen};

use crate::app::App;
use crate::expectations::Expectations;
use futures_util::future::{join, join_all, join3};
use jiff::{SignedDuration, Timestamp};
use shadow_core::anomaly::{Anomalies, Anomaly};
use shadow_core::history::FROZEN_SAMPLES;
use shadow_core::model::signal::replace_placeholders;
use shadow_core::model::slot::Instance;
use shadow_core::model::{Group, Policy, SlotId};
use shadow_core::observation::{Health, Lag};
use shadow_core::state::GroupState;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use track::{Track, patience};

/// What one look at a group brought.
#[derive(Debug, Clone)]
pub struct GroupSample {
    /// When.
    pub at: Timestamp,
    /// What is foreseen of the primary, with its score.
    pub foreseen: Arc<Foreseen>,
    /// Why the metrics cannot be relied on, if so.
    pub metrics_outage: Option<String>,
    /// What is unlike the past of a signal or unlike its peers.
    pub anomalies: Vec<Anomaly>,
    /// Why anomalies are to be expected, if a calendar says so.
    pub expected_event: Option<String>,
    /// Newest fresh value of each signal, by slot.
    pub signals: BTreeMap<SlotId, BTreeMap<String, f64>>,
    /// What the probe and the agent say of each slot.
    pub health: BTreeMap<SlotId, Health>,
    /// How far the shadow's data is behind.
    pub lag: Option<Lag>,
}

/// Keeps what is known of a group's signals between samples.
#[derive(Debug, Default)]
pub struct Sampler {
    tracks: BTreeMap<(SlotId, String), Track>,
    expectations: Expectations,
    anomalies: Anomalies,
    /// When histories were last written to the disk or read from it; nothing was tried yet when absent.
    kept_at: Option<Timestamp>,
}

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
        self.tracks.retain(|(slot, name), _| state.slots.contains_key(slot) && group.spec.signals.contains_key(name));
        self.restore(app, group, policy, &instances, at).await;
        let (pulled, health, lag) = join3(
            self.pull(app, group, policy, &instances, at, limit),
            join_all(instances.iter().map(|(id, instance)| look_at(app, id, instance, at, limit))),
            tokio::time::timeout(limit, lag(app, group, state, at)),
        )
        .await;
        let primary = state.primary();
        let patience = patience(policy);
        let outage = pulled.get(primary).cloned().or_else(|| self.outage(group, primary, at, patience));
        let foreseen = self.foresee(app, group, policy, primary, at).await;
        let anomalies = self.find_anomalies(app, group, policy, state, at).await;
        self.keep_if_due(app, group, policy, at).await;
        GroupSample {
            at,
            foreseen: Arc::new(foreseen),
            metrics_outage: outage,
            anomalies,
            expected_event: self.expectations.of(&app.store, group, policy).event_at(at),
            signals: self.newest(group, &instances, at, patience),
            health: health.into_iter().collect(),
            lag: lag.ok().flatten(),
        }
    }

    fn track(&self, slot: &SlotId, signal: &str) -> Option<&Track> {
        self.tracks.get(&(slot.clone(), signal.to_owned()))
    }

    /// What was measured of a signal in the step that a time is in.
    pub(crate) fn measured(&self, slot: &SlotId, signal: &str, at: Timestamp) -> Option<f64> {
        self.track(slot, signal)?.history.value_at(at)
    }

    fn outage(&self, group: &Group, primary: &SlotId, now: Timestamp, patience: SignedDuration) -> Option<String> {
        let mut frozen = 0;
        for name in group.spec.signals.keys() {
            let known = self.track(primary, name).and_then(|track| Some((track, track.newest_at()?)));
            let Some((track, newest)) = known else {
                return Some(format!(
                    "signal {name} of slot {primary} has no series: check its query and the scrape job"
                ));
            };
            if let Some(skew) = track.history.skew() {
                return Some(format!("signal {name} has samples {skew:#} in the future: check the clocks"));
            }
            if track.fresh(now, patience).is_none() {
                return Some(format!("signal {name} of slot {primary} is stale: its newest value is from {newest}"));
            }
            let stands = track.history.frozen_samples();
            frozen += usize::from(stands >= FROZEN_SAMPLES && stands < track.history.present());
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
        let fresh = |slot: &SlotId, name: &String| Some((name.clone(), self.track(slot, name)?.fresh(now, patience)?));
        let of_slot = |slot: &SlotId| group.spec.signals.keys().filter_map(|name| fresh(slot, name)).collect();
        instances.iter().map(|(id, _)| ((*id).clone(), of_slot(id))).collect()
    }
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
