//! Follows one signal against its limit: what is usual, where the limit is from there, and when it was broken.
//!
//! The values are not in it. Whoever has it follow them keeps them anyway, once for all horizons; from them the
//! [`Past`] is laid out anew at each look.

use super::analogues::STRIDE;
use super::incidents::{Incident, Incidents, SMOOTHED};
use super::past::Past;
use crate::history::{VALUE_MAX, narrow};
use crate::model::signal::Direction;

/// Values that are looked at: 28 days of five-minute steps.
pub(super) const VALUES_MAX: usize = 8064;

/// Share of the mean distance from the median that the limit is at least taken to be away from it.
const DISTANCE_MIN: f64 = 0.05;

/// Shares of the past that lie below the levels of [`Watch::tail`].
const TAIL: [f64; 3] = [0.9, 0.99, 0.999];

/// Follows one signal against its limit.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    /// -1 for a signal that breaks its limit from above.
    sign: f32,
    /// Times the sign, as all that follows.
    limit: f32,
    /// Steps in a day.
    pub(super) day: usize,
    scale: Scale,
    /// Levels of 90, 99 and 99.9 % of the past.
    pub(super) tail: [f32; 3],
    incidents: Incidents,
    /// Those that reach into what is looked at, by numbers of steps.
    known: Vec<Incident>,
    /// Steps so far, which is also the number of the next one.
    steps: u32,
    /// Whether something was measured newly enough.
    measured: bool,
}

/// What the levels 0 and 1 stand for.
#[derive(Debug, Clone, Copy)]
struct Scale {
    usual: f32,
    unit: f32,
}

impl Watch {
    /// For a signal that breaks `limit` on the side of `direction`, with `day` steps a day.
    pub(crate) fn new(limit: f64, direction: Direction, day: usize) -> Self {
        let sign = direction.sign();
        Self {
            sign,
            limit: sign * narrow(limit),
            day,
            scale: Scale { usual: 0.0, unit: 1.0 },
            tail: [0.0; 3],
            incidents: Incidents::default(),
            known: Vec::new(),
            steps: 0,
            measured: false,
        }
    }

    /// Takes the next step: the last of `values`, NaN for a gap. Those before it are from before it.
    pub(crate) fn push(&mut self, values: &[f32]) {
        let (step, steps) = (self.steps, self.steps());
        if steps.is_multiple_of(self.day) || steps == self.day / 4 {
            let before = values.split_last().map_or(values, |(_, before)| before);
            self.normalise(self.window(before).1);
        }
        self.steps = step.saturating_add(1);
        let (first, window) = self.window(values);
        let mean = self.sign * smoothed(newest(window), 0.0);
        self.measured = !mean.is_nan();
        self.incidents.note(step, mean >= self.limit, &mut self.known);
        let over = self.known.partition_point(|incident| incident.end as usize <= first);
        self.known.drain(..over);
    }

    /// What is to be seen when looking back from the newest of `values`, the last that was pushed.
    pub(crate) fn past<'a>(&'a self, values: &'a [f32]) -> Past<'a> {
        let (first, window) = self.window(values);
        let known = self.known.iter().map(|incident| incident.since(first));
        // What began before the first step that is looked at did not begin there.
        let onsets = self.known.iter().filter_map(|incident| (incident.begin as usize).checked_sub(first));
        Past::new(self, window, known.collect(), onsets.collect())
    }

    /// Steps so far, those included that are too old to be looked at.
    pub(super) fn steps(&self) -> usize {
        self.steps as usize
    }

    /// Whether the limit is broken now.
    pub(super) fn broken(&self) -> bool {
        self.incidents.open()
    }

    /// Whether there is something to look at now: neither an incident nor a gap.
    pub(super) fn calm(&self) -> bool {
        self.measured && !self.broken()
    }

    /// Whether the step so many steps before the newest one is still looked at, and was in no incident.
    pub(super) fn was_calm(&self, back: usize) -> bool {
        let step = self.steps().checked_sub(back + 1).filter(|_| back < VALUES_MAX);
        step.is_some_and(|step| !self.known.iter().any(|incident| incident.since(0).contains(&step)))
    }

