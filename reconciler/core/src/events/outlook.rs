//! What is still to come, put into a forecast that was made without it.

use super::clock::Clock;
use super::{EventEffect, Known, Span, coming};
use crate::forecast::{Forecast, LEVELS, Quantiles, Step, Window, median};
use jiff::{SignedDuration, Timestamp};

/// An occurrence that goes on or is to come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coming {
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    /// Multiple of the usual that is expected.
    pub(super) factor: f64,
    /// How far it may be from that, as a deviation.
    pub(super) spread: f64,
}

/// What is to be put into a forecast.
#[derive(Debug)]
pub(super) struct Outlook {
    clock: Clock,
    horizons: Vec<SignedDuration>,
    coming: Vec<Coming>,
    effects: Vec<EventEffect>,
    now: Timestamp,
}

/// The quantiles of the normal distribution at [`LEVELS`], in deviations.
const DEVIATIONS: Quantiles = [
    -1.959_964, -1.281_552, -0.841_621, -0.524_401, -0.253_347, 0.0, 0.253_347, 0.524_401, 0.841_621, 1.281_552,
    1.959_964,
];

/// What a step is multiplied by, and how far that may be off.
#[derive(Clone, Copy)]
struct Factor {
    factor: f64,
    spread: f64,
}

impl Outlook {
    pub(super) fn new(clock: &Clock, span: &Span, horizons: &[SignedDuration], known: &[Known<'_>]) -> Self {
        Self {
            clock: clock.clone(),
            horizons: horizons.to_vec(),
            coming: coming(known, span),
            effects: known.iter().map(|known| known.effect(span)).collect(),
            now: span.now,
        }
    }

    /// The horizons as the clock tells them: a day is 25 hours long where it is put forward within it,
    /// since an hour of the usual day is passed over.
    pub(super) fn by_the_clock(&self, horizons: &[SignedDuration]) -> Vec<SignedDuration> {
        let ahead = |horizon: &SignedDuration| {
            let end = self.now.checked_add(*horizon).unwrap_or(self.now);
            self.clock.shift(end)
        };
        horizons.iter().map(|horizon| horizon.saturating_add(ahead(horizon))).collect()
    }

    /// The forecast of what is expected.
    pub(super) fn put_into(&self, forecast: Forecast) -> Forecast {
        let steps = self.steps(&forecast);
        let lifted: Vec<(Quantiles, Option<Factor>)> = steps.iter().map(|(at, usual)| (*usual, self.at(*at))).collect();
        let steps: Vec<Quantiles> =
            lifted.iter().map(|(usual, factor)| factor.map_or(*usual, |it| it.lift(usual))).collect();
        let windows = forecast.windows.iter().zip(&self.horizons).map(|(window, horizon)| {
            let within = self.steps_within(&forecast, *horizon);
            let last = Step::of(&steps, within).unwrap_or(window.last);
            Window { horizon: *horizon, last, ..lift_window(window, lifted.get(..within).unwrap_or(&lifted)) }
        });
        let windows = windows.collect();
        Forecast { steps, windows, events: self.effects.clone(), ..forecast }
    }

    /// The steps after the newest sample until the longest horizon ends, each with its start and with
    /// the quantiles of that time of day.
    fn steps(&self, forecast: &Forecast) -> Vec<(Timestamp, Quantiles)> {
        let longest = self.horizons.iter().max().copied().unwrap_or_default();
        let start = |lead: usize| {
            let lead = i32::try_from(lead).unwrap_or(i32::MAX);
            forecast.newest.at.checked_add(forecast.step.saturating_mul(lead)).ok()
        };
        let step = |lead: usize| {
            let at = start(lead)?;
            let last = i64::try_from(forecast.steps.len()).ok()?;
            let by_clock = (i64::try_from(lead).ok()? + self.clock.ahead(at)).clamp(1, last.max(1));
            let quantiles = forecast.steps.get(usize::try_from(by_clock - 1).ok()?)?;
            Some((at, *quantiles))
        };
        (1..=self.steps_within(forecast, longest)).map_while(step).collect()
    }

    /// Steps after the newest sample that lie before the end of a horizon.
    fn steps_within(&self, forecast: &Forecast, horizon: SignedDuration) -> usize {
        let ahead = self.now.duration_since(forecast.newest.at).saturating_add(horizon);
        usize::try_from((ahead.as_millis() / forecast.step.as_millis().max(1)).max(1)).unwrap_or(usize::MAX)
    }

    /// What everything that takes place at a time multiplies a value by.
    fn at(&self, at: Timestamp) -> Option<Factor> {
        let all = self.coming.iter().filter(|it| it.start <= at && at < it.end);
        all.fold(None, |product, it| {
            let Factor { factor, spread } = product.unwrap_or(Factor { factor: 1.0, spread: 0.0 });
            // The deviation of a product of independent factors.
            let spread = ((factor * it.spread).powi(2) + (it.factor * spread).powi(2)).sqrt();
            Some(Factor { factor: factor * it.factor, spread })
        })
    }
}

impl Factor {
    /// Quantiles of a value that is multiplied by a factor which is not known exactly.
    fn lift(&self, usual: &Quantiles) -> Quantiles {
        let middle = median(usual);
        let mut lifted = [0.0; LEVELS.len()];
        for ((lifted, usual), deviations) in lifted.iter_mut().zip(usual).zip(DEVIATIONS) {
            let (own, by_event) = (self.factor * (usual - middle), deviations * self.spread * middle.abs());
            *lifted = self.factor * middle + own.hypot(by_event).copysign(deviations);
        }
        // Values of what follows a load are not negative, unless the forecaster says so.
        let least = usual.first().copied().unwrap_or(0.0).min(0.0);
        lifted.map(|value| value.max(least))
    }
}

/// The extremes of a window of which some steps are lifted: each quantile changes as the largest
/// (smallest) of that level does over the steps.
fn lift_window(window: &Window, steps: &[(Quantiles, Option<Factor>)]) -> Window {
    if steps.iter().all(|(_, factor)| factor.is_none()) {
        return window.clone();
    }
    let extreme = |pick: fn(f64, f64) -> f64, lifted: bool| {
        let quantiles = |(usual, factor): &(Quantiles, Option<Factor>)| match factor {
            Some(factor) if lifted => factor.lift(usual),
            Some(_) | None => *usual,
        };
        let both = |mut all: Quantiles, other: Quantiles| {
            all.iter_mut().zip(other).for_each(|(value, other)| *value = pick(*value, other));
            all
        };
        steps.iter().map(quantiles).reduce(both).unwrap_or_default()
    };
    let change = |pick| {
        let (before, after) = (extreme(pick, false), extreme(pick, true));
        move |level: f64, value: f64| moved(value, at_level(&before, level), at_level(&after, level))
    };
    Window {
        maximum: window.maximum.changed(change(f64::max)),
        minimum: window.minimum.changed(change(f64::min)),
        ..*window
    }
}

/// A value moved as `before` moves to `after`: in proportion where there is one.
fn moved(value: f64, before: f64, after: f64) -> f64 {
    if before > 0.0 { value * (after / before) } else { value + (after - before) }
}

/// Between the quantiles of two levels in proportion; beyond the outermost, that one.
fn at_level(quantiles: &Quantiles, level: f64) -> f64 {
    let known = || LEVELS.iter().zip(quantiles);
    let (below, above) = (known().rfind(|(it, _)| **it <= level), known().find(|(it, _)| **it > level));
    match (below, above) {
        (Some((low, from)), Some((high, to))) => from + (to - from) * (level - low) / (high - low),
        (Some((_, value)), None) | (None, Some((_, value))) => *value,
        (None, None) => 0.0,
    }
}
