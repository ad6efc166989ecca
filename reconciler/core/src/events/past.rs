//! A history laid out by the clock on the wall, with the steps that events cover.

use super::clock::Clock;
use crate::forecast::days;
use crate::history::{History, Sample};
use jiff::{SignedDuration, Timestamp};

/// The steps of a history, so that one time of day is a whole number of days apart from itself.
#[derive(Debug)]
pub(super) struct Past {
    /// Start of the first step.
    start: Timestamp,
    step: SignedDuration,
    /// By step of the clock; NaN for a gap.
    values: Vec<f64>,
    /// How many events cover each step.
    covered: Vec<u8>,
    /// Steps in a day, where days can be compared.
    day: Option<usize>,
}

impl Past {
    /// Lays out a history. `None` without a sample.
    pub(super) fn new(history: &History, clock: &Clock) -> Option<Self> {
        let step = history.step();
        let mut placed: Vec<(i64, f64)> = Vec::new();
        for ((at, value), index) in history.iter().zip(0..) {
            placed.push((index + clock.ahead(at), value.unwrap_or(f64::NAN)));
        }
        // Where the clock was just put back, the hour before lies beyond the newest sample.
        let (first, last) = (placed.iter().map(|it| it.0).min()?, placed.last()?.0);
        let length = usize::try_from(last - first + 1).ok()?;
        let mut values = vec![f64::NAN; length];
        for (place, value) in placed {
            let slot = usize::try_from(place - first).ok().and_then(|index| values.get_mut(index));
            // Of an hour that comes twice the second counts, unless it is a gap.
            if let Some(slot) = slot.filter(|_| !value.is_nan()) {
                *slot = value;
            }
        }
        let origin = history.iter().next()?.0;
        let start = origin.checked_add(step.saturating_mul(i32::try_from(first).ok()?)).ok()?;
        Some(Self { start, step, values, covered: vec![0; length], day: days(history) })
    }

    /// Steps to the newest sample.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn day(&self) -> Option<usize> {
        self.day
    }

    pub(super) fn value(&self, index: usize) -> Option<f64> {
        self.values.get(index).copied().filter(|value| !value.is_nan())
    }

    pub(super) fn events_at(&self, index: usize) -> u8 {
        self.covered.get(index).copied().unwrap_or(0)
    }

    /// The value of a step that no event covers.
    pub(super) fn calm(&self, index: usize) -> Option<f64> {
        self.value(index).filter(|_| self.events_at(index) == 0)
    }

    pub(super) fn has_negative(&self) -> bool {
        self.values.iter().any(|value| *value < 0.0)
    }

    /// The first step that starts at or after a time.
    pub(super) fn index_of(&self, at: Timestamp, clock: &Clock) -> usize {
        let step = self.step.as_millis().max(1);
        let after = at.duration_since(self.start).as_millis();
        let index = after.div_euclid(step) + i128::from(after.rem_euclid(step) > 0) + i128::from(clock.ahead(at));
        usize::try_from(index.max(0)).unwrap_or(usize::MAX)
    }

    pub(super) fn cover(&mut self, first: usize, end: usize) {
        let steps = self.covered.get_mut(first.min(end)..end.min(self.values.len()));
        steps.into_iter().flatten().for_each(|count| *count = count.saturating_add(1));
    }

    /// Changes the values of some steps; what becomes NaN is a gap. The newest never becomes one.
    pub(super) fn change(&mut self, first: usize, end: usize, change: impl Fn(&Self, usize, f64) -> f64) {
        let newest = self.len().saturating_sub(1);
        for index in first..end.min(self.len()) {
            let Some(value) = self.value(index) else { continue };
            let changed = change(self, index, value);
            let kept = if changed.is_nan() && index == newest { value } else { changed };
            if let Some(slot) = self.values.get_mut(index) {
                *slot = kept;
            }
        }
    }

    /// A history of these values, as large as `like` and with its newest sample at the same time.
    pub(super) fn into_history(self, like: &History, now: Timestamp) -> History {
        let capacity = i32::try_from(like.capacity()).unwrap_or(i32::MAX);
        let mut history = History::new(self.step, self.step.saturating_mul(capacity));
        let newest = self.len().saturating_sub(1);
        for (index, value) in self.values.iter().enumerate().filter(|(_, value)| !value.is_nan()) {
            let steps = i32::try_from(index).unwrap_or(i32::MAX);
            let start = self.start.checked_add(self.step.saturating_mul(steps)).ok();
            let at = if index == newest { like.newest() } else { start };
            if let Some(at) = at {
                history.push(Sample { at, value: *value }, now);
            }
        }
        history
    }
}
