//! Thresholds for a stated number of false alarms, chosen on the first part of what was seen and
//! checked on the rest. It proposes, with the evidence; it changes nothing.

use super::outcome::outcome;
use super::{Breach, Look, Outcome};
use crate::forecast::middle;
use crate::model::Policy;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Thresholds that are tried: finer where scores are low, as those of rare troubles are.
const CANDIDATES: [f64; 24] = [
    0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85,
    0.9, 0.93, 0.96, 0.98,
];

/// Share of the time that is learned from: most of it, so that there are breaches to learn from, and
/// enough left for a check.
const LEARNED: f64 = 0.6;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    /// False alarms in a week at most; hand-overs without cause are counted apart from shadows.
    pub false_alarms_per_week: f64,
    /// Cost of a shadow for an hour.
    pub hourly_cost: f64,
    /// Least and greatest `shadowing_threshold` that may be proposed.
    pub shadowing: (f64, f64),
    /// Least and greatest `critical_threshold` that may be proposed.
    pub critical: (f64, f64),
}

/// Proposed thresholds, and on what grounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Suggestion {
    /// The budget that was asked for.
    pub false_alarms_per_week: f64,
    /// What was seen until then was learned from; the rest is the check.
    #[schema(value_type = String)]
    pub learned_until: Timestamp,
    /// At which a shadow is staged: announced is a breach before which there was a shadow.
    pub shadowing: Proposal,
    /// At which traffic is handed over: announced is a breach before which that was done.
    pub critical: Proposal,
}

/// A proposed threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Proposal {
    /// That of the policy.
    pub present: f64,
    /// The proposed one; absent when there are no grounds for one.
    pub proposed: Option<f64>,
    /// Why.
    pub reason: String,
    /// The present one, on the part that was learned from.
    pub learned_present: Row,
    /// The present one, on the rest.
    pub checked_present: Row,
    /// The proposed one, on the rest.
    pub checked: Option<Row>,
    /// Whether the rest confirms it: it keeps to the budget there, and announces no less than the present one.
    pub holds: bool,
    /// Each candidate, on the part that was learned from.
    pub table: Vec<Row>,
}

/// What follows from one threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Row {
    /// The threshold.
    pub threshold: f64,
    /// Times during which a limit was broken.
    pub breaches: u32,
    /// Those that were announced.
    pub announced: u32,
    /// The share of them; absent when no limit broke.
    pub recall: Option<f64>,
    /// Median time from the action to the breach, of those that were announced.
    pub median_lead_seconds: Option<f64>,
    /// Actions after which no limit broke within their horizon.
    pub false_alarms: u32,
    /// The same, for a week.
    pub false_alarms_per_week: f64,
    /// Hours during which there was a shadow.
    pub shadow_hours: f64,
}

/// Proposes thresholds. `looks` are scores in the order of time, and `breaches` what happened then;
/// both may come from a replay or from a record of the daemon. `None` when there are less than two
/// looks in either part.
pub fn suggest(policy: &Policy, looks: &[Look], breaches: &[Breach], asked: &Asked) -> Option<Suggestion> {
    let (first, last) = (looks.first()?.at, looks.last()?.at);
    let cut = first.checked_add(part(last.duration_since(first), LEARNED)).ok()?;
    let (learned, rest) = looks.split_at(looks.partition_point(|look| look.at <= cut));
    let parts = Parts { policy, asked, learned: Part::new(learned, breaches)?, rest: Part::new(rest, breaches)? };
    let spec = &policy.spec;
    let shadowing = parts.propose(Which::Shadowing, spec.shadowing_threshold, spec.shadowing_threshold)?;
    // A hand-over comes after a shadow: its threshold lies above the one at which that is staged.
    let staged_at = shadowing.proposed.filter(|_| shadowing.holds).unwrap_or(spec.shadowing_threshold);
    let critical = parts.propose(Which::Critical, spec.critical_threshold, staged_at)?;
    let false_alarms_per_week = asked.false_alarms_per_week;
    Some(Suggestion { false_alarms_per_week, learned_until: cut, shadowing, critical })
}

fn part(span: SignedDuration, share: f64) -> SignedDuration {
    SignedDuration::try_from_secs_f64(span.as_secs_f64() * share).unwrap_or(span)
}

