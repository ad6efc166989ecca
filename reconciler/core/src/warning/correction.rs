//! By how much a model's answers have to be stretched and shifted to come true, learned from answers
//! that were given before their outcomes were known (Platt, "Probabilistic outputs for support vector
//! machines", 1999).

use super::boosting::probability;
use std::collections::VecDeque;

/// Answers that are kept, oldest dropped first: some weeks of a hundred signals, in half a megabyte.
const KEPT_MAX: usize = 32_768;

/// What is left of an answer's weight each time that something new is learned: what answers then errs in another way
/// than what answered before.
const FADES: f32 = 0.6;

/// Strength with which "the answers are right" is held: some answers of a few incidents.
const HELD: f64 = 200.0;

/// Rounds of Newton's method; it converges in a few.
const ROUNDS: usize = 6;

/// A stretch that no record would justify.
const STRETCH: std::ops::RangeInclusive<f64> = 0.3..=2.0;

/// A logarithm of odds that was answered, and what came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answered {
    pub(super) odds: f32,
    pub(super) broke: bool,
    /// For how many looks it stands.
    pub(super) weight: f32,
}

/// Answers and the line through them.
#[derive(Debug, Clone, Default)]
pub(super) struct Record(VecDeque<Answered>);

/// What is done to a logarithm of odds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Correction {
    stretch: f64,
    shift: f64,
}

/// The answers are right.
const NONE: Correction = Correction { stretch: 1.0, shift: 0.0 };

impl Default for Correction {
    fn default() -> Self {
        NONE
    }
}

impl Correction {
    /// The corrected logarithm of odds.
    pub(super) fn of(self, odds: f32) -> f32 {
        #[expect(clippy::cast_possible_truncation, reason = "seven digits of odds are enough")]
        let corrected = (self.stretch * f64::from(odds) + self.shift) as f32;
        corrected
    }
}

impl Record {
    pub(super) fn push(&mut self, answered: Answered) {
        if self.0.len() == KEPT_MAX {
            self.0.pop_front();
        }
        self.0.push_back(answered);
    }

    /// To be called whenever another model is to answer.
    pub(super) fn fade(&mut self) {
        self.0.iter_mut().for_each(|answered| answered.weight *= FADES);
    }

    /// The likeliest correction, held near none.
    pub(super) fn correction(&self) -> Correction {
        let mut correction = NONE;
        for _ in 0..ROUNDS {
            correction = self.newton(correction);
        }
        let Correction { stretch, shift } = correction;
        if STRETCH.contains(&stretch) && shift.is_finite() { correction } else { NONE }
    }

    fn newton(&self, at: Correction) -> Correction {
        let (mut pull, mut pull_shift) = (HELD * (1.0 - at.stretch), -HELD * at.shift);
        let (mut curve, mut curve_both, mut curve_shift) = (HELD, 0.0, HELD);
        for Answered { odds: answer, broke, weight } in &self.0 {
            let (odds, weight) = (f64::from(*answer), f64::from(*weight));
            let stated = f64::from(probability(at.of(*answer)));
            let missed = weight * (f64::from(u8::from(*broke)) - stated);
            let bend = weight * stated * (1.0 - stated);
            pull += missed * odds;
            pull_shift += missed;
            curve += bend * odds * odds;
            curve_both += bend * odds;
            curve_shift += bend;
        }
        let determinant = curve * curve_shift - curve_both * curve_both;
        Correction {
            stretch: at.stretch + (curve_shift * pull - curve_both * pull_shift) / determinant,
            shift: at.shift + (curve * pull_shift - curve_both * pull) / determinant,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers of `odds` of which one in `of` came true.
    fn record(answers: &[(f32, usize)]) -> Record {
        let mut record = Record::default();
        for (odds, of) in answers {
            for look in 0..2000 {
                record.push(Answered { odds: *odds, broke: look % of == 0, weight: 24.0 });
            }
        }
        record
    }

    #[test]
    fn too_sure_answers_are_brought_to_what_came() {
        // 50 % and 5 % were said, one in four and one in twelve came.
        let correction = record(&[(0.0, 4), (-3.0, 12)]).correction();
        let (high, low) = (probability(correction.of(0.0)), probability(correction.of(-3.0)));
        assert!((high - 0.25).abs() < 0.02 && (low - 1.0 / 12.0).abs() < 0.02, "{high} {low}");
    }

    #[test]
    fn what_was_answered_by_former_models_counts_less_each_time() {
        // 50 % was said: of former models one in four came, of the last one half.
        let mut record = record(&[(0.0, 4)]);
        (0..6).for_each(|_| record.fade());
        (0..2000).for_each(|look| record.push(Answered { odds: 0.0, broke: look % 2 == 0, weight: 24.0 }));
        let corrected = probability(record.correction().of(0.0));
        assert!((corrected - 0.5).abs() < 0.02, "{corrected}");
    }

    #[test]
    fn without_a_record_answers_stay() {
        assert_eq!(Record::default().correction(), NONE);
    }
}
