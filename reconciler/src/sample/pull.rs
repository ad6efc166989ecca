//! Brings what is known of a group's signals up to date. Reads only; what cannot be had is told by slot.

use super::Sampler;
use super::track::{Track, has_means};
use crate::app::App;
use crate::metrics::MetricsError;
use futures_util::future::{join, join_all};
use jiff::Timestamp;
use shadow_core::history::Sample;
use shadow_core::model::slot::Instance;
use shadow_core::model::{Group, Policy, SlotId};
use std::collections::BTreeMap;
use std::time::Duration;

/// Samples with their times.
type Samples = Vec<(Timestamp, f64)>;

/// Ends of the first and the last of some steps.
type Ends = (Timestamp, Timestamp);

/// What Prometheus said about one signal.
struct Answer {
    /// By the steps that were asked for; these are absent where samples are taken as they are.
    parts: Vec<(Option<Ends>, Result<Samples, String>)>,
    /// Absent where samples are taken as they are.
    live: Option<Result<Option<Sample>, String>>,
}

impl Sampler {
    /// Asks for what is new of every signal of every instance. Answers why it could not, by slot.
    pub(super) async fn pull(
        &mut self,
        app: &App,
        group: &Group,
        policy: &Policy,
        instances: &[(&SlotId, &Instance)],
        at: Timestamp,
        limit: Duration,
    ) -> BTreeMap<SlotId, String> {
        for (slot, instance) in instances {
            for (name, signal) in &group.spec.signals {
                let query = signal.query_for(&group.name, slot, &instance.instance_id);
                let key = ((*slot).clone(), name.clone());
                // A changed query, step or window needs other samples.
                if !self.tracks.get(&key).is_some_and(|track| track.fits(&query, policy)) {
                    self.tracks.insert(key, Track::new(query, policy));
                }
            }
        }
        let asked =
            self.tracks.iter().map(async |(key, track)| (key.clone(), ask(app, policy, track, at, limit).await));
        let answers = join_all(asked).await;
        let mut failures = BTreeMap::new();
        for ((slot, name), answer) in answers {
            let Some(track) = self.tracks.get_mut(&(slot.clone(), name.clone())) else { continue };
            if let Some(failure) = take(track, answer, at) {
                failures.insert(slot, format!("signal {name}: {failure}"));
            }
        }
        failures
    }
}

async fn ask(app: &App, policy: &Policy, track: &Track, at: Timestamp, limit: Duration) -> Answer {
    let source = &app.prometheus;
    if has_means(policy) {
        let parts = join_all(
            track
                .wanted_means(policy, at)
                .into_iter()
                .map(async |ends| (Some(ends), within(limit, source.means(&track.query, ends, policy.step)).await)),
        );
        let live = within(limit, source.live(&track.query, at));
        let (parts, live) = join(parts, live).await;
        return Answer { parts, live: Some(live.map(|live| live.map(|(at, value)| Sample { at, value }))) };
    }
    let Some(start) = track.wanted_samples(policy, at) else { return Answer { parts: Vec::new(), live: None } };
    let samples = within(limit, source.range(&track.query, start, at, policy.step)).await;
    Answer { parts: vec![(None, samples)], live: None }
}

/// An answer in time. That there is no series yet is one as well: it is told by the missing history.
async fn within<T: Default>(
    limit: Duration,
    asked: impl Future<Output = Result<T, MetricsError>>,
) -> Result<T, String> {
    match tokio::time::timeout(limit, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(MetricsError::NoSeries { .. })) => Ok(T::default()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_late) => Err(format!("no answer within {limit:?}")),
    }
}

/// Takes in what was said, and answers what could not be had.
fn take(track: &mut Track, answer: Answer, now: Timestamp) -> Option<String> {
    let mut failure = None;
    for (ends, samples) in answer.parts {
        match samples {
            Ok(samples) => track.take(ends, samples, now),
            // Of the newest part, which comes first; what is missing of last month is no outage.
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    match answer.live {
        Some(Ok(live)) => track.live = live,
        Some(Err(error)) => failure = failure.or(Some(error)),
        None => {}
    }
    failure
}
