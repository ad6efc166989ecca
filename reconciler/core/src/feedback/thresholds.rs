//! Thresholds that a group's own record speaks for. A proposal first runs beside the thresholds in effect,
//! on scores that it was not made from; it takes over when it has won, and never leaves the policy's bounds.

use super::record::Record;
use crate::backtest::{Asked, Outcome, outcome, suggest};
use crate::model::Policy;
use crate::model::policy::{AdaptiveThresholdsSpec, EvaluationsSpec};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// False alarms in a week that are accepted for shadows, and as many for hand-overs: what an on-call
/// engineer bears.
pub const FALSE_ALARMS_PER_WEEK: f64 = 1.0;

/// Record without which nothing is proposed: a working week and a weekend.
const RECORD_MIN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How long a proposal runs beside what is in effect: again a week.
const TRIAL: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How often a proposal is looked for. Each look costs some milliseconds.
const PROPOSED_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// A pair of thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Thresholds {
    /// `shadowing_threshold`.
    pub shadowing: f64,
    /// `critical_threshold`.
    pub critical: f64,
}

/// Thresholds with the time from which on they count, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Dated {
    /// The thresholds.
    pub thresholds: Thresholds,
    /// Since when.
    #[schema(value_type = String)]
    pub since: Timestamp,
    /// On what grounds.
    pub reason: String,
}

/// What is in effect in place of the policy's thresholds, and what runs beside.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Adaptation {
    /// What the policy said when this was learned: another policy makes it void.
    base: Option<Thresholds>,
    pub(super) in_effect: Option<Dated>,
    pub(super) on_trial: Option<Dated>,
    looked_at: Option<Timestamp>,
}

impl Thresholds {
    fn of(policy: &Policy) -> Self {
        Self { shadowing: policy.spec.shadowing_threshold, critical: policy.spec.critical_threshold }
    }

    fn put_into(self, policy: &mut Policy) {
        policy.spec.shadowing_threshold = self.shadowing;
        policy.spec.critical_threshold = self.critical;
    }

    /// Whether a policy permits them.
    fn are_allowed(self, bounds: &AdaptiveThresholdsSpec, clear: f64) -> bool {
        let within = |value: f64, min: f64, max: f64| (min..=max).contains(&value);
        within(self.shadowing, bounds.shadowing.min, bounds.shadowing.max)
            && within(self.critical, bounds.critical.min, bounds.critical.max)
            && clear < self.shadowing
            && self.shadowing < self.critical
    }

    fn text(self) -> String {
        format!("shadowing_threshold {} and critical_threshold {}", self.shadowing, self.critical)
    }
}

impl Adaptation {
    /// The thresholds that hold for a policy as declared.
    pub(super) fn apply(&self, policy: &mut Policy) {
        let allowed = |it: &&Dated| {
            let bounds = policy.spec.adaptive_thresholds.as_ref();
            self.base == Some(Thresholds::of(policy))
                && bounds.is_some_and(|bounds| it.thresholds.are_allowed(bounds, policy.spec.clear_threshold))
        };
        if let Some(learned) = self.in_effect.as_ref().filter(allowed) {
            learned.thresholds.put_into(policy);
        }
    }

    /// Looks whether the record speaks for other thresholds. `policy` is as declared. Answers what is to be
    /// told.
    pub(super) fn consider(&mut self, policy: &Policy, record: &Record, now: Timestamp) -> Vec<String> {
        let Some(bounds) = policy.spec.adaptive_thresholds else {
            *self = Self::default();
            return Vec::new();
        };
        if self.base != Some(Thresholds::of(policy)) {
            *self = Self { base: Some(Thresholds::of(policy)), ..Self::default() };
        }
        let mut present = policy.clone();
        self.apply(&mut present);
        // What must agree has agreed already in each look of the record.
        present.spec.evaluations = EvaluationsSpec { required: 1, window: 1 };
        match &self.on_trial {
            Some(trial) if now.duration_since(trial.since) >= TRIAL => self.decide(&present, record, now),
            Some(_) => None,
            None => self.propose(&present, &bounds, record, now),
        }
        .into_iter()
        .collect()
    }

