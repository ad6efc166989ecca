//! What a number of past errors teaches: how independent they are, how far their mean is a habit of
//! the model, and how much wider than their spread the next ones may fall.
//!
//! The backtest and the forecast both learn by these rules, so that a model is chosen by what its
//! forecast will do.

/// Independent windows over which a mean error is by half a habit of the model; over a few it is
/// the mark of one event, such as a step up to another level.
const HABIT_EVIDENCE: f64 = 8.0;

/// Least evidence that the widening is computed from: below it the intervals are already over three
/// times as wide, and a division by nearly nothing would say no more.
const EVIDENCE_MIN: f64 = 0.1;

/// How much of an independent window an origin adds, at `spacing` steps from the next one. Windows
/// of `lead` steps that overlap by more than half see mostly the same samples.
pub(super) fn independence(spacing: usize, lead: usize) -> f64 {
    (2.0 * spacing as f64 / lead as f64).min(1.0)
}

/// How past errors are turned into possible ones.
pub(super) struct Lesson {
    mean: f64,
    /// Share of the mean that is a habit.
    habit: f64,
    /// Factor on the distance from the mean, as the variance of a prediction from few samples has it.
    widening: f64,
}

impl Lesson {
    /// From errors of this mean, worth so many independent windows.
    pub(super) fn new(mean: f64, evidence: f64) -> Self {
        let habit = evidence / (evidence + HABIT_EVIDENCE);
        Self { mean, habit, widening: (1.0 + 1.0 / evidence.max(EVIDENCE_MIN)).sqrt() }
    }

    /// The possible error that a past one stands for.
    pub(super) fn apply(&self, error: f64) -> f64 {
        self.habit * self.mean + self.widening * (error - self.mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_is_no_habit_and_many_are() {
        assert!(Lesson::new(1.0, 0.5).apply(1.0) < 0.1);
        assert!(Lesson::new(1.0, 80.0).apply(1.0) > 0.9);
    }

    #[test]
    fn few_windows_widen_and_none_do_not_divide_by_zero() {
        let width = |evidence| Lesson::new(0.0, evidence).apply(1.0);
        assert!(width(0.0) > 3.0 && width(0.0) < 4.0);
        assert!(width(1.0) > width(10.0) && width(1000.0) < 1.001);
    }

    #[test]
    fn overlapping_windows_are_not_independent() {
        assert!((independence(1, 20) - 0.1).abs() < 1e-12);
        assert!((independence(15, 20) - 1.0).abs() < 1e-12);
    }
}
