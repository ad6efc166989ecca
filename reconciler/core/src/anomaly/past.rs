//! The newest week of a signal, and what is usual at a time of the day. Never invents a value: what
//! was not measured is `None`, and gaps count for nothing.

use crate::forecast::middle;
use crate::history::narrow;
use std::collections::VecDeque;

/// Days looked back on: a median of seven days does not follow one odd day, and has a weekend in it.
const DAYS_MAX: usize = 7;

/// Values kept at most: a week of steps of two minutes. Finer steps look back on fewer days.
const VALUES_MAX: usize = 5_042;

/// Steps around the same time of another day that count as the same time.
const NEAR: usize = 1;

/// The newest values of one signal.
#[derive(Debug, Clone)]
pub(super) struct Past {
    day: usize,
    days: usize,
    /// The first value: the others are kept relative to it, so that four bytes are enough.
    origin: Option<f64>,
    /// The newest last; NaN is a gap.
    values: VecDeque<f32>,
}

impl Past {
    /// For a signal with `day` steps a day.
    pub(super) fn new(day: usize) -> Self {
        let day = day.max(1);
        let days = DAYS_MAX.min((VALUES_MAX - 2 * NEAR) / day);
        Self { day, days, origin: None, values: VecDeque::new() }
    }

    /// The step, counted from 1, from which on there is a day to compare with; 0 if there never is.
    pub(super) fn first_day(&self) -> usize {
        if self.days > 0 { self.day + 2 } else { 0 }
    }

    /// Whether there is a day to compare with.
    pub(super) fn knows_a_day(&self) -> bool {
        self.days > 0 && self.values.len() > self.day
    }

    /// Takes the next value.
    pub(super) fn push(&mut self, value: Option<f64>) {
        if self.origin.is_none() {
            self.origin = value;
        }
        let origin = self.origin.unwrap_or(0.0);
        self.values.push_back(value.map_or(f32::NAN, |value| narrow(value - origin)));
        if self.values.len() > self.kept() {
            self.values.pop_front();
        }
    }

    fn kept(&self) -> usize {
        if self.days == 0 { self.day.min(VALUES_MAX) } else { self.day * self.days + 2 * NEAR }
    }

    /// The value of `ago` steps before the next one; 1 is the newest.
    pub(super) fn ago(&self, ago: usize) -> Option<f64> {
        let value = *self.values.get(self.values.len().checked_sub(ago)?)?;
        (!value.is_nan()).then(|| f64::from(value) + self.origin.unwrap_or(0.0))
    }

    /// The usual value at the time of the next step.
    pub(super) fn usual(&self) -> Option<f64> {
        let times = self.same_times().flat_map(|ago| ago - NEAR..=ago + NEAR);
        middle(&mut times.filter_map(|ago| self.ago(ago)).collect::<Vec<_>>())
    }

    /// The usual change from the newest step to the next.
    pub(super) fn usual_change(&self) -> Option<f64> {
        let changes = self.same_times().filter_map(|ago| Some(self.ago(ago)? - self.ago(ago + 1)?));
        middle(&mut changes.collect::<Vec<_>>())
    }

    /// Mean absolute change from step to step over the `steps` steps that end with the next one, which
    /// is `newest`. Unknown where more than half are gaps.
    pub(super) fn restlessness(&self, newest: Option<f64>, steps: usize) -> Option<f64> {
        let last = newest.zip(self.ago(1)).map(|(newest, before)| (newest - before).abs());
        mean(last.into_iter().chain((1..steps).filter_map(|ago| self.change(ago))), steps / 2)
    }

    /// The usual restlessness of these steps; `noise` is what makes no difference.
    pub(super) fn usual_restlessness(&self, steps: usize, noise: f64) -> Option<f64> {
        let of_day = |day: usize| mean((0..steps).filter_map(|before| self.change(day + before)), steps / 2);
        let days = self.same_times().filter_map(of_day).map(|restless| (restless + noise).ln());
        middle(&mut days.collect::<Vec<_>>())
    }

    fn change(&self, ago: usize) -> Option<f64> {
        Some((self.ago(ago)? - self.ago(ago + 1)?).abs())
    }

    /// Mean distance of the kept values from their median; 0 for a signal that stands still.
    pub(super) fn spread(&self) -> f64 {
        let mut present: Vec<f64> = self.values.iter().filter(|value| !value.is_nan()).map(|v| f64::from(*v)).collect();
        let usual = middle(&mut present).unwrap_or(0.0);
        mean(present.into_iter().map(|value| (value - usual).abs()), 1).unwrap_or(0.0)
    }

    fn same_times(&self) -> impl Iterator<Item = usize> {
        (1..=self.days).map(|days| days * self.day)
    }
}

/// The mean of at least `needed` values.
fn mean(values: impl Iterator<Item = f64>, needed: usize) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), value| (sum + value, count + 1));
    (count >= needed.max(1)).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(day: usize, values: impl IntoIterator<Item = f64>) -> Past {
        let mut past = Past::new(day);
        values.into_iter().for_each(|value| past.push((!value.is_nan()).then_some(value)));
        past
    }

    #[test]
    fn the_usual_value_is_that_of_the_same_time() {
        let past = past(24, (0..24 * 7).map(|hour| f64::from(hour % 24)));
        assert_eq!((past.usual(), past.usual_change()), (Some(1.0), Some(-23.0)), "midnight, beside 23 and 1");
    }

    #[test]
    fn one_odd_day_and_gaps_do_not_change_it() {
        let odd = |step: usize| match step / 24 {
            3 => 900.0,
            5 => f64::NAN,
            _ => 10.0,
        };
        assert_eq!(past(24, (0..24 * 7).map(odd)).usual(), Some(10.0));
        assert_eq!(past(24, [f64::NAN; 100]).usual(), None);
    }

    #[test]
    fn huge_values_with_small_changes_keep_them() {
        let past = past(24, (0..24 * 7).map(|step| 1e12 + f64::from(step % 2)));
        assert_eq!((past.ago(1), past.spread()), (Some(1e12 + 1.0), 0.5));
    }

    #[test]
    fn steps_of_seconds_keep_a_bounded_past() {
        let past = past(86_400, (0..20_000).map(f64::from));
        assert_eq!((past.values.len(), past.knows_a_day(), past.usual()), (VALUES_MAX, false, None));
    }
}
