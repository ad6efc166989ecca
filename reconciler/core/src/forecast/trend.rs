//! Level and slope by double exponential smoothing, with a slope that must be evident and may fade.
//!
//! Both come from one exponentially discounted straight line, which is what double exponential
//! smoothing estimates, in a form in which a gap is a step without a sample: time goes on and nothing
//! is forgotten, so that a leak is still a leak after an outage of its metric. Never extrapolates a
//! slope that the noise around the line can explain.

use super::backtest::Backtest;
use std::rc::Rc;

/// Memories to choose from, in samples: from an onset a few samples ago to a drift over a day of
/// five-minute steps. Doubling, because neighbours closer than that forecast alike; from eight on,
/// because a slope through fewer samples is mostly noise.
const MEMORIES: [usize; 6] = [8, 16, 32, 64, 128, 256];

/// A slope this many standard errors from zero is believed by half. The discounted sums understate
/// the error of a slope in correlated noise, which is why this is above two.
const EVIDENT_ERRORS: f64 = 3.0;

/// Least weight of samples, in samples, from which a line is drawn; below it the last line is kept.
const WEIGHT_MIN: f64 = 1e-6;

/// Squared error of a line, relative to the values' own squares, that is only rounding.
const ROUNDING: f64 = 1e-24;

/// A straight line as seen from one step.
#[derive(Debug, Clone, Copy, Default)]
struct Line {
    level: f64,
    /// Per step.
    slope: f64,
}

/// Continues the line of the newest samples.
#[derive(Default)]
pub(super) struct DampedTrend {
    /// What the line was at each step, from the samples up to it.
    lines: Rc<[Line]>,
    /// For each lead, by how many slopes the level has moved.
    slopes: Vec<f64>,
    /// Whether the slope matters to its forecasts at all.
    pub(super) has_slope: bool,
}

impl DampedTrend {
    /// The memory and damping whose forecasts, added to `base`, were nearest in the backtest.
    pub(super) fn fit(
        values: &[f64],
        horizon: usize,
        backtest: &Backtest<'_>,
        base: impl Fn(usize, usize) -> f64,
    ) -> Self {
        let error = |model: &Self| {
            backtest.mean_absolute_error(|origin, lead| base(origin, lead) + model.predict(origin, lead))
        };
        candidates(values, horizon)
            .map(|model| (error(&model), model))
            .min_by(|(a, _), (b, _)| a.total_cmp(b))
            .map(|(_, best)| best)
            .unwrap_or_default()
    }

    /// What the line seen at `origin` says of the step `lead` after it.
    pub(super) fn predict(&self, origin: usize, lead: usize) -> f64 {
        let Line { level, slope } = self.lines.get(origin).copied().unwrap_or_default();
        level + slope * self.slopes.get(lead).copied().unwrap_or(0.0)
    }
}

/// Every memory of which two fit into the values, the shortest in any case, with every damping.
fn candidates(values: &[f64], horizon: usize) -> impl Iterator<Item = DampedTrend> {
    let [shortest, ..] = MEMORIES;
    let fits = move |memory: &usize| *memory == shortest || 2 * memory <= values.len();
    MEMORIES.into_iter().filter(fits).flat_map(move |memory| {
        let lines: Rc<[Line]> = lines(values, memory).into();
        dampings(horizon).map(|damping| DampedTrend {
            lines: Rc::clone(&lines),
            slopes: cumulative(damping, horizon),
            has_slope: damping > 0.0,
        })
    })
}

/// Share of the slope that is left after each step: none, fading within a quarter of the horizon
/// or within all of it, or all of it.
fn dampings(horizon: usize) -> [f64; 4] {
    let fading_over = |steps: f64| steps / (1.0 + steps);
    let horizon = horizon as f64;
    [0.0, fading_over(horizon / 4.0), fading_over(horizon), 1.0]
}

/// By how many slopes the level has moved after 0, 1 … `horizon` steps.
fn cumulative(damping: f64, horizon: usize) -> Vec<f64> {
    let (mut moved, mut share) = (0.0, 1.0);
    let step = |_lead| {
        let before = moved;
        share *= damping;
        moved += share;
        before
    };
    (0..=horizon).map(step).collect()
}

/// The line at each step.
fn lines(values: &[f64], memory: usize) -> Vec<Line> {
    let decay = 1.0 - 2.0 / (memory as f64 + 1.0);
    let mut sums = Sums::default();
    let mut line = Line::default();
    let advance = |value: &f64| {
        sums.advance(decay, *value);
        line = sums.line().unwrap_or(line);
        line
    };
    values.iter().map(advance).collect()
}

/// Discounted sums over the samples so far; `x` is the step counted back from the newest, so that
/// it is never positive and never large where the weight is.
#[derive(Default)]
struct Sums {
    weight: f64,
    weight_squared: f64,
    x: f64,
    xx: f64,
    y: f64,
    xy: f64,
    yy: f64,
}

