//! Each score against what came: of the looks that were given about so much, so many were followed by
//! a broken limit. Where it is not known what came, nothing is learned.

use crate::history::narrow;
use crate::warning::calibration::Calibration;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Scores of one horizon that wait for what comes.
const WAITING_PER_HORIZON: i32 = 12;

/// How the scores of one horizon compare with what came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Reliability {
    /// The horizon, in seconds.
    pub horizon_seconds: f64,
    /// Scores of which the outcome is known.
    pub looks: u64,
    /// Those that were followed by a broken limit within the horizon.
    pub broke: u64,
    /// Brier skill over stating the share of looks that were followed by one: 1 is perfect, 0 no better.
    pub skill: Option<f64>,
    /// Mean distance of the stated probabilities from what came.
    pub error: Option<f64>,
    /// Looks by what was stated.
    pub bins: Vec<Bin>,
}

/// Looks that were given about the same probability.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Bin {
    /// Least probability of the bin.
    pub from: f64,
    /// How many.
    pub looks: u32,
    /// Mean of the stated probabilities.
    pub stated: f64,
    /// Share that was followed by a broken limit.
    pub came: f64,
}

/// The record of a group's scores, by horizon in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Scores {
    horizons: BTreeMap<i64, OfHorizon>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct OfHorizon {
    /// Times and probabilities, oldest first.
    waiting: VecDeque<(Timestamp, f64)>,
    broke: u64,
    record: Calibration,
}

impl Scores {
    /// Takes what is known at an evaluation: the probability for each horizon, and whether a limit of the
    /// primary is broken. While it is unknown whether, nothing that waits will be known.
    pub(super) fn take(&mut self, now: Timestamp, stated: &[(SignedDuration, f64)], broken: Option<bool>) {
        let millis = |horizon: &SignedDuration| i64::try_from(horizon.as_millis()).unwrap_or(i64::MAX);
        self.horizons
            .retain(|known, _| stated.is_empty() || stated.iter().any(|(horizon, _)| millis(horizon) == *known));
        for (known, horizon) in &mut self.horizons {
            horizon.resolve(now, SignedDuration::from_millis(*known), broken);
        }
        for (horizon, probability) in stated.iter().filter(|_| broken == Some(false)) {
            self.horizons.entry(millis(horizon)).or_default().state(now, *horizon, *probability);
        }
    }

    /// Forgets what waits: it is about an instance that no longer serves.
    pub(super) fn forget_waiting(&mut self) {
        self.horizons.values_mut().for_each(|horizon| horizon.waiting.clear());
    }

    pub(super) fn told(&self) -> Vec<Reliability> {
        let told = |(millis, of): (&i64, &OfHorizon)| Reliability {
            horizon_seconds: SignedDuration::from_millis(*millis).as_secs_f64(),
            looks: of.record.looks(),
            broke: of.broke,
            skill: of.record.skill(),
            error: of.record.error(),
            bins: of
                .record
                .bins()
                .map(|bin| Bin { from: f64::from(bin.from), looks: bin.looks, stated: bin.stated, came: bin.came })
                .collect(),
        };
        self.horizons.iter().filter(|(_, of)| of.record.looks() > 0).map(told).collect()
    }
}

impl OfHorizon {
    fn state(&mut self, now: Timestamp, horizon: SignedDuration, probability: f64) {
        let due = self.waiting.back().is_none_or(|(at, _)| now.duration_since(*at) >= horizon / WAITING_PER_HORIZON);
        if due {
            self.waiting.push_back((now, probability));
        }
    }

    fn resolve(&mut self, now: Timestamp, horizon: SignedDuration, broken: Option<bool>) {
        let Some(broken) = broken else { return self.waiting.clear() };
        while let Some((at, probability)) = self.waiting.front().copied() {
            let is_over = now.duration_since(at) >= horizon;
            if !broken && !is_over {
                return;
            }
            self.waiting.pop_front();
            self.learn(probability, broken);
        }
    }

    fn learn(&mut self, probability: f64, broke: bool) {
        let rate = (self.broke as f64 + 0.5) / (self.record.looks() as f64 + 1.0);
        self.record.learn(narrow(probability), narrow(rate), broke);
        self.broke += u64::from(broke);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HORIZON: SignedDuration = SignedDuration::from_secs(60);

    /// Looks each second; a limit breaks where `broken` says.
    fn record(broken: impl Fn(i64) -> Option<bool>, stated: impl Fn(i64) -> f64) -> Option<Reliability> {
        let mut scores = Scores::default();
        for second in 0..1_000 {
            let now = Timestamp::from_second(second).unwrap();
            scores.take(now, &[(HORIZON, stated(second))], broken(second));
        }
        scores.told().pop()
    }

    #[test]
    fn scores_that_rise_before_a_breach_have_skill() {
        let is_broken = |second: i64| second % 200 >= 190;
        let near = |second: i64| second % 200 >= 130;
        let good = record(|s| Some(is_broken(s)), |s| if near(s) { 0.9 } else { 0.02 }).unwrap();
        assert!(good.skill.unwrap() > 0.5 && good.broke > 20, "{good:?}");
        let bad = record(|s| Some(is_broken(s)), |s| if near(s) { 0.02 } else { 0.9 }).unwrap();
        assert!(bad.skill.unwrap() < 0.0, "{bad:?}");
        assert_eq!(good.bins.iter().map(|bin| u64::from(bin.looks)).sum::<u64>(), good.looks);
    }

    #[test]
    fn in_an_outage_nothing_is_learned() {
        assert_eq!(record(|_| None, |_| 0.9), None);
        let often = record(|s| (s % 30 != 0).then_some(false), |_| 0.9);
        assert_eq!(often, None, "no window was seen as a whole");
    }

    #[test]
    fn while_a_limit_is_broken_nothing_is_foretold() {
        assert_eq!(record(|_| Some(true), |_| 0.99), None);
    }
}
