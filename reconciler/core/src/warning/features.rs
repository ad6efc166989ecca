//! What the score of one signal is told from: where it is between its usual value and its limit,
//! where it was at this time on other days, how it moves, and when the limit broke before.
//!
//! Never uses a value after the newest one.

/// Numbers that the model sees.
pub const COUNT: usize = 30;

/// One look at a signal, in the order of [`NAMES`].
pub type Features = [f32; COUNT];

/// What the numbers are, for reasons and for people who read a model.
pub const NAMES: [&str; COUNT] = [
    "now",
    "max 1 h",
    "max 6 h",
    "max 24 h",
    "mean 1 h",
    "mean 6 h",
    "mean 24 h",
    "spread 1 h",
    "spread 24 h",
    "slope 30 min",
    "slope 1 h",
    "slope 6 h",
    "yesterday's maximum",
    "last week's maximum",
    "usual maximum",
    "highest maximum",
    "second highest maximum",
    "broken at this time of day",
    "broken at this time lately",
    "above yesterday 1 h",
    "above yesterday 6 h",
    "yesterday's maximum from here",
    "usual maximum from here",
    "base rate",
    "time since the last incident",
    "incidents of a day",
    "incidents of a week",
    "time against the usual interval",
    "share above now",
    "horizon",
];

/// Days that are looked back on at the same time of day.
const DAYS: usize = 28;

/// Days that count as lately.
const LATELY: usize = 5;

/// Largest magnitude of a number: beyond it more says nothing.
const MAX: f32 = 50.0;

/// The past of a signal as seen from its newest value.
pub struct View<'a> {
    /// Quarter-hour means; 0 is the usual value and 1 the limit; NaN is a gap.
    pub levels: &'a [f32],
    /// Steps in a day.
    pub day: usize,
    /// Steps at which incidents began, relative to the first level.
    pub onsets: &'a [usize],
    /// Share of windows of this length, so far, in which the limit broke.
    pub base_rate: f32,
}