impl Sums {
    /// One step on, with its sample unless it is a gap (NaN).
    fn advance(&mut self, decay: f64, value: f64) {
        self.xx += self.weight - 2.0 * self.x;
        self.xy -= self.y;
        self.x -= self.weight;
        if !value.is_nan() {
            self.discount(decay);
            self.y += value;
            self.yy += value * value;
            self.weight += 1.0;
            self.weight_squared += 1.0;
        }
    }

    fn discount(&mut self, decay: f64) {
        for sum in [&mut self.weight, &mut self.x, &mut self.xx, &mut self.y, &mut self.xy, &mut self.yy] {
            *sum *= decay;
        }
        self.weight_squared *= decay * decay;
    }

    /// The line of least discounted squares, its slope reduced to what is evident.
    fn line(&self) -> Option<Line> {
        if self.weight < WEIGHT_MIN {
            return None;
        }
        let (x_mean, y_mean) = (self.x / self.weight, self.y / self.weight);
        let slope = self.evident_slope(x_mean, y_mean);
        Some(Line { level: y_mean - slope * x_mean, slope })
    }

    fn evident_slope(&self, x_mean: f64, y_mean: f64) -> f64 {
        let x_spread = self.xx - self.x * x_mean;
        let covariance = self.xy - self.x * y_mean;
        let freedom = self.weight * self.weight / self.weight_squared - 2.0;
        let explained = covariance * covariance / x_spread;
        if freedom <= 1.0 || x_spread <= 0.0 || explained <= 0.0 {
            return 0.0;
        }
        let unexplained = (self.yy - self.y * y_mean - explained).max(self.yy * ROUNDING);
        let errors_squared = freedom * explained / unexplained;
        let doubt = EVIDENT_ERRORS * EVIDENT_ERRORS / errors_squared;
        covariance / x_spread / (1.0 + doubt * doubt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::series::Series;

    fn line_after(values: &[f64], memory: usize) -> Line {
        lines(values, memory).last().copied().unwrap()
    }

    /// Alternates around zero: noise that no slope explains.
    fn wobble(i: usize) -> f64 {
        if i.is_multiple_of(2) { 1.0 } else { -1.0 }
    }

    #[test]
    fn a_straight_line_is_found_with_and_without_gaps() {
        let straight: Vec<f64> = (0..60).map(|i| 3.0 + 0.5 * f64::from(i)).collect();
        let with_gaps: Vec<f64> =
            straight.iter().enumerate().map(|(i, value)| if i % 3 == 1 { f64::NAN } else { *value }).collect();
        for values in [straight, with_gaps] {
            let Line { level, slope } = line_after(&values, 16);
            assert!((level - 32.5).abs() < 1e-6 && (slope - 0.5).abs() < 1e-6, "{level}, {slope}");
        }
    }

    #[test]
    fn a_slope_is_still_believed_right_after_a_gap() {
        let mut values: Vec<f64> = (0..60).map(|i| i as f64 + wobble(i)).collect();
        values.extend([f64::NAN; 40]);
        values.extend([101.0, 100.0]);
        let Line { level, slope } = line_after(&values, 8);
        assert!((slope - 1.0).abs() < 0.1 && (level - 101.0).abs() < 3.0, "{level}, {slope}");
    }

    #[test]
    fn a_slope_within_the_noise_is_hardly_believed_and_an_evident_one_is() {
        let noisy = |slope: f64| (0..60).map(|i| slope * i as f64 + wobble(i)).collect::<Vec<f64>>();
        assert!(line_after(&noisy(0.0), 16).slope.abs() < 0.001);
        assert!(line_after(&noisy(0.02), 16).slope < 0.01);
        assert!((line_after(&noisy(1.0), 16).slope - 1.0).abs() < 0.05);
    }

    #[test]
    fn a_damped_slope_fades() {
        assert_eq!(cumulative(0.0, 3), [0.0; 4]);
        assert_eq!(cumulative(1.0, 3), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(cumulative(0.5, 3), [0.0, 0.5, 0.75, 0.875]);
    }

    #[test]
    fn a_drift_is_fitted_with_its_slope_and_a_wobble_without() {
        let fit = |values: &[f64]| {
            let series = Series::new(values).unwrap();
            let backtest = Backtest::new(&series, 10, 10);
            DampedTrend::fit(series.values(), 10, &backtest, |_, _| 0.0)
        };
        let drift: Vec<f64> = (0..100).map(|i| i as f64 + wobble(i)).collect();
        assert!(fit(&drift).has_slope);
        let ahead = fit(&drift).predict(99, 10) - fit(&drift).predict(99, 0);
        let flat: Vec<f64> = (0..100).map(wobble).collect();
        let stays = fit(&flat).predict(99, 10) - fit(&flat).predict(99, 0);
        assert!(ahead > 0.1 && stays.abs() < 0.01, "{ahead}, {stays}");
    }
}
