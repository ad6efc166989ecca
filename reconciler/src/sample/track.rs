//! One signal of one slot: what was measured of it, what is still to be asked for, and what is foreseen.
//!
//! Where steps are as short as scrapes, a step has the value at its beginning. Longer ones have the mean of what was
//! measured in them, once they have ended; until then a live value says how the signal stands. A long window is asked
//! for in parts, the newest first, so that a slow server delays what is known of last month and nothing else.

use crate::metrics::{LIVE_LOOKBACK, RESOLUTION_MIN, ended};
use jiff::{SignedDuration, Timestamp};
use shadow_core::history::{History, Sample};
use shadow_core::model::Policy;
use shadow_core::score::Foresight;
use std::sync::Arc;

/// Steps asked for at once: a week of five minutes.
const PART: i32 = 2_016;

/// A step is asked for so long after its end: the last scrape in it may still be under way.
const SETTLED: SignedDuration = RESOLUTION_MIN;

/// Evaluations without a new value until a signal counts as stale.
const STALE_INTERVALS: i32 = 3;

/// What is known of one signal.
#[derive(Debug, Clone)]
pub(super) struct Track {
    /// With its placeholders replaced: a changed one measures something else.
    pub(super) query: String,
    pub(super) history: Arc<History>,
    /// The newest value, where that is newer than the history.
    pub(super) live: Option<Sample>,
    /// Ends of the first and the last of the steps that were answered for.
    pub(super) answered: Option<(Timestamp, Timestamp)>,
    pub(super) foresight: Foresight,
}

/// Whether a step's value is the mean of what was measured in it.
pub(super) fn has_means(policy: &Policy) -> bool {
    policy.step > RESOLUTION_MIN
}

/// After what time without a value a signal is stale. A mean is known late, but then there is a live value as well.
pub(super) fn patience(policy: &Policy) -> SignedDuration {
    if has_means(policy) {
        policy.interval.saturating_mul(STALE_INTERVALS).max(LIVE_LOOKBACK)
    } else {
        policy.interval.max(policy.step).saturating_mul(STALE_INTERVALS)
    }
}

impl Track {
    pub(super) fn new(query: String, policy: &Policy) -> Self {
        let history = Arc::new(History::new(policy.step, policy.history));
        Self { query, history, live: None, answered: None, foresight: Foresight::default() }
    }

    /// Whether it is about that query and kept as the policy wants.
    pub(super) fn fits(&self, query: &str, policy: &Policy) -> bool {
        self.query == query && self.history.is_of(policy.step, policy.history)
    }

    /// First and last end of the steps that are to be asked for, the newest part first.
    pub(super) fn wanted_means(&self, policy: &Policy, at: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        let (step, part) = (policy.step, policy.step.saturating_mul(PART - 1));
        let Some(last) = at.checked_sub(SETTLED).ok().and_then(|settled| ended(settled, step)) else {
            return Vec::new();
        };
        let oldest = oldest(policy, at);
        let later = |time: Timestamp, by: SignedDuration| time.saturating_add(by).unwrap_or(time);
        let Some((from, until)) = self.answered else {
            return Vec::from([(later(last, -part).max(oldest), last)]);
        };
        let newer = (later(until, step), later(later(until, step), part).min(last));
        let older = (later(later(from, -step), -part).max(oldest), later(from, -step));
        [newer, older].into_iter().filter(|(first, last)| first <= last).collect()
    }

    /// From when on samples are asked for where they are taken as they are: a whole window at first, later what is
    /// new. `None` while nothing new can be there yet.
    pub(super) fn wanted_samples(&self, policy: &Policy, at: Timestamp) -> Option<Timestamp> {
        let next = self.history.next_needed();
        let start = next.unwrap_or_else(|| at.checked_sub(policy.history).unwrap_or(at));
        (start <= at).then_some(start)
    }

    /// Takes in an answer about the steps with these ends, which may be empty.
    pub(super) fn take(
        &mut self,
        ends: Option<(Timestamp, Timestamp)>,
        samples: Vec<(Timestamp, f64)>,
        now: Timestamp,
    ) {
        // No copy is made: a forecast gives the history back before the next sample is taken.
        let window = Arc::make_mut(&mut self.history);
        for (at, value) in samples {
            window.push(Sample { at, value }, now);
        }
        if let Some((first, last)) = ends {
            let (from, until) = self.answered.unwrap_or((first, last));
            self.answered = Some((from.min(first), until.max(last)));
        }
    }

