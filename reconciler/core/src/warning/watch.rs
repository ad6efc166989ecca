//! Follows one signal against its limit: what its numbers are after each sample.
//!
//! Keeps levels relative to the usual value and the limit, four bytes a step, once for all horizons, and a
//! quarter of that for each of these.

use super::analogues::STRIDE;
use super::features::Features;
use super::incidents::{Incidents, SMOOTHED};
use super::reasons::Facts;
use super::view::View;
use crate::model::signal::Direction;
use std::collections::VecDeque;

/// Levels that are kept: 28 days of five-minute steps.
const LEVELS_MAX: usize = 8064;

/// Levels that are dropped at once when there are too many, so that dropping costs little per step.
const LEVELS_DROPPED: usize = 288;

/// Share of the mean distance from the median that the limit is at least taken to be away from it.
const DISTANCE_MIN: f64 = 0.05;

/// Shares of the past that lie below the levels of [`View::tail`].
const TAIL: [f64; 3] = [0.9, 0.99, 0.999];

/// Follows one signal and one horizon.
#[derive(Debug, Clone)]
pub struct Watch {
    levels: Levels,
    windows: Windows,
}

impl Watch {
    /// For a signal that breaks `limit` from below, with `day` steps a day.
    pub fn new(limit: f64, day: usize, horizon: usize) -> Self {
        Self { levels: Levels::new(limit, Direction::Above, day), windows: Windows::new(horizon) }
    }

    /// Takes the sample of the next step; answers whether there is something to look at: neither an
    /// incident nor a gap.
    pub fn push(&mut self, value: Option<f64>) -> bool {
        let step = self.levels.push(value);
        self.windows.push(&self.levels, &step);
        step.calm
    }

    /// What is known now.
    pub fn look(&self) -> Features {
        self.windows.look(&self.levels)
    }

    /// Whether the limit is broken now.
    pub fn broken(&self) -> bool {
        self.levels.broken()
    }
}

/// What is known of a signal whatever is looked ahead.
#[derive(Debug, Clone)]
pub(crate) struct Levels {
    /// -1 for a signal that breaks its limit from above.
    sign: f64,
    /// Times the sign, as all that follows.
    limit: f64,
    day: usize,
    recent: VecDeque<f64>,
    /// Quarter-hour means, 0 for the usual value and 1 for the limit.
    levels: Vec<f32>,
    /// Levels of 90, 99 and 99.9 % of the past.
    tail: [f32; 3],
    scale: Scale,
    incidents: Incidents,
    /// Steps at which incidents began, relative to the first level.
    onsets: Vec<usize>,
    steps: usize,
}

/// What the levels 0 and 1 stand for.
#[derive(Debug, Clone, Copy)]
struct Scale {
    usual: f64,
    unit: f64,
}

/// What a step changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// Whether there is something to look at: neither an incident nor a gap.
    pub(super) calm: bool,
    /// Whether an incident began.
    pub(super) begins: bool,
    /// The scale before, if it is another one.
    scale_before: Option<Scale>,
    /// Whether the oldest levels were dropped.
    dropped: bool,
}

/// What is known of the windows of one horizon.
#[derive(Debug, Clone)]
pub(super) struct Windows {
    horizon: usize,
    /// Greatest level of the window after every [`STRIDE`]th step, NaN within incidents.
    ahead: Vec<f32>,
    /// For the last `horizon` steps, whether there was no incident.
    calm: VecDeque<bool>,
    all: f32,
    broken: f32,
}

impl Scale {
    fn value(self, level: f32) -> f64 {
        f64::from(level) * self.unit + self.usual
    }

    fn level(self, value: f64) -> f32 {
        narrow((value - self.usual) / self.unit)
    }
}

impl Levels {
    /// For a signal that breaks `limit` on the side of `direction`, with `day` steps a day.
    pub(crate) fn new(limit: f64, direction: Direction, day: usize) -> Self {
        let sign = match direction {
            Direction::Above => 1.0,
            Direction::Below => -1.0,
        };
        Self {
            sign,
            limit: sign * limit,
            day,
            recent: VecDeque::with_capacity(SMOOTHED),
            levels: Vec::new(),
            tail: [0.0; 3],
            scale: Scale { usual: 0.0, unit: 1.0 },
            incidents: Incidents::default(),
            onsets: Vec::new(),
            steps: 0,
        }
    }

    /// Takes the sample of the next step.
    pub(crate) fn push(&mut self, value: Option<f64>) -> Step {
        let (mean, was_broken) = (self.mean(value.map(|value| self.sign * value)), self.broken());
        let is_due = self.steps.is_multiple_of(self.day) || self.steps == self.day / 4;
        let scale_before = if is_due { self.normalise() } else { None };
        self.steps += 1;
        self.levels.push(self.scale.level(mean));
        let dropped = self.forget();
        if self.incidents.push(mean >= self.limit) {
            self.onsets.push(self.levels.len() - 1);
        }
        let begins = self.broken() && !was_broken;
        Step { calm: !self.broken() && !mean.is_nan(), begins, scale_before, dropped }
    }

