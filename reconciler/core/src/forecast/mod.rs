//! What a signal will probably do: quantiles per step and of the extremes of windows.
//!
//! Several models forecast the series' own past; the one that lost least makes the forecast, and
//! its errors in that past make the intervals. No forecast is itself an answer, [`NotReady`], with
//! the reason. Never fails on gaps, and never forecasts from stale samples.

mod backtest;
pub mod blend;
mod choice;
mod distribution;
mod ensemble;
mod follower;
mod glance;
mod learning;
mod profile;
mod quantiles;
mod seasonal;
mod series;
mod text;
mod trend;

pub use backtest::Accuracy;
pub use choice::ModelName;
pub use distribution::Distribution;
pub use follower::Follower;
pub use glance::{Glance, Reached, Worst};
pub(crate) use quantiles::middle;
pub use quantiles::{LEVELS, Quantiles, median};
pub(crate) use text::significant;

use crate::events::EventEffect;
use crate::history::{History, Sample};
use backtest::Loss;
use blend::prior::Prior;
use blend::{Blend, View};
use choice::{Choice, choose};
use ensemble::Ensemble;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use series::Series;

/// Fewest samples to forecast from: ten before the first origin of the backtest, and thirty after
/// it to measure errors on.
pub const SAMPLES_MIN: usize = 40;

/// Steps without a sample after which a history is stale.
const STALE_STEPS: i32 = 3;

/// Age up to which no history is stale, however short its step: the usual scrape interval.
const STALE_AGE_MIN: SignedDuration = SignedDuration::from_secs(15);

/// Periods that services live by.
const PERIODS: [SignedDuration; 2] = [SignedDuration::from_hours(24), SignedDuration::from_hours(7 * 24)];

/// Fewest steps in a day for which the shape of a day is told from hours.
const STEPS_A_DAY_MIN: usize = 24;

/// Periods that must be in the history before one is repeated.
const PERIODS_MIN: usize = 2;

/// The forecast of one signal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    /// The model that made it.
    pub model: ModelName,
    /// Why that model.
    pub reason: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// The sample that it starts from.
    pub newest: Sample,
    /// Distance of two steps.
    pub step: SignedDuration,
    /// Levels of the quantiles.
    pub levels: Quantiles,
    /// Quantiles of each step after the newest sample, in the signal's unit.
    pub steps: Vec<Quantiles>,
    /// One per horizon asked for, in that order.
    pub windows: Vec<Window>,
    /// How good the model's forecasts of the past were.
    pub accuracy: Accuracy,
    /// Expected events that were taken into account; see [`crate::events`].
    pub events: Vec<EventEffect>,
}

/// The extremes of the time from now to a horizon.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Window {
    /// Length, from the time at which the forecast was made.
    pub horizon: SignedDuration,
    /// The highest value in it.
    pub maximum: Distribution,
    /// The lowest value in it.
    pub minimum: Distribution,
    /// The last step in it that was looked at.
    pub last: Step,
}

/// One step after the newest sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Step {
    /// Its number, counted from 1.
    pub number: usize,
    /// Its quantiles at [`LEVELS`], in the signal's unit.
    pub quantiles: Quantiles,
}

/// Why there is no forecast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}")]
pub struct NotReady {
    /// What is missing.
    pub reason: String,
    /// When there will be one, if samples keep coming; `None` when that is not the question.
    pub ready_at: Option<Timestamp>,
}

/// Forecasts a signal from `now` over each of `horizons`.
///
/// # Errors
/// [`NotReady`] says why there is no forecast and, where it can be told, when there will be one.
pub fn forecast(history: &History, horizons: &[SignedDuration], now: Timestamp) -> Result<Forecast, NotReady> {
    let asked = Asked::new(history, horizons, now)?;
    let blended = days(history).zip(Prior::shipped()).and_then(|(day, prior)| by_days(&asked, day, prior));
    blended.map_or_else(|| by_paths(&asked), Ok)
}

/// A question for a forecast that can be answered.
struct Asked<'a> {
    history: &'a History,
    horizons: &'a [SignedDuration],
    /// Steps to the end of each horizon.
    leads: Vec<usize>,
    newest: Sample,
    now: Timestamp,
}

impl<'a> Asked<'a> {
    fn new(history: &'a History, horizons: &'a [SignedDuration], now: Timestamp) -> Result<Self, NotReady> {
        let newest = fresh_newest(history, now)?;
        let leads = leads(history, horizons, newest.at, now)?;
        enough_samples(history)?;
        Ok(Self { history, horizons, leads, newest, now })
    }

    fn furthest(&self) -> usize {
        self.leads.iter().copied().max().unwrap_or(1)
    }

    fn answer(
        &self,
        (model, reason): (ModelName, String),
        steps: Vec<Quantiles>,
        windows: Vec<Window>,
        accuracy: Accuracy,
    ) -> Forecast {
        let (made_at, newest, step) = (self.now, self.newest, self.history.step());
        Forecast { model, reason, made_at, newest, step, levels: LEVELS, steps, windows, accuracy, events: Vec::new() }
    }
}

/// Steps in a day, if days are in the history of which enough is there.
pub(crate) fn days(history: &History) -> Option<usize> {
    let (day, step) = (SignedDuration::from_hours(24).as_millis(), history.step().as_millis().max(1));
    let day = (day % step == 0).then(|| usize::try_from(day / step).ok())??;
    let enough = history.len() > PERIODS_MIN * day && history.has(day);
    (day >= STEPS_A_DAY_MIN && enough).then_some(day)
}

