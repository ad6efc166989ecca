//! What the score of one signal is told from: where it is between its usual value and its limit,
//! where it was at this time on other days, how it moves, what followed moments like this one, and
//! when the limit broke before.
//!
//! Never uses a value after the newest one.

use super::analogues::{Alike, Analogues};
use super::rhythm::Rhythm;
use super::view::{Ahead, View};
use super::windows::Windows;

/// Numbers that the model sees.
pub const COUNT: usize = NAMES.len();

/// One look at a signal, in the order of [`NAMES`].
pub type Features = [f32; COUNT];

/// Where in [`NAMES`] the greatest level of a week and that of 99.9 % of the past are.
const HIGHEST: [usize; 2] = [8, 27];

/// What the numbers are, for reasons and for people who read a model.
pub const NAMES: [&str; 65] = [
    "now",
    "newest",
    "newest two",
    "max 30 min",
    "max 1 h",
    "max 3 h",
    "max 6 h",
    "max 24 h",
    "max 7 d",
    "mean 1 h",
    "mean 6 h",
    "mean 24 h",
    "spread 1 h",
    "spread 24 h",
    "slope 15 min",
    "slope 30 min",
    "slope 1 h",
    "slope 3 h",
    "slope 6 h",
    "acceleration",
    "spreads to the limit",
    "extrapolated",
    "share above now",
    "near steps of a day",
    "time since near",
    "level of 90 %",
    "level of 99 %",
    "level of 99.9 %",
    "yesterday's maximum",
    "last week's maximum",
    "usual maximum",
    "highest maximum",
    "second highest maximum",
    "weekday's maximum",
    "broken at this time of day",
    "broken at this time lately",
    "broken at this time, fading",
    "broken at this time of the week",
    "broken around this time",
    "near at this time",
    "broken from here at this time",
    "rise at this time",
    "rise needed at this time",
    "unusual at this time",
    "broken from here near this time",
    "above yesterday 1 h",
    "above yesterday 6 h",
    "yesterday's maximum from here",
    "usual maximum from here",
    "alike and broken",
    "alike at this time and broken",
    "alike and what came",
    "alike at this time and rose as far",
    "alike and rose as far",
    "alike and rise needed",
    "ever rose as far",
    "base rate",
    "time since the last incident",
    "incidents of a day",
    "incidents of 3 days",
    "incidents of a week",
    "time against the usual interval",
    "incident due",
    "incident echo",
    "horizon",
];

/// The highest level that a look knows of: 0 is the usual value, 1 the limit.
pub(super) fn highest(features: &Features) -> f32 {
    HIGHEST.iter().filter_map(|index| features.get(*index)).copied().fold(0.0, f32::max)
}

/// Largest magnitude of a number: beyond it more says nothing.
const MAX: f32 = 50.0;

/// Share of the way to the limit from which a level is near it.
const NEAR: f32 = 0.8;

/// What is the same whatever is looked ahead.
pub(crate) struct Common {
    /// From "now" to "spread 24 h".
    level: [f32; 14],
    /// From "slope 15 min" to "acceleration".
    moved: [f32; 6],
    /// From "share above now" to "level of 99.9 %".
    day: [f32; 6],
    /// "Above yesterday" for an hour and for six.
    above: [f32; 2],
    alike: Alike,
}

