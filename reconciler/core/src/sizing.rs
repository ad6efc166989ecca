//! How large a shadow should be for what is forecast. Pure arithmetic; reads no forecast by itself.
//!
//! The rule grows early and generously, and shrinks late and by half; what the forecast's upper
//! quantile says bounds it from both sides: it never grows past it, and never shrinks below it.
//! Of what a forecast says of a resource, and what a size must hold, tells `needs`.

pub mod needs;

use serde::{Deserialize, Serialize};

/// When to change a size, by how much, and within which bounds. Sizes and predictions are of one
/// unit, whichever it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SizingRule {
    /// It grows when the prediction is above this multiple of the size; at least 1.
    pub grow_above: f64,
    /// It grows by this multiple of the difference; at least 1.
    pub grow_by: f64,
    /// It shrinks when the prediction is below this multiple of the size; 0 to 1.
    pub shrink_below: f64,
    /// It shrinks by this multiple of the difference; 0 to 1.
    pub shrink_by: f64,
    /// Least size.
    pub min: f64,
    /// Greatest size; absent is no bound.
    pub max: Option<f64>,
    /// Whether it never grows past the upper quantile, nor shrinks below it. Without that bound the
    /// rule overshoots into its own lower band when the prediction is more than twice the size.
    pub clamp: bool,
}

impl Default for SizingRule {
    /// A fifth of head room in both directions; half as much again of what is missing, so that one
    /// step suffices for a peak that keeps rising; and only half of what is too much, since a forecast
    /// that is too low costs more than a machine that is too large.
    fn default() -> Self {
        Self { grow_above: 1.2, grow_by: 1.5, shrink_below: 0.8, shrink_by: 0.5, min: 0.0, max: None, clamp: true }
    }
}

/// What is forecast of one quantity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demand {
    /// What is most likely.
    pub predicted: f64,
    /// What it will hardly exceed; not below `predicted`.
    pub upper: f64,
}

/// What keeps a size from being computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SizingError {
    /// A size or a prediction is no finite number of at least 0.
    #[error("{0} must be a finite number of at least 0")]
    NotAQuantity(&'static str),
    /// The upper quantile is below the prediction.
    #[error("upper must not be below predicted: give the upper quantile of the same forecast")]
    Crossed,
    /// The bounds exclude every size.
    #[error("min must not be above max: swap them")]
    NoSize,
}

/// The size that a shadow of size `current` should have for `demand`.
///
/// # Errors
/// [`SizingError`] for numbers that mean no size.
pub fn size_for_forecast(rule: &SizingRule, current: f64, demand: Demand) -> Result<f64, SizingError> {
    check(rule, current, demand)?;
    let Demand { predicted, upper } = demand;
    let (greatest, least) = if rule.clamp { (upper, upper) } else { (f64::INFINITY, 0.0) };
    let size = if predicted > current * rule.grow_above {
        (current + rule.grow_by * (predicted - current)).min(greatest)
    } else if predicted < current * rule.shrink_below {
        (current - rule.shrink_by * (current - predicted)).max(least).min(current)
    } else {
        current
    };
    Ok(size.min(rule.max.unwrap_or(f64::INFINITY)).max(rule.min))
}

