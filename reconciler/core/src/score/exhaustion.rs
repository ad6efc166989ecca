//! When something that is used up bit by bit will be at its limit: a leak, a disk that fills. Looks at hours (what is
//! above yesterday's level of the same hour) and at days (the median of each), and believes only a growth that nearly
//! all of them agree on. Never takes the rise of every morning for a leak.

use crate::history::History;
use crate::model::signal::{Direction, SignalSpec};
use jiff::SignedDuration;

/// Blocks that are compared: eight pairs up to 28, of which all but two must agree, which chance does in
/// one of four hundred times.
const BLOCKS: usize = 8;

/// Pairs that may disagree.
const DISAGREEING_MAX: usize = 2;

/// Fewest values in a block.
const PRESENT_MIN: usize = 3;

/// Longest block: whole days have no time of day in them.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A growth that goes on until the limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Exhaustion {
    /// Time until the limit is reached, at the usual rate.
    pub(super) reached_in: SignedDuration,
    /// The same at the slowest and at the fastest rate that the past allows.
    pub(super) latest: Option<SignedDuration>,
    pub(super) earliest: SignedDuration,
    /// By how much it grows in a second, in the signal's unit; negative for a lower limit.
    pub(super) per_second: f64,
    /// For how long it has grown.
    pub(super) lasting: SignedDuration,
}

/// What grows towards a limit: measured once an hour, up to the last whole one since the epoch, since it takes longer
/// than all else that is done for a sample. So it follows from the history alone.
#[derive(Debug, Clone)]
pub(super) struct Growths {
    /// Number of the step at which that hour ends, and the direction of the limit.
    measured: (i64, Direction),
    by_hours: Option<Growth>,
    by_days: Option<Growth>,
}

impl Growths {
    /// Those of the last hour, if `known` are not; `None` where too little is known.
    pub(super) fn up_to_date(known: Option<Self>, direction: Direction, history: &History) -> Option<Self> {
        let day = usize::try_from(DAY.as_millis() / history.step().as_millis().max(1)).ok()?;
        let (first, values) = history.steps();
        if day < BLOCKS || values.len() < 2 * day {
            return None;
        }
        let (hour, length) = (i64::try_from(day / 24).ok()?.max(1), i64::try_from(values.len()).ok()?);
        // The newest step is still being measured.
        let end = (first + length - 1).div_euclid(hour) * hour;
        let measured = (end, direction);
        if let Some(known) = known.filter(|known| known.measured == measured) {
            return Some(known);
        }
        let past = values.get(..usize::try_from(end - first).ok()?)?;
        let recent = past.get(past.len().saturating_sub(BLOCKS * day)..)?;
        let rising: Vec<f64> = recent.iter().map(|value| f64::from(direction.sign() * value)).collect();
        let by_hours = Growth::of(&above_yesterday(&rising, day), (day / 24).max(PRESENT_MIN));
        Some(Self { measured, by_hours, by_days: Growth::of(&rising, day) })
    }

    /// The exhaustion that comes first, if there is one.
    pub(super) fn exhaustion(&self, spec: &SignalSpec, history: &History) -> Option<Exhaustion> {
        let sign = f64::from(spec.direction.sign());
        let left = sign * spec.limit - sign * history.newest_value()?;
        let found = [self.by_hours, self.by_days].into_iter().flatten();
        let timed = found.filter_map(|growth| growth.until(left, sign, history.step()));
        timed.min_by_key(|exhaustion| exhaustion.reached_in)
    }
}

/// What each value of the last day is above the one a day before.
fn above_yesterday(rising: &[f64], day: usize) -> Vec<f64> {
    let before = rising.len().saturating_sub(2 * day);
    let yesterday = rising.iter().skip(before);
    rising.iter().skip(before + day).zip(yesterday).map(|(now, then)| now - then).collect()
}

/// A rate, in the signal's unit for each step.
#[derive(Debug, Clone, Copy)]
struct Growth {
    slow: f64,
    usual: f64,
    fast: f64,
    steps: usize,
}

impl Growth {
    /// From the medians of the last blocks of `length`; `None` unless nearly all grow.
    fn of(values: &[f64], length: usize) -> Option<Self> {
        let recent = values.get(values.len().checked_sub(length * BLOCKS)?..)?;
        let blocks = recent.chunks_exact(length).map(middle).collect::<Option<Vec<f64>>>()?;
        let pairs = (0..blocks.len()).flat_map(|later| (0..later).map(move |earlier| (earlier, later)));
        let slope = |(earlier, later): (usize, usize)| {
            Some((blocks.get(later)? - blocks.get(earlier)?) / ((later - earlier) * length) as f64)
        };
        let mut slopes: Vec<f64> = pairs.filter_map(slope).collect();
        slopes.sort_by(f64::total_cmp);
        let growing = slopes.iter().filter(|slope| **slope > 0.0).count();
        let at = |share: usize| slopes.get(slopes.len() * share / 10).copied();
        let growth = Self { slow: at(1)?, usual: at(5)?, fast: at(9)?, steps: recent.len() };
        (growing + DISAGREEING_MAX >= slopes.len() && growth.usual > 0.0).then_some(growth)
    }

