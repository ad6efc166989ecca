//! Possible futures: the model's path, displaced by each error path that it made in the past.
//!
//! Whole paths, not steps on their own: errors follow on one another, and the extreme of a window
//! depends on how. Quantiles of steps and of window extremes come from the same paths, so that they
//! never contradict each other.

use super::learning::{Lesson, independence};
use super::quantiles::{Quantiles, Weighted, of_weighted};
use super::series::Series;

/// How a model's errors grow beyond the lead times at which they were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorGrowth {
    /// As in a repeated period.
    None,
    /// As in a random walk.
    Root,
    /// As of a wrong slope.
    Linear,
}

impl ErrorGrowth {
    fn factor(self, from: usize, to: usize) -> f64 {
        let ratio = to as f64 / from as f64;
        match self {
            Self::None => 1.0,
            Self::Root => ratio.sqrt(),
            Self::Linear => ratio,
        }
    }
}

/// Steps of an error path that must be known before it is continued: a few samples are mostly
/// noise, and continuing noise over the horizon says nothing.
const KNOWN_MIN: usize = 8;

/// Possible futures of one series, by lead time from 1.
pub(super) struct Ensemble<'a> {
    series: &'a Series,
    paths: Vec<Path>,
    horizon: usize,
}

/// One possible future.
struct Path {
    /// Steps for which the error was seen, before it was continued.
    known: usize,
    /// Steps between its origin and the next newer one.
    spacing: usize,
    /// By lead time, from 1.
    values: Vec<f64>,
}

impl<'a> Ensemble<'a> {
    /// One path per origin that lies far enough back; `None` when there is none. `predict` is the
    /// model, seen from any step.
    pub(super) fn new(
        series: &'a Series,
        origins: &[usize],
        horizon: usize,
        growth: ErrorGrowth,
        predict: impl Fn(usize, usize) -> f64,
    ) -> Option<Self> {
        let mut paths = Vec::with_capacity(origins.len());
        let mut newer = series.last();
        for &origin in origins.iter().rev() {
            let known = (series.last() - origin).min(horizon);
            if known < KNOWN_MIN.min(horizon) {
                continue;
            }
            let error = |lead: usize| Some(series.get(origin + lead)? - predict(origin, lead));
            let Some(mut errors) = filled((1..=known).map(error)) else { continue };
            continue_errors(&mut errors, horizon, growth);
            paths.push(Path { known: series.last() - origin, spacing: newer - origin, values: errors });
            newer = origin;
        }
        let mut ensemble = Self { series, paths, horizon };
        ensemble.displace(|lead| predict(series.last(), lead));
        (!ensemble.paths.is_empty()).then_some(ensemble)
    }

    /// Turns past errors into futures.
    fn displace(&mut self, predict: impl Fn(usize) -> f64) {
        for lead in 1..=self.horizon {
            let lesson = Lesson::new(self.mean(lead), self.evidence(lead));
            let expected = predict(lead);
            for path in &mut self.paths {
                if let Some(value) = path.values.get_mut(lead - 1) {
                    *value = self.series.floored(expected + lesson.apply(*value));
                }
            }
        }
    }

    fn mean(&self, lead: usize) -> f64 {
        let samples = self.paths.iter().filter_map(|path| Some((*path.values.get(lead - 1)?, path.weight(lead))));
        let (sum, weights) =
            samples.fold((0.0, 0.0), |(sum, all), (value, weight)| (sum + value * weight, all + weight));
        if weights > 0.0 { sum / weights } else { 0.0 }
    }

    /// How many independent windows of `lead` steps the paths amount to.
    pub(super) fn evidence(&self, lead: usize) -> f64 {
        self.paths.iter().map(|path| path.weight(lead) * independence(path.spacing, lead)).sum()
    }

    /// Quantiles of one step, in the signal's unit.
    pub(super) fn step(&self, lead: usize) -> Quantiles {
        let sample = |path: &Path| Some((*path.values.get(lead - 1)?, path.weight(lead)));
        let mut samples: Vec<Weighted> = self.paths.iter().filter_map(sample).collect();
        of_weighted(&mut samples).map(|level| self.series.level_in_units(level))
    }

    /// Samples of the extreme of the steps up to `lead`, in the signal's unit.
    pub(super) fn extremes(&self, lead: usize, pick: fn(f64, f64) -> f64) -> Vec<Weighted> {
        let sample = |path: &Path| {
            let extreme = path.values.iter().copied().take(lead).reduce(pick)?;
            Some((self.series.level_in_units(extreme), path.weight(lead)))
        };
        self.paths.iter().filter_map(sample).collect()
    }
}

impl Path {
    /// Paths that were continued count less, by the square of the share that was seen.
    fn weight(&self, lead: usize) -> f64 {
        let seen = (self.known as f64 / lead as f64).min(1.0);
        seen * seen
    }
}

/// Errors with each gap filled by the one before it, the first by the one after. `None` when there
/// is none at all.
fn filled(errors: impl Iterator<Item = Option<f64>> + Clone) -> Option<Vec<f64>> {
    let mut newest = errors.clone().flatten().next()?;
    let fill = |error: Option<f64>| {
        newest = error.unwrap_or(newest);
        newest
    };
    Some(errors.map(fill).collect())
}

/// Continues errors up to the horizon by repeating their later half, grown: the later half is what
/// is known about long lead times.
fn continue_errors(errors: &mut Vec<f64>, horizon: usize, growth: ErrorGrowth) {
    let known = errors.len();
    let half = known.div_ceil(2);
    for lead in known + 1..=horizon {
        let like = known - (lead - known - 1) % half;
        let error = errors.get(like - 1).copied().unwrap_or(0.0);
        errors.push(error * growth.factor(like, lead));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_in_error_paths_are_filled() {
        assert_eq!(filled([None, Some(1.0), None, Some(3.0), None].into_iter()), Some(vec![1.0, 1.0, 1.0, 3.0, 3.0]));
        assert_eq!(filled([None, None].into_iter()), None);
    }

    #[test]
    fn errors_are_continued_by_their_later_half() {
        let continued = |growth| {
            let mut errors = vec![9.0, 9.0, 1.0, -1.0];
            continue_errors(&mut errors, 8, growth);
            errors
        };
        assert_eq!(continued(ErrorGrowth::None)[4..], [-1.0, 1.0, -1.0, 1.0]);
        assert_eq!(continued(ErrorGrowth::Linear)[4..], [-1.25, 2.0, -1.75, 8.0 / 3.0]);
        assert!((continued(ErrorGrowth::Root)[5] - 2.0_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn evidence_counts_windows_that_do_not_overlap_by_more_than_half() {
        let values: Vec<f64> = (0..200).map(|i| f64::from(i % 3)).collect();
        let series = Series::new(&values).unwrap();
        let origins: Vec<usize> = (100..200).collect();
        let ensemble = Ensemble::new(&series, &origins, 20, ErrorGrowth::None, |_, _| 0.0).unwrap();
        assert!((7.0..=10.5).contains(&ensemble.evidence(20)), "{}", ensemble.evidence(20));
        assert!(ensemble.evidence(5) > 3.0 * ensemble.evidence(20));
    }
}
