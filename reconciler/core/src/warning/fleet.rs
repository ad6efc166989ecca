//! What signals teach together: the outcomes that all of them have seen so far, and a model that is
//! trained on these anew from time to time.
//!
//! Deterministic, and bounded however many signals there are: the more is seen, the less of it is kept.

use super::boosting::{Boosted, Case, Settings, train};
use super::challenge::{Challenge, Study, Verdict};
use super::correction::{Answered, Correction, Record};
use super::features::Features;
use super::{Warning, Within};
use std::sync::Arc;

/// Cases that are kept: training takes about three seconds, and they some 20 MB.
const CASES_MAX: usize = 65_536;

/// Cases of limits that were never declared: half as many again, in time and memory too.
const UNDECLARED_MAX: usize = CASES_MAX / 2;

/// Looks before incidents without which nothing is trained: those of a dozen incidents.
const BROKE_MIN: usize = 144;

/// Looks before incidents at which what was learned here counts as much as what is shipped.
const BROKE_HALF: f32 = 100.0;

/// Longer trees and more of them than the shipped model's: what is learned here is used here.
const SETTINGS: Settings = Settings { trees: 160, depth: 5, rate: 0.05, leaf_min: 20.0, ridge: 10.0 };

/// What several signals learn together.
#[derive(Debug, Clone)]
pub struct Fleet {
    broke: Kept,
    calm: Kept,
    /// Of either outcome, of limits that were never declared.
    undeclared: Kept,
    record: Record,
    /// Lessons that were met.
    met: usize,
    learned: Option<Arc<Learned>>,
}

/// A look whose outcome is known.
#[derive(Debug, Clone)]
pub(super) struct Lesson {
    pub(super) case: Case,
    /// The logarithm of odds that was answered then, before it was corrected; absent for a limit that was never
    /// declared, of which nothing was said.
    pub(super) answered: Option<f32>,
}

/// What a fleet has learned.
#[derive(Debug)]
pub(super) struct Learned {
    model: Boosted,
    /// How much the model counts beside the shipped one, from 0 to 1.
    share: f32,
    correction: Correction,
}

impl Learned {
    /// Trained on `cases`, of which `broke` looks before incidents were seen; its answers are taken as right.
    pub(super) fn from(cases: &[Case], broke: f32) -> Self {
        let model = train(cases, &SETTINGS, "the past of the signals that are followed");
        Self { model, share: broke / (broke + BROKE_HALF), correction: Correction::default() }
    }

    /// As it is, with another correction.
    pub(super) fn with(self, correction: Correction) -> Self {
        Self { correction, ..self }
    }

    /// The logarithm of odds to answer, where the shipped model answers `shipped`.
    pub(super) fn log_odds(&self, shipped: f32, features: &Features) -> f32 {
        shipped + self.share * (self.model.log_odds(features) - shipped)
    }

    /// What it has to be changed to.
    pub(super) fn corrected(&self, odds: f32) -> f32 {
        self.correction.of(odds)
    }
}

/// Cases of one outcome.
#[derive(Debug, Clone)]
struct Kept {
    /// Each with how many lessons were met before it.
    cases: Vec<(usize, Case)>,
    /// Of so many one is kept.
    every: usize,
    seen: usize,
    most: usize,
}

impl Default for Fleet {
    fn default() -> Self {
        Self {
            broke: Kept::new(CASES_MAX / 3),
            calm: Kept::new(CASES_MAX - CASES_MAX / 3),
            undeclared: Kept::new(UNDECLARED_MAX),
            record: Record::default(),
            met: 0,
            learned: None,
        }
    }
}

impl Fleet {
    /// Takes the outcomes that `warning` has seen since the last time, and lets it use what is learned
    /// so far. To be called after every push; a signal that is met less often teaches less.
    pub fn meet(&mut self, warning: &mut Warning) {
        self.meet_within(&mut warning.within);
    }

    /// The same for one horizon of a signal.
    pub(super) fn meet_within(&mut self, within: &mut Within) {
        for Lesson { case, answered } in std::mem::take(&mut within.lessons) {
            let Some(odds) = answered else {
                self.undeclared.push(self.met, case);
                continue;
            };
            self.record.push(Answered { odds, broke: case.broke, weight: case.weight });
            if case.broke { &mut self.broke } else { &mut self.calm }.push(self.met, case);
            self.met += 1;
        }
        within.learned.clone_from(&self.learned);
    }

