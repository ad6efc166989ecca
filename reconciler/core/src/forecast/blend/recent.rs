//! The end of a series that was learned from, with what came since. Means are those that were known at learning, without
//! what has left them and with what came, so that nothing is laid out anew.
//!
//! Never looks at more than an hour of new steps, and at as many old ones.

use super::features::Means;
use super::past::{Ends, Smoothing, Spans, Still, median_of_known, median_of_week};
use super::spread::Restlessness;
use super::squash::Squash;
use std::ops::Range;

/// A series from its first learned step to its newest.
pub(super) struct Recent<'a> {
    /// As it was measured, NaN for a gap.
    measured: &'a [f32],
    /// Steps that were learned from.
    learned: usize,
    /// What came since, squashed.
    new: Vec<f64>,
    squash: Squash,
    spans: Spans,
}

impl<'a> Recent<'a> {
    /// Of `measured`, of which the first `learned` steps were learned from.
    pub(super) fn new(measured: &'a [f32], learned: usize, squash: Squash, spans: Spans) -> Self {
        let new = measured.iter().skip(learned).map(|value| squash.squashed(f64::from(*value))).collect();
        Self { measured, learned, new, squash, spans }
    }

    /// What came since it was learned from, squashed.
    pub(super) fn new_values(&self) -> &[f64] {
        &self.new
    }

    /// The value of a step, squashed, if it has one.
    pub(super) fn get(&self, step: usize) -> Option<f64> {
        Some(self.value(step)).filter(|value| !value.is_nan())
    }

    /// What is the same for every step ahead, where `ends` is what was known at learning.
    pub(super) fn means(&self, ends: &Ends) -> Means {
        let lengths @ [_, hour, _, day, week] = self.spans.lengths();
        let mut values = [None; _];
        for ((mean, length), kept) in values.iter_mut().zip(lengths).zip(ends.values) {
            *mean = mean_of(self.sum(length, kept, |step| counted(self.get(step))));
        }
        let mut usual = [0.0; _];
        for ((mean, length), kept) in usual.iter_mut().zip(lengths).zip(ends.usual) {
            let [sum] = self.sum(length, kept, |step| [self.usual(step)]);
            *mean = sum / length as f64;
        }
        let ago = |steps: usize| {
            let end = self.measured.len().checked_sub(steps)?;
            mean_of(total(end.saturating_sub(hour)..end, |step| counted(self.get(step))))
        };
        let held = self.held(self.measured.len().saturating_sub(1));
        Means { held, values, usual, hours_ago: [ago(day), ago(week)], levels: self.levels(ends.levels) }
    }

    /// How restless it is.
    pub(super) fn restlessness(&self, ends: &Ends, still: Still) -> Restlessness {
        let [_, hour, six, day, _] = self.spans.lengths();
        let [of_hour, of_six, of_day] = ends.moves;
        let log = |length: usize, [sum]: [f64; 1]| still.log(sum.max(0.0) / length as f64);
        let moved = |length, kept| log(length, self.sum(length, kept, |step| [self.moved(step)]));
        let missed = self.sum(hour, ends.misses, |step| [(self.held(step) - self.usual(step)).abs()]);
        let now = [moved(hour, of_hour), moved(six, of_six), moved(day, of_day), log(hour, missed)];
        Restlessness::of(now, ends.shift)
    }

    /// NaN for a gap.
    fn value(&self, step: usize) -> f64 {
        match step.checked_sub(self.learned) {
            Some(new) => self.new.get(new).copied().unwrap_or(f64::NAN),
            None => self.squash.squashed(self.measured(step)),
        }
    }

    fn measured(&self, step: usize) -> f64 {
        self.measured.get(step).copied().map_or(f64::NAN, f64::from)
    }

    /// The newest value up to a step.
    fn held(&self, step: usize) -> f64 {
        (0..=step).rev().find_map(|step| self.get(step)).unwrap_or(0.0)
    }

    /// Distance of a step's value from the one before.
    fn moved(&self, step: usize) -> f64 {
        self.get(step).map_or(0.0, |value| (value - self.held(step.saturating_sub(1))).abs())
    }