    fn propose(
        &mut self,
        present: &Policy,
        bounds: &AdaptiveThresholdsSpec,
        record: &Record,
        now: Timestamp,
    ) -> Option<String> {
        let due = self.looked_at.is_none_or(|at| now.duration_since(at) >= PROPOSED_EVERY);
        if !due || record.span().is_none_or(|span| span < RECORD_MIN) {
            return None;
        }
        self.looked_at = Some(now);
        let asked = Asked {
            false_alarms_per_week: FALSE_ALARMS_PER_WEEK,
            hourly_cost: 0.0,
            shadowing: (bounds.shadowing.min, bounds.shadowing.max),
            critical: (bounds.critical.min, bounds.critical.max),
        };
        let all = Timestamp::MIN;
        let found = suggest(present, &record.looks_since(all), &record.breaches_since(all), &asked)?;
        let before = Thresholds::of(present);
        let thresholds = Thresholds {
            shadowing: found.shadowing.proposed.unwrap_or(before.shadowing),
            critical: found.critical.proposed.unwrap_or(before.critical),
        };
        if thresholds == before || !thresholds.are_allowed(bounds, present.spec.clear_threshold) {
            return None;
        }
        let reason = format!("{}; {}", found.shadowing.reason, found.critical.reason);
        let told = format!("{} run beside {} for a week: {reason}", thresholds.text(), before.text());
        self.on_trial = Some(Dated { thresholds, since: now, reason });
        Some(told)
    }

    fn decide(&mut self, present: &Policy, record: &Record, now: Timestamp) -> Option<String> {
        let trial = self.on_trial.take()?;
        let (looks, breaches) = (record.looks_since(trial.since), record.breaches_since(trial.since));
        let mut other = present.clone();
        trial.thresholds.put_into(&mut other);
        let before = outcome(present, 0.0, &looks, &breaches)?;
        let after = outcome(&other, 0.0, &looks, &breaches)?;
        let compared = format!(
            "in a week beside each other {} announced {} of {} breaches at {} false alarms and {} false hand-overs, \
             {} announced {} at {} and {}",
            trial.thresholds.text(),
            after.warned,
            breaches.len(),
            after.false_alarms,
            after.false_hand_overs,
            Thresholds::of(present).text(),
            before.warned,
            before.false_alarms,
            before.false_hand_overs,
        );
        if !wins(&before, &after) {
            return Some(format!("thresholds stay: {compared}"));
        }
        self.in_effect = Some(Dated { thresholds: trial.thresholds, since: now, reason: compared.clone() });
        Some(format!("thresholds change: {compared}"))
    }
}

