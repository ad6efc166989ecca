//! When a recording is looked at, what was known of it then, and what the score said.

use super::{Recorded, Setting};
use crate::events::Expected;
use crate::forecast::SAMPLES_MIN;
use crate::history::{History, Sample};
use crate::model::Policy;
use crate::model::signal::SignalSpec;
use crate::score::{Foresight, Reading, SignalView, score_group};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Looks at most, however short the interval: twenty weeks of minutes, some 20 MB.
pub const LOOKS_MAX: usize = 200_000;

/// One look at a recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// When.
    pub at: Timestamp,
    /// The score; `None` when no signal could be scored.
    pub score: Option<Scored>,
}

/// What decisions take from a score.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// Lower bound of the longest horizon, on which staging is judged.
    pub longest: f64,
    /// Lower bound of the shortest horizon, on which handing over is judged.
    pub shortest: f64,
    /// Confidence of the part that decides the longest horizon.
    pub confidence: f64,
    /// Why the part that decides is what it is.
    pub reason: Arc<str>,
}

/// The times of the looks.
#[derive(Debug, Clone)]
pub(super) struct Looks {
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) stride: SignedDuration,
}

impl Looks {
    /// From when a forecast is possible, at the policy's interval as long as that takes no more
    /// rounds of forecasts than are allowed; one is made when there may be something new.
    pub(super) fn new(policy: &Policy, signals: &BTreeMap<String, Recorded>, setting: &Setting) -> Option<Self> {
        let all = || signals.values().flat_map(|signal| &signal.samples).map(|sample| sample.at);
        let (start, last) = (all().min()?, all().max()?);
        let needed = i32::try_from(SAMPLES_MIN).unwrap_or(i32::MAX);
        let ready = start.checked_add(policy.step.saturating_mul(needed)).ok()?;
        let (first, last) = (setting.from.map_or(ready, |from| from.max(ready)), setting.to.unwrap_or(last).min(last));
        let span = last.duration_since(first);
        let interval = policy.interval.max(SignedDuration::from_millis(1));
        let round = interval.max(policy.step);
        let too_many = parts(span, round) > setting.rounds_max;
        let shortest = if too_many { share(span, setting.rounds_max) } else { share(span, LOOKS_MAX) };
        (first <= last).then_some(Self { first, last, stride: interval.max(shortest) })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Timestamp> + '_ {
        let next = |at: &Timestamp| at.checked_add(self.stride).ok().filter(|at| *at <= self.last);
        std::iter::successors(Some(self.first), next)
    }

    pub(super) fn count(&self) -> usize {
        1 + parts(self.last.duration_since(self.first), self.stride)
    }
}

/// How many whole strides are in a span.
fn parts(span: SignedDuration, stride: SignedDuration) -> usize {
    usize::try_from(span.as_millis() / stride.as_millis().max(1)).unwrap_or(usize::MAX)
}

fn share(span: SignedDuration, parts: usize) -> SignedDuration {
    span / i32::try_from(parts.max(1)).unwrap_or(i32::MAX)
}

/// Steps above this length hold means, as the daemon takes them; up to it a scrape is a step.
const SCRAPE: SignedDuration = SignedDuration::from_secs(15);

/// What was known of the signals at one time.
pub(super) struct Seen<'a> {
    signals: BTreeMap<&'a str, Known<'a>>,
    expected: Arc<Expected>,
}

/// What was known of one signal.
pub(super) struct Known<'a> {
    pub(super) spec: &'a SignalSpec,
    pub(super) history: History,
    /// Values of steps with the times at which they were known.
    steps: Vec<(Timestamp, Sample)>,
    steps_taken: usize,
    samples: &'a [Sample],
    samples_taken: usize,
    foresight: Foresight,
}