/// Which threshold is proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Shadowing,
    Critical,
}

/// A time of which scores and breaches are known.
struct Part<'a> {
    looks: &'a [Look],
    breaches: Vec<Breach>,
}

impl<'a> Part<'a> {
    fn new(looks: &'a [Look], breaches: &[Breach]) -> Option<Self> {
        let (first, last) = (looks.first()?.at, looks.last()?.at);
        let within = |breach: &&Breach| breach.start > first && breach.start <= last;
        (looks.len() > 1).then(|| Self { looks, breaches: breaches.iter().filter(within).cloned().collect() })
    }
}

struct Parts<'a> {
    policy: &'a Policy,
    asked: &'a Asked,
    learned: Part<'a>,
    rest: Part<'a>,
}

impl Parts<'_> {
    fn propose(&self, which: Which, present: f64, staged_at: f64) -> Option<Proposal> {
        let (min, max) = match which {
            Which::Shadowing => self.asked.shadowing,
            Which::Critical => (self.asked.critical.0.max(staged_at), self.asked.critical.1),
        };
        let allowed =
            |candidate: &f64| (min..=max).contains(candidate) && (which == Which::Shadowing || *candidate > staged_at);
        let row = |part: &Part<'_>, threshold: f64| self.row(part, which, threshold, staged_at);
        let table =
            CANDIDATES.into_iter().filter(allowed).map(|it| row(&self.learned, it)).collect::<Option<Vec<Row>>>()?;
        let learned_present = row(&self.learned, present)?;
        let (proposed, reason) = choose(&table, &learned_present, self.asked.false_alarms_per_week, allowed(&present));
        let checked = match proposed {
            Some(threshold) => Some(row(&self.rest, threshold)?),
            None => None,
        };
        let checked_present = row(&self.rest, present)?;
        let verdict = checked.as_ref().map(|it| verdict(it, &checked_present, self.asked.false_alarms_per_week));
        let (holds, told) = verdict.unwrap_or_default();
        let reason = format!("{reason}{told}");
        Some(Proposal { present, proposed, reason, learned_present, checked_present, checked, holds, table })
    }

    fn row(&self, part: &Part<'_>, which: Which, threshold: f64, staged_at: f64) -> Option<Row> {
        let mut policy = self.policy.clone();
        match which {
            // Else hand-overs below the staging threshold would stage as well, and hide its effect.
            Which::Shadowing => {
                policy.spec.shadowing_threshold = threshold;
                policy.spec.critical_threshold = policy.spec.critical_threshold.max(threshold);
            }
            Which::Critical => {
                policy.spec.shadowing_threshold = staged_at;
                policy.spec.critical_threshold = threshold;
            }
        }
        let outcome = outcome(&policy, self.asked.hourly_cost, part.looks, &part.breaches)?;
        Some(Row::new(threshold, which, part, &policy, &outcome))
    }
}

impl Row {
    fn new(threshold: f64, which: Which, part: &Part<'_>, policy: &Policy, outcome: &Outcome) -> Self {
        let mut leads = match which {
            Which::Shadowing => outcome.lead_times_seconds.iter().flatten().copied().collect(),
            Which::Critical => outcome.hand_over_leads(&part.breaches, policy.shortest_horizon()),
        };
        let false_alarms = match which {
            Which::Shadowing => outcome.false_alarms,
            Which::Critical => outcome.false_hand_overs,
        };
        let (breaches, announced) = (super::outcome::count(part.breaches.len()), super::outcome::count(leads.len()));
        Self {
            threshold,
            breaches,
            announced,
            recall: (breaches > 0).then(|| f64::from(announced) / f64::from(breaches)),
            median_lead_seconds: middle(&mut leads),
            false_alarms,
            false_alarms_per_week: f64::from(false_alarms) / weeks(part.looks),
            shadow_hours: outcome.shadow_hours,
        }
    }
}

fn weeks(looks: &[Look]) -> f64 {
    let span = looks.first().zip(looks.last()).map(|(first, last)| last.at.duration_since(first.at));
    span.map_or(f64::MIN_POSITIVE, |span| span.as_secs_f64() / (7.0 * 24.0 * 3600.0)).max(f64::MIN_POSITIVE)
}

