//! Whether what was learned here answers better than what is shipped: both answer lessons that the one trained
//! here did not learn from. Works on a copy, so that it can take its seconds elsewhere.

use super::boosting::{Boosted, Case};
use super::correction::{Answered, Record};
use super::fleet::Learned;
use std::sync::Arc;

/// Share of the looks before incidents that are learned from where the rest is kept for the comparison.
const LEARNED: (usize, usize) = (3, 4);

/// A copy of what a fleet has met.
#[derive(Debug, Clone)]
pub struct Study {
    /// Looks before incidents and calm ones, each with how many lessons were met before it, in that order.
    pub(super) broke: Vec<(usize, Case)>,
    pub(super) calm: Vec<(usize, Case)>,
    /// Looks at limits that were never declared, the same. They are learned from and not compared by.
    pub(super) undeclared: Vec<(usize, Case)>,
    /// Looks before incidents that were seen, of which some may not be kept.
    pub(super) broke_seen: usize,
}

/// What came of a challenge, to be adopted by the fleet.
#[derive(Debug, Clone)]
pub struct Challenge {
    pub(super) verdict: Verdict,
    /// `None` where the shipped model is to answer.
    pub(super) learned: Option<Arc<Learned>>,
}

/// How both models answered what neither had learned from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// Lessons of declared limits in all.
    pub lessons: usize,
    /// Those of them that were set apart for the comparison.
    pub compared: usize,
    /// Mean loss of the shipped model there, in natural units of information per look.
    pub shipped: f64,
    /// That of the one trained here on the others, as it answers beside the shipped one.
    pub learned: f64,
}

impl Verdict {
    /// Whether what was learned here answers.
    pub fn takes_over(&self) -> bool {
        self.learned <= self.shipped
    }
}

impl Challenge {
    /// What came of it.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }
}

impl Study {
    /// Trains on the older lessons, compares on the newer ones and, if that was at least as good as the shipped
    /// model, trains on all: up to ten seconds of work. Answers on the newer lessons tell by how much those of
    /// the new model are to be corrected. `None` without a shipped model.
    pub fn challenge(&self) -> Option<Challenge> {
        self.against(super::SHIPPED.as_ref()?)
    }

    fn against(&self, shipped: &Boosted) -> Option<Challenge> {
        let cut = self.broke.get(self.broke.len() * LEARNED.0 / LEARNED.1)?.0;
        let declared = || self.broke.iter().chain(&self.calm);
        let newer: Vec<Case> = declared().filter(|(met, _)| *met >= cut).map(|(_, case)| *case).collect();
        let until = |end: usize| -> Vec<Case> {
            declared().chain(&self.undeclared).filter(|(met, _)| *met < end).map(|(_, case)| *case).collect()
        };
        let seen = self.broke_seen as f32;
        let challenger = Learned::from(&until(cut), seen * LEARNED.0 as f32 / LEARNED.1 as f32);
        let (mut losses, mut record) = ([0.0; 2], Record::default());
        for Case { features, broke, weight } in &newer {
            let odds = shipped.log_odds(features);
            let learned = challenger.log_odds(odds, features);
            losses[0] += loss(odds, *broke, *weight);
            losses[1] += loss(learned, *broke, *weight);
            record.push(Answered { odds: learned, broke: *broke, weight: *weight });
        }
        let looks: f64 = newer.iter().map(|case| f64::from(case.weight)).sum();
        let lessons = self.broke.len() + self.calm.len();
        let [shipped, learned] = losses.map(|loss| loss / looks);
        let verdict = Verdict { lessons, compared: newer.len(), shipped, learned };
        let all = || Learned::from(&until(usize::MAX), seen).with(record.correction());
        Some(Challenge { verdict, learned: verdict.takes_over().then(|| Arc::new(all())) })
    }
}

/// How much is lost by a logarithm of odds where that came.
fn loss(odds: f32, broke: bool, weight: f32) -> f64 {
    let wrong = f64::from(if broke { -odds } else { odds });
    f64::from(weight) * (wrong.max(0.0) + (-wrong.abs()).exp().ln_1p())
}

#[cfg(test)]
mod tests {
    use super::super::features::COUNT;
    use super::*;

    /// Looks of which every fourth breaks its limit: one with a high first number, and from the lesson `turns_at`
    /// on one with a low one.
    fn study(turns_at: usize) -> Study {
        let lesson = |met: usize| {
            let is_high = met.is_multiple_of(4);
            let mut features = [0.0; COUNT];
            features[0] = if is_high { 1.0 } else { 0.0 };
            let broke = if met < turns_at { is_high } else { met % 4 == 1 };
            (met, Case { features, broke, weight: 1.0 })
        };
        let (broke, calm): (Vec<_>, Vec<_>) = (0..4_000).map(lesson).partition(|(_, case)| case.broke);
        let broke_seen = broke.len();
        Study { broke, calm, undeclared: Vec::new(), broke_seen }
    }

    #[test]
    fn what_holds_on_lessons_not_learned_from_takes_over() {
        let challenge = study(usize::MAX).challenge().unwrap();
        let verdict = challenge.verdict();
        assert!(verdict.takes_over() && challenge.learned.is_some(), "{verdict:?}");
        assert_eq!((verdict.lessons, verdict.compared), (4_000, 1_000));
        assert!(verdict.learned < verdict.shipped / 2.0, "{verdict:?}");
    }

    #[test]
    fn limits_that_were_never_declared_are_learned_from_and_not_compared_by() {
        let mut declared = study(0);
        // What is high breaks there; at the declared limit it never does.
        declared.undeclared = study(usize::MAX).broke;
        let (with, without) = (declared.challenge().unwrap().verdict(), study(0).challenge().unwrap().verdict());
        assert_eq!((with.lessons, with.compared, with.shipped), (without.lessons, without.compared, without.shipped));
        assert!(with.learned > without.learned, "{with:?} {without:?}");
    }

    #[test]
    fn what_does_not_hold_there_leaves_the_answers_to_the_shipped_model() {
        let challenge = study(3_000).challenge().unwrap();
        assert!(!challenge.verdict().takes_over() && challenge.learned.is_none(), "{:?}", challenge.verdict());
    }

    #[test]
    fn a_loss_is_that_of_the_probability() {
        assert!((loss(0.0, true, 2.0) - 2.0 * std::f64::consts::LN_2).abs() < 1e-9);
        assert!((loss(3.0, false, 1.0) - (1.0 + 3.0_f64.exp()).ln()).abs() < 1e-6);
        assert!(loss(80.0, true, 1.0) < 1e-9 && (loss(-80.0, true, 1.0) - 80.0).abs() < 1e-6);
    }
}