    /// Trains anew on all that was met; up to five seconds of work. Every other day is often enough. Does nothing
    /// as long as too few incidents were met.
    pub fn learn(&mut self) {
        if self.broke.seen < BROKE_MIN {
            return;
        }
        let kept = [&self.broke, &self.calm, &self.undeclared];
        let cases: Vec<Case> = kept.into_iter().flat_map(Kept::weighted).map(|(_, case)| case).collect();
        let correction = self.record.correction();
        self.record.fade();
        self.learned = Some(Arc::new(Learned::from(&cases, self.broke.seen as f32).with(correction)));
    }

    /// A copy of what was met, for a challenge elsewhere; `None` as long as too few incidents were met.
    pub fn study(&self) -> Option<Study> {
        let enough = self.broke.seen >= BROKE_MIN;
        enough.then(|| Study {
            broke: self.broke.weighted().collect(),
            calm: self.calm.weighted().collect(),
            undeclared: self.undeclared.weighted().collect(),
            broke_seen: self.broke.seen,
        })
    }

    /// Answers by what won a challenge, or by the shipped model alone where that won.
    pub fn adopt(&mut self, Challenge { verdict, learned }: Challenge) -> Verdict {
        self.learned = learned;
        verdict
    }

    /// Lessons that were met so far, and those of them that were looks before incidents.
    pub fn lessons(&self) -> (usize, usize) {
        (self.met, self.broke.seen)
    }
}

impl Kept {
    fn new(most: usize) -> Self {
        Self { cases: Vec::new(), every: 1, seen: 0, most }
    }

    fn push(&mut self, met: usize, case: Case) {
        self.seen += 1;
        if !self.seen.is_multiple_of(self.every) {
            return;
        }
        if self.cases.len() >= self.most {
            let mut index = 0;
            self.cases.retain(|_| {
                index += 1;
                index % 2 == 0
            });
            self.every *= 2;
        }
        self.cases.push((met, case));
    }

    fn weighted(&self) -> impl Iterator<Item = (usize, Case)> {
        let times = self.every as f32;
        self.cases.iter().map(move |(met, case)| (*met, Case { weight: case.weight * times, ..*case }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::features::COUNT;
    use super::super::{Calibration, Outlook};
    use super::*;
    use crate::model::signal::Direction;

    const DAY: usize = 96;

    /// Two weeks of three signals with a job of every five hours each; answers every bit of the last
    /// answers, and the record.
    fn fortnight(with_fleet: bool) -> (Vec<u32>, Calibration) {
        let mut fleet = Fleet::default();
        let mut warnings = [10.0, 20.0, 30.0].map(|limit| Warning::new(limit, Direction::Above, DAY, 4));
        let (mut bits, mut record) = (Vec::new(), Calibration::default());
        for step in 0..14 * DAY {
            bits.clear();
            for (phase, warning) in warnings.iter_mut().enumerate() {
                let busy = (step + 7 * phase) % 20 < 2;
                let level = if busy { 40.0 } else { (step % 7) as f64 / 7.0 };
                if let Outlook::Probability(probability) = warning.push(Some(level)) {
                    bits.push(probability.to_bits());
                }
                if with_fleet {
                    fleet.meet(warning);
                }
            }
            if (step + 1).is_multiple_of(2 * DAY) {
                fleet.learn();
            }
        }
        warnings.iter().for_each(|warning| record.add(warning.calibration()));
        (bits, record)
    }

    #[test]
    fn a_fleet_learns_what_the_shipped_model_does_not_know_and_always_the_same() {
        let (bits, together) = fortnight(true);
        let (_, alone) = fortnight(false);
        let (together_skill, alone_skill) = (together.skill().unwrap(), alone.skill().unwrap());
        assert!(together_skill > alone_skill + 0.1, "{together_skill} together, {alone_skill} alone");
        assert_eq!(bits, fortnight(true).0);
    }

    #[test]
    fn what_is_kept_is_bounded_and_stands_for_all() {
        let mut kept = Kept::new(100);
        for look in 0..1000 {
            kept.push(look, Case { features: [look as f32; COUNT], broke: false, weight: 1.0 });
        }
        let total: f32 = kept.weighted().map(|(_, case)| case.weight).sum();
        assert!(kept.cases.len() <= 100 && (900.0..=1100.0).contains(&total), "{} {total}", kept.cases.len());
        let (first, last) = (kept.cases[0].1.features[0], kept.cases[kept.cases.len() - 1].1.features[0]);
        assert!(first < 50.0 && last > 950.0, "from {first} to {last}");
    }
}
