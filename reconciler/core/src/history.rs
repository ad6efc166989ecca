//! What was measured of one signal: a window of samples at a fixed step, with its gaps.
//!
//! Never invents a sample: a step without one stays a gap, however it is read. Never reads a
//! clock, so that what counts as the future or as stale is the caller's `now`.

use crate::model::policy::HISTORY_SAMPLES_MAX;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// One measured value and when it was measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Sample {
    /// When it was measured, by the clock of the source.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// In the signal's unit.
    pub value: f64,
}

/// What became of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It is in the window.
    Taken,
    /// Not finite, or beyond [`VALUE_MAX`]: its step keeps what it had.
    NotANumber,
    /// From before the window.
    TooOld,
    /// From after `now`: a clock is wrong, here or at the source. See [`History::skew`].
    FromTheFuture {
        /// How far after `now`.
        ahead: SignedDuration,
    },
}

/// Largest magnitude taken as a measurement: above any real one, and far enough from the end of
/// `f64` that the sums of squares over a whole window stay finite.
pub const VALUE_MAX: f64 = 1e100;

/// Equal values in a row, of every signal of an instance at once, that make a source suspect: real
/// measurements jitter, and an exporter that hangs or answers zeros does not.
pub const FROZEN_SAMPLES: usize = 10;

/// Shortest step: times are kept in whole milliseconds.
const STEP_MIN: SignedDuration = SignedDuration::from_millis(1);

/// The newest samples of one signal, at most one per step.
///
/// Steps are counted from the Unix epoch, so that a history restored elsewhere has the same ones.
/// Of several samples in one step the one pushed last counts: pulling a range twice changes nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Snapshot", into = "Snapshot")]
pub struct History {
    step: SignedDuration,
    capacity: usize,
    /// Number of the step of the first value.
    first_step: i64,
    /// One per step up to that of the newest sample; NaN marks a gap. The last one is never a gap.
    values: Vec<f64>,
    newest_at: Option<Timestamp>,
    skew: Option<SignedDuration>,
}

impl History {
    /// An empty window of `length` at one sample per `step`. The step is at least a millisecond,
    /// and the window at most [`HISTORY_SAMPLES_MAX`] steps; a checked policy keeps to both.
    pub fn new(step: SignedDuration, length: SignedDuration) -> Self {
        let step = step.max(STEP_MIN);
        let steps = length.as_millis() / step.as_millis();
        let capacity = usize::try_from(steps.clamp(1, i128::from(HISTORY_SAMPLES_MAX))).unwrap_or(1);
        Self { step, capacity, first_step: 0, values: Vec::new(), newest_at: None, skew: None }
    }

    /// Takes a sample, in any order. One that is more than a step ahead of `now` is refused and
    /// noted as clock skew; less than that is ordinary disagreement of two clocks.
    pub fn push(&mut self, sample: Sample, now: Timestamp) -> Pushed {
        if sample.value.is_nan() || sample.value.abs() > VALUE_MAX {
            return Pushed::NotANumber;
        }
        let ahead = sample.at.duration_since(now);
        if ahead > self.step {
            self.skew = Some(ahead);
            return Pushed::FromTheFuture { ahead };
        }
        let step = self.step_of(sample.at);
        let newest_step = self.newest_at.map_or(step, |at| self.step_of(at).max(step));
        if step <= newest_step - self.capacity_steps() {
            return Pushed::TooOld;
        }
        self.place(step, sample.value);
        self.newest_at = self.newest_at.max(Some(sample.at));
        self.skew = None;
        Pushed::Taken
    }

    /// Puts a value into its step, making room on either side of what is there.
    fn place(&mut self, step: i64, value: f64) {
        let beyond = step - self.next_step();
        if self.values.is_empty() || beyond >= self.capacity_steps() {
            self.values = vec![value];
            self.first_step = step;
            return;
        }
        if step < self.first_step {
            let missing = usize::try_from(self.first_step - step).unwrap_or(0);
            self.values.splice(0..0, std::iter::repeat_n(f64::NAN, missing));
            self.first_step = step;
        }
        let position = usize::try_from(step - self.first_step).unwrap_or(0);
        if position >= self.values.len() {
            self.values.resize(position + 1, f64::NAN);
        }
        if let Some(slot) = self.values.get_mut(position) {
            *slot = value;
        }
        self.trim();
    }

    fn trim(&mut self) {
        let excess = self.values.len().saturating_sub(self.capacity);
        self.values.drain(..excess);
        self.first_step += count_as_i64(excess);
    }

    fn step_of(&self, at: Timestamp) -> i64 {
        at.as_millisecond().div_euclid(self.step_ms())
    }

    fn step_ms(&self) -> i64 {
        i64::try_from(self.step.as_millis()).unwrap_or(i64::MAX)
    }

    fn capacity_steps(&self) -> i64 {
        count_as_i64(self.capacity)
    }

    fn next_step(&self) -> i64 {
        self.first_step + count_as_i64(self.values.len())
    }

    fn start_of(&self, step: i64) -> Option<Timestamp> {
        Timestamp::from_millisecond(step.checked_mul(self.step_ms())?).ok()
    }