impl View<'_> {
    /// The numbers for a window of `horizon` steps.
    pub fn features(&self, horizon: usize) -> Features {
        let end = self.levels.len();
        let (hour, six) = ((self.day / 24).max(1), (self.day / 4).max(1));
        let now = self.held(end.saturating_sub(1));
        let (mean_1, spread_1) = self.moments(end, hour);
        let (mean_6, _) = self.moments(end, six);
        let (mean_24, spread_24) = self.moments(end, self.day);
        let half = (hour / 2).max(1);
        let windows = Windows::new(self, horizon);
        let yesterday = |length: usize| end.checked_sub(self.day).map(|end| self.moments(end, length).0);
        let above_1 = yesterday(hour).map_or(0.0, |then| mean_1 - then);
        let above_6 = yesterday(six).map_or(0.0, |then| mean_6 - then);
        let since = self.onsets.last().map_or(end, |onset| end - onset);
        let within =
            |length: usize| self.onsets.iter().rev().take_while(|onset| end - **onset <= length).count() as f32;
        let raw = [
            now,
            self.max(end, hour),
            self.max(end, six),
            self.max(end, self.day),
            mean_1,
            mean_6,
            mean_24,
            spread_1,
            spread_24,
            now - self.held(end.saturating_sub(1 + half)),
            mean_1 - self.moments(end.saturating_sub(hour), hour).0,
            mean_6 - self.moments(end.saturating_sub(six), six).0,
            windows.yesterday,
            windows.last_week,
            windows.usual,
            windows.highest,
            windows.second,
            windows.broken,
            windows.broken_lately,
            above_1,
            above_6,
            windows.yesterday + above_1,
            windows.usual + above_1,
            self.base_rate.max(1e-5).ln(),
            (since as f32 / hour as f32).ln_1p(),
            within(self.day),
            within(7 * self.day),
            self.against_interval(since),
            self.share_above(now),
            horizon as f32 / hour as f32,
        ];
        raw.map(|value| if value.is_nan() { 0.0 } else { value.clamp(-MAX, MAX) })
    }

    pub(super) fn held(&self, index: usize) -> f32 {
        let known = self.levels.get(..=index).unwrap_or(self.levels);
        known.iter().rev().copied().find(|level| !level.is_nan()).unwrap_or(0.0)
    }

    /// The `length` steps before `end`.
    fn before(&self, end: usize, length: usize) -> &[f32] {
        self.levels.get(end.saturating_sub(length)..end).unwrap_or_default()
    }

    fn max(&self, end: usize, length: usize) -> f32 {
        self.before(end, length).iter().copied().fold(f32::NAN, f32::max)
    }

    /// Mean of the `length` steps before `end`.
    pub(super) fn mean(&self, end: usize, length: usize) -> f32 {
        self.moments(end, length).0
    }

    /// Greatest level of the window of `length` steps that began `back` steps ago.
    pub(super) fn maximum(&self, back: usize, length: usize) -> Option<f32> {
        let end = self.levels.len();
        let first = end.checked_sub(back)?;
        let window = self.levels.get(first..(first + length.min(self.day)).min(end))?;
        Some(window.iter().copied().fold(f32::NAN, f32::max)).filter(|maximum| !maximum.is_nan())
    }

    /// Of each day looked back on that has one, the greatest level of the same window.
    pub(super) fn maxima(&self, length: usize) -> impl Iterator<Item = (usize, f32)> {
        (1..=DAYS).filter_map(move |back| Some((back, self.maximum(back * self.day, length)?)))
    }

    /// Mean and mean distance from one level to the next.
    fn moments(&self, end: usize, length: usize) -> (f32, f32) {
        let (mut sum, mut moved, mut count, mut before) = (0.0, 0.0, 0.0, f32::NAN);
        for level in self.before(end, length).iter().filter(|level| !level.is_nan()) {
            sum += level;
            moved += if before.is_nan() { 0.0 } else { (level - before).abs() };
            count += 1.0;
            before = *level;
        }
        if count > 0.0 { (sum / count, moved / count) } else { (0.0, 0.0) }
    }

    /// How long ago the last incident was against the usual time between two.
    fn against_interval(&self, since: usize) -> f32 {
        let (Some(first), Some(last)) = (self.onsets.first(), self.onsets.last()) else { return 0.0 };
        if self.onsets.len() < 3 {
            return 0.0;
        }
        let mean = (last - first) as f32 / (self.onsets.len() - 1) as f32;
        (since as f32 / mean.max(1.0)).min(5.0)
    }

    /// Share of the last day that was above the newest level.
    fn share_above(&self, now: f32) -> f32 {
        let day = self.before(self.levels.len(), self.day);
        day.iter().filter(|level| **level > now).count() as f32 / day.len().max(1) as f32
    }
}

/// What came in the same window of earlier days.
struct Windows {
    yesterday: f32,
    last_week: f32,
    /// Mean of the maxima of the last days.
    usual: f32,
    highest: f32,
    second: f32,
    broken: f32,
    broken_lately: f32,
}

impl Windows {
    fn new(view: &View<'_>, horizon: usize) -> Self {
        let maximum = |back: usize| view.maximum(back * view.day, horizon);
        let mut windows = Self {
            yesterday: maximum(1).unwrap_or(f32::NAN),
            last_week: maximum(7).unwrap_or(f32::NAN),
            usual: 0.0,
            highest: f32::NAN,
            second: f32::NAN,
            broken: 0.0,
            broken_lately: 0.0,
        };
        let (mut days, mut recent) = (0.0_f32, 0.0_f32);
        for (back, maximum) in view.maxima(horizon) {
            days += 1.0;
            let breaks = f32::from(u8::from(maximum >= 1.0));
            windows.broken += breaks;
            if back <= LATELY {
                recent += 1.0;
                windows.usual += maximum;
                windows.broken_lately += breaks;
            }
            windows.second = windows.second.max(maximum.min(windows.highest));
            windows.highest = windows.highest.max(maximum);
        }
        windows.usual /= recent.max(1.0);
        windows.broken_lately = (windows.broken_lately + 0.1) / (recent + 1.0);
        windows.broken = (windows.broken + 0.1) / (days + 1.0);
        windows
    }
}
