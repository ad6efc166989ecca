//! The reference model: what was measured one period ago, or the newest value.
//!
//! Never smooths and never extrapolates: whatever replaces it must beat it.

use super::backtest::Backtest;
use super::series::Series;

/// Repeats the last period, or the newest value when it has no period.
pub(super) struct SeasonalNaive<'a> {
    series: &'a Series,
    /// For each step, the value of the newest sample up to it.
    held: Vec<f64>,
    /// Steps in a period.
    pub(super) period: Option<usize>,
}

impl<'a> SeasonalNaive<'a> {
    /// The period, or none, whose forecasts were nearest in the backtest.
    pub(super) fn fit(series: &'a Series, periods: &[usize], backtest: &Backtest<'_>) -> Self {
        let mut model = Self { series, held: hold(series), period: None };
        let mut best = backtest.mean_absolute_error(|origin, lead| model.predict(origin, lead));
        for period in periods {
            let chosen = model.period.replace(*period);
            let error = backtest.mean_absolute_error(|origin, lead| model.predict(origin, lead));
            if error < best {
                best = error;
            } else {
                model.period = chosen;
            }
        }
        model
    }

    /// What was seen at `origin` of the step `lead` after it. A gap is looked for in the period before.
    pub(super) fn predict(&self, origin: usize, lead: usize) -> f64 {
        let target = origin + lead;
        let seasonal = self.period.and_then(|period| {
            let latest = lead.div_ceil(period) * period;
            (latest..=target).step_by(period).find_map(|back| self.series.get(target - back))
        });
        seasonal.unwrap_or_else(|| self.held.get(origin).copied().unwrap_or(0.0))
    }
}

fn hold(series: &Series) -> Vec<f64> {
    let mut newest = 0.0;
    let carry = |value: &f64| {
        newest = if value.is_nan() { newest } else { *value };
        newest
    };
    series.values().iter().map(carry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_period_is_repeated_and_its_gaps_looked_for_in_the_one_before() {
        let mut values: Vec<f64> = (0..40).map(|i| f64::from(i % 4)).collect();
        values[38] = f64::NAN;
        let series = Series::new(&values).unwrap();
        let backtest = Backtest::new(&series, 10, 8);
        let model = SeasonalNaive::fit(&series, &[4], &backtest);
        assert_eq!(model.period, Some(4));
        let ahead: Vec<f64> = (1..=8).map(|lead| series.level_in_units(model.predict(39, lead))).collect();
        for (got, expected) in ahead.iter().zip([0.0, 1.0, 2.0, 3.0, 0.0, 1.0, 2.0, 3.0]) {
            assert!((got - expected).abs() < 1e-9, "{ahead:?}");
        }
    }

    #[test]
    fn a_series_that_does_not_repeat_keeps_its_newest_value() {
        let values: Vec<f64> = (0..40).map(f64::from).collect();
        let series = Series::new(&values).unwrap();
        let model = SeasonalNaive::fit(&series, &[7], &Backtest::new(&series, 10, 3));
        assert_eq!(model.period, None);
        assert!((series.level_in_units(model.predict(39, 5)) - 39.0).abs() < 1e-9);
    }
}