    /// Whether nothing older will be added to the history.
    pub(super) fn is_whole(&self, policy: &Policy, at: Timestamp) -> bool {
        !has_means(policy) || self.answered.is_some_and(|(from, _)| from <= oldest(policy, at))
    }

    /// Time of the newest value.
    pub(super) fn newest_at(&self) -> Option<Timestamp> {
        self.history.newest().max(self.live.map(|live| live.at))
    }

    /// The newest value, if it is not older than `patience`.
    pub(super) fn fresh(&self, now: Timestamp, patience: SignedDuration) -> Option<f64> {
        let is_fresh = now.duration_since(self.newest_at()?) <= patience;
        is_fresh.then(|| self.live.map(|live| live.value).or(self.history.newest_value()))?
    }
}

/// End of the oldest step of the window.
fn oldest(policy: &Policy, at: Timestamp) -> Timestamp {
    let start = at.checked_sub(policy.history).unwrap_or(at);
    ended(start, policy.step).and_then(|end| end.checked_add(policy.step).ok()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shadow_core::model::PolicySpec;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(60 * minute).unwrap()
    }

    fn policy(step: &str, history: &str) -> Policy {
        let mut spec = PolicySpec::named("p");
        (spec.step, spec.history, spec.interval) = (step.into(), history.into(), "1s".into());
        (spec.interval, spec.horizons) = (if step == "1s" { "1s" } else { "60s" }.into(), vec!["10m".into()]);
        spec.check().unwrap()
    }

    fn minutes(ranges: &[(Timestamp, Timestamp)]) -> Vec<(i64, i64)> {
        ranges.iter().map(|(first, last)| (first.as_second() / 60, last.as_second() / 60)).collect()
    }

    #[test]
    fn a_long_window_is_asked_for_in_parts_the_newest_first() {
        let policy = policy("5m", "10d");
        let mut track = Track::new("q".to_owned(), &policy);
        let now = at(100_000);
        let day = 24 * 60;
        let mut asked = Vec::new();
        while let [range, ..] = track.wanted_means(&policy, now)[..] {
            assert!(!track.is_whole(&policy, now));
            asked.push(range);
            track.take(Some(range), Vec::new(), now);
        }
        let newest = (99_995 - 7 * day + 5, 99_995);
        assert_eq!(minutes(&asked), [newest, (100_005 - 10 * day, newest.0 - 5)]);
        assert!(track.is_whole(&policy, now));
    }

    #[test]
    fn a_step_is_asked_for_once_when_it_has_ended() {
        let policy = policy("5m", "1d");
        let mut track = Track::new("q".to_owned(), &policy);
        let first = track.wanted_means(&policy, at(10_000))[0];
        track.take(Some(first), vec![(at(9_990), 2.0)], at(10_000));
        assert_eq!(minutes(&track.wanted_means(&policy, at(10_004))), [(10_000, 10_000)], "the one that was unsettled");
        track.take(Some((at(10_000), at(10_000))), Vec::new(), at(10_004));
        assert!(track.wanted_means(&policy, at(10_005)).is_empty(), "just ended");
        assert_eq!(minutes(&track.wanted_means(&policy, at(10_021))), [(10_005, 10_020)], "and what was missed");
    }

    #[test]
    fn short_steps_are_asked_for_from_the_newest_on() {
        let policy = policy("1s", "1h");
        let mut track = Track::new("q".to_owned(), &policy);
        assert_eq!(track.wanted_samples(&policy, at(120)), Some(at(60)));
        track.take(None, vec![(at(120), 1.0)], at(120));
        assert_eq!(track.wanted_samples(&policy, at(120)), None);
        assert_eq!(track.wanted_samples(&policy, at(121)).map(|start| start.as_second()), Some(7_201));
        assert!(track.is_whole(&policy, at(121)));
    }

    #[test]
    fn the_live_value_counts_as_the_newest_until_it_is_old() {
        let policy = policy("5m", "1d");
        let mut track = Track::new("q".to_owned(), &policy);
        assert_eq!(track.fresh(at(10), patience(&policy)), None);
        track.take(None, vec![(at(0), 1.0)], at(9));
        assert_eq!(track.fresh(at(9), patience(&policy)), None, "a mean of long ago");
        track.live = Some(Sample { at: at(9), value: 7.0 });
        assert_eq!(track.fresh(at(10), patience(&policy)), Some(7.0));
        assert_eq!(track.fresh(at(13), patience(&policy)), None);
    }
}
