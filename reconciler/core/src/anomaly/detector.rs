//! Follows one signal and says of each sample how odd it is: causal, some microseconds a sample.

use super::Kind;
use super::past::Past;
use super::rarity::{Oddity, Rarity};
use crate::forecast::middle;
use std::collections::VecDeque;

/// Samples whose median is the present level: half an hour at five-minute steps. Longer ones follow
/// a change of level late, and everything is odd until then.
const LEVEL_STEPS: usize = 6;

/// Samples that tell a new level, and a new restlessness: an hour at five-minute steps.
const SHIFT_STEPS: usize = 12;

/// Samples whose median was the level before: a day at five-minute steps.
const BEFORE_STEPS: usize = 288;

/// How much a change of level or of restlessness counts. On labelled series they find a quarter of the
/// incidents at the same rate of false alarms; at a third of the weight they take nothing away from what
/// single samples find.
const SLOW_WEIGHT: f64 = 0.3;

/// Part of a signal's own spread that makes no difference.
const NOISE: f64 = 0.02;

/// Samples after which the spread is found anew: an hour at five-minute steps.
const SPREAD_EVERY: usize = 12;

/// What was seen in one sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finding {
    /// Of what kind the oddest thing is.
    pub kind: Kind,
    /// How odd it is; the same for every signal, see [`super::MINOR`].
    pub severity: f64,
    /// Whether the signal's week has seen nothing like it.
    pub unheard_of: bool,
    /// What was measured: a value, or a mean change from step to step.
    pub value: f64,
    /// What would have been usual.
    pub usual: f64,
}

impl Finding {
    pub(super) fn new(kind: Kind, odd: Oddity, value: f64, usual: f64) -> Self {
        Self { kind, severity: odd.severity, unheard_of: odd.unheard_of, value, usual }
    }
}

fn slow(odd: Oddity) -> Oddity {
    Oddity { severity: SLOW_WEIGHT * odd.severity, ..odd }
}

/// Follows one signal.
#[derive(Debug, Clone)]
pub struct Detector {
    past: Past,
    /// Distances from the usual value, the newest last; NaN where one is unknown.
    deviations: VecDeque<f64>,
    of_level: Rarity,
    of_change: Rarity,
    of_shift: Rarity,
    of_restlessness: Rarity,
    noise: f64,
    steps: usize,
}

impl Detector {
    /// For a signal with `day` steps a day.
    pub fn new(day: usize) -> Self {
        Self {
            past: Past::new(day),
            deviations: VecDeque::with_capacity(SHIFT_STEPS + BEFORE_STEPS + 1),
            of_level: Rarity::default(),
            of_change: Rarity::default(),
            of_shift: Rarity::default(),
            of_restlessness: Rarity::default(),
            noise: 0.0,
            steps: 0,
        }
    }

    /// Takes the sample of the next step, `None` if there is none. Answers how odd it is, once enough
    /// is known of the signal.
    pub fn push(&mut self, value: Option<f64>) -> Option<Finding> {
        if self.steps.is_multiple_of(SPREAD_EVERY) {
            self.noise = NOISE * self.past.spread();
        }
        self.steps += 1;
        if self.steps == self.past.first_day() {
            // Distances from nothing and from a usual value cannot be compared.
            self.deviations.clear();
        }
        let usual = self.usual();
        self.deviations.push_back(value.zip(usual).map_or(f64::NAN, |(value, usual)| value - usual));
        if self.deviations.len() > SHIFT_STEPS + BEFORE_STEPS {
            self.deviations.pop_front();
        }
        let sudden = value.and_then(|value| self.sudden(value, usual?));
        let shifted = value.and_then(|_| self.shifted(usual?));
        let restless = self.restless(value);
        // What a day would show may well be usual: until one is known nothing is beyond comparison.
        let knows_a_day = self.past.knows_a_day();
        self.past.push(value);
        let worst = [shifted, restless].into_iter().fold(sudden, worse);
        worst.map(|finding| Finding { unheard_of: finding.unheard_of && knows_a_day, ..finding })
    }

