//! Follows one signal against its limit: what its numbers are after each sample.
//!
//! Keeps levels relative to the usual value and the limit, four bytes a step, and nothing that could
//! be found again from them.

use super::features::{Features, View};
use super::incidents::{Incidents, SMOOTHED};
use super::reasons::Facts;
use std::collections::VecDeque;

/// Levels that are kept: 28 days of five-minute steps.
const LEVELS_MAX: usize = 8064;

/// Levels that are dropped at once when there are too many, so that dropping costs little per step.
const LEVELS_DROPPED: usize = 288;

/// Share of the mean distance from the median that the limit is at least taken to be away from it.
const DISTANCE_MIN: f64 = 0.05;

/// Follows one signal and one horizon.
#[derive(Debug, Clone)]
pub struct Watch {
    limit: f64,
    day: usize,
    horizon: usize,
    recent: VecDeque<f64>,
    /// Quarter-hour means, 0 for the usual value and 1 for the limit.
    levels: Vec<f32>,
    usual: f64,
    unit: f64,
    incidents: Incidents,
    /// Steps at which incidents began, relative to the first level.
    onsets: Vec<usize>,
    /// For the last `horizon` steps, whether there was no incident.
    calm: VecDeque<bool>,
    windows: f32,
    windows_broken: f32,
    steps: usize,
}

impl Watch {
    /// For a signal that breaks `limit` from below, with `day` steps a day.
    pub fn new(limit: f64, day: usize, horizon: usize) -> Self {
        Self {
            limit,
            day,
            horizon,
            recent: VecDeque::with_capacity(SMOOTHED),
            levels: Vec::new(),
            usual: 0.0,
            unit: 1.0,
            incidents: Incidents::default(),
            onsets: Vec::new(),
            calm: VecDeque::new(),
            windows: 0.0,
            windows_broken: 0.0,
            steps: 0,
        }
    }

    /// Takes the sample of the next step; answers what is known then, unless there is an incident
    /// or nothing was measured.
    pub fn push(&mut self, value: Option<f64>) -> Option<Features> {
        let mean = self.mean(value);
        if self.steps.is_multiple_of(self.day) || self.steps == self.day / 4 {
            self.normalise();
        }
        self.steps += 1;
        self.levels.push(narrow((mean - self.usual) / self.unit));
        self.forget();
        if self.incidents.push(mean >= self.limit) {
            self.onsets.push(self.levels.len() - 1);
        }
        self.count();
        (!self.incidents.open() && !mean.is_nan()).then(|| self.view().features(self.horizon))
    }

    /// Whether the limit is broken now.
    pub fn broken(&self) -> bool {
        self.incidents.open()
    }

    /// Share of windows of this length, so far, in which the limit broke.
    pub fn base_rate(&self) -> f32 {
        (self.windows_broken + 0.5) / (self.windows + 1.0)
    }

    /// What people are told, for a limit that was multiplied by `sign`.
    pub(super) fn facts(&self, sign: f64) -> Facts {
        let (view, end) = (self.view(), self.levels.len());
        let hour = (self.day / 24).max(1);
        let value = |level: f32| Some(sign * self.in_units(level)).filter(|value| !value.is_nan());
        let maximum = |back: usize| view.maximum(back * self.day, self.horizon).and_then(value);
        let mean = |end: usize| value(view.mean(end, hour));
        let days: Vec<f32> = view.maxima(self.horizon).map(|(_, maximum)| maximum).collect();
        let onset = |onset: &usize| end - onset <= 7 * self.day;
        Facts {
            limit: sign * self.limit,
            now: sign * self.in_units(view.held(end.saturating_sub(1))),
            before: end.checked_sub(hour / 2 + 1).and_then(|index| value(view.held(index))),
            yesterday: maximum(1),
            last_week: maximum(7),
            hour: mean(end),
            hour_yesterday: end.checked_sub(self.day).filter(|end| *end > 0).and_then(mean),
            days_broken: days.iter().filter(|maximum| **maximum >= 1.0).count(),
            days: days.len(),
            incidents: self.onsets.iter().filter(|it| onset(it)).count(),
            since: self.onsets.last().map(|onset| (end - onset) as f64 / hour as f64),
        }
    }

    fn view(&self) -> View<'_> {
        View { levels: &self.levels, day: self.day, onsets: &self.onsets, base_rate: self.base_rate() }
    }

    fn mean(&mut self, value: Option<f64>) -> f64 {
        self.recent.push_back(value.unwrap_or(f64::NAN));
        if self.recent.len() > SMOOTHED {
            self.recent.pop_front();
        }
        let present = self.recent.iter().filter(|value| !value.is_nan());
        let (sum, count) = present.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
        if count > 0.0 { sum / count } else { f64::NAN }
    }

    /// Finds the usual value anew.
    fn normalise(&mut self) {
        let mut present: Vec<f64> =
            self.levels.iter().filter(|level| !level.is_nan()).map(|level| self.in_units(*level)).collect();
        let middle = present.len() / 2;
        if present.is_empty() {
            return;
        }
        let usual = *present.select_nth_unstable_by(middle, f64::total_cmp).1;
        let distance = present.iter().map(|value| (value - usual).abs()).sum::<f64>() / present.len() as f64;
        let unit = (self.limit - usual).max(DISTANCE_MIN * distance).max(f64::MIN_POSITIVE);
        let (usual_before, unit_before) = (self.usual, self.unit);
        for level in &mut self.levels {
            *level = narrow((f64::from(*level) * unit_before + usual_before - usual) / unit);
        }
        (self.usual, self.unit) = (usual, unit);
    }

    fn in_units(&self, level: f32) -> f64 {
        f64::from(level) * self.unit + self.usual
    }

    fn forget(&mut self) {
        if self.levels.len() > LEVELS_MAX {
            self.levels.drain(..LEVELS_DROPPED);
            self.onsets = self.onsets.iter().filter_map(|onset| onset.checked_sub(LEVELS_DROPPED)).collect();
        }
    }

    /// Counts the window that has just ended.
    fn count(&mut self) {
        self.calm.push_back(!self.incidents.open());
        if self.calm.len() > self.horizon && self.calm.pop_front() == Some(true) {
            let first = self.levels.len() - self.horizon;
            self.windows += 1.0;
            self.windows_broken += f32::from(u8::from(self.onsets.last().is_some_and(|onset| *onset >= first)));
        }
    }
}

fn narrow(value: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "seven digits are more than any sensor has")]
    let narrow = value as f32;
    narrow
}