    /// Whether an incident began within the last `steps`.
    pub(super) fn broke_within(&self, steps: usize) -> bool {
        self.known.last().is_some_and(|incident| self.steps() - incident.begin as usize <= steps)
    }

    /// What of the `values` is looked at, and the number of the first step of it: a multiple of [`STRIDE`], so that
    /// the moments that are looked back on stay the same.
    fn window<'a>(&self, values: &'a [f32]) -> (usize, &'a [f32]) {
        let steps = self.steps();
        let length = values.len().min(steps).min(VALUES_MAX);
        let first = (steps - length).next_multiple_of(STRIDE);
        (first, values.get(values.len() - steps.saturating_sub(first)..).unwrap_or_default())
    }

    /// Finds the usual value anew, of all that is measured.
    fn normalise(&mut self, values: &[f32]) {
        let mut means = each_smoothed(values, 0.0, self.sign);
        means.retain(|mean| !mean.is_nan());
        let middle = means.len() / 2;
        if means.is_empty() {
            return;
        }
        let usual = *means.select_nth_unstable_by(middle, f32::total_cmp).1;
        let distance = means.iter().map(|mean| f64::from((mean - usual).abs())).sum::<f64>() / means.len() as f64;
        let unit = (self.limit - usual).max(narrow(DISTANCE_MIN * distance)).max(f32::MIN_POSITIVE);
        self.scale = Scale { usual, unit };
        self.tail = TAIL.map(|share| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
            let index = (share * means.len() as f64) as usize;
            (*means.select_nth_unstable_by(index, f32::total_cmp).1 - usual) / unit
        });
    }

    /// The levels of values: of each step that of the mean of its newest [`SMOOTHED`] ones.
    pub(super) fn levels(&self, values: &[f32]) -> Vec<f32> {
        each_smoothed(values, self.sign * self.scale.usual, self.sign * self.scale.unit)
    }

    /// The level of the mean of up to [`SMOOTHED`] values, NaN where nothing is measured.
    pub(super) fn level(&self, values: &[f32]) -> f32 {
        smoothed(newest(values), self.sign * self.scale.usual) / (self.sign * self.scale.unit)
    }

    /// A level in the signal's own unit and sign.
    pub(super) fn in_units(&self, level: f32) -> f64 {
        f64::from(self.sign) * (f64::from(level) * f64::from(self.scale.unit) + f64::from(self.scale.usual))
    }

    /// The limit in the signal's own unit and sign.
    pub(super) fn limit(&self) -> f64 {
        f64::from(self.sign * self.limit)
    }
}

#[cfg(test)]
impl Watch {
    /// Memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + size_of::<Incident>() * self.known.capacity()
    }

    pub(super) fn at_the_scale_of(self, other: &Self) -> Self {
        Self { scale: other.scale, tail: other.tail, ..self }
    }
}

/// A value as it is kept, NaN where it is no measurement.
pub(super) fn kept(value: Option<f64>) -> f32 {
    value.filter(|value| value.abs() <= VALUE_MAX).map_or(f32::NAN, narrow)
}

/// Mean of those that are measured, less `usual`; NaN if none is. Counted from one of them: the mean of equal values is
/// that value to the bit, and of large ones no small change is lost.
fn smoothed([oldest, middle, newest]: [f32; SMOOTHED], usual: f32) -> f32 {
    // Choices of values and no jumps, so that the compiler takes several means at once.
    let older = if middle.is_nan() { oldest } else { middle };
    let about = if newest.is_nan() { older } else { newest };
    let apart = |value: f32| if value.is_nan() { 0.0 } else { value - about };
    let one = |value: f32| if value.is_nan() { 0.0 } else { 1.0 };
    about - usual + (apart(oldest) + apart(middle)) / (one(oldest) + one(middle) + one(newest))
}

