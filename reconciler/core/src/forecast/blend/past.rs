//! What a series did, laid out so that a mean over any window, the usual day, and how restless it
//! was cost a few additions each.
//!
//! Never looks past the step it is asked from: what is said of a step `t` ahead of an origin uses
//! values up to the origin alone.

/// Days that make the usual day: each weekday counts once, and a lasting change is learned in days.
const DAYS: usize = 7;

/// Days of the newest past that a forecast from its end looks at: one and two weeks ago, each with its
/// surroundings, and the usual days of the last week, which are made of the week before.
pub(super) const DAYS_LOOKED_AT: usize = 2 * DAYS + 1;

/// Steps on either side over which the usual day is smoothed, as a share of a day (a quarter of an hour).
const SMOOTH_SHARE: usize = 96;

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
}

/// Prefix sums: entry `i` is the sum of what lies before `i`.
struct Sums(Vec<f64>);

impl Sums {
    fn of(values: impl ExactSizeIterator<Item = f64>) -> Self {
        let mut sums = Vec::with_capacity(values.len() + 1);
        let mut sum = 0.0;
        sums.push(sum);
        sums.extend(values.map(|value| {
            sum += value;
            sum
        }));
        Self(sums)
    }

    /// Over the steps from `first` up to, not including, `end`.
    fn between(&self, first: usize, end: usize) -> f64 {
        let at = |index: usize| self.0.get(index.min(self.0.len() - 1)).copied().unwrap_or(0.0);
        at(end) - at(first)
    }
}

/// The past of one series, squashed.
pub(super) struct Past {
    pub(super) spans: Spans,
    values: Vec<f64>,
    /// The newest value up to each step.
    held: Vec<f64>,
    /// Exponentially smoothed, with a memory of an hour and of six.
    levels: [Vec<f64>; 2],
    sums: Sums,
    counts: Sums,
    /// For each step and one day more: the median of the same step of the last days.
    usual: Vec<f64>,
    usual_sums: Sums,
    /// Of the distance from one value to the next, and from the usual day.
    moves: Sums,
    misses: Sums,
    /// The same, of that time of day over the last days.
    moves_then: Sums,
    misses_then: Sums,
    /// What counts as no movement at all: a share of the mean movement.
    pub(super) still: f64,
}

/// Share of a series' mean movement below which one is as good as none.
const STILL: f64 = 0.02;

/// Weight of the misses beside the moves in that mean: a day is missed by far more than a step moves.
const MISSES_WEIGHT: f64 = 0.2;

impl Past {
    /// All of the past, as it is learned from.
    pub(super) fn new(values: Vec<f64>, day: usize) -> Self {
        Self::laid_out(values, day, None)
    }

    /// The newest part of a past that was learned from, as long as a forecast from its end needs it;
    /// `still` is what counted as no movement when it was learned from.
    pub(super) fn recent(values: Vec<f64>, day: usize, still: f64) -> Self {
        Self::laid_out(values, day, Some(still))
    }