    /// How odd a value would be beside a level that is known: tells whether what was odd still is.
    pub fn oddity_beside(&self, value: f64, usual: f64) -> Option<f64> {
        self.of_level.oddity(value - usual, self.noise).map(|odd| odd.severity)
    }

    /// The usual value at the time of the next step, before the present level is added. While no day
    /// is known that is 0: everything is level.
    fn usual(&self) -> Option<f64> {
        if self.past.knows_a_day() { self.past.usual() } else { Some(0.0) }
    }

    /// One value that fits neither the present level nor the newest value. The first alone would find
    /// every slow change odd, the second everything after an odd value.
    fn sudden(&mut self, value: f64, usual: f64) -> Option<Finding> {
        let level = self.level(1, LEVEL_STEPS, 1)?;
        let expected = usual + level;
        let from_level = self.of_level.judge(value - expected, self.noise);
        let change = self.past.ago(1).map(|before| value - before);
        let usual_change = if self.past.knows_a_day() { self.past.usual_change() } else { Some(0.0) };
        let odd_change = change.zip(usual_change).map(|(change, usual)| change - usual);
        let from_before = odd_change.and_then(|odd| self.of_change.judge(odd, self.noise));
        let odd = match (from_level, from_before) {
            (Some(level), Some(before)) if before.severity < level.severity => before,
            (one, other) => one.or(other)?,
        };
        Some(Finding::new(Kind::Deviation, odd, value, expected))
    }

    fn shifted(&mut self, usual: f64) -> Option<Finding> {
        let now = self.level(0, SHIFT_STEPS, SHIFT_STEPS / 2)?;
        let before = self.level(SHIFT_STEPS, BEFORE_STEPS, BEFORE_STEPS / 2)?;
        let odd = slow(self.of_shift.judge(now - before, self.noise)?);
        Some(Finding::new(Kind::LevelShift, odd, usual + now, usual + before))
    }

    /// A change of how much the signal moves from step to step, beside what is usual at this time.
    fn restless(&mut self, value: Option<f64>) -> Option<Finding> {
        let restless = self.past.restlessness(value, SHIFT_STEPS)?;
        let noise = self.noise.max(f64::MIN_POSITIVE);
        let usual = self.past.usual_restlessness(SHIFT_STEPS, noise)?;
        let odd = slow(self.of_restlessness.judge((restless + noise).ln() - usual, NOISE)?);
        Some(Finding::new(Kind::Restlessness, odd, restless, usual.exp() - noise))
    }

    /// Median of `steps` distances from the usual value, of which `needed` must be known, leaving out
    /// the newest `skipped`.
    fn level(&self, skipped: usize, steps: usize, needed: usize) -> Option<f64> {
        let recent = self.deviations.iter().rev().skip(skipped).take(steps);
        let mut known: Vec<f64> = recent.copied().filter(|deviation| !deviation.is_nan()).collect();
        if known.len() < needed { None } else { middle(&mut known) }
    }
}

