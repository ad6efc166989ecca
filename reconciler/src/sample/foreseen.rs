//! What is foreseen of a group's primary: forecasts, early warnings, the score that they make together, and what
//! will be needed.

use super::Sampler;
use super::track::Track;
use crate::app::App;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use shadow_core::events::Expected;
use shadow_core::feedback::Stated;
use shadow_core::history::History;
use shadow_core::model::signal::SignalSpec;
use shadow_core::model::{Group, Policy, SlotId};
use shadow_core::score::{Foresight, Reading, Score, SignalView, Warnings, score_group};
use shadow_core::sizing::needs::{Need, Needs};
use std::sync::Arc;
use tokio::sync::SemaphorePermit;

/// What is foreseen of a group's primary.
#[derive(Debug, Clone)]
pub struct Foreseen {
    /// The primary.
    pub slot: SlotId,
    /// Its score.
    pub score: Score,
    /// What the forecasts say of each horizon.
    pub stated: Vec<Stated>,
    /// What an instance that serves everything will need.
    pub needs: Needs,
    /// How earlier warnings compare with what came.
    pub calibration: Vec<Calibrated>,
}

/// How the early warnings of one signal and horizon compare with what came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Calibrated {
    /// Key of the signal in the group.
    pub signal: String,
    /// The horizon, in seconds.
    pub seconds: f64,
    /// Looks whose outcome is known.
    pub looks: u64,
    /// Mean distance of the stated probabilities from what came; absent before any outcome is known.
    pub error: Option<f64>,
    /// Brier skill over stating the share of windows in which the limit broke so far: 1 is perfect, 0 no better.
    pub skill: Option<f64>,
    /// Looks by what was stated.
    pub bins: Vec<CalibrationBin>,
}

/// Looks that were given about the same probability.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CalibrationBin {
    /// Least probability of the bin.
    pub from: f64,
    /// How many.
    pub looks: u32,
    /// Mean of the stated probabilities.
    pub stated: f64,
    /// Share that was followed by an incident within the horizon.
    pub came: f64,
}

/// A signal of the primary on its way to the thread that forecasts.
struct Signal {
    name: String,
    spec: SignalSpec,
    history: Arc<History>,
    live: Option<f64>,
    reading: Reading,
    foresight: Foresight,
}

impl Signal {
    fn view(&self) -> SignalView<'_> {
        self.foresight.view(&self.name, &self.spec, &self.history, self.live)
    }

    /// What the forecast says of each horizon.
    fn stated(&self, horizons: &[SignedDuration]) -> Vec<Stated> {
        let Ok(forecast) = self.foresight.forecast() else { return Vec::new() };
        horizons.iter().filter_map(|horizon| Stated::of(&self.name, forecast, &self.history, *horizon)).collect()
    }
}

impl Sampler {
    /// Forecasts and scores on a thread of its own: milliseconds of arithmetic for each signal would keep the workers
    /// from answering Envoy and the API.
    pub(super) async fn foresee(
        &mut self,
        app: &App,
        group: &Group,
        policy: &Policy,
        primary: &SlotId,
        now: Timestamp,
    ) -> Foreseen {
        // Of a former primary nothing is foreseen; if it serves again, it is read again.
        self.tracks.iter_mut().filter(|((slot, _), _)| slot != primary).for_each(|(_, track)| {
            track.foresight.rest();
        });
        let mut signals = self.signals(group, policy, primary, now);
        let _reader = may_read_the_past(app, &mut signals);
        let expected = self.expectations.of(&app.store, group, policy);
        let (horizons, confidence) = (policy.horizons.clone(), policy.spec.confidence);
        // The semaphore is never closed.
        let _permit = app.forecasts.acquire().await.ok();
        let foreseeing = tokio::task::spawn_blocking(move || foresee(signals, &horizons, confidence, &expected, now));
        let (score, needs, mut signals) = foreseeing.await.unwrap_or_else(|error| {
            tracing::error!(group = %group.name, %error, "forecasting ended in a panic: please report it");
            (score_group(&[], &policy.horizons, now, &TimeZone::UTC), Needs::new(), Vec::new())
        });
        app.teaching.meet(signals.iter_mut().map(|signal| &mut signal.foresight), now);
        let calibration = signals.iter().flat_map(calibrated).collect();
        let stated = signals.iter().flat_map(|signal| signal.stated(&policy.horizons)).collect();
        for signal in signals {
            if let Some(track) = self.tracks.get_mut(&(primary.clone(), signal.name)) {
                track.foresight = signal.foresight;
            }
        }
        Foreseen { slot: primary.clone(), score, stated, needs, calibration }
    }

    fn signals(&mut self, group: &Group, policy: &Policy, primary: &SlotId, now: Timestamp) -> Vec<Signal> {
        let signal = |(name, spec): (&String, &SignalSpec)| {
            let track: &mut Track = self.tracks.get_mut(&(primary.clone(), name.clone()))?;
            Some(Signal {
                name: name.clone(),
                spec: spec.clone(),
                history: track.history.clone(),
                live: track.live.map(|live| live.value),
                reading: if track.is_whole(policy, now) { Reading::Present } else { Reading::Forecast },
                foresight: std::mem::take(&mut track.foresight),
            })
        };
        group.spec.signals.iter().filter_map(signal).collect()
    }
}

/// Lets one group at a time read its past: after a start all of them want to, and evaluations must not wait for that.
fn may_read_the_past<'a>(app: &'a App, signals: &mut [Signal]) -> Option<SemaphorePermit<'a>> {
    let is_behind = |it: &Signal| it.reading == Reading::Present && it.foresight.is_behind(&it.history);
    if !signals.iter().any(is_behind) {
        return None;
    }
    let permit = app.past.try_acquire().ok()?;
    signals.iter_mut().filter(|it| is_behind(it)).for_each(|it| it.reading = Reading::Past);
    Some(permit)
}

fn foresee(
    mut signals: Vec<Signal>,
    horizons: &[SignedDuration],
    confidence: f64,
    expected: &Arc<Expected>,
    now: Timestamp,
) -> (Score, Needs, Vec<Signal>) {
    for Signal { name, spec, history, reading, foresight, .. } in &mut signals {
        foresight.look((name, spec), history, horizons, expected, *reading, now);
    }
    let views: Vec<SignalView<'_>> = signals.iter().map(Signal::view).collect();
    // Whoever declares a zone thinks in it.
    let score = score_group(&views, horizons, now, expected.zone().unwrap_or(&TimeZone::UTC));
    let longest = horizons.last().copied().unwrap_or_default();
    let need = |view: &SignalView<'_>| Need::within(longest, confidence, view);
    let needs = views.iter().filter_map(need).collect();
    (score, needs, signals)
}

fn calibrated(signal: &Signal) -> Vec<Calibrated> {
    let calibrations = signal.foresight.warnings().into_iter().flat_map(Warnings::calibrations);
    let told = calibrations.map(|(horizon, record)| Calibrated {
        signal: signal.name.clone(),
        seconds: horizon.as_secs_f64(),
        looks: record.looks(),
        error: record.error(),
        skill: record.skill(),
        bins: record
            .bins()
            .map(|bin| CalibrationBin {
                from: f64::from(bin.from),
                looks: bin.looks,
                stated: bin.stated,
                came: bin.came,
            })
            .collect(),
    });
    told.collect()
}