    fn laid_out(values: Vec<f64>, day: usize, still: Option<f64>) -> Self {
        let held = held(&values);
        let usual = usual_day(&values, &held, day);
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
        let usually = || STILL * (moves.iter().sum::<f64>() + MISSES_WEIGHT * misses.iter().sum::<f64>()) / count;
        let still = still.unwrap_or_else(usually);
        Self {
            spans,
            levels: [smoothed(&held, spans.hour), smoothed(&held, spans.six_hours)],
            sums: Sums::of(values.iter().map(|value| if value.is_nan() { 0.0 } else { *value })),
            counts: Sums::of(values.iter().map(|value| f64::from(u8::from(!value.is_nan())))),
            usual_sums: Sums::of(usual.iter().copied()),
            moves_then: Sums::of(then(&moves, day).into_iter()),
            misses_then: Sums::of(then(&misses, day).into_iter()),
            moves: Sums::of(moves.into_iter()),
            misses: Sums::of(misses.into_iter()),
            still: still.max(f64::MIN_POSITIVE),
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
        self.levels.each_ref().map(|levels| levels.get(step).copied().unwrap_or(0.0))
    }

    /// Mean of what is present from `first` up to, not including, `end`.
    pub(super) fn mean(&self, first: usize, end: usize) -> Option<f64> {
        let count = self.counts.between(first, end);
        (count > 0.0).then(|| self.sums.between(first, end) / count)
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
        let first = (step + 1).saturating_sub(length);
        self.usual_sums.between(first, step + 1) / (step + 1 - first) as f64
    }

    /// The usual day around a step, steps up to `last` alone.
    pub(super) fn usual_around(&self, step: usize, last: usize) -> f64 {
        let first = step.saturating_sub(self.spans.smooth);
        let end = (step + self.spans.smooth).min(last).max(step) + 1;
        self.usual_sums.between(first, end) / (end - first) as f64
    }

    /// Logarithm of the mean movement per step over the newest `length` steps.
    pub(super) fn restlessness(&self, step: usize, length: usize) -> f64 {
        self.log(mean_of_last(&self.moves, step, length))
    }

    /// Logarithm of the mean distance from the usual day over the newest `length` steps.
    pub(super) fn strangeness(&self, step: usize, length: usize) -> f64 {
        self.log(mean_of_last(&self.misses, step, length))
    }

    /// Logarithms of both means at the time of day of `step` over the days before it; steps up to
    /// `last` alone.
    pub(super) fn restlessness_then(&self, step: usize, last: usize) -> (f64, f64) {
        let reach = 2 * self.spans.smooth;
        let (first, end) = (step.saturating_sub(reach), (step + reach).min(last).max(step) + 1);
        let width = (end - first) as f64;
        let mean = |sums: &Sums| self.log(sums.between(first, end) / width);
        (mean(&self.misses_then), mean(&self.moves_then))
    }

    /// Logarithm of a distance, with a floor of what counts as no movement.
    pub(super) fn log(&self, distance: f64) -> f64 {
        (distance + self.still).ln()
    }
}

fn mean_of_last(sums: &Sums, step: usize, length: usize) -> f64 {
    let first = (step + 1).saturating_sub(length);
    sums.between(first, step + 1) / (step + 1 - first) as f64
}

fn held(values: &[f64]) -> Vec<f64> {
    let mut newest = values.iter().copied().find(|value| !value.is_nan()).unwrap_or(0.0);
    let carry = |value: &f64| {
        newest = if value.is_nan() { newest } else { *value };
        newest
    };
    values.iter().map(carry).collect()
}

/// Simple exponential smoothing in which a value counts half after `half_life` steps.
fn smoothed(held: &[f64], half_life: usize) -> Vec<f64> {
    let share = 1.0 - 0.5_f64.powf(1.0 / half_life as f64);
    let mut level = held.first().copied().unwrap_or(0.0);
    let advance = |value: &f64| {
        level += share * (value - level);
        level
    };
    held.iter().map(advance).collect()
}

/// For each step and one day more, the median of the same step of the days before; of the first
/// day, the value a day before, or the first one.
fn usual_day(values: &[f64], held: &[f64], day: usize) -> Vec<f64> {
    let first = held.first().copied().unwrap_or(0.0);
    let at = |step: usize| {
        let mut same = [0.0; DAYS];
        let mut found = 0;
        let mut back = step;
        while back >= day && found < DAYS && step - back < DAYS * day {
            back -= day;
            if let Some((value, slot)) = values.get(back).filter(|value| !value.is_nan()).zip(same.get_mut(found)) {
                *slot = *value;
                found += 1;
            }
        }
        let known = same.get_mut(..found).and_then(median);
        known.unwrap_or_else(|| step.checked_sub(day).and_then(|step| held.get(step).copied()).unwrap_or(first))
    };
    (0..values.len() + day).map(at).collect()
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let is_odd = values.len() % 2 == 1;
    Some(if is_odd { upper } else { f64::midpoint(upper, *values.get(values.len() / 2 - 1)?) })
}

/// For each step and one day more: the mean of the same step over the days before it.
fn then(values: &[f64], day: usize) -> Vec<f64> {
    let mut total = values.to_vec();
    for step in day..total.len() {
        let before = total.get(step - day).copied().unwrap_or(0.0);
        if let Some(value) = total.get_mut(step) {
            *value += before;
        }
    }
    let until = |step: Option<usize>| step.and_then(|step| total.get(step).copied()).unwrap_or(0.0);
    let mean = |step: usize| {
        let days = (step / day).clamp(1, DAYS);
        (until(step.checked_sub(day)) - until(step.checked_sub((DAYS + 1) * day))) / days as f64
    };
    (0..values.len() + day).map(mean).collect()
}