    fn usual(&self, step: usize) -> f64 {
        let day = self.spans.day;
        // Squashing keeps the order, and so the median.
        median_of_week(|step| self.measured(step), day, step)
            .map(|median| self.squash.squashed(median))
            .or_else(|| median_of_known(|step| self.value(step), day, step))
            .unwrap_or_else(|| self.held(step.saturating_sub(day)))
    }

    fn levels(&self, mut levels: [f64; 2]) -> [f64; 2] {
        let smoothing = Smoothing::new(&self.spans);
        let mut held = self.held(self.learned.saturating_sub(1));
        for value in &self.new {
            held = if value.is_nan() { held } else { *value };
            smoothing.advance(&mut levels, held);
        }
        levels
    }

    /// The sum of what `at` says of the newest `length` steps, where `kept` is what it was at learning.
    fn sum<const N: usize>(&self, length: usize, kept: [f64; N], at: impl Fn(usize) -> [f64; N]) -> [f64; N] {
        let end = self.measured.len();
        let first = |end: usize| end.saturating_sub(length);
        if first(end) >= self.learned {
            return total(first(end)..end, at);
        }
        let (left, came) = (total(first(self.learned)..first(end), &at), total(self.learned..end, &at));
        std::array::from_fn(|column| kept[column] - left[column] + came[column])
    }
}

fn total<const N: usize>(steps: Range<usize>, at: impl Fn(usize) -> [f64; N]) -> [f64; N] {
    steps.map(at).fold([0.0; N], |sum, row| std::array::from_fn(|column| sum[column] + row[column]))
}

/// A value and that it is one.
fn counted(value: Option<f64>) -> [f64; 2] {
    value.map_or([0.0; 2], |value| [value, 1.0])
}

fn mean_of([sum, count]: [f64; 2]) -> Option<f64> {
    (count > 0.0).then(|| sum / count)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::forecast::blend::features::Origin;
    use crate::forecast::blend::past::Past;

    const DAY: usize = 288;

    /// A daily wave with jumps, gaps of one step, and one of an hour at the end of the sixteenth day.
    pub(in crate::forecast::blend) fn measured(steps: usize) -> Vec<f32> {
        let is_gap = |step: usize| step % 31 == 9 || (16 * DAY - 12..16 * DAY).contains(&step);
        let wave = |step: usize| (std::f32::consts::TAU * step as f32 / DAY as f32).sin();
        let value = |step: usize| 50.0 + 20.0 * wave(step) + (step * 7919 % 13) as f32;
        (0..steps).map(|step| if is_gap(step) { f32::NAN } else { value(step) }).collect()
    }

    fn widened(measured: &[f32]) -> Vec<f64> {
        measured.iter().copied().map(f64::from).collect()
    }

    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-9
    }

    fn numbers(means: &Means) -> Vec<f64> {
        let known = means.values.into_iter().chain(means.hours_ago).map(|mean| mean.unwrap_or(-1.0));
        known.chain(means.usual).chain(means.levels).chain([means.held]).collect()
    }

    #[test]
    fn what_is_continued_is_what_laying_out_anew_finds() {
        for learned in [5 * DAY, 16 * DAY - 8, 16 * DAY + 4, 20 * DAY] {
            for new in [0, 1, 2, 7, 11, 12] {
                let measured = measured(learned + new);
                let (squash, lesson) = Squash::fit(&widened(&measured[..learned]));
                let ends = Past::new(lesson, DAY);
                let (still, ends) = (ends.still, ends.ends());
                let all = widened(&measured).into_iter().map(|value| squash.squashed(value)).collect();
                let mut past = Past::new(all, DAY);
                past.still = still;
                let newest = measured.len() - 1;
                let recent = Recent::new(&measured, learned, squash, past.spans);
                let (continued, anew) = (recent.means(&ends), Means::of(&past, newest));
                let same = numbers(&continued).into_iter().zip(numbers(&anew)).all(|(one, other)| close(one, other));
                assert!(same, "{learned} and {new}: {continued:?} {anew:?}");
                let anew = Restlessness::new(&past, &Origin::new(&past, newest)).now;
                let continued = recent.restlessness(&ends, still).now;
                let same = continued.into_iter().zip(anew).all(|(one, other)| close(one, other));
                assert!(same, "{learned} and {new}: {continued:?} {anew:?}");
            }
        }
    }
}