fn worse(one: Option<Finding>, other: Option<Finding>) -> Option<Finding> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.severity > one.severity { other } else { one }),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anomaly::MINOR;

    const DAY: usize = 288;

    /// Two weeks of a daily curve with a little jitter.
    fn usual(step: usize) -> f64 {
        let time = (step % DAY) as f64 / DAY as f64;
        10.0 + 5.0 * (time * std::f64::consts::TAU).sin() + ((step * 37) % 17) as f64 / 50.0
    }

    /// The findings of the last day of two weeks that is other than usual.
    fn of_last_day(day: usize, value: impl Fn(usize) -> Option<f64>) -> Vec<Option<Finding>> {
        let mut detector = Detector::new(day);
        for step in 0..13 * DAY {
            detector.push(Some(usual(step)));
        }
        (13 * DAY..14 * DAY).map(|step| detector.push(value(step))).collect()
    }

    fn odd(findings: &[Option<Finding>]) -> Vec<usize> {
        let is_odd = |finding: &Option<Finding>| finding.is_some_and(|finding| finding.severity >= MINOR);
        (0..findings.len()).filter(|step| is_odd(&findings[*step])).collect()
    }

    #[test]
    fn an_ordinary_day_has_no_anomaly() {
        assert_eq!(odd(&of_last_day(DAY, |step| Some(usual(step)))), [0_usize; 0]);
    }

    #[test]
    fn a_spike_is_found_in_its_first_sample() {
        let spike = |step: usize| Some(usual(step) + if (100..103).contains(&(step % DAY)) { 4.0 } else { 0.0 });
        let findings = of_last_day(DAY, spike);
        assert_eq!(odd(&findings).first(), Some(&100));
        let first = findings[100].unwrap();
        assert!(first.kind == Kind::Deviation && first.unheard_of, "{first:?}");
        assert!((first.value - first.usual - 4.0).abs() < 1.0, "{first:?}");
    }

    #[test]
    fn a_value_that_is_usual_at_another_time_is_odd() {
        let noon_at_night = |step: usize| Some(if step % DAY == 216 { usual(72) } else { usual(step) });
        assert_eq!(odd(&of_last_day(DAY, noon_at_night)).first(), Some(&216));
    }

    #[test]
    fn a_slow_rise_to_a_new_level_is_found() {
        let rise = |step: usize| Some(usual(step) + ((step % DAY) as f64 / 20.0).min(8.0));
        let findings = of_last_day(DAY, rise);
        let kinds: Vec<Kind> = odd(&findings).iter().map(|step| findings[*step].unwrap().kind).collect();
        assert!(kinds.contains(&Kind::LevelShift), "{kinds:?}");
    }

    #[test]
    fn restlessness_is_found_although_the_level_stays() {
        let mut detector = Detector::new(DAY);
        let shaken = |step: usize, by: f64| usual(step) + if step.is_multiple_of(2) { by } else { -by };
        for step in 0..13 * DAY {
            detector.push(Some(shaken(step, 0.02)));
        }
        let findings: Vec<_> = (13 * DAY..13 * DAY + 30).map(|step| detector.push(Some(shaken(step, 1.0)))).collect();
        let kinds: Vec<Kind> = odd(&findings).iter().map(|step| findings[*step].unwrap().kind).collect();
        assert!(kinds.contains(&Kind::Restlessness), "{kinds:?}");
    }

    #[test]
    fn a_gap_is_no_anomaly_and_what_follows_is_compared_with_its_day() {
        let gap = |step: usize| (!(100..160).contains(&(step % DAY))).then(|| usual(step));
        assert_eq!(odd(&of_last_day(DAY, gap)), [0_usize; 0]);
    }

    #[test]
    fn another_unit_changes_nothing() {
        let severities = |unit: f64| -> Vec<f64> {
            let mut detector = Detector::new(DAY);
            let findings = (0..4 * DAY).map(|step| detector.push(Some(unit * usual(step))));
            findings.map(|finding| finding.map_or(0.0, |finding| finding.severity)).collect()
        };
        let plain = severities(1.0);
        for unit in [-1e-12, 1e12] {
            let apart = plain.iter().zip(severities(unit)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(apart < 0.1, "{unit}: {apart}");
        }
    }

    #[test]
    fn awkward_series_never_end_in_nonsense() {
        let series: [fn(usize) -> Option<f64>; 5] = [
            |_| None,
            |_| Some(0.0),
            |step| step.is_multiple_of(3).then_some(1.0),
            |step| Some(if step % 400 == 399 { 1e12 } else { 0.0 }),
            |step| Some(1e100 * if step.is_multiple_of(2) { 1.0 } else { -1.0 }),
        ];
        for day in [1, 24, DAY, 86_400] {
            for value in series {
                let mut detector = Detector::new(day);
                for step in 0..600 {
                    let finding = detector.push(value(step));
                    assert!(finding.is_none_or(|it| it.severity.is_finite() && it.severity >= 0.0), "{finding:?}");
                }
            }
        }
    }

    #[test]
    fn steps_too_fine_for_a_day_are_held_against_the_level_alone() {
        let mut detector = Detector::new(86_400);
        let value = |step: usize| 3.0 + ((step * 37) % 17) as f64 / 50.0;
        for step in 0..2_000 {
            detector.push(Some(value(step)));
        }
        assert!(detector.push(Some(30.0)).unwrap().severity > MINOR);
    }
}
