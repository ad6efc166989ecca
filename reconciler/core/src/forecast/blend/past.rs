//! What a series did, laid out so that a mean over any window, the usual day, and how restless it
//! was cost a few additions each.
//!
//! Never looks past the step it is asked from: what is said of a step `t` ahead of an origin uses
//! values up to the origin alone.

use crate::forecast::quantiles::middle;

/// Days that make the usual day: each weekday counts once, and a lasting change is learned in days.
const DAYS: usize = 7;

/// Steps on either side over which the usual day is smoothed, as a share of a day (a quarter of an hour).
const SMOOTH_SHARE: usize = 96;

/// Windows over which means are taken.
pub(super) const LENGTHS: usize = 5;

/// Lengths of the windows, in steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spans {
    pub(super) quarter_hour: usize,
    pub(super) hour: usize,
    pub(super) six_hours: usize,
    pub(super) day: usize,
    pub(super) week: usize,
    pub(super) smooth: usize,
}

impl Spans {
    pub(super) fn new(day: usize) -> Self {
        Self {
            quarter_hour: (day / 96).max(1),
            hour: (day / 24).max(1),
            six_hours: (day / 4).max(1),
            day,
            week: 7 * day,
            smooth: (day / SMOOTH_SHARE).max(1),
        }
    }

    /// From short to long.
    pub(super) fn lengths(&self) -> [usize; LENGTHS] {
        [self.quarter_hour, self.hour, self.six_hours, self.day, self.week]
    }
}

/// Prefix sums of `N` columns: entry `i` is the sum of what lies before `i`.
struct Sums<const N: usize = 1>(Vec<[f64; N]>);

impl<const N: usize> Sums<N> {
    fn of(rows: impl ExactSizeIterator<Item = [f64; N]>) -> Self {
        let mut sums = Vec::with_capacity(rows.len() + 1);
        let mut sum = [0.0; N];
        sums.push(sum);
        sums.extend(rows.map(|row| {
            sum = std::array::from_fn(|column| sum[column] + row[column]);
            sum
        }));
        Self(sums)
    }

    /// Over the steps from `first` up to, not including, `end`; those past the end add nothing.
    fn between(&self, first: usize, end: usize) -> [f64; N] {
        let at = |index: usize| self.0.get(index).or(self.0.last()).copied().unwrap_or([0.0; N]);
        let (before, after) = (at(first), at(end));
        std::array::from_fn(|column| after[column] - before[column])
    }
}

impl Sums {
    fn of_column(values: &[f64]) -> Self {
        Self::of(values.iter().map(|value| [*value]))
    }

    /// Mean over the steps from `first` up to, not including, `end`, of which there is one.
    fn mean(&self, first: usize, end: usize) -> f64 {
        let [sum] = self.between(first, end);
        sum / (end - first) as f64
    }

    /// Mean over the newest `length` steps up to and including `step`.
    fn mean_of_last(&self, step: usize, length: usize) -> f64 {
        self.mean((step + 1).saturating_sub(length), step + 1)
    }
}

/// The past of one series, squashed.
pub(super) struct Past {
    pub(super) spans: Spans,
    values: Vec<f64>,
    /// The newest value up to each step.
    held: Vec<f64>,
    /// Exponentially smoothed, with a memory of an hour and of six.
    levels: Vec<[f64; 2]>,
    /// Of the values, and how many there are.
    sums: Sums<2>,
    /// For each step and one day more: the median of the same step of the last days.
    usual: Vec<f64>,
    usual_sums: Sums,
    /// Of the distance from one value to the next, and from the usual day.
    moves: Sums,
    misses: Sums,
    /// The misses and the moves of that time of day over the last days.
    then: Sums<2>,
    pub(super) still: Still,
}

/// What counts as no movement at all: a share of the mean movement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Still(f64);

impl Still {
    /// Logarithm of a distance, with a floor of what counts as no movement.
    pub(super) fn log(self, distance: f64) -> f64 {
        (distance + self.0).ln()
    }
}

/// Share of a series' mean movement below which one is as good as none.
const STILL: f64 = 0.02;