/// Where days are in the history: the blend and its rivals. `None` when too little of the past
/// could be checked.
fn by_days(asked: &Asked<'_>, day: usize, prior: &Prior) -> Option<Forecast> {
    let values = asked.history.values();
    let (blend, laid_out) = Blend::fit(&values, day, asked.furthest(), &asked.leads, prior);
    from_blend(asked, &blend, &blend.view(laid_out))
}

/// What a blend says at the end of what it was learned from.
fn from_blend(asked: &Asked<'_>, blend: &Blend, view: &View<'_>) -> Option<Forecast> {
    let accuracy = blend.accuracy()?;
    let steps = view.steps(asked.furthest());
    let window = |(horizon, lead): (&SignedDuration, &usize)| {
        let (maximum, minimum) = view.window(*lead)?;
        Some(Window { horizon: *horizon, maximum, minimum, last: Step::of(&steps, *lead)? })
    };
    let windows = asked.horizons.iter().zip(&asked.leads).map(window).collect::<Option<Vec<Window>>>()?;
    Some(asked.answer((blend.model(), blend.reason()), steps, windows, accuracy))
}

/// Where they are not: models of level and slope, whose errors of the past are whole paths.
fn by_paths(asked: &Asked<'_>) -> Result<Forecast, NotReady> {
    let series = Series::new(&asked.history.values()).ok_or_else(|| never("there is no sample"))?;
    let horizon = asked.furthest();
    let choice = choose(&series, &periods(asked.history), horizon)
        .ok_or_else(|| never("no forecast of the past could be checked: there are too many gaps"))?;
    let Choice { model, loss, loss_naive, origins, .. } = &choice;
    let predict = |origin, lead| model.predict(origin, lead);
    let ensemble = Ensemble::new(&series, origins, horizon, model.error_growth(), predict)
        .ok_or_else(|| never("the samples are too few, or too near each other, to measure errors on"))?;
    let steps: Vec<Quantiles> = (1..=horizon).map(|lead| ensemble.step(lead)).collect();
    let windows = asked.horizons.iter().zip(&asked.leads);
    let windows = windows.filter_map(|(horizon, lead)| {
        let (maximum, minimum) = extremes(&ensemble, loss, *lead);
        Some(Window { horizon: *horizon, maximum, minimum, last: Step::of(&steps, *lead)? })
    });
    let windows = windows.collect();
    Ok(asked.answer((model.name(), choice.reason()), steps, windows, loss.accuracy(loss_naive)))
}

impl Step {
    /// The step of that number among those after the newest sample.
    pub(crate) fn of(steps: &[Quantiles], number: usize) -> Option<Self> {
        Some(Self { number, quantiles: *steps.get(number.checked_sub(1)?)? })
    }
}

/// The highest and the lowest value of the next `lead` steps.
fn extremes(ensemble: &Ensemble<'_>, loss: &Loss, lead: usize) -> (Distribution, Distribution) {
    let (evidence, (kept_above, kept_below)) = (ensemble.evidence(lead), loss.kept());
    let highest = Distribution::new(ensemble.extremes(lead, f64::max), evidence * kept_above);
    (highest, Distribution::new(ensemble.extremes(lead, f64::min), evidence * kept_below))
}

fn never(reason: &str) -> NotReady {
    NotReady { reason: reason.to_owned(), ready_at: None }
}

fn fresh_newest(history: &History, now: Timestamp) -> Result<Sample, NotReady> {
    let newest = history.newest().zip(history.newest_value());
    let (at, value) = newest.ok_or_else(|| never("there is no sample yet"))?;
    let limit = history.step().saturating_mul(STALE_STEPS).max(STALE_AGE_MIN);
    if history.is_stale(now, limit) {
        let age = now.duration_since(at);
        return Err(never(&format!("the newest sample is {age:#} old; after {limit:#} none is trusted")));
    }
    Ok(Sample { at, value })
}

/// For each horizon, the steps after the newest sample that lie before its end.
fn leads(
    history: &History,
    horizons: &[SignedDuration],
    newest: Timestamp,
    now: Timestamp,
) -> Result<Vec<usize>, NotReady> {
    let steps = |horizon: &SignedDuration| {
        let ahead = now.duration_since(newest).saturating_add(*horizon);
        let steps = ahead.as_millis() / history.step().as_millis().max(1);
        usize::try_from(steps.max(1)).unwrap_or(usize::MAX)
    };
    let leads: Vec<usize> = horizons.iter().map(steps).collect();
    match leads.iter().max() {
        None => Err(never("there is no horizon to forecast")),
        Some(longest) if *longest > history.capacity() => Err(never("a horizon is longer than the history may become")),
        Some(_) => Ok(leads),
    }
}

fn enough_samples(history: &History) -> Result<(), NotReady> {
    if history.has(SAMPLES_MIN) {
        return Ok(());
    }
    let present = history.present();
    let missing = SAMPLES_MIN.saturating_sub(present);
    let wait = history.step().saturating_mul(i32::try_from(missing).unwrap_or(i32::MAX));
    let ready_at = history.newest().and_then(|newest| newest.checked_add(wait).ok());
    Err(NotReady {
        reason: format!("{present} of the {SAMPLES_MIN} samples that a forecast needs are there"),
        ready_at,
    })
}

/// Whole numbers of steps after which the signal may repeat itself and of which enough are there.
fn periods(history: &History) -> Vec<usize> {
    let steps = |period: &SignedDuration| {
        let (period, step) = (period.as_millis(), history.step().as_millis().max(1));
        (period % step == 0).then(|| usize::try_from(period / step).ok())?
    };
    let is_covered = |period: &usize| history.len() > PERIODS_MIN * period;
    PERIODS.iter().filter_map(steps).filter(is_covered).collect()
}
