//! What became of alarms, and which broken limits had none. Only what was observed counts: what was
//! not seen is unknown, and so is what would have happened without a hand-over.
//!
//! - An *alarm* begins when enough evaluations are over the shadowing threshold, and is over when none
//!   was for the longest horizon.
//! - *Announced*: a limit broke on the primary that the alarm was about, before traffic had moved.
//! - *Averted*: traffic had moved to another slot, and then the old primary broke.
//! - *False alarm*: the horizon passed, all of it was seen, traffic did not move, and no limit broke.
//! - *Missed*: a limit of the primary broke without an alarm.
//! - *Unknown*: any other end of an alarm.

use crate::model::name::SlotId;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Incidents that are kept.
const KEPT_MAX: usize = 200;

/// Evaluations in a row without a broken limit after which a breach is over.
const CALM_EVALUATIONS: u32 = 5;

/// What an alarm or a breach turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// A limit broke after an alarm, before traffic had moved.
    Announced,
    /// Traffic had moved when the old primary broke.
    Averted,
    /// No limit broke.
    FalseAlarm,
    /// A limit broke without an alarm.
    Missed,
    /// It was not seen what came, or traffic moved and the old primary did not break.
    Unknown,
}

impl Label {
    /// The name, as in answers of the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Averted => "averted",
            Self::FalseAlarm => "false_alarm",
            Self::Missed => "missed",
            Self::Unknown => "unknown",
        }
    }
}

/// An alarm and what became of it, or a breach without one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Incident {
    /// What it was.
    pub label: Label,
    /// The slot that it is about.
    pub slot: SlotId,
    /// When the alarm began, if there was one.
    #[schema(value_type = Option<String>)]
    pub alarm_at: Option<Timestamp>,
    /// When the limit broke, if it did.
    #[schema(value_type = Option<String>)]
    pub broke_at: Option<Timestamp>,
    /// When that was known.
    #[schema(value_type = String)]
    pub labelled_at: Timestamp,
}

/// What is known at one evaluation.
pub(super) struct Seen<'a> {
    pub(super) now: Timestamp,
    pub(super) primary: &'a SlotId,
    /// Whether enough evaluations are over the shadowing threshold.
    pub(super) alarmed: bool,
    /// Whether each slot is broken; unknown ones are absent.
    pub(super) broken: &'a BTreeMap<SlotId, bool>,
    /// The longest horizon.
    pub(super) horizon: SignedDuration,
}