    /// Distance of two samples.
    pub fn step(&self) -> SignedDuration {
        self.step
    }

    /// Steps that fit into the window.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Time of the newest sample.
    pub fn newest(&self) -> Option<Timestamp> {
        self.newest_at
    }

    /// The newest value.
    pub fn newest_value(&self) -> Option<f64> {
        self.values.last().copied()
    }

    /// Start of the first step after the newest sample: where an incremental pull goes on. `None`
    /// asks for the whole window.
    pub fn next_needed(&self) -> Option<Timestamp> {
        self.newest_at.and_then(|_| self.start_of(self.next_step()))
    }

    /// How old the newest sample is; zero when it is ahead of `now`.
    pub fn age(&self, now: Timestamp) -> Option<SignedDuration> {
        self.newest_at.map(|at| now.duration_since(at).max(SignedDuration::ZERO))
    }

    /// Whether the newest sample is older than `limit`, or there is none.
    pub fn is_stale(&self, now: Timestamp, limit: SignedDuration) -> bool {
        self.age(now).is_none_or(|age| age > limit)
    }

    /// How far ahead of `now` the last refused sample was, until the next one is taken.
    pub fn skew(&self) -> Option<SignedDuration> {
        self.skew
    }

    /// How many samples at the end are equal to the bit; gaps are passed over. A long run may be a
    /// frozen exporter or a quiet signal: the caller knows which.
    pub fn frozen_samples(&self) -> usize {
        let mut present = self.values.iter().rev().filter(|value| !value.is_nan()).map(|value| value.to_bits());
        let Some(newest) = present.next() else { return 0 };
        1 + present.take_while(|bits| *bits == newest).count()
    }

    /// Samples in the window, gaps not counted.
    pub fn present(&self) -> usize {
        self.values.iter().filter(|value| !value.is_nan()).count()
    }

    /// Every step from the oldest to the newest sample, with its start and its value if it has one.
    pub fn iter(&self) -> impl Iterator<Item = (Timestamp, Option<f64>)> + '_ {
        (self.first_step..)
            .zip(&self.values)
            .filter_map(|(step, value)| Some((self.start_of(step)?, (!value.is_nan()).then_some(*value))))
    }

    /// The values as models read them: one per step, NaN for a gap, the last one never a gap.
    pub(crate) fn values(&self) -> &[f64] {
        &self.values
    }
}

/// A count that is bounded by [`HISTORY_SAMPLES_MAX`].
fn count_as_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(HISTORY_SAMPLES_MAX)
}

/// A history as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Snapshot {
    step_ms: i64,
    capacity: usize,
    first_step: i64,
    newest_at: Option<Timestamp>,
    values: Vec<Option<f64>>,
}

impl From<History> for Snapshot {
    fn from(history: History) -> Self {
        Self {
            step_ms: history.step_ms(),
            capacity: history.capacity,
            first_step: history.first_step,
            newest_at: history.newest_at,
            values: history.values.iter().map(|value| (!value.is_nan()).then_some(*value)).collect(),
        }
    }
}