/// The same of the newest values at each step, as a share of `unit`.
fn each_smoothed(values: &[f32], usual: f32, unit: f32) -> Vec<f32> {
    let first = (1..SMOOTHED.min(values.len() + 1)).map(|length| newest(values.get(..length).unwrap_or_default()));
    let mut means = Vec::with_capacity(values.len());
    means.extend(first.map(|values| smoothed(values, usual) / unit));
    let mut rest = values;
    while rest.len() >= SMOOTHED {
        let chunk = rest.get(..CHUNK).unwrap_or(rest);
        let is_whole = chunk.iter().filter(|value| value.is_nan()).count() == 0;
        let (middle, last) = (chunk.get(1..).unwrap_or_default(), chunk.get(2..).unwrap_or_default());
        let others = chunk.iter().zip(middle).zip(last).map(|((oldest, middle), newest)| [*oldest, *middle, *newest]);
        if is_whole {
            means.extend(others.map(|values| smoothed_whole(values, usual) / unit));
        } else {
            means.extend(others.map(|values| smoothed(values, usual) / unit));
        }
        rest = rest.get(chunk.len() + 1 - SMOOTHED..).unwrap_or_default();
    }
    means
}

/// Values of which is known at once whether one is missing: most stretches of a past have no gap.
const CHUNK: usize = 130;

/// As [`smoothed`], to the bit, where all are measured.
fn smoothed_whole([oldest, middle, newest]: [f32; SMOOTHED], usual: f32) -> f32 {
    newest - usual + ((oldest - newest) + (middle - newest)) / SMOOTHED as f32
}

/// The newest values, gaps where there are fewer.
fn newest(values: &[f32]) -> [f32; SMOOTHED] {
    let mut newest = [f32::NAN; SMOOTHED];
    newest.iter_mut().rev().zip(values.iter().rev()).for_each(|(newest, value)| *newest = *value);
    newest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_averaged_and_equal_values_stay_equal() {
        let gap = f32::NAN;
        for (values, mean) in [([1.0, 4.0, 7.0], 3.0), ([3.0, gap, 4.0], 2.5), ([gap, 3.0, gap], 2.0)] {
            assert!(smoothed(values, 1.0).total_cmp(&mean).is_eq(), "{values:?}");
        }
        assert!(smoothed([gap; 3], 1.0).is_nan());
        for limit in [0.95, 0.1, 85.0, 1.0 / 3.0, 1e30].map(narrow) {
            assert!(smoothed([limit; 3], 0.0) >= limit);
        }
    }

    #[test]
    fn stretches_with_and_without_gaps_are_averaged_alike() {
        for gaps in [&[][..], &[0], &[1, 2, 3, 127, 128, 129], &[130, 256, 257, 258, 400]] {
            for length in [0, 1, 2, 3, 130, 131, 401] {
                let value = |step: usize| if gaps.contains(&step) { f32::NAN } else { (step * 37 % 23) as f32 / 7.0 };
                let values: Vec<f32> = (0..length).map(value).collect();
                // A gap is a gap, whatever its sign.
                let bits = |mean: f32| if mean.is_nan() { f32::NAN.to_bits() } else { mean.to_bits() };
                let plainly = |end: usize| smoothed(newest(&values[..end]), 0.3) / 1.7;
                let plainly: Vec<u32> = (1..=length).map(plainly).map(bits).collect();
                let means: Vec<u32> = each_smoothed(&values, 0.3, 1.7).into_iter().map(bits).collect();
                assert_eq!(means, plainly, "{length} steps, gaps {gaps:?}");
            }
        }
    }

    #[test]
    fn a_signal_at_its_limit_is_at_level_one_on_either_side() {
        for (sign, direction) in [(1.0, Direction::Above), (-1.0, Direction::Below)] {
            let values: Vec<f32> =
                (0..60).map(|step| sign * if step >= 50 { 0.95 } else { (step % 5) as f32 / 7.0 }).collect();
            let mut watch = Watch::new(0.95 * f64::from(sign), direction, 24);
            (1..=values.len()).for_each(|end| watch.push(&values[..end]));
            assert!(watch.broken() && !watch.calm() && watch.broke_within(8) && !watch.broke_within(7));
            assert!(watch.was_calm(8) && !watch.was_calm(7));
            assert!(watch.levels(&values)[52..].iter().all(|level| level.total_cmp(&1.0).is_eq()));
        }
    }
}