/// Weight of the misses beside the moves in that mean: a day is missed by far more than a step moves.
const MISSES_WEIGHT: f64 = 0.2;

impl Past {
    /// Of `values`, squashed, with `day` steps a day.
    pub(super) fn new(values: Vec<f64>, day: usize) -> Self {
        let held = held(&values);
        let usual = usual_days(&values, &held, day);
        let distance = |a: &f64, b: &f64| (a - b).abs();
        let between = held.iter().zip(held.iter().skip(1)).map(|(before, after)| distance(before, after));
        let moves: Vec<f64> = std::iter::once(0.0).chain(between).collect();
        let misses: Vec<f64> = held
            .iter()
            .zip(&usual)
            .enumerate()
            .map(|(step, (value, usual))| if step < day { 0.0 } else { distance(value, usual) })
            .collect();
        let spans = Spans::new(day);
        let count = values.len().max(1) as f64;
        let still = STILL * (moves.iter().sum::<f64>() + MISSES_WEIGHT * misses.iter().sum::<f64>()) / count;
        Self {
            spans,
            levels: smoothed(&held, &spans),
            sums: Sums::of(values.iter().map(|value| if value.is_nan() { [0.0; 2] } else { [*value, 1.0] })),
            usual_sums: Sums::of_column(&usual),
            then: Sums::of(then(&misses, &moves, day).into_iter()),
            moves: Sums::of_column(&moves),
            misses: Sums::of_column(&misses),
            still: Still(still.max(f64::MIN_POSITIVE)),
            values,
            held,
            usual,
        }
    }

    /// Steps of the past.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// The value of a step, if it has one.
    pub(super) fn get(&self, step: usize) -> Option<f64> {
        self.values.get(step).copied().filter(|value| !value.is_nan())
    }

    /// The newest value up to a step.
    pub(super) fn held(&self, step: usize) -> f64 {
        self.held.get(step).copied().unwrap_or(0.0)
    }

    /// Exponentially smoothed levels at a step, of shorter and of longer memory.
    pub(super) fn levels(&self, step: usize) -> [f64; 2] {
        self.levels.get(step).copied().unwrap_or_default()
    }

    /// Mean of what is present from `first` up to, not including, `end`.
    pub(super) fn mean(&self, first: usize, end: usize) -> Option<f64> {
        let [sum, count] = self.sums.between(first, end);
        (count > 0.0).then(|| sum / count)
    }

    /// How many values there are from `first` up to, not including, `end`.
    pub(super) fn present(&self, first: usize, end: usize) -> f64 {
        let [_, count] = self.sums.between(first, end);
        count
    }

    /// The steps from `first` up to, not including, `end`, NaN for a gap, if they are all over.
    pub(super) fn between(&self, first: usize, end: usize) -> Option<&[f64]> {
        self.values.get(first..end)
    }

    /// Mean of the newest `length` steps up to and including `step`.
    pub(super) fn mean_of_last(&self, step: usize, length: usize) -> Option<f64> {
        self.mean((step + 1).saturating_sub(length), step + 1)
    }

    /// Mean of the steps around one, those up to `last` alone.
    pub(super) fn mean_around(&self, step: usize, reach: usize, last: usize) -> Option<f64> {
        self.mean(step.saturating_sub(reach), (step + reach).min(last) + 1)
    }

    /// The usual day at a step of the past or of the day after it.
    pub(super) fn usual(&self, step: usize) -> f64 {
        self.usual.get(step).copied().unwrap_or(0.0)
    }

    /// Mean of the usual day over the newest `length` steps up to and including `step`.
    pub(super) fn usual_of_last(&self, step: usize, length: usize) -> f64 {
        self.usual_sums.mean_of_last(step, length)
    }

    /// The usual day around a step, steps up to `last` alone.
    pub(super) fn usual_around(&self, step: usize, last: usize) -> f64 {
        let first = step.saturating_sub(self.spans.smooth);
        let end = (step + self.spans.smooth).min(last).max(step) + 1;
        self.usual_sums.mean(first, end)
    }

    /// Logarithm of the mean movement per step over the newest `length` steps.
    pub(super) fn restlessness(&self, step: usize, length: usize) -> f64 {
        self.log(self.moves.mean_of_last(step, length))
    }