fn check(rule: &SizingRule, current: f64, demand: Demand) -> Result<(), SizingError> {
    let max = rule.max.unwrap_or(rule.min);
    let quantities = [
        ("current", current),
        ("predicted", demand.predicted),
        ("upper", demand.upper),
        ("min", rule.min),
        ("max", max),
    ];
    for (name, value) in quantities {
        if !value.is_finite() || value < 0.0 {
            return Err(SizingError::NotAQuantity(name));
        }
    }
    if demand.upper < demand.predicted {
        return Err(SizingError::Crossed);
    }
    if rule.min > max { Err(SizingError::NoSize) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn size(current: f64, predicted: f64, upper: f64) -> f64 {
        size_for_forecast(&SizingRule::default(), current, Demand { predicted, upper }).unwrap()
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn it_grows_by_half_as_much_again_of_what_is_missing() {
        assert!(close(size(10.0, 14.0, 100.0), 16.0));
        assert!(close(size(10.0, 14.0, 15.0), 15.0), "never past the upper quantile");
        assert!(close(size(10.0, 12.0, 100.0), 10.0), "a fifth more is within the head room");
    }

    #[test]
    fn it_shrinks_by_half_of_what_is_too_much() {
        assert!(close(size(10.0, 4.0, 5.0), 7.0));
        assert!(close(size(10.0, 4.0, 9.0), 9.0), "only as far as the upper quantile fits");
        assert!(close(size(10.0, 4.0, 12.0), 10.0), "the upper quantile does not fit even now");
        assert!(close(size(10.0, 8.0, 9.0), 10.0), "a fifth less is within the head room");
    }

    #[test]
    fn bounds_hold() {
        let rule = SizingRule { min: 2.0, max: Some(12.0), ..SizingRule::default() };
        let bounded = |current, predicted, upper| size_for_forecast(&rule, current, Demand { predicted, upper });
        assert_eq!(bounded(10.0, 20.0, 40.0), Ok(12.0));
        assert_eq!(bounded(3.0, 0.0, 0.0), Ok(2.0));
        assert_eq!(bounded(0.0, 0.0, 0.0), Ok(2.0));
    }

    #[test]
    fn what_means_no_size_is_refused() {
        let rule = SizingRule::default();
        let refused = |rule, current, predicted, upper| {
            size_for_forecast(&rule, current, Demand { predicted, upper }).unwrap_err()
        };
        assert_eq!(refused(rule, -1.0, 1.0, 1.0), SizingError::NotAQuantity("current"));
        assert_eq!(refused(rule, 1.0, f64::NAN, 1.0), SizingError::NotAQuantity("predicted"));
        assert_eq!(refused(rule, 1.0, 2.0, 1.0), SizingError::Crossed);
        assert_eq!(refused(SizingRule { min: 2.0, max: Some(1.0), ..rule }, 1.0, 1.0, 1.0), SizingError::NoSize);
    }

    /// Sizes under a prediction that stays as it is.
    fn settling(rule: &SizingRule, mut current: f64, demand: Demand) -> Vec<f64> {
        let next = |_| {
            current = size_for_forecast(rule, current, demand).unwrap();
            current
        };
        (0..40).map(next).collect()
    }

    #[test]
    fn without_the_clamp_it_overshoots_and_comes_back() {
        let demand = Demand { predicted: 300.0, upper: 330.0 };
        let literal = SizingRule { clamp: false, ..SizingRule::default() };
        assert_eq!(settling(&literal, 100.0, demand)[..3], [400.0, 350.0, 350.0]);
        assert_eq!(settling(&SizingRule::default(), 100.0, demand)[..3], [330.0, 330.0, 330.0]);
    }

    proptest! {
        #[test]
        fn a_prediction_that_stays_is_approached_from_one_side(
            current in 0.0..1e6, predicted in 0.0..1e6, extra in 0.0..1e6, min in 0.0..1e5, room in 0.0..1e6,
        ) {
            let rule = SizingRule { min, max: Some(min + room), ..SizingRule::default() };
            let sizes = settling(&rule, current, Demand { predicted, upper: predicted + extra });
            let rises = sizes.is_sorted();
            let falls = sizes.iter().rev().is_sorted();
            prop_assert!(rises || falls, "{:?}", sizes);
        }

        #[test]
        fn it_neither_overshoots_nor_starves(current in 0.0..1e6, predicted in 0.0..1e6, extra in 0.0..1e6) {
            let upper = predicted + extra;
            let size = size(current, predicted, upper);
            prop_assert!(size <= current.max(upper));
            prop_assert!(size >= current.min(upper));
        }
    }
}
