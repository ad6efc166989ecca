//! When a recording is looked at, what was known of it then, and what the score said.

use super::{Recorded, Setting};
use crate::forecast::{Forecast, NotReady, SAMPLES_MIN, forecast};
use crate::history::{History, Sample};
use crate::model::Policy;
use crate::model::group::SignalSpec;
use crate::score::{SignalForecast, score};
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

/// What was known of the signals at one time.
pub(super) struct Seen<'a> {
    signals: BTreeMap<&'a str, Known<'a>>,
}

struct Known<'a> {
    spec: &'a SignalSpec,
    /// One sample per step, in the order of time.
    samples: Vec<Sample>,
    taken: usize,
    history: History,
}

impl<'a> Seen<'a> {
    pub(super) fn new(policy: &Policy, signals: &'a BTreeMap<String, Recorded>) -> Self {
        let known = |recorded: &'a Recorded| Known {
            spec: &recorded.spec,
            samples: at_steps(&recorded.samples, policy.step),
            taken: 0,
            history: History::new(policy.step, policy.history),
        };
        Self { signals: signals.iter().map(|(name, it)| (name.as_str(), known(it))).collect() }
    }

    /// Takes what was measured up to a time. Answers whether there was anything.
    pub(super) fn advance(&mut self, to: Timestamp) -> bool {
        let mut any = false;
        for Known { samples, taken, history, .. } in self.signals.values_mut() {
            let new = samples.iter().skip(*taken).take_while(|sample| sample.at <= to);
            let count = new.map(|sample| history.push(*sample, to)).count();
            *taken += count;
            any |= count > 0;
        }
        any
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a str, &'a SignalSpec, &History)> {
        self.signals.iter().map(|(name, known)| (*name, known.spec, &known.history))
    }
}

/// The newest sample at each whole step, as a range query answers: what is recorded more finely than
/// the policy's step is not seen more finely.
fn at_steps(samples: &[Sample], step: SignedDuration) -> Vec<Sample> {
    let step_ms = i64::try_from(step.as_millis()).unwrap_or(i64::MAX).max(1);
    let step_end = |at: Timestamp| at.as_millisecond().saturating_add(step_ms - 1).div_euclid(step_ms) * step_ms;
    let mut coarse: Vec<Sample> = Vec::new();
    for sample in samples {
        let Ok(at) = Timestamp::from_millisecond(step_end(sample.at)) else { continue };
        match coarse.last_mut() {
            Some(last) if last.at == at => last.value = sample.value,
            _ => coarse.push(Sample { at, value: sample.value }),
        }
    }
    coarse
}

/// Forecasts and scores what was seen.
pub(super) fn scored(policy: &Policy, seen: &Seen<'_>, at: Timestamp) -> Option<Scored> {
    let forecasts: Vec<(&str, &SignalSpec, Result<Forecast, NotReady>)> =
        seen.iter().map(|(name, spec, history)| (name, spec, forecast(history, &policy.horizons, at))).collect();
    let signals: Vec<SignalForecast<'_>> = forecasts
        .iter()
        .map(|(name, spec, forecast)| SignalForecast { name, spec, forecast: forecast.as_ref() })
        .collect();
    let score = score(&signals, &policy.horizons, at);
    let (shortest, longest) = (score.horizons.first()?.lower, score.horizons.last()?.lower);
    let deciding = score.parts.iter().max_by(|one, other| one.lower.total_cmp(&other.lower));
    let reason = deciding.map_or("", |part| part.reason.as_str()).into();
    Some(Scored { longest, shortest, confidence: score.confidence, reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PolicySpec;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn of_fine_samples_the_newest_at_each_step_is_seen() {
        let samples = [(0, 1.0), (15, 2.0), (60, 3.0), (61, 4.0), (200, 5.0)];
        let samples = samples.map(|(second, value)| Sample { at: at(second), value });
        let seen = at_steps(&samples, SignedDuration::from_mins(1));
        let seen: Vec<(i64, f64)> = seen.iter().map(|it| (it.at.as_second(), it.value)).collect();
        assert_eq!(seen, [(0, 1.0), (60, 3.0), (120, 4.0), (240, 5.0)]);
    }

    /// First and last look and their distance, in minutes, in a day of five-minute samples.
    fn minutes(rounds_max: usize, from: Option<i64>, to: Option<i64>) -> Option<(i64, i64, f64, usize)> {
        let policy = PolicySpec::named("p").check().unwrap();
        let samples = (0..288).map(|step| Sample { at: at(300 * step), value: 1.0 }).collect();
        let spec = serde_json::json!({"query": "m", "limit": 2.0, "unit": "count"});
        let recorded = Recorded { spec: serde_json::from_value(spec).unwrap(), samples };
        let minute = |minute: i64| at(60 * minute);
        let setting = Setting { hourly_cost: 0.0, rounds_max, from: from.map(minute), to: to.map(minute) };
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