/// A stored history that contradicts itself; pulling the window again replaces it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stored history is corrupt: {0}; delete it and it is pulled again")]
pub struct CorruptHistory(&'static str);

impl TryFrom<Snapshot> for History {
    type Error = CorruptHistory;

    fn try_from(stored: Snapshot) -> Result<Self, CorruptHistory> {
        let values: Vec<f64> = stored.values.iter().map(|value| value.unwrap_or(f64::NAN)).collect();
        let capacity_max = usize::try_from(HISTORY_SAMPLES_MAX).unwrap_or(usize::MAX);
        let is_measurable = |value: &f64| value.is_nan() || value.abs() <= VALUE_MAX;
        let history = Self {
            step: SignedDuration::from_millis(stored.step_ms),
            capacity: stored.capacity,
            first_step: stored.first_step,
            values,
            newest_at: stored.newest_at,
            skew: None,
        };
        let newest_step = |at: Timestamp| history.step_of(at).checked_sub(stored.first_step);
        let is_last = |steps: i64| steps.checked_add(1) == Some(count_as_i64(history.values.len()));
        let problem = match stored.newest_at {
            _ if stored.step_ms < 1 => "step_ms is not positive",
            _ if !(1..=capacity_max).contains(&stored.capacity) => "capacity is out of range",
            _ if history.values.len() > stored.capacity => "there are more values than fit",
            _ if !history.values.iter().all(is_measurable) => "a value is no measurement",
            _ if history.values.last().is_some_and(|value| value.is_nan()) => "the newest value is missing",
            None if !history.values.is_empty() => "newest_at is missing",
            Some(at) if !newest_step(at).is_some_and(is_last) => "newest_at is not in the last step",
            _ => return Ok(history),
        };
        Err(CorruptHistory(problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn seconds(n: i64) -> SignedDuration {
        SignedDuration::from_secs(n)
    }

    fn push(history: &mut History, second: i64, value: f64) -> Pushed {
        history.push(Sample { at: at(second), value }, at(NOW))
    }

    /// A window of five steps of ten seconds.
    fn history(samples: &[(i64, f64)]) -> History {
        let mut history = History::new(seconds(10), seconds(50));
        for (second, value) in samples {
            push(&mut history, *second, *value);
        }
        history
    }

    fn steps(history: &History) -> Vec<(i64, Option<f64>)> {
        history.iter().map(|(at, value)| (at.as_second(), value)).collect()
    }

    #[test]
    fn samples_fall_into_steps_and_gaps_stay_gaps() {
        let ordered = history(&[(105, 1.0), (132, 2.0)]);
        assert_eq!(steps(&ordered), [(100, Some(1.0)), (110, None), (120, None), (130, Some(2.0))]);
        assert_eq!(steps(&ordered), steps(&history(&[(132, 2.0), (105, 1.0)])), "the order does not matter");
        assert_eq!((ordered.newest(), ordered.next_needed()), (Some(at(132)), Some(at(140))));
        assert_eq!(ordered.present(), 2);
    }

    #[test]
    fn of_two_samples_in_a_step_the_one_pushed_last_counts() {
        assert_eq!(steps(&history(&[(108, 1.0), (101, 2.0)])), [(100, Some(2.0))]);
        assert_eq!(history(&[(108, 1.0), (101, 2.0)]).newest(), Some(at(108)));
    }

    #[test]
    fn the_window_moves_and_what_is_before_it_is_refused() {
        let mut moved = history(&[(100, 1.0), (140, 2.0), (150, 3.0)]);
        assert_eq!(steps(&moved).first(), Some(&(110, None)));
        assert_eq!(push(&mut moved, 109, 9.0), Pushed::TooOld);
        assert_eq!(push(&mut moved, 110, 9.0), Pushed::Taken);
        assert_eq!(steps(&moved).first(), Some(&(110, Some(9.0))));
        push(&mut moved, 5_000, 4.0);
        assert_eq!(steps(&moved), [(5_000, Some(4.0))], "after a long gap nothing of the old window is left");
    }

    #[test]
    fn what_is_no_measurement_is_ignored() {
        let mut history = history(&[(100, 1.0)]);
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e101] {
            assert_eq!(push(&mut history, 110, value), Pushed::NotANumber);
        }
        assert_eq!(history.newest(), Some(at(100)));
    }

    #[test]
    fn samples_from_the_future_are_noted_as_skew_until_one_is_taken() {
        let mut history = history(&[]);
        assert_eq!(push(&mut history, NOW + 60, 1.0), Pushed::FromTheFuture { ahead: seconds(60) });
        assert_eq!((history.newest(), history.skew()), (None, Some(seconds(60))));
        assert_eq!(push(&mut history, NOW + 5, 1.0), Pushed::Taken);
        assert_eq!((history.skew(), history.age(at(NOW))), (None, Some(SignedDuration::ZERO)));
    }

    #[test]
    fn age_staleness_and_frozen_runs() {
        let fresh = history(&[(100, 1.0), (110, 2.0), (130, 2.0), (140, 2.0)]);
        assert_eq!(fresh.age(at(160)), Some(seconds(20)));
        assert!(!fresh.is_stale(at(160), seconds(20)) && fresh.is_stale(at(161), seconds(20)));
        assert_eq!(fresh.frozen_samples(), 3);
        let empty = history(&[]);
        assert!(empty.is_stale(at(0), seconds(1_000)));
        assert_eq!((empty.next_needed(), empty.frozen_samples()), (None, 0));
    }

    #[test]
    fn a_stored_history_is_the_same_to_the_bit() {
        let values = (0..400).map(|i| (f64::from(i) * 0.7).sin() / 3.0);
        let samples: Vec<(i64, f64)> = (1_000..).step_by(20).zip(values).collect();
        let mut long = History::new(seconds(10), seconds(4_000));
        for (second, value) in samples {
            push(&mut long, second, value);
        }
        let text = serde_json::to_string(&long).unwrap();
        let restored: History = serde_json::from_str(&text).unwrap();
        let bits = |history: &History| history.values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&restored), bits(&long));
        assert_eq!((restored.newest(), restored.next_needed()), (long.newest(), long.next_needed()));
    }

    #[test]
    fn a_corrupt_stored_history_is_refused_with_the_reason() {
        let stored = serde_json::to_value(history(&[(100, 1.0), (120, 2.0)])).unwrap();
        let check = |field: &str, value: serde_json::Value, expected: &str| {
            let mut stored = stored.clone();
            stored[field] = value;
            let error = serde_json::from_value::<History>(stored).unwrap_err().to_string();
            assert!(error.contains(expected), "{field}: {error}");
        };
        check("step_ms", 0.into(), "step_ms is not positive");
        check("capacity", 1_000_000.into(), "capacity is out of range");
        check("capacity", 2.into(), "more values than fit");
        check("first_step", i64::MIN.into(), "newest_at is not in the last step");
        check("newest_at", serde_json::Value::Null, "newest_at is missing");
        check("values", serde_json::json!([1.0, null, 1e200]), "no measurement");
        check("values", serde_json::json!([1.0, null, null]), "newest value is missing");
    }
}
