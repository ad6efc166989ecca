//! What is to be seen of a signal when looking back from its newest step, laid out for all horizons at once.

use super::analogues::STRIDE;
use super::features::{Common, Features};
use super::incidents::Incidents;
use super::reasons::Facts;
use super::view::{Ahead, View, larger};
use super::watch::Watch;
use std::ops::Range;

/// The past of a signal.
pub(crate) struct Past<'a> {
    pub(super) watch: &'a Watch,
    values: &'a [f32],
    /// Of each step; 0 is the usual value and 1 the limit.
    levels: Vec<f32>,
    /// Greatest of the [`STRIDE`] levels after each [`STRIDE`]th step.
    peaks: Vec<f32>,
    pub(super) incidents: Vec<Range<usize>>,
    pub(super) onsets: Vec<usize>,
    /// Where the limit is that is looked at, as a level of the declared one.
    limit: f32,
}

impl<'a> Past<'a> {
    /// Of values, the last of them the newest; incidents and their onsets are relative to the first.
    pub(super) fn new(watch: &'a Watch, values: &'a [f32], incidents: Vec<Range<usize>>, onsets: Vec<usize>) -> Self {
        let levels = watch.levels(values);
        let peaks = peaks(&levels);
        Self { watch, values, levels, peaks, incidents, onsets, limit: 1.0 }
    }

    /// The same against a limit that was never declared: what is at `limit` here is at 1 there.
    pub(super) fn against(&self, limit: f32) -> Self {
        let levels: Vec<f32> = self.levels.iter().map(|level| level / limit).collect();
        let incidents = incidents(&levels);
        let onsets = incidents.iter().map(|incident| incident.start).collect();
        Self { peaks: peaks(&levels), levels, incidents, onsets, limit, ..*self }
    }

    /// Levels of all steps that are looked at, NaN where nothing is measured.
    pub(super) fn levels(&self) -> &[f32] {
        &self.levels
    }

    /// What is known now, whatever is looked ahead.
    pub(crate) fn common(&self) -> Common {
        self.view(self.levels.len()).common()
    }

    /// Greatest level of the window of `horizon` steps after every [`STRIDE`]th step, as far as they are over;
    /// minus infinity within incidents and where nothing was measured.
    pub(super) fn ahead(&self, horizon: usize) -> Vec<f32> {
        let whole = horizon / STRIDE;
        let mut greatest = if whole > 0 { greatest_of_each(&self.peaks, whole) } else { Vec::new() };
        greatest.resize(windows(self.levels.len(), horizon), f32::NEG_INFINITY);
        // What is left over where the stride does not divide the horizon.
        for back in 0..horizon % STRIDE {
            let last = self.levels.iter().skip(horizon - back).step_by(STRIDE);
            greatest.iter_mut().zip(last).for_each(|(most, level)| *most = larger(*most, *level));
        }
        for incident in &self.incidents {
            let moments = incident.start.div_ceil(STRIDE)..incident.end.div_ceil(STRIDE);
            greatest.iter_mut().take(moments.end).skip(moments.start).for_each(|most| *most = f32::NEG_INFINITY);
        }
        greatest
    }

    /// What is known now.
    pub(super) fn look(&self, ahead: &Ahead<'_>, common: &Common) -> Features {
        self.view(self.levels.len()).features(ahead, common)
    }

    /// What was known so many steps before the newest one, as far as it is still looked at.
    pub(super) fn look_back(&self, steps: usize, ahead: &Ahead<'_>) -> Option<Features> {
        let end = self.levels.len().checked_sub(steps).filter(|end| *end > 0)?;
        let view = self.view(end);
        let greatest = ahead.greatest.get(..windows(end, ahead.horizon)).unwrap_or(ahead.greatest);
        Some(view.features(&Ahead { greatest, ..*ahead }, &view.common()))
    }

    /// What people are told.
    pub(super) fn facts(&self, horizon: usize) -> Facts {
        let (view, end, day) = (self.view(self.levels.len()), self.levels.len(), self.watch.day);
        let hour = view.hour();
        let in_units = |level: f32| self.watch.in_units(level);
        let value = |level: f32| Some(in_units(level)).filter(|value| !value.is_nan());
        let maximum = |back: usize| view.maximum(back * day, horizon).and_then(value);
        let mean = |end: usize| value(view.mean(end, hour));
        let days: Vec<f32> = view.maxima(horizon).map(|(_, maximum)| maximum).collect();
        let onset = |onset: &usize| end - onset <= 7 * day;
        Facts {
            limit: self.watch.limit(),
            now: in_units(view.held(end.saturating_sub(1))),
            before: end.checked_sub(hour / 2 + 1).and_then(|index| value(view.held(index))),
            yesterday: maximum(1),
            last_week: maximum(7),
            hour: mean(end),
            hour_yesterday: end.checked_sub(day).filter(|end| *end > 0).and_then(mean),
            days_broken: days.iter().filter(|maximum| **maximum >= 1.0).count(),
            days: days.len(),
            incidents: self.onsets.iter().filter(|it| onset(it)).count(),
            since: self.onsets.last().map(|onset| (end - onset) as f64 / hour as f64),
        }
    }

