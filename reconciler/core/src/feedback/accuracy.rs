//! Each forecast against what came: quantile loss beside that of a naive forecast, and coverage, per
//! signal, model and horizon. A value that was not measured is compared with nothing.

use crate::forecast::{Glance, LEVELS, Quantiles};
use crate::history::History;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Forecasts of one horizon that wait for what comes: more tell the same again.
const WAITING_PER_HORIZON: i32 = 12;

/// Forecasts that wait at most: 16 signals of six horizons.
const WAITING_MAX: usize = 1_152;

/// Rows at most: 16 signals of six horizons, by five models.
const ROWS_MAX: usize = 480;

/// Comparisons that are remembered, about: older ones fade, so that a row tells of the present.
const REMEMBERED: f64 = 500.0;

/// After what time an outcome that was not measured no longer will be.
const LATE_MAX: SignedDuration = SignedDuration::from_hours(1);

/// A forecast of one value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stated {
    /// Key of the signal in the group.
    pub signal: String,
    /// Name of the model.
    pub model: String,
    /// How far ahead.
    pub horizon: SignedDuration,
    /// When it was made.
    pub made_at: Timestamp,
    /// A time in the step that was forecast.
    pub target: Timestamp,
    /// Quantiles at [`LEVELS`], in the signal's unit.
    pub quantiles: Quantiles,
    /// The value a day before the target, or the newest where that is unknown.
    pub naive: f64,
}

impl Stated {
    /// What a forecast says of the last step within `horizon` that it looked at; `None` where it was not made for that.
    pub fn of(signal: &str, forecast: &Glance, history: &History, horizon: SignedDuration) -> Option<Self> {
        let (newest, last) = (forecast.newest, forecast.worst(horizon)?.last);
        let ahead = forecast.step.saturating_mul(i32::try_from(last.number).ok()?);
        let target = newest.at.checked_add(ahead).ok()?;
        let day_before = target.checked_sub(SignedDuration::from_hours(24)).ok();
        let naive = day_before.filter(|at| *at <= newest.at).and_then(|at| history.value_at(at));
        Some(Self {
            signal: signal.to_owned(),
            model: forecast.model.to_string(),
            horizon,
            made_at: forecast.made_at,
            target,
            quantiles: last.quantiles,
            naive: naive.unwrap_or(newest.value),
        })
    }

    /// Mean over the levels of twice the quantile loss.
    fn loss(&self, actual: f64) -> f64 {
        let pinball = |(level, quantile): (f64, f64)| {
            let distance = actual - quantile;
            2.0 * if distance >= 0.0 { level * distance } else { (level - 1.0) * distance }
        };
        LEVELS.into_iter().zip(self.quantiles).map(pinball).sum::<f64>() / LEVELS.len() as f64
    }
}

/// How good the forecasts of one signal, model and horizon were.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Row {
    /// Key of the signal in the group.
    pub signal: String,
    /// Name of the model.
    pub model: String,
    /// How far ahead, in seconds.
    pub horizon_seconds: f64,
    /// Forecasts that were compared with what came.
    pub compared: u64,
    /// Quantile loss beside that of a naive forecast, the value of a day before: below 1 is better. Absent while
    /// the naive one was always right.
    pub loss_ratio: Option<f64>,
    /// Share of values within the 80 % interval.
    pub coverage_80: f64,
    /// Share of values within the 95 % interval.
    pub coverage_95: f64,
    /// The newest comparison.
    pub newest: Compared,
}

/// A forecast beside what came.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Compared {
    /// Of what time.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// 10 % quantile.
    pub low: f64,
    /// Median.
    pub median: f64,
    /// 90 % quantile.
    pub high: f64,
    /// What came.
    pub actual: f64,
}

/// The record of a group's forecasts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Accuracies {
    waiting: Vec<Stated>,
    rows: Vec<Sums>,
}

/// Fading sums.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Sums {
    signal: String,
    model: String,
    horizon: SignedDuration,
    compared: u64,
    weight: f64,
    loss: f64,
    naive_loss: f64,
    within_80: f64,
    within_95: f64,
    newest: Compared,
}

impl Accuracies {
    /// Keeps forecasts until what they are about has come; of each signal and horizon some at a time.
    pub(super) fn state(&mut self, stated: Vec<Stated>) {
        let mut newest: BTreeMap<(String, SignedDuration), Timestamp> = BTreeMap::new();
        for waiting in &self.waiting {
            let at = newest.entry((waiting.signal.clone(), waiting.horizon)).or_insert(waiting.made_at);
            *at = (*at).max(waiting.made_at);
        }
        let due = |it: &Stated| {
            let before = newest.get(&(it.signal.clone(), it.horizon));
            before.is_none_or(|before| it.made_at.duration_since(*before) >= it.horizon / WAITING_PER_HORIZON)
        };
        let room = WAITING_MAX.saturating_sub(self.waiting.len());
        self.waiting.extend(stated.into_iter().filter(due).take(room));
    }

