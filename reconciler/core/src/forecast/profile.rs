//! A day as it usually goes, and the trend of what deviates from it.
//!
//! The profile of a step never contains that step or a later one, so that a backtest over it sees
//! what a forecast would have seen.

use super::backtest::Backtest;
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
        usual = median(&mut same_step).unwrap_or(usual);
        usual
    };
    (0..=series.last() + period).map(at).collect()
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    let is_odd = values.len() % 2 == 1;
    Some(if is_odd { upper } else { f64::midpoint(upper, *values.get(middle - 1)?) })
}