/// The most breaches announced within the budget, then the fewest false alarms, then the longest
/// lead. What is as good as the present threshold does not replace it.
fn choose(table: &[Row], present: &Row, budget: f64, present_allowed: bool) -> (Option<f64>, String) {
    let within = |row: &&Row| row.false_alarms_per_week <= budget;
    if present.breaches == 0 {
        return (None, "no limit broke in the part that is learned from: there is nothing to announce".to_owned());
    }
    let Some(best) = table.iter().filter(within).max_by(|one, other| one.order(other)) else {
        return (None, format!("no threshold within its bounds keeps to {budget} false alarms a week"));
    };
    if best.announced == 0 {
        return (None, format!("no threshold within its bounds announces a breach at {budget} false alarms a week"));
    }
    let kept = present_allowed && within(&present) && present.merit(best).is_ge();
    let chosen = if kept { present } else { best };
    let what = if kept { "the present one is as good as any" } else { "it announces the most within the budget" };
    let reason = format!("{what}: while learning {}, the present one {}", chosen.told(), present.told());
    (Some(chosen.threshold), reason)
}

impl Row {
    fn told(&self) -> String {
        format!(
            "{} of {} breaches at {:.1} false alarms a week",
            self.announced, self.breaches, self.false_alarms_per_week
        )
    }

    /// Which is worth more.
    fn merit(&self, other: &Self) -> std::cmp::Ordering {
        self.announced.cmp(&other.announced).then(other.false_alarms.cmp(&self.false_alarms))
    }

    fn order(&self, other: &Self) -> std::cmp::Ordering {
        let lead = |row: &Self| row.median_lead_seconds.unwrap_or(0.0);
        self.merit(other).then(lead(self).total_cmp(&lead(other))).then(self.threshold.total_cmp(&other.threshold))
    }
}

