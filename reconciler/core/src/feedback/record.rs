//! What a group's scores were and when its limits broke: enough to tell what other thresholds would have
//! done.

use crate::backtest::{Breach, Look, Scored};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;

/// Time that one look of the record stands for: what is decided within five minutes is decided at once.
const LOOK_EVERY: SignedDuration = SignedDuration::from_mins(5);

/// Looks that are kept: two weeks, so that a weekend is in both halves.
const LOOKS_MAX: usize = 4_032;

/// Breaches that are kept.
const BREACHES_MAX: usize = 200;

/// For any threshold, an alarm is given exactly if the level reaches it: the score that `required` of the
/// newest `window` evaluations reach. A look keeps the highest levels of its time, so that one number
/// answers for every threshold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Lower bounds of the longest and the shortest horizon at the newest evaluations; none where there was no
    /// score.
    newest: VecDeque<Option<(f64, f64)>>,
    looks: VecDeque<(Timestamp, f64, f64)>,
    breaches: VecDeque<Breach>,
}

impl Record {
    /// Takes the score of an evaluation.
    pub(super) fn score(&mut self, now: Timestamp, lower: Option<(f64, f64)>, required: u32, window: u32) {
        self.newest.push_back(lower);
        while self.newest.len() > window as usize {
            self.newest.pop_front();
        }
        let level = |which: fn(&(f64, f64)) -> f64| {
            let mut scores: Vec<f64> = self.newest.iter().flatten().map(which).collect();
            scores.sort_unstable_by(|a, b| b.total_cmp(a));
            scores.get((required as usize).saturating_sub(1)).copied().unwrap_or(0.0)
        };
        let (longest, shortest) = (level(|lower| lower.0), level(|lower| lower.1));
        match self.looks.back_mut().filter(|(at, ..)| now.duration_since(*at) < LOOK_EVERY) {
            Some((_, long, short)) => (*long, *short) = (long.max(longest), short.max(shortest)),
            None => self.looks.push_back((now, longest, shortest)),
        }
        if self.looks.len() > LOOKS_MAX {
            self.looks.pop_front();
        }
    }

    /// Takes whether a limit of the primary is broken; `began` says that it was not before.
    pub(super) fn breach(&mut self, now: Timestamp, broken: bool, began: bool) {
        if began {
            self.breaches.push_back(Breach { signal: String::new(), start: now, end: now });
        } else if let Some(last) = self.breaches.back_mut().filter(|_| broken) {
            last.end = now;
        }
        if self.breaches.len() > BREACHES_MAX {
            self.breaches.pop_front();
        }
    }

    /// The looks from a time on, to be judged one by one: what must agree has agreed already.
    pub(super) fn looks_since(&self, since: Timestamp) -> Vec<Look> {
        let reason: Arc<str> = Arc::from("");
        let look = |(at, longest, shortest): &(Timestamp, f64, f64)| {
            let (longest, shortest) = (*longest, *shortest);
            Look { at: *at, score: Some(Scored { longest, shortest, confidence: 1.0, reason: reason.clone() }) }
        };
        self.looks.iter().filter(|(at, ..)| *at >= since).map(look).collect()
    }

    /// The breaches from a time on.
    pub(super) fn breaches_since(&self, since: Timestamp) -> Vec<Breach> {
        self.breaches.iter().filter(|breach| breach.start >= since).cloned().collect()
    }

    /// The time that the record covers.
    pub(super) fn span(&self) -> Option<SignedDuration> {
        let (first, last) = (self.looks.front()?.0, self.looks.back()?.0);
        Some(last.duration_since(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_level_is_what_enough_evaluations_reach() {
        let mut record = Record::default();
        for (second, long) in (0..).zip([0.9, 0.1, 0.8, 0.7, 0.2]) {
            record.score(at(second), Some((long, long / 2.0)), 3, 5);
        }
        let looks = record.looks_since(at(0));
        assert_eq!(looks.len(), 1, "of five minutes one is kept");
        let score = looks[0].score.clone().unwrap();
        assert_eq!((score.longest, score.shortest), (0.7, 0.35), "three of five reached it");
    }

    #[test]
    fn one_high_score_among_low_ones_is_no_alarm_at_any_threshold() {
        let mut record = Record::default();
        for second in 0..200 {
            let lower = if second == 100 { None } else { Some((if second == 50 { 1.0 } else { 0.1 }, 0.0)) };
            record.score(at(second), lower, 3, 5);
        }
        assert!(record.looks_since(at(0))[0].score.as_ref().unwrap().longest < 0.11);
    }

    #[test]
    fn it_is_bounded() {
        let mut record = Record::default();
        for step in 0..5_000 {
            record.score(at(step * 300), Some((0.5, 0.5)), 1, 1);
            record.breach(at(step * 300), step % 2 == 0, step % 2 == 0);
        }
        assert_eq!((record.looks.len(), record.breaches.len()), (LOOKS_MAX, BREACHES_MAX));
    }

    #[test]
    fn a_breach_ends_with_its_last_broken_sample() {
        let mut record = Record::default();
        for (second, broken, began) in [(1, true, true), (2, true, false), (3, false, false)] {
            record.breach(at(second), broken, began);
        }
        let breach = Breach { signal: String::new(), start: at(1), end: at(2) };
        assert_eq!(record.breaches_since(at(0)), [breach]);
    }
}
