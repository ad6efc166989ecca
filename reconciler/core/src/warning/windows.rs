//! What came in the same window of earlier days.

use super::analogues::STRIDE;
use super::view::{Ahead, DAYS, View};

/// Days that count as lately.
const LATELY: usize = 5;

/// Share of a day's weight that the day before has.
const FADES: f32 = 0.8;

/// A window came near the limit from here on.
const NEAR: f32 = 0.8;

/// What came in the same window of earlier days.
pub(super) struct Windows {
    pub(super) yesterday: f32,
    pub(super) last_week: f32,
    /// Mean of the maxima of the last days.
    pub(super) usual: f32,
    pub(super) highest: f32,
    pub(super) second: f32,
    /// Shares of days on which it broke: of all, of the last ones, by recency, of this day of the week.
    pub(super) broken: f32,
    pub(super) broken_lately: f32,
    pub(super) broken_fading: f32,
    pub(super) broken_weekday: f32,
    /// Share of days, by recency, on which it came near the limit.
    pub(super) near: f32,
    /// Share of days, by recency, on which it would have broken from the present level.
    pub(super) from_here: f32,
    /// Mean of how far it rose.
    pub(super) rise: f32,
    /// How many times its spread the rise would have to be above its mean.
    pub(super) rise_needed: f32,
    /// How far, in spreads, the present level is above that of other days.
    pub(super) unusual: f32,
    /// Share of moments within some 40 minutes of this time of day from which it rose far enough.
    pub(super) from_near_here: f32,
    /// Share of days, by recency, on which the limit was broken within the hours around the window.
    pub(super) around: f32,
    /// Greatest maximum of this day of the week.
    pub(super) weekday: f32,
}

/// Least spread, as a share of the way to the limit.
const SPREAD_MIN: f32 = 0.02;

/// Share of a day's weight that the day before has, where several moments of a day count.
const NEAR_FADES: f32 = 0.9;

/// Sums over days, by recency.
#[derive(Default)]
struct Fading {
    all: f32,
    broken: f32,
    near: f32,
    from_here: f32,
    rise: f32,
    rise_squared: f32,
    level: f32,
    level_squared: f32,
    around: f32,
}

impl Windows {
    pub(super) fn new(view: &View<'_>, ahead: &Ahead<'_>) -> Self {
        let (now, horizon) = (view.ago(0), ahead.horizon);
        let mut windows = Self::of_no_day(view, horizon);
        let (mut days, mut recent, mut weeks, mut weight) = (0.0_f32, 0.0_f32, 0.0_f32, 1.0_f32);
        let mut fading = Fading::default();
        for (back, maximum) in view.maxima(horizon) {
            let breaks = share(maximum >= 1.0);
            let then = view.ago(back * view.day);
            let rise = maximum - then;
            days += 1.0;
            windows.broken += breaks;
            if back <= LATELY {
                recent += 1.0;
                windows.usual += maximum;
                windows.broken_lately += breaks;
            }
            if back.is_multiple_of(7) {
                weeks += 1.0;
                windows.broken_weekday += breaks;
                windows.weekday = windows.weekday.max(maximum);
            }
            windows.second = windows.second.max(maximum.min(windows.highest));
            windows.highest = windows.highest.max(maximum);
            fading.all += weight;
            fading.broken += weight * breaks;
            fading.near += weight * share(maximum >= NEAR);
            fading.from_here += weight * share(now + rise >= 1.0);
            fading.rise += weight * rise;
            fading.rise_squared += weight * rise * rise;
            fading.level += weight * then;
            fading.level_squared += weight * then * then;
            fading.around += weight * share(view.broke_around(back, horizon));
            weight *= FADES;
        }
        windows.usual /= recent.max(1.0);
        windows.broken_lately = (windows.broken_lately + 0.1) / (recent + 1.0);
        windows.broken = (windows.broken + 0.1) / (days + 1.0);
        windows.broken_weekday = (windows.broken_weekday + 0.1) / (weeks + 1.0);
        windows.from_near_here = view.rose_near_this_time(1.0 - now, ahead);
        windows.with(&fading, now)
    }

    fn of_no_day(view: &View<'_>, horizon: usize) -> Self {
        let maximum = |days: usize| view.maximum(days * view.day, horizon).unwrap_or(f32::NAN);
        Self {
            yesterday: maximum(1),
            last_week: maximum(7),
            usual: 0.0,
            highest: f32::NAN,
            second: f32::NAN,
            broken: 0.0,
            broken_lately: 0.0,
            broken_fading: 0.0,
            broken_weekday: 0.0,
            near: 0.0,
            from_here: 0.0,
            rise: 0.0,
            rise_needed: 0.0,
            unusual: 0.0,
            from_near_here: 0.0,
            around: 0.0,
            weekday: f32::NAN,
        }
    }

    fn with(mut self, fading: &Fading, now: f32) -> Self {
        let mean = |sum: f32| (sum + 0.02) / (fading.all + 0.5);
        self.broken_fading = mean(fading.broken);
        self.near = mean(fading.near);
        self.from_here = mean(fading.from_here);
        self.around = mean(fading.around);
        let all = fading.all.max(1.0);
        self.rise = fading.rise / all;
        let deviation = |sum: f32, squares: f32| (squares / all - (sum / all).powi(2)).max(0.0).sqrt() + SPREAD_MIN;
        self.rise_needed = (1.0 - now - self.rise) / deviation(fading.rise, fading.rise_squared);
        self.unusual = (now - fading.level / all) / deviation(fading.level, fading.level_squared);
        self
    }
}

impl View<'_> {
    /// Whether an incident began within half a horizon and an hour around the window of so many days ago.
    fn broke_around(&self, back: usize, horizon: usize) -> bool {
        let slack = horizon / 2 + self.hour();
        let Some(first) = self.levels.len().checked_sub(back * self.day) else { return false };
        let index = self.onsets.partition_point(|onset| onset + slack < first);
        self.onsets.get(index).is_some_and(|onset| *onset < first + horizon + slack)
    }

    /// Share of moments near this time of day, by recency, from which the level rose by `gap`.
    fn rose_near_this_time(&self, gap: f32, ahead: &Ahead<'_>) -> f32 {
        let end = self.levels.len();
        let (mut all, mut rose, mut weight) = (0.3, 0.3 * ahead.base_rate, 1.0);
        for back in 1..=DAYS {
            let Some(then) = end.checked_sub(back * self.day + 1) else { break };
            let middle = then / STRIDE;
            for index in middle.saturating_sub(2)..=middle + 2 {
                let (Some(most), Some(level)) = (ahead.greatest.get(index), self.levels.get(index * STRIDE)) else {
                    continue;
                };
                let rise = most - level;
                if rise.is_finite() {
                    all += weight;
                    rose += weight * share(rise >= gap);
                }
            }
            weight *= NEAR_FADES;
        }
        rose / all
    }
}

fn share(whether: bool) -> f32 {
    f32::from(u8::from(whether))
}