impl<'a> Known<'a> {
    fn new(recorded: &'a Recorded, policy: &Policy) -> Self {
        Self {
            spec: &recorded.spec,
            history: History::new(policy.step, policy.history),
            steps: steps(&recorded.samples, policy.step),
            steps_taken: 0,
            samples: &recorded.samples,
            samples_taken: 0,
            foresight: Foresight::default(),
        }
    }

    /// Takes what was known at a time. Answers whether there was anything new.
    fn advance(&mut self, to: Timestamp) -> bool {
        let new = self.steps.iter().skip(self.steps_taken).take_while(|(known, _)| *known <= to);
        let steps = new.map(|(known, sample)| self.history.push(*sample, *known)).count();
        self.steps_taken += steps;
        let samples = self.samples.iter().skip(self.samples_taken).take_while(|sample| sample.at <= to).count();
        self.samples_taken += samples;
        steps + samples > 0
    }

    /// The newest sample, where it is newer than the history.
    fn live(&self) -> Option<f64> {
        let newest = self.samples.get(self.samples_taken.checked_sub(1)?)?;
        let known = self.steps_taken.checked_sub(1).and_then(|last| self.steps.get(last)).map(|(known, _)| *known);
        known.is_none_or(|known| newest.at > known).then_some(newest.value)
    }

    /// The newest value.
    pub(super) fn value(&self) -> Option<f64> {
        self.live().or(self.history.newest_value())
    }
}

impl<'a> Seen<'a> {
    pub(super) fn new(policy: &Policy, signals: &'a BTreeMap<String, Recorded>, expected: &Arc<Expected>) -> Self {
        let signals = signals.iter().map(|(name, it)| (name.as_str(), Known::new(it, policy))).collect();
        Self { signals, expected: Arc::clone(expected) }
    }

    /// Takes what was known at a time. Answers whether there was anything new.
    pub(super) fn advance(&mut self, to: Timestamp) -> bool {
        // Counted, as each signal must go on whether or not another one has something new.
        self.signals.values_mut().filter_map(|known| known.advance(to).then_some(())).count() > 0
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a str, &Known<'a>)> {
        self.signals.iter().map(|(name, known)| (*name, known))
    }

    /// Forecasts, warns and scores, as a cycle of the daemon does.
    pub(super) fn scored(&mut self, policy: &Policy, at: Timestamp, zone: &TimeZone) -> Option<Scored> {
        for (name, known) in &mut self.signals {
            let Known { spec, history, foresight, .. } = known;
            foresight.look((name, spec), history, &policy.horizons, &self.expected, Reading::Past, at);
        }
        let views: Vec<SignalView<'_>> =
            self.iter().map(|(name, it)| it.foresight.view(name, it.spec, &it.history, it.live())).collect();
        let score = score_group(&views, &policy.horizons, at, zone);
        let (shortest, longest) = (score.horizons.first()?.lower, score.horizons.last()?.lower);
        let deciding = score.parts.iter().max_by(|one, other| one.lower.total_cmp(&other.lower));
        let reason = deciding.map_or("", |part| part.reason.as_str()).into();
        Some(Scored { longest, shortest, confidence: score.confidence, reason })
    }
}