    /// Whether the limit is broken now.
    pub(super) fn broken(&self) -> bool {
        self.incidents.open()
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

    /// Finds the usual value anew. Answers the scale before.
    fn normalise(&mut self) -> Option<Scale> {
        let before = self.scale;
        let mut present: Vec<f64> =
            self.levels.iter().filter(|level| !level.is_nan()).map(|level| before.value(*level)).collect();
        let middle = present.len() / 2;
        if present.is_empty() {
            return None;
        }
        let usual = *present.select_nth_unstable_by(middle, f64::total_cmp).1;
        let distance = present.iter().map(|value| (value - usual).abs()).sum::<f64>() / present.len() as f64;
        let unit = (self.limit - usual).max(DISTANCE_MIN * distance).max(f64::MIN_POSITIVE);
        self.scale = Scale { usual, unit };
        rescale(&mut self.levels, before, self.scale);
        self.tail = TAIL.map(|share| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
            let index = (share * present.len() as f64) as usize;
            self.scale.level(*present.select_nth_unstable_by(index, f64::total_cmp).1)
        });
        Some(before)
    }

    fn forget(&mut self) -> bool {
        let dropped = self.levels.len() > LEVELS_MAX;
        if dropped {
            self.levels.drain(..LEVELS_DROPPED);
            self.onsets = self.onsets.iter().filter_map(|onset| onset.checked_sub(LEVELS_DROPPED)).collect();
        }
        dropped
    }
}

impl Windows {
    pub(super) fn new(horizon: usize) -> Self {
        let calm = VecDeque::with_capacity(horizon + 1);
        Self { horizon, ahead: Vec::new(), calm, all: 0.0, broken: 0.0 }
    }

    /// Takes a step that the levels have just taken.
    pub(super) fn push(&mut self, levels: &Levels, step: &Step) {
        if let Some(before) = step.scale_before {
            rescale(&mut self.ahead, before, levels.scale);
        }
        if step.dropped {
            self.ahead.drain(..LEVELS_DROPPED / STRIDE);
        }
        self.count(levels);
    }

    /// What is known now.
    pub(super) fn look(&self, levels: &Levels) -> Features {
        self.view(levels).features(self.horizon)
    }

    /// Share of windows of this length, so far, in which the limit broke.
    pub(super) fn base_rate(&self) -> f32 {
        (self.broken + 0.5) / (self.all + 1.0)
    }

    /// What people are told.
    pub(super) fn facts(&self, levels: &Levels) -> Facts {
        let (view, end, day, sign) = (self.view(levels), levels.levels.len(), levels.day, levels.sign);
        let hour = (day / 24).max(1);
        let in_units = |level: f32| sign * levels.scale.value(level);
        let value = |level: f32| Some(in_units(level)).filter(|value| !value.is_nan());
        let maximum = |back: usize| view.maximum(back * day, self.horizon).and_then(value);
        let mean = |end: usize| value(view.mean(end, hour));
        let days: Vec<f32> = view.maxima(self.horizon).map(|(_, maximum)| maximum).collect();
        let onset = |onset: &usize| end - onset <= 7 * day;
        Facts {
            limit: sign * levels.limit,
            now: in_units(view.held(end.saturating_sub(1))),
            before: end.checked_sub(hour / 2 + 1).and_then(|index| value(view.held(index))),
            yesterday: maximum(1),
            last_week: maximum(7),
            hour: mean(end),
            hour_yesterday: end.checked_sub(day).filter(|end| *end > 0).and_then(mean),
            days_broken: days.iter().filter(|maximum| **maximum >= 1.0).count(),
            days: days.len(),
            incidents: levels.onsets.iter().filter(|it| onset(it)).count(),
            since: levels.onsets.last().map(|onset| (end - onset) as f64 / hour as f64),
        }
    }

    fn view<'a>(&'a self, levels: &'a Levels) -> View<'a> {
        let newest = |count: usize| {
            let known = levels.recent.iter().rev().take(count).filter(|value| !value.is_nan());
            let (sum, count) = known.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
            if count > 0.0 { levels.scale.level(sum / count) } else { f32::NAN }
        };
        View {
            levels: &levels.levels,
            newest: [newest(1), newest(2)],
            day: levels.day,
            onsets: &levels.onsets,
            ahead: &self.ahead,
            tail: levels.tail,
            base_rate: self.base_rate(),
        }
    }

    /// Counts the window that has just ended.
    fn count(&mut self, levels: &Levels) {
        self.calm.push_back(!levels.broken());
        if self.calm.len() <= self.horizon {
            return;
        }
        let calm = self.calm.pop_front() == Some(true);
        // With very short steps the window is longer than what is kept.
        let Some(looked) = levels.levels.len().checked_sub(self.horizon + 1) else { return };
        if calm {
            self.all += 1.0;
            self.broken += f32::from(u8::from(levels.onsets.last().is_some_and(|onset| *onset > looked)));
        }
        if looked.is_multiple_of(STRIDE) {
            let window = levels.levels.get(looked + 1..).unwrap_or_default();
            self.ahead.push(if calm { window.iter().copied().fold(f32::NAN, f32::max) } else { f32::NAN });
        }
    }
}

#[cfg(test)]
impl Levels {
    /// Memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + 4 * self.levels.capacity() + size_of::<usize>() * self.onsets.capacity()
    }
}

#[cfg(test)]
impl Windows {
    pub(super) fn bytes(&self) -> usize {
        4 * self.ahead.capacity() + self.calm.capacity()
    }
}

fn rescale(levels: &mut [f32], before: Scale, now: Scale) {
    for level in levels {
        *level = now.level(before.value(*level));
    }
}

fn narrow(value: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "seven digits are more than any sensor has")]
    let narrow = value as f32;
    narrow
}
