//! What is unlike the past of a signal or unlike its peers.

use super::Sampler;
use crate::app::App;
use jiff::Timestamp;
use shadow_core::anomaly::{Anomalies, Anomaly, Followed};
use shadow_core::history::History;
use shadow_core::model::signal::SignalSpec;
use shadow_core::model::{Group, Policy, SlotId};
use shadow_core::state::GroupState;
use std::sync::Arc;

/// A signal of a slot on its way to the thread that looks at it.
struct Signal {
    slot: SlotId,
    name: String,
    spec: SignalSpec,
    history: Arc<History>,
    serves: bool,
}

impl Sampler {
    /// Follows every signal on a thread of its own: the first look goes through weeks.
    pub(super) async fn find_anomalies(
        &mut self,
        app: &App,
        group: &Group,
        policy: &Policy,
        state: &GroupState,
        now: Timestamp,
    ) -> Vec<Anomaly> {
        let tracks = self.tracks.iter().filter(|(_, track)| track.is_whole(policy, now));
        let signals: Vec<Signal> = tracks
            .filter_map(|((slot, name), track)| {
                let (spec, history) = (group.spec.signals.get(name)?.clone(), track.history.clone());
                Some(Signal { slot: slot.clone(), name: name.clone(), spec, history, serves: state.weight(slot) > 0 })
            })
            .collect();
        let mut followed = std::mem::take(&mut self.anomalies);
        // The semaphore is never closed.
        let _permit = app.forecasts.acquire().await.ok();
        let looking = tokio::task::spawn_blocking(move || (follow(&mut followed, &signals), followed));
        let (anomalies, followed) = looking.await.unwrap_or_else(|error| {
            tracing::error!(group = %group.name, %error, "looking for anomalies ended in a panic: please report it");
            (Vec::new(), Anomalies::default())
        });
        self.anomalies = followed;
        anomalies
    }
}

fn follow(anomalies: &mut Anomalies, signals: &[Signal]) -> Vec<Anomaly> {
    let followed: Vec<Followed<'_>> = signals
        .iter()
        .map(|Signal { slot, name, spec, history, serves }| Followed { slot, name, spec, history, serves: *serves })
        .collect();
    anomalies.follow(&followed)
}