    /// Logarithm of the mean distance from the usual day over the newest `length` steps.
    pub(super) fn strangeness(&self, step: usize, length: usize) -> f64 {
        self.log(self.misses.mean_of_last(step, length))
    }

    /// How far the mean of the day up to `step` is from that of the usual day, as a share of how far steps of the week
    /// before were from theirs; none where half of the day is missing.
    pub(super) fn shift(&self, step: usize) -> f64 {
        let day = self.spans.day;
        let Some(before) = step.checked_sub(day) else { return 0.0 };
        let is_seen = 2.0 * self.present(before + 1, step + 1) >= day as f64;
        let Some(mean) = self.mean(before + 1, step + 1).filter(|_| is_seen) else { return 0.0 };
        let usually = self.misses.mean_of_last(before, DAYS * day) + self.still.0;
        (mean - self.usual_of_last(step, day)).abs() / usually
    }

    /// Logarithms of both means at the time of day of `step` over the days before it; steps up to
    /// `last` alone.
    pub(super) fn restlessness_then(&self, step: usize, last: usize) -> (f64, f64) {
        let reach = 2 * self.spans.smooth;
        let (first, end) = (step.saturating_sub(reach), (step + reach).min(last).max(step) + 1);
        let width = (end - first) as f64;
        let [misses, moves] = self.then.between(first, end);
        (self.log(misses / width), self.log(moves / width))
    }

    /// Logarithm of a distance, with a floor of what counts as no movement.
    pub(super) fn log(&self, distance: f64) -> f64 {
        self.still.log(distance)
    }

    /// Sums over its newest steps, to be continued.
    pub(super) fn ends(&self) -> Ends {
        let (spans, end) = (self.spans, self.len());
        let newest = |length: usize| end.saturating_sub(length);
        let [quarter, hour, six, day, week] = spans.lengths();
        Ends {
            values: [quarter, hour, six, day, week].map(|length| self.sums.between(newest(length), end)),
            usual: [quarter, hour, six, day].map(|length| self.usual_sums.between(newest(length), end)),
            moves: [hour, six, day].map(|length| self.moves.between(newest(length), end)),
            misses: self.misses.between(newest(hour), end),
            levels: self.levels(end.saturating_sub(1)),
            shift: self.shift(end.saturating_sub(1)),
        }
    }
}

/// Sums over the newest steps of a past.
pub(super) struct Ends {
    /// Of the values, and how many there are, over each of [`Spans::lengths`].
    pub(super) values: [[f64; 2]; LENGTHS],
    /// Of the usual day, over all of them but a week.
    pub(super) usual: [[f64; 1]; LENGTHS - 1],
    /// Of the distance from one value to the next, over an hour, six hours and a day.
    pub(super) moves: [[f64; 1]; 3],
    /// Of the distance from the usual day, over an hour.
    pub(super) misses: [f64; 1],
    /// Exponentially smoothed.
    pub(super) levels: [f64; 2],
    /// As in [`Past::shift`]: an hour moves the mean of a day by little.
    pub(super) shift: f64,
}

fn held(values: &[f64]) -> Vec<f64> {
    let mut newest = values.iter().copied().find(|value| !value.is_nan()).unwrap_or(0.0);
    let carry = |value: &f64| {
        newest = if value.is_nan() { newest } else { *value };
        newest
    };
    values.iter().map(carry).collect()
}

/// Simple exponential smoothing with a memory of an hour and of six.
fn smoothed(held: &[f64], spans: &Spans) -> Vec<[f64; 2]> {
    let smoothing = Smoothing::new(spans);
    let mut levels = [held.first().copied().unwrap_or(0.0); 2];
    let advance = |value: &f64| {
        smoothing.advance(&mut levels, *value);
        levels
    };
    held.iter().map(advance).collect()
}

/// Shares of a new value in the smoothed levels.
pub(super) struct Smoothing([f64; 2]);

impl Smoothing {
    /// A value counts half after an hour, and after six.
    pub(super) fn new(spans: &Spans) -> Self {
        Self([spans.hour, spans.six_hours].map(|half_life| 1.0 - 0.5_f64.powf(1.0 / half_life as f64)))
    }