    /// Compares what has come. `measured` tells a signal's value at a time.
    pub(super) fn compare(&mut self, now: Timestamp, measured: impl Fn(&str, Timestamp) -> Option<f64>) {
        for stated in std::mem::take(&mut self.waiting) {
            let late = now.duration_since(stated.target);
            let actual = (late >= SignedDuration::ZERO).then(|| measured(&stated.signal, stated.target)).flatten();
            match actual {
                Some(actual) => self.learn(&stated, actual),
                None if late <= LATE_MAX => self.waiting.push(stated),
                None => {}
            }
        }
    }

    /// Forgets what waits: it is about an instance that no longer serves.
    pub(super) fn forget_waiting(&mut self) {
        self.waiting.clear();
    }

    fn learn(&mut self, stated: &Stated, actual: f64) {
        let [lowest, low, .., high, highest] = stated.quantiles;
        let newest =
            Compared { at: stated.target, low, median: crate::forecast::median(&stated.quantiles), high, actual };
        let Some(sums) = self.sums(stated, newest) else { return };
        let fade = 1.0 - 1.0 / REMEMBERED;
        let add = |sum: &mut f64, what: f64| *sum = *sum * fade + what;
        let within = |low: f64, high: f64| f64::from(u8::from((low..=high).contains(&actual)));
        sums.compared += 1;
        add(&mut sums.weight, 1.0);
        add(&mut sums.loss, stated.loss(actual));
        add(&mut sums.naive_loss, (actual - stated.naive).abs());
        add(&mut sums.within_80, within(low, high));
        add(&mut sums.within_95, within(lowest, highest));
        sums.newest = newest;
    }

    fn sums(&mut self, stated: &Stated, newest: Compared) -> Option<&mut Sums> {
        let key = |sums: &Sums| {
            (&*sums.signal, &*sums.model, sums.horizon) == (&stated.signal, &stated.model, stated.horizon)
        };
        if let Some(place) = self.rows.iter().position(key) {
            return self.rows.get_mut(place);
        }
        if self.rows.len() >= ROWS_MAX {
            return None;
        }
        self.rows.push(Sums {
            signal: stated.signal.clone(),
            model: stated.model.clone(),
            horizon: stated.horizon,
            compared: 0,
            weight: 0.0,
            loss: 0.0,
            naive_loss: 0.0,
            within_80: 0.0,
            within_95: 0.0,
            newest,
        });
        self.rows.last_mut()
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        let row = |sums: &Sums| Row {
            signal: sums.signal.clone(),
            model: sums.model.clone(),
            horizon_seconds: sums.horizon.as_secs_f64(),
            compared: sums.compared,
            loss_ratio: (sums.naive_loss > 0.0).then(|| sums.loss / sums.naive_loss),
            coverage_80: sums.within_80 / sums.weight,
            coverage_95: sums.within_95 / sums.weight,
            newest: sums.newest,
        };
        self.rows.iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn stated(made_at: i64, naive: f64) -> Stated {
        let quantiles = [2.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 18.0];
        let horizon = SignedDuration::from_secs(120);
        let (signal, model) = ("latency".to_owned(), "blend".to_owned());
        Stated { signal, model, horizon, made_at: at(made_at), target: at(made_at + 120), quantiles, naive }
    }

    fn after(actual: impl Fn(Timestamp) -> Option<f64>, naive: f64) -> Accuracies {
        let mut accuracies = Accuracies::default();
        for second in (0..4_000).step_by(5) {
            accuracies.compare(at(second), |_, at| actual(at));
            accuracies.state(vec![stated(second, naive)]);
            let most = if actual(at(second)).is_some() { 13 } else { 400 };
            assert!(accuracies.waiting.len() <= most, "{}", accuracies.waiting.len());
        }
        accuracies
    }

    #[test]
    fn forecasts_that_came_true_are_better_than_naive_ones() {
        let row = after(|_| Some(10.0), 20.0).rows().remove(0);
        assert!(row.loss_ratio.unwrap() < 0.3 && row.compared > 300, "{row:?}");
        assert_eq!((row.coverage_80, row.coverage_95, row.newest.median), (1.0, 1.0, 10.0));
        let row = after(|_| Some(30.0), 30.5).rows().remove(0);
        assert!(row.loss_ratio.unwrap() > 10.0 && row.coverage_95 < 0.01, "{row:?}");
    }

    #[test]
    fn a_naive_forecast_that_is_always_right_gives_no_ratio() {
        assert_eq!(after(|_| Some(10.0), 10.0).rows()[0].loss_ratio, None);
    }

    #[test]
    fn what_was_not_measured_is_compared_with_nothing() {
        let mut accuracies = after(|_| None, 10.0);
        assert!(accuracies.rows().is_empty() && !accuracies.waiting.is_empty());
        accuracies.compare(at(9_000), |_, _| None);
        assert!(accuracies.waiting.is_empty(), "it does not wait for ever");
    }

    #[test]
    fn a_row_tells_of_the_present() {
        let row = after(|at| Some(if at.as_second() < 1_000 { 30.0 } else { 10.0 }), 12.0).rows().remove(0);
        assert!(row.coverage_80 > 0.6, "{row:?}");
    }
}