    fn until(self, left: f64, sign: f64, step: SignedDuration) -> Option<Exhaustion> {
        let time = |rate: f64| {
            let seconds = left / rate * step.as_secs_f64();
            (rate > 0.0 && seconds >= 0.0).then(|| SignedDuration::try_from_secs_f64(seconds).ok())?
        };
        Some(Exhaustion {
            reached_in: time(self.usual)?,
            latest: time(self.slow),
            earliest: time(self.fast)?,
            per_second: sign * self.usual / step.as_secs_f64(),
            lasting: step.saturating_mul(i32::try_from(self.steps).ok()?),
        })
    }
}

/// The median of what is there, which single peaks do not move; `None` where too little is.
fn middle(block: &[f64]) -> Option<f64> {
    let mut present: Vec<f64> = block.iter().copied().filter(|value| !value.is_nan()).collect();
    let middle = present.len() / 2;
    (present.len() >= PRESENT_MIN).then(|| *present.select_nth_unstable_by(middle, f64::total_cmp).1)
}

impl Exhaustion {
    /// The probability that the limit is reached within a horizon: a tenth at the fastest rate, half at the usual one,
    /// nine tenths at the slowest, and in between by the logarithm of the time.
    pub(super) fn probability(&self, horizon: SignedDuration) -> f64 {
        let ahead = horizon.as_secs_f64().max(1.0).ln();
        let log = |time: SignedDuration| time.as_secs_f64().max(1.0).ln();
        let (early, usual) = (log(self.earliest), log(self.reached_in));
        let late = self.latest.map_or(2.0 * usual - early, log);
        let side = if ahead < usual { usual - early } else { late - usual };
        let distance = (ahead - usual) / side.max(LEAST_SPREAD);
        0.5 + 0.5 * (distance * TENTHS).tanh()
    }
}

/// Least spread of the logarithm of the time: nothing is known to better than a tenth.
const LEAST_SPREAD: f64 = 0.1;

/// Makes a hyperbolic tangent reach 0.8, and so the probability 0.9, where the distance is one.
const TENTHS: f64 = 1.0986;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Sample;
    use jiff::Timestamp;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    fn spec(limit: f64, direction: Direction) -> SignalSpec {
        let spec = serde_json::json!({"query": "x{i=\"$instance\"}", "limit": limit, "unit": "bytes"});
        SignalSpec { direction, ..serde_json::from_value(spec).unwrap() }
    }

    /// Hours of five-minute values.
    fn history(hours: i64, value: impl Fn(f64) -> f64) -> History {
        let mut history = History::new(SignedDuration::from_mins(5), HOUR * (28 * 24));
        for index in 0..hours * 12 {
            let at = Timestamp::from_second(300 * index).unwrap();
            let jitter = f64::from(i32::try_from(index * 7919 % 13).unwrap()) / 13.0;
            history.push(Sample { at, value: value(index as f64 / 12.0) + jitter }, at);
        }
        history
    }

    fn exhaustion(spec: &SignalSpec, history: &History) -> Option<Exhaustion> {
        Growths::up_to_date(None, spec.direction, history)?.exhaustion(spec, history)
    }

    /// From 20 at night to 60 at noon.
    fn daily(hour: f64) -> f64 {
        40.0 - 20.0 * (hour / 24.0 * std::f64::consts::TAU).cos()
    }

    #[test]
    fn a_leak_of_today_is_timed_in_spite_of_the_day() {
        let leaking = history(4 * 24 + 20, |hour| daily(hour) + (hour - 4.0 * 24.0 - 10.0).max(0.0) * 4.0);
        let now = leaking.newest_value().unwrap();
        let found = exhaustion(&spec(now + 12.0, Direction::Above), &leaking).unwrap();
        let hours = found.reached_in.as_secs_f64() / 3600.0;
        assert!((2.4..3.6).contains(&hours), "{hours} h");
        assert!((found.per_second * 3600.0 - 4.0).abs() < 0.5 && found.lasting >= HOUR * 8);
        assert!(found.probability(HOUR) < 0.1 && found.probability(HOUR * 6) > 0.9, "{found:?}");
    }

    #[test]
    fn a_disk_that_fills_over_weeks_is_timed_by_days() {
        let filling = history(14 * 24, |hour| 2.0 * daily(hour) + hour / 2.4);
        let found = exhaustion(&spec(filling.newest_value().unwrap() + 30.0, Direction::Above), &filling).unwrap();
        let days = found.reached_in.as_secs_f64() / 86_400.0;
        assert!((2.5..3.5).contains(&days), "{days} d");
    }

    #[test]
    fn what_falls_towards_a_lower_limit_is_used_up_as_well() {
        let shrinking = history(12 * 24, |hour| 1000.0 - hour);
        let found = exhaustion(&spec(600.0, Direction::Below), &shrinking).unwrap();
        assert!((found.reached_in.as_secs_f64() / 3600.0 - 112.0).abs() < 6.0, "{found:?}");
        assert!(found.per_second < 0.0);
    }

    #[test]
    fn mornings_noise_and_short_pasts_are_no_leak() {
        let limit = spec(1_000.0, Direction::Above);
        for hours in [5 * 24 + 8, 5 * 24 + 12, 9 * 24 + 17] {
            assert_eq!(exhaustion(&limit, &history(hours, daily)), None, "{hours} h of days");
            assert_eq!(exhaustion(&limit, &history(hours, |_| 40.0)), None, "{hours} h of noise");
        }
        assert_eq!(exhaustion(&limit, &history(40, |hour| hour)), None, "less than two days");
    }
}