/// The record of a group's incidents.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Incidents {
    alarm: Option<Alarm>,
    breach: Option<Breach>,
    kept: VecDeque<Incident>,
    counts: BTreeMap<Label, u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Alarm {
    slot: SlotId,
    since: Timestamp,
    last: Timestamp,
    moved: bool,
    /// Whether some evaluation did not see the slot.
    blind: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Breach {
    slot: SlotId,
    calm: u32,
}

impl Incidents {
    /// Takes an evaluation; answers what was labelled by it, and whether a breach of the primary began.
    pub(super) fn take(&mut self, seen: &Seen<'_>) -> (Vec<Incident>, bool) {
        let ended = self.end_alarm(seen);
        let announced = ended.as_ref().is_some_and(|incident| incident.label == Label::Announced);
        let began = self.follow_breach(seen);
        let missed = (began && !announced).then(|| Incident {
            label: Label::Missed,
            slot: seen.primary.clone(),
            alarm_at: None,
            broke_at: Some(seen.now),
            labelled_at: seen.now,
        });
        if seen.alarmed && self.alarm.is_none() && self.breach.is_none() {
            let (slot, since) = (seen.primary.clone(), seen.now);
            self.alarm = Some(Alarm { slot, since, last: since, moved: false, blind: false });
        }
        let labelled: Vec<Incident> = ended.into_iter().chain(missed).collect();
        labelled.iter().for_each(|incident| self.keep(incident.clone()));
        (labelled, began)
    }

    pub(super) fn kept(&self) -> Vec<Incident> {
        self.kept.iter().cloned().collect()
    }

    pub(super) fn counts(&self) -> BTreeMap<Label, u64> {
        self.counts.clone()
    }

    fn end_alarm(&mut self, seen: &Seen<'_>) -> Option<Incident> {
        let mut alarm = self.alarm.take()?;
        alarm.moved |= alarm.slot != *seen.primary;
        let broken = seen.broken.get(&alarm.slot).copied();
        alarm.blind |= broken.is_none();
        if seen.alarmed && !alarm.moved {
            alarm.last = seen.now;
        }
        let over = seen.now.duration_since(alarm.last) >= seen.horizon;
        let label = match broken {
            Some(true) if alarm.moved => Label::Averted,
            Some(true) => Label::Announced,
            _ if !over => {
                self.alarm = Some(alarm);
                return None;
            }
            Some(false) if !alarm.moved && !alarm.blind => Label::FalseAlarm,
            Some(false) | None => Label::Unknown,
        };
        Some(Incident {
            label,
            slot: alarm.slot,
            alarm_at: Some(alarm.since),
            broke_at: (broken == Some(true)).then_some(seen.now),
            labelled_at: seen.now,
        })
    }

    /// Answers whether a breach began.
    fn follow_breach(&mut self, seen: &Seen<'_>) -> bool {
        let same = self.breach.take().filter(|breach| breach.slot == *seen.primary);
        let known = same.is_some();
        self.breach = match (same, seen.broken.get(seen.primary)) {
            (_, Some(true)) => Some(Breach { slot: seen.primary.clone(), calm: 0 }),
            (Some(breach), Some(false)) if breach.calm + 1 >= CALM_EVALUATIONS => None,
            (Some(breach), Some(false)) => Some(Breach { calm: breach.calm + 1, ..breach }),
            (breach, _) => breach,
        };
        !known && self.breach.is_some()
    }

    fn keep(&mut self, incident: Incident) {
        *self.counts.entry(incident.label).or_default() += 1;
        self.kept.push_back(incident);
        if self.kept.len() > KEPT_MAX {
            self.kept.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(id: &str) -> SlotId {
        SlotId::new(id).unwrap()
    }

    /// One letter an evaluation, a second apart, with a horizon of ten: `.` calm, `!` alarmed, `x` the
    /// primary `a` is broken, `m` traffic has moved to `b`, `X` it has and `a` is broken, `?` unseen.
    fn labels(story: &str) -> Vec<Label> {
        let mut incidents = Incidents::default();
        let mut labels = Vec::new();
        for (second, letter) in (0..).zip(story.chars()) {
            let moved = matches!(letter, 'm' | 'X');
            let primary = slot(if moved { "b" } else { "a" });
            let broken = BTreeMap::from([(slot("a"), matches!(letter, 'x' | 'X')), (slot("b"), false)]);
            let broken = if letter == '?' { BTreeMap::new() } else { broken };
            let now = Timestamp::from_second(second).unwrap();
            let horizon = SignedDuration::from_secs(10);
            let seen = Seen { now, primary: &primary, alarmed: letter == '!', broken: &broken, horizon };
            labels.extend(incidents.take(&seen).0.into_iter().map(|incident| incident.label));
        }
        labels
    }

    #[test]
    fn labels_follow_the_written_rules() {
        let cases: [(&str, &[Label]); 9] = [
            ("...............", &[]),
            ("..!!!..x........", &[Label::Announced]),
            ("..!!!mmmX.......", &[Label::Averted]),
            ("..!!!mmmmmmmmmmmmmmmmm", &[Label::Unknown]),
            ("..!!!..............", &[Label::FalseAlarm]),
            ("..!!!..?...........", &[Label::Unknown]),
            ("....xx.............", &[Label::Missed]),
            ("....xx.x.x.........", &[Label::Missed]),
            ("....xx......xx.....", &[Label::Missed, Label::Missed]),
        ];
        for (story, expected) in cases {
            assert_eq!(labels(story), expected, "{story}");
        }
    }

    #[test]
    fn an_alarm_in_the_moment_of_the_breach_announces_nothing() {
        assert_eq!(labels("..x!!!!!!......"), [Label::Missed]);
    }

    #[test]
    fn an_alarm_lasts_as_long_as_it_is_repeated() {
        assert_eq!(labels("!....!....!....!....x"), [Label::Announced]);
    }

    #[test]
    fn an_outage_alone_is_nothing() {
        assert_eq!(labels("????????????????"), []);
    }
}
