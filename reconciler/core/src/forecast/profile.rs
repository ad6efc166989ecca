//! A day as it usually goes, and the trend of what deviates from it.
//!
//! The profile of a step never contains that step or a later one, so that a backtest over it sees
//! what a forecast would have seen.

use super::backtest::Backtest;
use super::quantiles::middle;
use super::series::Series;
use super::trend::DampedTrend;

/// Periods that make the profile: one week of days, so that each weekday counts once and a level
/// that has changed for good is learned within days.
const PERIODS: usize = 7;

/// The median of the same step in the last periods, plus the trend of the deviations from it.
pub(super) struct ProfileTrend {
    /// For each step of the history and one period beyond it, made of earlier periods alone.
    profile: Vec<f64>,
    period: usize,
    pub(super) deviation: DampedTrend,
}

impl ProfileTrend {
    /// The trend of the deviations that was nearest in the backtest.
    pub(super) fn fit(series: &Series, period: usize, horizon: usize, backtest: &Backtest<'_>) -> Self {
        let profile = profile(series, period);
        let deviations: Vec<f64> = series.values().iter().zip(&profile).map(|(value, usual)| value - usual).collect();
        let usual = |origin, lead| usual(&profile, period, origin, lead);
        let deviation = DampedTrend::fit(&deviations, horizon, backtest, usual);
        Self { profile, period, deviation }
    }

    /// What was seen at `origin` of the step `lead` after it.
    pub(super) fn predict(&self, origin: usize, lead: usize) -> f64 {
        usual(&self.profile, self.period, origin, lead) + self.deviation.predict(origin, lead)
    }
}

/// The profile at `lead` steps after `origin`: beyond the next period, that of the next one again.
fn usual(profile: &[f64], period: usize, origin: usize, lead: usize) -> f64 {
    let repeated = lead.saturating_sub(1) / period * period;
    profile.get(origin + lead - repeated).copied().unwrap_or(0.0)
}

fn profile(series: &Series, period: usize) -> Vec<f64> {
    let mut usual = f64::NAN;
    let mut same_step = Vec::with_capacity(PERIODS);
    let at = |index: usize| {
        same_step.clear();
        same_step.extend((1..=PERIODS).filter_map(|back| series.get(index.checked_sub(back * period)?)));
        usual = middle(&mut same_step).unwrap_or(usual);
        usual
    };
    (0..=series.last() + period).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_knows_only_earlier_periods() {
        let mut values: Vec<f64> = (0..60).map(|i| f64::from(i % 6)).collect();
        let before = profile(&Series::new(&values).unwrap(), 6);
        for value in values.iter_mut().take(59).skip(30) {
            *value += 50.0;
        }
        let after = profile(&Series::new(&values).unwrap(), 6);
        let in_units = |profile: &[f64], values: &[f64]| {
            let series = Series::new(values).unwrap();
            profile.iter().skip(6).take(30).map(|level| series.level_in_units(*level)).collect::<Vec<f64>>()
        };
        let original: Vec<f64> = (0..60).map(|i| f64::from(i % 6)).collect();
        for (a, b) in in_units(&before, &original).iter().zip(in_units(&after, &values)) {
            assert!((a - b).abs() < 1e-9, "what came after step 30 must not change the profile up to step 35");
        }
    }

    #[test]
    fn beyond_the_next_period_the_profile_repeats() {
        let profile: Vec<f64> = (0..20).map(f64::from).collect();
        let ahead: Vec<f64> = (1..=10).map(|lead| usual(&profile, 4, 15, lead)).collect();
        assert_eq!(ahead, [16.0, 17.0, 18.0, 19.0, 16.0, 17.0, 18.0, 19.0, 16.0, 17.0]);
    }
}
