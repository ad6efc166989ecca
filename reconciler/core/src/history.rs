//! What was measured of one signal: a window of means at a fixed step, with its gaps.
//!
//! Never invents a sample: a step without one stays a gap, however it is read. Never reads a
//! clock, so that what counts as the future or as stale is the caller's `now`.

mod open;
mod stored;

pub use stored::CorruptHistory;

use crate::model::policy::HISTORY_SAMPLES_MAX;
use jiff::{SignedDuration, Timestamp};
use open::{Open, step_of};
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
    /// From before the window, or from a step that is closed and has its value.
    TooOld,
    /// From after `now`: a clock is wrong, here or at the source. See [`History::skew`].
    FromTheFuture {
        /// How far after `now`.
        ahead: SignedDuration,
    },
}

/// Largest magnitude taken as a measurement: above any real one, and within what `f32` can hold.
pub const VALUE_MAX: f64 = 1e30;

/// Equal values in a row, of every signal of an instance at once, that make a source suspect: real
/// measurements jitter, and an exporter that hangs or answers zeros does not.
pub const FROZEN_SAMPLES: usize = 10;

/// Shortest step: times are kept in whole milliseconds.
const STEP_MIN: SignedDuration = SignedDuration::from_millis(1);

/// The newest steps of one signal, each with the mean of its samples.
///
/// Steps are counted from the Unix epoch, so that a history restored elsewhere has the same ones.
/// Times are kept in whole milliseconds and means as `f32`, with a relative error below 1e-7: four
/// bytes a step, 32 kB for 28 days of five minutes. The samples of the newest steps are kept as they
/// came, so that neither their order nor a repetition matters; older steps are closed, and a sample
/// for one of them is taken only where there is a gap.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    step: SignedDuration,
    capacity: usize,
    /// Number of the step of the first value.
    first_step: i64,
    /// One per step up to that of the newest sample; NaN marks a gap. The last one is never a gap.
    values: Vec<f32>,
    open: Open,
    newest_at: Option<Timestamp>,
    skew: Option<SignedDuration>,
}

impl History {
    /// An empty window of `length` at one value per `step`. The step is at least a millisecond,
    /// and the window at most [`HISTORY_SAMPLES_MAX`] steps; a checked policy keeps to both.
    pub fn new(step: SignedDuration, length: SignedDuration) -> Self {
        let step = step.max(STEP_MIN);
        let steps = length.as_millis() / step.as_millis();
        let capacity = usize::try_from(steps.clamp(1, i128::from(HISTORY_SAMPLES_MAX))).unwrap_or(1);
        let (values, open) = (Vec::new(), Open::default());
        Self { step, capacity, first_step: 0, values, open, newest_at: None, skew: None }
    }

    /// Whether it is what [`Self::new`] would make for that step and length, but for its values.
    pub fn is_of(&self, step: SignedDuration, length: SignedDuration) -> bool {
        let other = Self::new(step, length);
        (self.step, self.capacity) == (other.step, other.capacity)
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
        let before_window = step <= newest_step - self.capacity_steps();
        if before_window || (self.open.is_closed(step) && self.value(step).is_some()) {
            return Pushed::TooOld;
        }
        let mean = self.open.push((sample.at.as_millisecond(), sample.value), self.step_ms(), newest_step);
        self.place(step, narrow(mean));
        self.newest_at = self.newest_at.max(Timestamp::from_millisecond(sample.at.as_millisecond()).ok());
        self.skew = None;
        Pushed::Taken
    }

    /// Puts a value into its step, making room on either side of what is there.
    fn place(&mut self, step: i64, value: f32) {
        let beyond = step - self.next_step();
        if self.values.is_empty() || beyond >= self.capacity_steps() {
            self.values = vec![value];
            self.first_step = step;
            return;
        }
        if step < self.first_step {
            let missing = usize::try_from(self.first_step - step).unwrap_or(0);
            self.make_room(self.values.len() + missing);
            self.values.splice(0..0, std::iter::repeat_n(f32::NAN, missing));
            self.first_step = step;
        }
        self.forget_before(step - self.capacity_steps() + 1);
        let position = usize::try_from(step - self.first_step).unwrap_or(0);
        if position >= self.values.len() {
            self.make_room(position + 1);
            self.values.resize(position + 1, f32::NAN);
        }
        if let Some(slot) = self.values.get_mut(position) {
            *slot = value;
        }
    }

    fn forget_before(&mut self, step: i64) {
        let excess = usize::try_from(step - self.first_step).unwrap_or(0).min(self.values.len());
        self.values.drain(..excess);
        self.first_step += count_as_i64(excess);
    }

    /// For so many values. Grows by doubling, as vectors do, and no further than the window.
    fn make_room(&mut self, length: usize) {
        if length > self.values.capacity() {
            let room = (2 * length).min(self.capacity).max(length);
            self.values.reserve_exact(room - self.values.len());
        }
    }

