//! The fleets of one process: signals teach one another where their steps and horizons are the same. Says when
//! it is time to learn, and what answers; never learns by itself, as that takes seconds.

use super::challenge::{Challenge, Study, Verdict};
use super::{Fleet, Within};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Fleets at most, of 30 MB each when they are full: three policies with steps of their own and three horizons
/// each. Signals of further ones are answered by the shipped model.
const FLEETS_MAX: usize = 9;

/// Time from the first lesson until something is learned, and between two looks whether to learn again: after a
/// start the kept pasts are read first.
const FIRST: SignedDuration = SignedDuration::from_hours(1);

/// Time after which is learned again in any case: every other day is often enough.
const EVERY: SignedDuration = SignedDuration::from_hours(48);

/// All fleets.
#[derive(Debug, Default)]
pub struct Fleets(BTreeMap<Kind, Class>);

/// What signals have in common that teach one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// Steps of a day.
    pub day: usize,
    /// Steps that are looked ahead.
    pub horizon: usize,
}

/// A fleet and when it learns.
#[derive(Debug)]
struct Class {
    fleet: Fleet,
    /// When it is looked at whether to learn.
    look_at: Timestamp,
    learned: Option<Learning>,
}

/// The last time that something was learned.
#[derive(Debug, Clone, Copy)]
struct Learning {
    at: Timestamp,
    /// Looks before incidents that were known then.
    broke: usize,
    verdict: Verdict,
    /// Since when the answers are by a model that was learned here.
    since: Option<Timestamp>,
}

/// What answers the signals of one kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// Which signals.
    pub kind: Kind,
    /// Lessons met so far, and those of them that were looks before incidents.
    pub lessons: (usize, usize),
    /// How what was learned last compares with the shipped model; absent before anything was learned.
    pub verdict: Option<Verdict>,
    /// Since when a model answers that was learned here; absent while the shipped one answers alone.
    pub since: Option<Timestamp>,
}

impl Fleets {
    /// Takes what was seen of a signal since the last time, and lets it answer by what its kind has learned.
    pub(crate) fn meet_within(&mut self, within: &mut Within, now: Timestamp) {
        let kind = within.kind();
        if self.0.contains_key(&kind) || self.0.len() < FLEETS_MAX {
            let new = || Class { fleet: Fleet::default(), look_at: later(now, FIRST), learned: None };
            self.0.entry(kind).or_insert_with(new).fleet.meet_within(within);
        }
    }

    /// A fleet that is to learn now, if there is one; the outcome is for [`Self::adopt`]. One that knows too few
    /// incidents, or hardly more than when it learned last, is looked at again later.
    pub fn due(&mut self, now: Timestamp) -> Option<(Kind, Study)> {
        self.0.iter_mut().find_map(|(kind, class)| Some((*kind, class.due(now)?)))
    }

    /// Answers by what came of a challenge from now on.
    pub fn adopt(&mut self, kind: Kind, challenge: Challenge, now: Timestamp) {
        if let Some(class) = self.0.get_mut(&kind) {
            class.adopt(challenge, now);
        }
    }

    /// What answers, by kind.
    pub fn standings(&self) -> Vec<Standing> {
        let standing = |(kind, class): (&Kind, &Class)| Standing {
            kind: *kind,
            lessons: class.fleet.lessons(),
            verdict: class.learned.map(|learned| learned.verdict),
            since: class.learned.and_then(|learned| learned.since),
        };
        self.0.iter().map(standing).collect()
    }
}

impl Class {
    fn due(&mut self, now: Timestamp) -> Option<Study> {
        if now < self.look_at {
            return None;
        }
        self.look_at = later(now, FIRST);
        let (_, broke) = self.fleet.lessons();
        let has_news = |last: Learning| broke >= 2 * last.broke || now >= later(last.at, EVERY);
        if self.learned.is_none_or(has_news) { self.fleet.study() } else { None }
    }

    fn adopt(&mut self, challenge: Challenge, now: Timestamp) {
        let (_, broke) = self.fleet.lessons();
        let verdict = self.fleet.adopt(challenge);
        let before = self.learned.and_then(|learned| learned.since);
        let since = verdict.takes_over().then(|| before.unwrap_or(now));
        self.learned = Some(Learning { at: now, broke, verdict, since });
    }
}

fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::{Outlook, Warning};
    use super::*;
    use crate::model::signal::Direction;

    const DAY: usize = 96;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(3_600 * hour).unwrap()
    }

    /// Signals with a job of every five hours each.
    fn pushed(fleets: &mut Fleets, warnings: &mut [Warning], days: std::ops::Range<usize>, now: Timestamp) -> Vec<u32> {
        let mut bits = Vec::new();
        for step in days.start * DAY..days.end * DAY {
            for (phase, warning) in warnings.iter_mut().enumerate() {
                let busy = (step + 7 * phase) % 20 < 2;
                let level = if busy { 40.0 } else { (step % 7) as f64 / 7.0 };
                if let Outlook::Probability(probability) = warning.push(Some(level)) {
                    bits.push(probability.to_bits());
                }
                fleets.meet_within(&mut warning.within, now);
            }
        }
        bits
    }

    fn followed() -> (Fleets, [Warning; 2], Vec<u32>) {
        let mut fleets = Fleets::default();
        let mut warnings = [10.0, 20.0].map(|limit| Warning::new(limit, Direction::Above, DAY, 4));
        pushed(&mut fleets, &mut warnings, 0..8, at(0));
        assert!(fleets.due(at(0)).is_none(), "pasts are read first");
        let (kind, study) = fleets.due(at(1)).expect("time to learn");
        assert!(fleets.due(at(1)).is_none(), "it is being learned");
        fleets.adopt(kind, study.challenge().unwrap(), at(2));
        let bits = pushed(&mut fleets, &mut warnings, 8..9, at(2));
        (fleets, warnings, bits)
    }

    #[test]
    fn what_signals_teach_is_learned_in_time_compared_and_used() {
        let (mut fleets, mut warnings, bits) = followed();
        let [standing] = fleets.standings()[..] else { panic!("{:?}", fleets.standings()) };
        assert_eq!((standing.kind, standing.since), (Kind { day: DAY, horizon: 4 }, Some(at(2))));
        let verdict = standing.verdict.unwrap();
        assert!(verdict.learned < verdict.shipped && verdict.compared > 0, "{verdict:?}");
        assert_eq!(bits, followed().2, "always the same");
        let mut alone = [10.0, 20.0].map(|limit| Warning::new(limit, Direction::Above, DAY, 4));
        assert_ne!(bits, pushed(&mut Fleets::default(), &mut alone, 0..9, at(0)));
        assert!(fleets.due(at(40)).is_none(), "hardly anything is new");
        assert!(fleets.due(at(50)).is_some(), "two days have passed");
        pushed(&mut fleets, &mut warnings, 9..20, at(51));
        assert!(fleets.due(at(52)).is_some(), "twice as many incidents are known");
    }

    #[test]
    fn signals_that_differ_in_steps_or_horizon_do_not_meet_and_there_is_a_bound() {
        let mut fleets = Fleets::default();
        for horizon in 1..=2 * FLEETS_MAX {
            fleets.meet_within(&mut Within::new(Kind { day: DAY, horizon }), at(0));
        }
        assert_eq!(fleets.standings().len(), FLEETS_MAX);
        assert!(fleets.due(at(100)).is_none(), "nothing was seen");
    }
}
