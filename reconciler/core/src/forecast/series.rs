//! A signal's values as the models see them: centred and scaled, so that bytes and ratios go
//! through the same arithmetic with the same precision. Never holds anything but finite numbers
//! and gaps.

/// The values of a history in units of their usual distance from the newest one.
pub(super) struct Series {
    /// One per step, NaN for a gap; the last one is never a gap.
    values: Vec<f64>,
    centre: f64,
    scale: f64,
    /// The least value that can be, in these units: zero for a signal that was never negative.
    floor: f64,
}

impl Series {
    /// `None` when the newest value is missing.
    pub(super) fn new(history: &[f64]) -> Option<Self> {
        let centre = history.last().copied().filter(|newest| newest.is_finite())?;
        let present = || history.iter().filter(|value| value.is_finite());
        let distance = present().map(|value| (value - centre).abs()).sum::<f64>() / present().count() as f64;
        let scale = if distance > 0.0 { distance } else { 1.0 };
        let never_negative = present().all(|value| *value >= 0.0);
        let values = history.iter().map(|value| (value - centre) / scale).collect();
        let floor = if never_negative { -centre / scale } else { f64::NEG_INFINITY };
        Some(Self { values, centre, scale, floor })
    }

    /// Index of the newest value.
    pub(super) fn last(&self) -> usize {
        self.values.len().saturating_sub(1)
    }

    /// The value of a step, if it has one.
    pub(super) fn get(&self, index: usize) -> Option<f64> {
        self.values.get(index).copied().filter(|value| !value.is_nan())
    }

    /// Every step in order, NaN for a gap.
    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }

    /// Index of the `n`th present value, counted from 1.
    pub(super) fn index_of_nth(&self, n: usize) -> Option<usize> {
        let present = |(index, value): (usize, &f64)| (!value.is_nan()).then_some(index);
        self.values.iter().enumerate().filter_map(present).nth(n.saturating_sub(1))
    }

    /// No less than the signal can be.
    pub(super) fn floored(&self, value: f64) -> f64 {
        value.max(self.floor)
    }

    /// A level in the signal's unit.
    pub(super) fn level_in_units(&self, level: f64) -> f64 {
        level * self.scale + self.centre
    }
}