    fn step_of(&self, at: Timestamp) -> i64 {
        step_of(at.as_millisecond(), self.step_ms())
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

    /// Distance of two values.
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

    /// The newest value: the mean of what its step has so far.
    pub fn newest_value(&self) -> Option<f64> {
        self.values.last().copied().map(f64::from)
    }

    /// The mean of a step, if it has one.
    fn value(&self, step: i64) -> Option<f32> {
        let position = usize::try_from(step.checked_sub(self.first_step)?).ok()?;
        self.values.get(position).copied().filter(|value| !value.is_nan())
    }

    /// The value of the step that a time is in, if it has one.
    pub fn value_at(&self, at: Timestamp) -> Option<f64> {
        self.value(self.step_of(at)).map(f64::from)
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

    /// Whether there are so many samples in the window, gaps not counted; looks at no more than it needs.
    pub fn has(&self, samples: usize) -> bool {
        let mut present = self.values.iter().rev().filter(|value| !value.is_nan());
        samples == 0 || present.nth(samples - 1).is_some()
    }

    /// Every step from the oldest to the newest sample, with its start and its value if it has one.
    pub fn iter(&self) -> impl Iterator<Item = (Timestamp, Option<f64>)> + '_ {
        self.iter_from(0)
    }

    /// The same of the steps that start in a time, its end not included.
    pub(crate) fn between(
        &self,
        start: Timestamp,
        end: Timestamp,
    ) -> impl Iterator<Item = (Timestamp, Option<f64>)> + '_ {
        let first_from = |at: Timestamp| -(-at.as_millisecond()).div_euclid(self.step_ms());
        let place = |at| usize::try_from(first_from(at) - self.first_step).unwrap_or(0).min(self.values.len());
        let (from, until) = (place(start), place(end));
        self.iter_from(from).take(until.saturating_sub(from))
    }

    /// The same of the steps after the one that a time is in; of all without a time.
    pub(crate) fn after(&self, at: Option<Timestamp>) -> impl Iterator<Item = (Timestamp, Option<f64>)> + '_ {
        let first = at.map_or(self.first_step, |at| self.step_of(at) + 1);
        self.iter_from(usize::try_from(first - self.first_step).unwrap_or(0))
    }

    fn iter_from(&self, place: usize) -> impl Iterator<Item = (Timestamp, Option<f64>)> + '_ {
        (self.first_step + count_as_i64(place)..)
            .zip(self.values.get(place..).unwrap_or_default())
            .filter_map(|(step, value)| Some((self.start_of(step)?, (!value.is_nan()).then_some(f64::from(*value)))))
    }

    /// Steps from the oldest to the newest sample, gaps counted.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The values as models read them: one per step, NaN for a gap, the last one never a gap.
    pub(crate) fn values(&self) -> Vec<f64> {
        self.values.iter().copied().map(f64::from).collect()
    }

    /// Number of the first step, counted from the Unix epoch, and the means from there on.
    pub(crate) fn steps(&self) -> (i64, &[f32]) {
        (self.first_step, &self.values)
    }
}

/// A count that is bounded by [`HISTORY_SAMPLES_MAX`].
fn count_as_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(HISTORY_SAMPLES_MAX)
}

/// A number in single precision, as values are kept: four bytes instead of eight.
pub(crate) fn narrow(value: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "seven digits are more than any sensor has")]
    let narrow = value as f32;
    narrow
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
    fn a_time_holds_the_steps_that_start_in_it() {
        let history = history(&[(105, 1.0), (132, 2.0)]);
        let between =
            |start, end| history.between(at(start), at(end)).map(|(at, _)| at.as_second()).collect::<Vec<_>>();
        assert_eq!(between(100, 130), [100, 110, 120]);
        assert_eq!(between(101, 131), [110, 120, 130]);
        assert_eq!((between(0, 101), between(125, 900)), (vec![100], vec![130]));
        assert!(between(120, 110).is_empty() && between(900, 990).is_empty());
    }

    #[test]
    fn a_full_window_takes_the_memory_of_its_values_alone() {
        let mut history = history(&[]);
        for step in 0..20 {
            push(&mut history, 10 * step, 1.0);
        }
        let mut copy = history.clone();
        push(&mut copy, 200, 2.0);
        assert_eq!((copy.len(), steps(&copy)[0]), (5, (160, Some(1.0))));
        assert_eq!((history.values.capacity(), copy.values.capacity()), (5, 5));
    }

    #[test]
    fn a_step_has_the_mean_of_its_samples() {
        let irregular = history(&[(108, 1.0), (101, 2.0), (109, 6.0), (110, 4.0)]);
        assert_eq!(steps(&irregular), [(100, Some(3.0)), (110, Some(4.0))]);
        assert_eq!(irregular.newest(), Some(at(110)));
        let again = history(&[(101, 9.0), (108, 1.0), (109, 6.0), (110, 4.0), (101, 2.0), (108, 1.0)]);
        assert_eq!(again, irregular, "neither the order nor a repetition matters; of one time the newest word counts");
    }

    #[test]
    fn a_closed_step_keeps_its_value_and_its_gaps_may_be_filled() {
        let mut long = History::new(seconds(10), seconds(1_000));
        for second in [100, 120, 400] {
            push(&mut long, second, 1.0);
        }
        assert_eq!(push(&mut long, 101, 9.0), Pushed::TooOld);
        assert_eq!(push(&mut long, 111, 5.0), Pushed::Taken);
        let first: Vec<_> = steps(&long).into_iter().take(3).collect();
        assert_eq!(first, [(100, Some(1.0)), (110, Some(5.0)), (120, Some(1.0))]);
    }

    #[test]
    fn four_weeks_of_five_minutes_are_small_and_as_precise_as_any_sensor() {
        let mut long = History::new(SignedDuration::from_mins(5), SignedDuration::from_hours(28 * 24));
        let value = |index: i64| 1e9 + f64::from(i32::try_from(index % 977).unwrap()) / 3.0;
        for index in 0..8_064 * 4 {
            let at = at(75 * index);
            long.push(Sample { at, value: value(index) }, at);
        }
        assert_eq!(long.len(), 8_064);
        assert!(long.bytes() <= 48_000, "{} bytes", long.bytes());
        let last = (8_064 * 4 - 4..8_064 * 4).map(value).sum::<f64>() / 4.0;
        assert!((long.newest_value().unwrap() / last - 1.0).abs() < 1e-7);
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
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e31] {
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
}
