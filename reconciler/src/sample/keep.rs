//! Histories outlive the process: they are written now and then, and read when the next one begins.

use super::Sampler;
use super::track::Track;
use crate::app::App;
use crate::store::Kept;
use jiff::{SignedDuration, Timestamp};
use shadow_core::history::History;
use shadow_core::model::slot::Instance;
use shadow_core::model::{Group, Policy, SlotId};
use std::sync::Arc;

/// Part of the window that may be missing after a kill and is pulled again.
const PART: i32 = 24;

/// Bounds of the time between two writes: a short window is soon another one, and of a long one an hour
/// is quickly pulled again. Ten thousand signals an hour are 100 kB a second.
const EVERY: (SignedDuration, SignedDuration) = (SignedDuration::from_mins(1), SignedDuration::from_hours(1));

impl Sampler {
    /// Reads what an earlier process kept, once. What is about another query, step or window is left.
    pub(super) async fn restore(
        &mut self,
        app: &App,
        group: &Group,
        policy: &Policy,
        instances: &[(&SlotId, &Instance)],
        at: Timestamp,
    ) {
        if self.kept_at.replace(self.kept_at.unwrap_or(at)).is_some() {
            return;
        }
        let (histories, name) = (app.histories.clone(), group.name.to_string());
        let read = tokio::task::spawn_blocking(move || histories.kept(&name)).await;
        let kept = read.map_err(anyhow::Error::from).and_then(|kept| kept).unwrap_or_else(|error| {
            tracing::warn!(group = %group.name, error = format!("{error:#}"), "kept histories cannot be used");
            Vec::new()
        });
        for kept in kept {
            let instance = instances.iter().find(|(slot, _)| slot.as_str() == kept.slot);
            let Some(((slot, instance), signal)) = instance.zip(group.spec.signals.get(&kept.signal)) else { continue };
            let query = signal.query_for(&group.name, slot, &instance.instance_id);
            match restored(&kept) {
                Ok(track) if track.fits(&query, policy) => {
                    self.tracks.insert(((*slot).clone(), kept.signal.clone()), track);
                }
                Ok(_other) => {}
                Err(error) => {
                    tracing::warn!(group = %group.name, signal = kept.signal, error, "a kept history cannot be used");
                }
            }
        }
    }

    /// Writes the histories if that was last done long enough ago.
    pub(super) async fn keep_if_due(&mut self, app: &App, group: &Group, policy: &Policy, at: Timestamp) {
        let every = (policy.history / PART).clamp(EVERY.0, EVERY.1);
        if self.kept_at.is_none_or(|kept_at| at.duration_since(kept_at) >= every) {
            self.kept_at = Some(at);
            self.keep(app, group.name.as_str()).await;
        }
    }

    /// Writes the histories. A failure is told and costs a pull after the next start, nothing else.
    pub async fn keep(&self, app: &App, group: &str) {
        let kept: Vec<Kept> = self.tracks.iter().map(|((slot, signal), track)| kept(slot, signal, track)).collect();
        if kept.is_empty() {
            return;
        }
        let (histories, name) = (app.histories.clone(), group.to_owned());
        let written = tokio::task::spawn_blocking(move || histories.keep(&name, &kept)).await;
        if let Err(error) = written.map_err(anyhow::Error::from).and_then(|written| written) {
            tracing::warn!(group, error = format!("{error:#}"), "histories were not kept");
        }
    }
}

fn kept(slot: &SlotId, signal: &str, track: &Track) -> Kept {
    let answered = track.answered.map(|(from, until)| (from.as_millisecond(), until.as_millisecond()));
    let (slot, signal, query) = (slot.to_string(), signal.to_owned(), track.query.clone());
    Kept { slot, signal, query, answered, history: track.history.to_bytes() }
}

fn restored(kept: &Kept) -> Result<Track, String> {
    let history = History::from_bytes(&kept.history).map_err(|error| error.to_string())?;
    let time = |ms: i64| Timestamp::from_millisecond(ms).ok();
    let answered = kept.answered.and_then(|(from, until)| time(from).zip(time(until)));
    let (query, history) = (kept.query.clone(), Arc::new(history));
    Ok(Track { query, history, live: None, answered, foresight: shadow_core::score::Foresight::default() })
}