/// What the rest says of it: whether it holds, and in words.
fn verdict(checked: &Row, present: &Row, budget: f64) -> (bool, String) {
    let (holds, word) = if checked.false_alarms_per_week > budget {
        (false, "more false alarms than the budget, so do not rely on it")
    } else if checked.announced < present.announced {
        (false, "fewer breaches than the present one, so do not rely on it")
    } else if checked.breaches == 0 {
        (true, "nothing to announce there, so only its false alarms are confirmed")
    } else {
        (true, "confirmed")
    };
    (holds, format!("; on the rest {}: {word}", checked.told()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backtest::Scored;
    use crate::model::PolicySpec;

    const MINUTES: i64 = 7 * 24 * 60;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap()
    }

    fn policy() -> Policy {
        let mut spec = PolicySpec::named("p");
        spec.horizons = vec!["30m".into(), "2h".into()];
        spec.max_shadow_age = "2h".into();
        spec.check().unwrap()
    }

    /// A week in which a limit breaks at the given minutes, and the score says at each minute what
    /// `score` says of the time until the next breach.
    fn week(breaks: &[i64], score: impl Fn(i64, Option<i64>) -> f64) -> (Vec<Look>, Vec<Breach>) {
        let look = |minute: i64| {
            let ahead = breaks.iter().map(|start| start - minute).find(|ahead| *ahead > 0);
            let score = score(minute, ahead);
            Look {
                at: at(minute),
                score: Some(Scored { longest: score, shortest: score, confidence: 1.0, reason: "".into() }),
            }
        };
        let breach = |minute: &i64| Breach { signal: "m".into(), start: at(*minute), end: at(minute + 5) };
        ((0..MINUTES).map(look).collect(), breaks.iter().map(breach).collect())
    }

    const EVERY_DAY: [i64; 7] = [700, 2_140, 3_580, 5_020, 6_460, 7_900, 9_340];

    fn asked(budget: f64) -> Asked {
        Asked { false_alarms_per_week: budget, hourly_cost: 1.0, shadowing: (0.0, 1.0), critical: (0.0, 1.0) }
    }

    /// Twenty minutes of 0.3 before each breach, and of 0.12 each day at a quiet hour.
    fn telling(minute: i64, ahead: Option<i64>) -> f64 {
        match ahead {
            Some(ahead) if ahead <= 20 => 0.3,
            _ if (0..20).contains(&(minute % 1_440)) => 0.12,
            _ => 0.01,
        }
    }

    #[test]
    fn a_threshold_between_noise_and_trouble_is_found_and_confirmed() {
        let (looks, breaches) = week(&EVERY_DAY, telling);
        let found = suggest(&policy(), &looks, &breaches, &asked(1.0)).unwrap();
        let shadowing = &found.shadowing;
        assert_eq!((shadowing.present, shadowing.proposed), (0.5, Some(0.3)), "{shadowing:#?}");
        assert_eq!((shadowing.learned_present.announced, shadowing.checked.as_ref().unwrap().announced), (0, 3));
        assert!(shadowing.holds && shadowing.reason.ends_with("confirmed"), "{}", shadowing.reason);
        let noisy = shadowing.table.iter().find(|row| row.threshold <= 0.1).unwrap();
        assert!(noisy.false_alarms_per_week > 6.0, "{noisy:?}");
        let rising = shadowing.table.windows(2).all(|pair| pair[0].false_alarms >= pair[1].false_alarms);
        assert!(rising, "a higher threshold is wrong less often: {:#?}", shadowing.table);
    }

    #[test]
    fn critical_lies_above_shadowing() {
        let (looks, breaches) = week(&EVERY_DAY, telling);
        let found = suggest(&policy(), &looks, &breaches, &asked(1.0)).unwrap();
        assert!(found.critical.table.iter().all(|row| row.threshold > found.shadowing.proposed.unwrap()));
    }

    #[test]
    fn bounds_and_budget_are_kept() {
        let (looks, breaches) = week(&EVERY_DAY, telling);
        let bounded = Asked { shadowing: (0.05, 0.1), ..asked(1.0) };
        let found = suggest(&policy(), &looks, &breaches, &bounded).unwrap().shadowing;
        assert_eq!(found.proposed, None);
        assert_eq!(found.reason, "no threshold within its bounds keeps to 1 false alarms a week");
        let generous = suggest(&policy(), &looks, &breaches, &Asked { shadowing: (0.05, 0.1), ..asked(10.0) }).unwrap();
        assert!(generous.shadowing.proposed.is_some());
    }

    #[test]
    fn what_is_as_good_as_any_stays() {
        let certain = |_, ahead: Option<i64>| if ahead.is_some_and(|it| it <= 20) { 0.97 } else { 0.0 };
        let (looks, breaches) = week(&EVERY_DAY, certain);
        let found = suggest(&policy(), &looks, &breaches, &asked(1.0)).unwrap();
        assert_eq!((found.shadowing.proposed, found.critical.proposed), (Some(0.5), Some(0.8)));
    }

    #[test]
    fn what_was_learned_and_does_not_hold_is_said() {
        let turns = |minute, ahead| if minute > MINUTES * 6 / 10 { 0.3 } else { telling(minute, ahead) };
        let (looks, breaches) = week(&EVERY_DAY[..4], turns);
        let found = suggest(&policy(), &looks, &breaches, &asked(1.0)).unwrap();
        assert!(
            !found.shadowing.holds && found.shadowing.reason.contains("do not rely on it"),
            "{:?}",
            found.shadowing
        );
    }

    #[test]
    fn a_threshold_that_announces_nothing_is_not_proposed() {
        let (looks, breaches) = week(&EVERY_DAY, |_, _| 0.01);
        let found = suggest(&policy(), &looks, &breaches, &asked(1.0)).unwrap().shadowing;
        assert_eq!((found.proposed, found.holds), (None, false));
        assert!(found.reason.starts_with("no threshold within its bounds announces a breach"), "{}", found.reason);
    }

    #[test]
    fn without_a_breach_there_are_no_grounds() {
        let (looks, breaches) = week(&[], telling);
        let found = suggest(&policy(), &looks, &breaches, &asked(1.0)).unwrap();
        assert_eq!((found.shadowing.proposed, found.critical.proposed), (None, None));
        assert!(found.shadowing.reason.contains("nothing to announce"));
        assert_eq!(suggest(&policy(), &looks[..2], &breaches, &asked(1.0)), None);
    }
}