    /// As seen from the step before `end`.
    fn view(&self, end: usize) -> View<'_> {
        let known = self.values.get(..end).unwrap_or(self.values);
        let newest =
            |count: usize| self.watch.level(known.get(end.saturating_sub(count)..).unwrap_or_default()) / self.limit;
        let onsets = self.onsets.partition_point(|onset| *onset < end);
        View {
            levels: self.levels.get(..end).unwrap_or(&self.levels),
            peaks: &self.peaks,
            newest: [newest(1), newest(2)],
            day: self.watch.day,
            onsets: self.onsets.get(..onsets).unwrap_or(&self.onsets),
            tail: self.watch.tail.map(|level| level / self.limit),
        }
    }
}

/// When a limit at level 1 was broken.
fn incidents(levels: &[f32]) -> Vec<Range<usize>> {
    let (mut following, mut known) = (Incidents::default(), Vec::new());
    (0..).zip(levels).for_each(|(step, level)| following.note(step, *level >= 1.0, &mut known));
    known.into_iter().map(|incident| incident.since(0)).collect()
}

/// Windows of `horizon` steps after every [`STRIDE`]th step that are over after `steps`.
fn windows(steps: usize, horizon: usize) -> usize {
    steps.saturating_sub(horizon).div_ceil(STRIDE)
}

/// Greatest of the [`STRIDE`] levels after each [`STRIDE`]th step.
pub(super) fn peaks(levels: &[f32]) -> Vec<f32> {
    let (blocks, _) = levels.get(1..).unwrap_or_default().as_chunks::<STRIDE>();
    blocks.iter().map(|block| block.iter().copied().fold(f32::NEG_INFINITY, larger)).collect()
}

/// Greatest of each `length` values in a row. Each round reaches twice as far.
fn greatest_of_each(values: &[f32], length: usize) -> Vec<f32> {
    let (mut greatest, mut reach) = (values.to_vec(), 1);
    while reach < length {
        let further = reach.min(length - reach);
        let later = greatest.get(further..).unwrap_or_default();
        greatest = later.iter().zip(&greatest).map(|(later, most)| larger(*most, *later)).collect();
        reach += further;
    }
    greatest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::signal::Direction;

    /// Waves with gaps, some of them past the limit of 10.
    fn values(steps: usize) -> Vec<f32> {
        let value = |step: usize| match step % 17 {
            3..6 => f32::NAN,
            _ => (step * 7919 % 101) as f32 / 10.0 + if step % 90 < 5 { 8.0 } else { 0.0 },
        };
        (0..steps).map(value).collect()
    }

    fn pushed(values: &[f32]) -> Watch {
        let mut watch = Watch::new(10.0, Direction::Above, 24);
        (1..=values.len()).for_each(|end| watch.push(&values[..end]));
        watch
    }

    fn plainly(levels: &[f32]) -> f32 {
        levels.iter().copied().fold(f32::NEG_INFINITY, f32::max)
    }

    #[test]
    fn what_came_ahead_is_the_greatest_level_of_each_window() {
        for steps in [1, 6, 203] {
            let values = values(steps);
            let (watch, mut known) = (pushed(&values), 0);
            let past = watch.past(&values);
            for horizon in [1, 3, 4, 7, 12, 24] {
                let ahead = past.ahead(horizon);
                let moments: Vec<usize> = (0..steps.saturating_sub(horizon)).step_by(STRIDE).collect();
                assert_eq!(ahead.len(), moments.len());
                for (moment, most) in moments.into_iter().zip(ahead) {
                    let broken = past.incidents.iter().any(|incident| incident.contains(&moment));
                    let window = plainly(&past.levels[moment + 1..=moment + horizon]);
                    assert!(most.total_cmp(&if broken { f32::NEG_INFINITY } else { window }).is_eq());
                    known += usize::from(most.is_finite());
                }
            }
            assert!(known > 150 || steps < 100, "{known}");
        }
    }

    #[test]
    fn peaks_give_the_same_maxima_as_levels() {
        let values = values(60);
        let watch = pushed(&values);
        let past = watch.past(&values);
        for end in 50..=60 {
            for length in 1..=end {
                let plain = Some(plainly(&past.levels[end - length..end])).filter(|most| most.is_finite());
                let most = Some(past.view(end).max(length)).filter(|most| !most.is_nan());
                assert_eq!(most, plain, "{length} before {end}");
            }
        }
    }

    #[test]
    fn a_look_back_sees_what_was_seen_then() {
        let values = values(203);
        let (then, now) = (pushed(&values[..160]), pushed(&values));
        // As it would be if the usual value had not been found anew.
        let now = now.at_the_scale_of(&then);
        let greatest = |past: &Past<'_>| past.ahead(12);
        let (past_then, past_now) = (then.past(&values[..160]), now.past(&values));
        let (ahead_then, ahead_now) = (greatest(&past_then), greatest(&past_now));
        let ahead = |greatest| Ahead { horizon: 12, greatest, base_rate: 0.1 };
        let looked = past_then.look(&ahead(&ahead_then), &past_then.common());
        assert_eq!(past_now.look_back(43, &ahead(&ahead_now)), Some(looked));
        assert_eq!(past_now.look_back(203, &ahead(&ahead_now)), None);
    }
}
