//! The past of a signal as seen from its newest value. Never has a value after the newest one.

use super::analogues::STRIDE;

/// Days that are looked back on at the same time of day.
pub(super) const DAYS: usize = 28;

/// What is looked at, whatever is looked ahead.
pub(super) struct View<'a> {
    /// Quarter-hour means; 0 is the usual value and 1 the limit; NaN is a gap.
    pub levels: &'a [f32],
    /// Greatest of the [`STRIDE`] levels after each [`STRIDE`]th step, as far as these are known or further.
    pub peaks: &'a [f32],
    /// Of the last values themselves, the newest and the mean of the last two, in the same units.
    pub newest: [f32; 2],
    /// Steps in a day.
    pub day: usize,
    /// Steps at which incidents began, relative to the first level.
    pub onsets: &'a [usize],
    /// Level below which 90, 99 and 99.9 % of the past are.
    pub tail: [f32; 3],
}

/// What came in windows of one length.
#[derive(Clone, Copy)]
pub(super) struct Ahead<'a> {
    /// Steps of a window.
    pub horizon: usize,
    /// Greatest level of the window after every [`STRIDE`]th step; minus infinity for steps within an
    /// incident, and where nothing was measured.
    pub greatest: &'a [f32],
    /// Share of windows, so far, in which the limit broke.
    pub base_rate: f32,
}

impl View<'_> {
    /// Steps of an hour.
    pub(super) fn hour(&self) -> usize {
        (self.day / 24).max(1)
    }

    /// The level at a step, or the last one before it.
    pub(super) fn held(&self, index: usize) -> f32 {
        let known = self.levels.get(..=index).unwrap_or(self.levels);
        known.iter().rev().copied().find(|level| !level.is_nan()).unwrap_or(0.0)
    }

    /// The level so many steps before the newest one.
    pub(super) fn ago(&self, steps: usize) -> f32 {
        self.held(self.levels.len().saturating_sub(1 + steps))
    }

    /// Steps between the times of day of a step and the newest one.
    pub(super) fn apart(&self, at: usize) -> usize {
        let apart = self.levels.len().saturating_sub(1).abs_diff(at) % self.day;
        apart.min(self.day - apart)
    }

    /// The `length` steps before `end`.
    pub(super) fn before(&self, end: usize, length: usize) -> &[f32] {
        self.levels.get(end.saturating_sub(length)..end).unwrap_or_default()
    }

    /// Greatest of the last `length` levels.
    pub(super) fn max(&self, length: usize) -> f32 {
        let end = self.levels.len();
        self.greatest(end.saturating_sub(length), end)
    }

    /// Mean of the `length` steps before `end`.
    pub(super) fn mean(&self, end: usize, length: usize) -> f32 {
        self.moments(end, length).0
    }

    /// Mean and mean distance from one level to the next.
    pub(super) fn moments(&self, end: usize, length: usize) -> (f32, f32) {
        let (mut sum, mut moved, mut count, mut before) = (0.0, 0.0, 0.0, f32::NAN);
        for level in self.before(end, length).iter().filter(|level| !level.is_nan()) {
            sum += level;
            moved += if before.is_nan() { 0.0 } else { (level - before).abs() };
            count += 1.0;
            before = *level;
        }
        if count > 0.0 { (sum / count, moved / count) } else { (0.0, 0.0) }
    }

    /// Greatest level of the window of `length` steps that began `back` steps ago.
    pub(super) fn maximum(&self, back: usize, length: usize) -> Option<f32> {
        let end = self.levels.len();
        let first = end.checked_sub(back)?;
        Some(self.greatest(first, (first + length.min(self.day)).min(end))).filter(|maximum| !maximum.is_nan())
    }

    /// Greatest level from `first` on and before `end`, NaN if none is measured. Of four steps that are all in between
    /// one number is read.
    fn greatest(&self, first: usize, end: usize) -> f32 {
        let inner = first.saturating_sub(1).div_ceil(STRIDE)..end.saturating_sub(1) / STRIDE;
        let (head, tail) = match inner.is_empty() {
            true => (first..end, 0..0),
            false => (first..STRIDE * inner.start + 1, STRIDE * inner.end + 1..end),
        };
        let edges = [head, tail].map(|edge| greatest(self.levels.get(edge).unwrap_or_default()));
        let greatest = edges.into_iter().fold(greatest(self.peaks.get(inner).unwrap_or_default()), larger);
        if greatest == f32::NEG_INFINITY { f32::NAN } else { greatest }
    }

    /// Of each day looked back on that has one, the greatest level of the same window.
    pub(super) fn maxima(&self, length: usize) -> impl Iterator<Item = (usize, f32)> {
        (1..=DAYS).filter_map(move |back| Some((back, self.maximum(back * self.day, length)?)))
    }

    /// Steps since a level of at least `level`, of the last `length` steps.
    pub(super) fn since(&self, level: f32, length: usize) -> usize {
        let past = self.before(self.levels.len(), length);
        past.iter().rev().position(|value| *value >= level).unwrap_or(length)
    }
}

/// Levels that the processor compares at once.
const LANES: usize = 8;

/// The greatest of some levels, minus infinity where none is measured.
fn greatest(levels: &[f32]) -> f32 {
    let (chunks, rest) = levels.as_chunks::<LANES>();
    let of_each = chunks
        .iter()
        .fold([f32::NEG_INFINITY; LANES], |most, levels| std::array::from_fn(|lane| larger(most[lane], levels[lane])));
    of_each.iter().chain(rest).copied().fold(f32::NEG_INFINITY, larger)
}

/// The larger one; a gap is none.
pub(super) fn larger(most: f32, level: f32) -> f32 {
    if level > most { level } else { most }
}