/// Whether the second is better: more is announced within the budget, or as much with fewer false alarms. It
/// never hands over without cause more often.
fn wins(before: &Outcome, after: &Outcome) -> bool {
    let false_alarms = |outcome: &Outcome| outcome.false_alarms + outcome.false_hand_overs;
    let in_budget = after.false_alarms_per_week <= FALSE_ALARMS_PER_WEEK.max(before.false_alarms_per_week);
    let more = after.warned > before.warned && in_budget;
    let quieter = after.warned >= before.warned && false_alarms(after) < false_alarms(before);
    after.false_hand_overs <= before.false_hand_overs && (more || quieter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PolicySpec;
    use crate::model::policy::BoundsSpec;

    fn at(look: i64) -> Timestamp {
        Timestamp::from_second(look * 300).unwrap()
    }

    fn policy(shadowing: f64, bounded: bool) -> Policy {
        let mut spec = PolicySpec::named("p");
        (spec.shadowing_threshold, spec.critical_threshold, spec.clear_threshold) = (shadowing, 0.9, 0.02);
        spec.max_shadow_age = "2h".into();
        let bounds = |min, max| BoundsSpec { min, max };
        let adaptive = AdaptiveThresholdsSpec { shadowing: bounds(0.05, 0.7), critical: bounds(0.8, 0.99) };
        spec.adaptive_thresholds = bounded.then_some(adaptive);
        spec.check().unwrap()
    }

    /// Weeks of scores: every other day a breach, `before` in the hours before it, `otherwise` for two hours on
    /// each day between.
    fn weeks(record: &mut Record, days: std::ops::Range<i64>, before: f64, otherwise: f64) {
        for look in days.start * 288..days.end * 288 {
            let (day, step) = (look / 288, look % 288);
            let long = match (day % 2, step) {
                (0, 100..=120) => before,
                (1, 100..=120) => otherwise,
                _ => 0.01,
            };
            record.score(at(look), Some((long, 0.01)), 1, 1);
            let broken = day % 2 == 0 && (121..125).contains(&step);
            record.breach(at(look), broken, broken && step == 121);
        }
    }

    fn effective(adaptation: &Adaptation, policy: &Policy) -> f64 {
        let mut effective = policy.clone();
        adaptation.apply(&mut effective);
        effective.spec.shadowing_threshold
    }

    #[test]
    fn a_proposal_takes_over_after_it_has_won_beside_what_is_in_effect() {
        let (policy, mut record, mut adaptation) = (policy(0.6, true), Record::default(), Adaptation::default());
        weeks(&mut record, 0..8, 0.4, 0.1);
        let told = adaptation.consider(&policy, &record, at(8 * 288));
        assert!(told[0].contains("run beside"), "{told:?}");
        assert!((effective(&adaptation, &policy) - 0.6).abs() < 1e-9, "nothing is in effect yet");
        weeks(&mut record, 8..16, 0.4, 0.1);
        let told = adaptation.consider(&policy, &record, at(16 * 288));
        assert!(told[0].starts_with("thresholds change"), "{told:?}");
        let learned = effective(&adaptation, &policy);
        assert!(learned > 0.1 && learned <= 0.4, "{learned}");
    }

    #[test]
    fn a_proposal_that_loses_is_dropped() {
        let (policy, mut record, mut adaptation) = (policy(0.6, true), Record::default(), Adaptation::default());
        weeks(&mut record, 0..8, 0.4, 0.1);
        adaptation.consider(&policy, &record, at(8 * 288));
        // The week of the trial is another one: high scores, and nothing breaks.
        for look in 8 * 288..16 * 288 {
            record.score(at(look), Some((if look % 72 < 10 { 0.5 } else { 0.01 }, 0.01)), 1, 1);
        }
        let told = adaptation.consider(&policy, &record, at(16 * 288));
        assert!(told[0].starts_with("thresholds stay"), "{told:?}");
        assert!((effective(&adaptation, &policy) - 0.6).abs() < 1e-9);
    }

    #[test]
    fn without_bounds_or_a_week_of_record_nothing_is_proposed() {
        let mut record = Record::default();
        weeks(&mut record, 0..8, 0.4, 0.1);
        assert!(Adaptation::default().consider(&policy(0.6, false), &record, at(8 * 288)).is_empty());
        let mut short = Record::default();
        weeks(&mut short, 0..3, 0.4, 0.1);
        assert!(Adaptation::default().consider(&policy(0.6, true), &short, at(3 * 288)).is_empty());
    }

    #[test]
    fn another_policy_makes_what_was_learned_void() {
        let learned =
            Dated { thresholds: Thresholds { shadowing: 0.3, critical: 0.9 }, since: at(0), reason: String::new() };
        let base = Some(Thresholds { shadowing: 0.6, critical: 0.9 });
        let mut adaptation = Adaptation { base, in_effect: Some(learned), ..Adaptation::default() };
        assert!((effective(&adaptation, &policy(0.6, true)) - 0.3).abs() < 1e-9);
        assert!((effective(&adaptation, &policy(0.6, false)) - 0.6).abs() < 1e-9, "bounds were taken away");
        assert!((effective(&adaptation, &policy(0.5, true)) - 0.5).abs() < 1e-9, "somebody chose another one");
        adaptation.consider(&policy(0.5, true), &Record::default(), at(1));
        assert_eq!(adaptation.in_effect, None);
    }
}