    pub(super) fn advance(&self, levels: &mut [f64; 2], value: f64) {
        levels.iter_mut().zip(self.0).for_each(|(level, share)| *level += share * (value - *level));
    }
}

/// For each step and one day more, the median of the same step of the days before; of the first
/// day, the value a day before, or the first one.
fn usual_days(values: &[f64], held: &[f64], day: usize) -> Vec<f64> {
    let first = held.first().copied().unwrap_or(0.0);
    let value = |step: usize| values.get(step).copied().unwrap_or(f64::NAN);
    let at = |step: usize| {
        median_of_week(value, day, step)
            .or_else(|| median_of_known(value, day, step))
            .unwrap_or_else(|| step.checked_sub(day).and_then(|step| held.get(step).copied()).unwrap_or(first))
    };
    (0..values.len() + day).map(at).collect()
}

/// Where none of the seven days before has a gap (NaN) at the time of `step`, as is usual.
pub(super) fn median_of_week(value: impl Fn(usize) -> f64, day: usize, step: usize) -> Option<f64> {
    let oldest = step.checked_sub(DAYS * day)?;
    let week = std::array::from_fn(|days| value(oldest + days * day));
    (!week.iter().sum::<f64>().is_nan()).then(|| median_of_seven(week))
}

/// Of the days among those seven that have a value.
pub(super) fn median_of_known(value: impl Fn(usize) -> f64, day: usize, step: usize) -> Option<f64> {
    let mut same = [0.0; DAYS];
    let mut found = 0;
    for back in (1..=DAYS).map_while(|days| step.checked_sub(days * day)) {
        let value = value(back);
        if let Some(slot) = same.get_mut(found).filter(|_| !value.is_nan()) {
            *slot = value;
            found += 1;
        }
    }
    same.get_mut(..found).and_then(middle)
}

/// Pairs of places to be put in order, one after another, until the fourth holds the median: the fewest for
/// seven (Devillard, "Fast median search", 1998).
const ORDERED: [(usize, usize); 13] =
    [(0, 5), (0, 3), (1, 6), (2, 4), (0, 1), (3, 5), (2, 6), (2, 3), (3, 6), (4, 5), (1, 4), (1, 3), (3, 4)];

/// Without the order of the others, which sorting would find too.
fn median_of_seven(mut values: [f64; DAYS]) -> f64 {
    for (a, b) in ORDERED {
        let (low, high) = (values[a], values[b]);
        values[a] = if high < low { high } else { low };
        values[b] = if high < low { low } else { high };
    }
    values[DAYS / 2]
}

/// For each step and one day more: the means of the same step over the days before it.
fn then(misses: &[f64], moves: &[f64], day: usize) -> Vec<[f64; 2]> {
    let mut total: Vec<[f64; 2]> = misses.iter().zip(moves).map(|(miss, moved)| [*miss, *moved]).collect();
    for step in day..total.len() {
        let before = total.get(step - day).copied().unwrap_or_default();
        if let Some(values) = total.get_mut(step) {
            values.iter_mut().zip(before).for_each(|(value, before)| *value += before);
        }
    }
    let until = |step: Option<usize>| step.and_then(|step| total.get(step).copied()).unwrap_or_default();
    let mean = |step: usize| {
        let days = (step / day).clamp(1, DAYS) as f64;
        let (newest, oldest) = (until(step.checked_sub(day)), until(step.checked_sub((DAYS + 1) * day)));
        std::array::from_fn(|column| (newest[column] - oldest[column]) / days)
    };
    (0..misses.len() + day).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What puts every order of zeros and ones right puts every order right.
    #[test]
    fn the_median_of_seven_is_the_one_that_sorting_finds() {
        for order in 0..1_u32 << DAYS {
            let mut values: [f64; DAYS] = std::array::from_fn(|place| f64::from(order >> place & 1));
            let found = median_of_seven(values);
            assert_eq!(Some(found.to_bits()), middle(&mut values).map(f64::to_bits), "{order:b}");
        }
    }
}