/// One value for each step with samples, and when it was known: at the step's end. A sample belongs to the step that
/// ends with it or after it. Where steps are longer than a scrape, the value is the mean and stands at the step's
/// beginning; else it is the newest one and stands at its end.
fn steps(samples: &[Sample], step: SignedDuration) -> Vec<(Timestamp, Sample)> {
    let step_ms = i64::try_from(step.as_millis()).unwrap_or(i64::MAX).max(1);
    let end = |sample: &Sample| sample.at.as_millisecond().saturating_add(step_ms - 1).div_euclid(step_ms) * step_ms;
    let value = |samples: &[Sample]| {
        let known = Timestamp::from_millisecond(end(samples.first()?)).ok()?;
        if step <= SCRAPE {
            return Some((known, Sample { at: known, value: samples.last()?.value }));
        }
        let mean = samples.iter().map(|sample| sample.value).sum::<f64>() / samples.len() as f64;
        Some((known, Sample { at: known.checked_sub(step).ok()?, value: mean }))
    };
    samples.chunk_by(|one, other| end(one) == end(other)).filter_map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PolicySpec;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Second at which a value is known, the second that it stands at, and the value.
    fn known(step: i64) -> Vec<(i64, i64, f64)> {
        let samples = [(0, 1.0), (15, 2.0), (60, 3.0), (61, 4.0), (200, 5.0)];
        let samples = samples.map(|(second, value)| Sample { at: at(second), value });
        let steps = steps(&samples, SignedDuration::from_secs(step));
        steps.iter().map(|(known, it)| (known.as_second(), it.at.as_second(), it.value)).collect()
    }

    #[test]
    fn a_step_is_known_at_its_end_and_has_the_mean() {
        assert_eq!(known(60), [(0, -60, 1.0), (60, 0, 2.5), (120, 60, 4.0), (240, 180, 5.0)]);
        assert_eq!(known(10), [(0, 0, 1.0), (20, 20, 2.0), (60, 60, 3.0), (70, 70, 4.0), (200, 200, 5.0)]);
    }

    #[test]
    fn within_a_step_the_newest_sample_is_the_value() {
        let policy = PolicySpec::named("p").check().unwrap();
        let samples = (0..20).map(|minute| Sample { at: at(60 * minute), value: minute as f64 }).collect();
        let spec = serde_json::json!({"query": "m", "limit": 2.0, "unit": "count"});
        let recorded = Recorded { spec: serde_json::from_value(spec).unwrap(), samples };
        let mut known = Known::new(&recorded, &policy);
        assert!(known.advance(at(600)) && !known.advance(at(630)));
        assert_eq!((known.live(), known.value()), (None, Some(8.0)), "the mean of 6 to 10 is the newest");
        assert!(known.advance(at(720)));
        assert_eq!((known.live(), known.history.newest_value()), (Some(12.0), Some(8.0)));
    }

    /// First and last look and their distance, in minutes, in a day of five-minute samples.
    fn minutes(rounds_max: usize, from: Option<i64>, to: Option<i64>) -> Option<(i64, i64, f64, usize)> {
        let policy = PolicySpec::named("p").check().unwrap();
        let samples = (0..288).map(|step| Sample { at: at(300 * step), value: 1.0 }).collect();
        let spec = serde_json::json!({"query": "m", "limit": 2.0, "unit": "count"});
        let recorded = Recorded { spec: serde_json::from_value(spec).unwrap(), samples };
        let minute = |minute: i64| at(60 * minute);
        let setting = Setting {
            hourly_cost: 0.0,
            rounds_max,
            from: from.map(minute),
            to: to.map(minute),
            zone: TimeZone::UTC,
            expected: Arc::default(),
        };
        let looks = Looks::new(&policy, &[("m".to_owned(), recorded)].into(), &setting)?;
        assert_eq!(looks.iter().count(), looks.count());
        Some((
            looks.first.as_second() / 60,
            looks.last.as_second() / 60,
            looks.stride.as_secs_f64() / 60.0,
            looks.count(),
        ))
    }

    #[test]
    fn looks_are_as_frequent_as_the_policy_wants_and_the_bound_allows() {
        assert_eq!(minutes(1_000, None, None), Some((200, 1_435, 1.0, 1_236)));
        assert_eq!(minutes(100, None, None), Some((200, 1_435, 12.35, 101)));
        assert_eq!(minutes(1_000, Some(600), Some(700)), Some((600, 700, 1.0, 101)));
        assert_eq!(minutes(1_000, Some(0), Some(9_999)), Some((200, 1_435, 1.0, 1_236)), "never before a forecast");
        assert_eq!(minutes(1_000, Some(700), Some(600)), None);
        assert_eq!(minutes(1_000, None, Some(100)), None);
    }
}