impl View<'_> {
    /// What of the numbers is the same for all windows.
    pub(super) fn common(&self) -> Common {
        let (hour, spread) = (self.hour(), self.moments(self.levels.len(), self.day).1);
        Common {
            level: self.level(hour, spread),
            moved: self.moved(hour),
            day: self.last_day(hour),
            above: [1, 6].map(|hours| self.above_yesterday(hours * hour)),
            alike: Alike::new(self, spread),
        }
    }

    /// The numbers for a window.
    pub(super) fn features(&self, ahead: &Ahead<'_>, common: &Common) -> Features {
        let hour = self.hour();
        let mut all = [0.0; COUNT];
        let parts: [&[f32]; 7] = [
            &common.level,
            &common.moved,
            &self.movement(hour, ahead.horizon, common),
            &common.day,
            &self.other_days(ahead, common.above),
            &self.alike(ahead, &common.alike),
            &self.incidents(hour, ahead),
        ];
        for (number, value) in all.iter_mut().zip(parts.into_iter().flatten()) {
            *number = if value.is_nan() { 0.0 } else { value.clamp(-MAX, MAX) };
        }
        all
    }

    fn level(&self, hour: usize, spread: f32) -> [f32; 14] {
        let end = self.levels.len();
        let (mean_1, spread_1) = self.moments(end, hour);
        [
            self.ago(0),
            self.newest[0],
            self.newest[1],
            self.max((hour / 2).max(1)),
            self.max(hour),
            self.max(3 * hour),
            self.max(6 * hour),
            self.max(self.day),
            self.max(7 * self.day),
            mean_1,
            self.mean(end, 6 * hour),
            self.mean(end, self.day),
            spread_1,
            spread,
        ]
    }

    fn moved(&self, hour: usize) -> [f32; 6] {
        let (end, now) = (self.levels.len(), self.ago(0));
        let half = (hour / 2).max(1);
        let slope = |length: usize| self.mean(end, length) - self.mean(end.saturating_sub(length), length);
        let slope_half = now - self.ago(half);
        [
            now - self.ago((hour / 4).max(1)),
            slope_half,
            slope(hour),
            slope(3 * hour),
            slope(6 * hour),
            slope_half - (self.ago(half) - self.ago(2 * half)),
        ]
    }

    fn movement(&self, hour: usize, horizon: usize, common: &Common) -> [f32; 2] {
        let (now, [.., spread], [_, _, slope, ..]) = (self.ago(0), common.level, common.moved);
        [(1.0 - now) / (spread * (horizon as f32).sqrt() + 1e-3), now + slope * horizon as f32 / hour as f32]
    }

    fn last_day(&self, hour: usize) -> [f32; 6] {
        let (now, day) = (self.ago(0), self.before(self.levels.len(), self.day));
        let share = |count: usize| count as f32 / day.len().max(1) as f32;
        [
            share(day.iter().filter(|level| **level > now).count()),
            share(day.iter().filter(|level| **level >= NEAR).count()),
            (self.since(NEAR, self.day) as f32 / hour as f32).ln_1p(),
            self.tail[0],
            self.tail[1],
            self.tail[2],
        ]
    }

    fn above_yesterday(&self, length: usize) -> f32 {
        let end = self.levels.len();
        let then = end.checked_sub(self.day).filter(|end| *end > 0);
        then.map_or(0.0, |then| self.mean(end, length) - self.mean(then, length))
    }

    fn other_days(&self, ahead: &Ahead<'_>, [above_1, above_6]: [f32; 2]) -> [f32; 21] {
        let windows = Windows::new(self, ahead);
        [
            windows.yesterday,
            windows.last_week,
            windows.usual,
            windows.highest,
            windows.second,
            windows.weekday,
            windows.broken,
            windows.broken_lately,
            windows.broken_fading,
            windows.broken_weekday,
            windows.around,
            windows.near,
            windows.from_here,
            windows.rise,
            windows.rise_needed,
            windows.unusual,
            windows.from_near_here,
            above_1,
            above_6,
            windows.yesterday + above_1,
            windows.usual + above_1,
        ]
    }

    fn alike(&self, ahead: &Ahead<'_>, alike: &Alike) -> [f32; 7] {
        let analogues = Analogues::new(self, ahead, alike);
        [
            analogues.broke,
            analogues.broke_then,
            analogues.came,
            analogues.rose_then,
            analogues.rose,
            analogues.needed,
            analogues.rose_ever,
        ]
    }

    fn incidents(&self, hour: usize, ahead: &Ahead<'_>) -> [f32; 9] {
        let rhythm = Rhythm::new(self, ahead);
        [
            ahead.base_rate.max(1e-5).ln(),
            (rhythm.since as f32 / hour as f32).ln_1p(),
            rhythm.counts[0],
            rhythm.counts[1],
            rhythm.counts[2],
            rhythm.against_interval,
            rhythm.due,
            rhythm.echo,
            ahead.horizon as f32 / hour as f32,
        ]
    }
}
