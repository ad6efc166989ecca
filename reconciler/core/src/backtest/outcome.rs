//! What follows from the alarms of one method: actions, how early they came, and what they cost. The
//! same rules for every method, so that only the alarms differ.

use super::alarm::Alarm;
use super::{Breach, Look};
use crate::forecast::middle;
use crate::model::Policy;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// What one method would have done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Outcome {
    /// In the order of time, at most one for each look.
    pub actions: Vec<Action>,
    /// For each breach, seconds from the staging of a shadow until it began; absent without one.
    pub lead_times_seconds: Vec<Option<f64>>,
    /// Breaches before which a shadow was there.
    pub warned: u32,
    /// Breaches before which none was.
    pub missed: u32,
    /// Shadows that were staged and after which no limit broke within the longest horizon.
    pub false_alarms: u32,
    /// The same, for a week.
    pub false_alarms_per_week: f64,
    /// Times at which all traffic would have moved.
    pub hand_overs: u32,
    /// Those after which no limit broke within the shortest horizon.
    pub false_hand_overs: u32,
    /// Hours during which there was a shadow.
    pub shadow_hours: f64,
    /// What these hours cost.
    pub shadow_cost: f64,
}

impl Outcome {
    /// Share of the breaches before which a shadow was there; `None` when no limit broke.
    pub fn recall(&self) -> Option<f64> {
        let all = f64::from(self.warned) + f64::from(self.missed);
        (all > 0.0).then(|| f64::from(self.warned) / all)
    }

    /// Median of the lead times in seconds, of the breaches that have one.
    pub fn median_lead_seconds(&self) -> Option<f64> {
        middle(&mut self.lead_times_seconds.iter().flatten().copied().collect::<Vec<_>>())
    }

    /// Seconds from a hand-over to the breach that it was before, for each breach that has one
    /// within `horizon`.
    pub(super) fn hand_over_leads(&self, breaches: &[Breach], horizon: SignedDuration) -> Vec<f64> {
        let hand_overs = || self.actions.iter().filter(|action| action.kind == ActionKind::HandOver);
        let lead = |breach: &Breach| {
            let leads = hand_overs().map(|action| breach.start.duration_since(action.at));
            leads.filter(|lead| *lead > SignedDuration::ZERO && *lead <= horizon).min().map(|it| it.as_secs_f64())
        };
        breaches.iter().filter_map(lead).collect()
    }
}

/// What a policy would have done, given the score of each look: the same rules as those of a replay.
/// `breaches` are those of the time of the looks.
pub fn outcome(policy: &Policy, hourly_cost: f64, looks: &[Look], breaches: &[Breach]) -> Option<Outcome> {
    let (first, last) = (looks.first()?.at, looks.last()?.at);
    let mut run = Run::new(policy, hourly_cost);
    let silent = Alarm::default();
    for look in looks {
        match &look.score {
            Some(score) => run.look(look.at, &Alarm::by_score(&policy.spec, score)),
            None => run.look(look.at, &silent),
        }
    }
    Some(run.finish(first, last, breaches))
}

/// Something that would have been done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Action {
    /// When.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// What.
    pub kind: ActionKind,
    /// Why.
    pub reason: String,
}

/// What would have been done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// A shadow is made.
    Stage,
    /// All traffic goes to it.
    HandOver,
    /// It is removed, unused.
    Release,
}

/// One method on its way through a recording.
pub(super) struct Run<'a> {
    policy: &'a Policy,
    hourly_cost: f64,
    actions: Vec<Action>,
    /// The newest answers to both questions, as many as the policy looks at.
    staging: VecDeque<bool>,
    critical: VecDeque<bool>,
    /// Since when there is a shadow.
    shadow: Option<Timestamp>,
    /// When one was staged, and until when it stayed.
    shadows: Vec<(Timestamp, Timestamp)>,
    hand_overs: Vec<Timestamp>,
    /// Whether the alarm that led to the newest hand-over still lasts. The recording is that of the old primary, and
    /// shows a trouble that the new one does not have.
    lasting: bool,
    /// What the newest alarm said.
    reason: String,
}

impl<'a> Run<'a> {
    pub(super) fn new(policy: &'a Policy, hourly_cost: f64) -> Self {
        let (staging, critical) = (VecDeque::new(), VecDeque::new());
        let (actions, shadows, hand_overs) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            policy,
            hourly_cost,
            actions,
            staging,
            critical,
            shadow: None,
            shadows,
            hand_overs,
            lasting: false,
            reason: String::new(),
        }
    }

    pub(super) fn look(&mut self, at: Timestamp, alarm: &Alarm) {
        let stage = self.agrees(|run| &mut run.staging, alarm.stage);
        let hand_over = self.agrees(|run| &mut run.critical, alarm.hand_over);
        self.lasting &= stage || hand_over;
        // Enough looks may agree when the newest one is calm again: what they said is the reason.
        if alarm.stage || alarm.hand_over {
            self.reason.clone_from(&alarm.reason);
        }
        let cooling =
            self.lasting || self.hand_overs.last().is_some_and(|then| at.duration_since(*then) < self.policy.cooldown);
        match self.shadow {
            None if (stage || hand_over) && !cooling => {
                self.shadow = Some(at);
                self.act(at, ActionKind::Stage, self.reason.clone());
            }
            Some(_) if hand_over && !cooling => {
                self.hand_overs.push(at);
                self.lasting = true;
                self.end_shadow(at);
                self.act(at, ActionKind::HandOver, self.reason.clone());
            }
            Some(since) if at.duration_since(since) >= self.policy.max_shadow_age => {
                self.end_shadow(at);
                self.act(at, ActionKind::Release, "it was never needed".to_owned());
            }
            None | Some(_) => {}
        }
    }

    /// Whether as many of the newest answers agree as the policy wants.
    fn agrees(&mut self, which: fn(&mut Self) -> &mut VecDeque<bool>, newest: bool) -> bool {
        let (required, window) = (self.policy.spec.evaluations.required, self.policy.spec.evaluations.window);
        let answers = which(self);
        answers.push_back(newest);
        if answers.len() > window as usize {
            answers.pop_front();
        }
        answers.iter().filter(|answer| **answer).count() >= required as usize
    }

    fn act(&mut self, at: Timestamp, kind: ActionKind, reason: String) {
        self.actions.push(Action { at, kind, reason });
    }

    fn end_shadow(&mut self, at: Timestamp) {
        self.shadows.extend(self.shadow.take().map(|since| (since, at)));
    }

    pub(super) fn finish(mut self, from: Timestamp, to: Timestamp, breaches: &[Breach]) -> Outcome {
        self.end_shadow(to);
        let (short, horizon) = (self.policy.shortest_horizon(), self.policy.longest_horizon());
        // What is done near the end of the recording may have its reason after it.
        let is_false = |since: Timestamp, until: Timestamp, horizon: SignedDuration| {
            !followed(since, until, horizon, breaches) && to.duration_since(since) > horizon
        };
        let false_alarms = self.shadows.iter().filter(|(since, until)| is_false(*since, *until, horizon)).count();
        let false_hand_overs = self.hand_overs.iter().filter(|at| is_false(**at, **at, short)).count();
        let lead = |breach: &Breach| self.lead_time(breach, horizon);
        let leads: Vec<Option<f64>> = breaches.iter().map(lead).collect();
        let warned = leads.iter().flatten().count();
        let weeks = to.duration_since(from).as_secs_f64() / (7.0 * 24.0 * 3600.0);
        let hours = self
            .shadows
            .iter()
            .map(|(since, until)| until.duration_since(*since).as_secs_f64() / 3600.0)
            .fold(0.0, |sum, it| sum + it);
        Outcome {
            actions: self.actions,
            warned: count(warned),
            missed: count(leads.len() - warned),
            lead_times_seconds: leads,
            false_alarms: count(false_alarms),
            false_alarms_per_week: if weeks > 0.0 { false_alarms as f64 / weeks } else { 0.0 },
            hand_overs: count(self.hand_overs.len()),
            false_hand_overs: count(false_hand_overs),
            shadow_hours: hours,
            shadow_cost: hours * self.hourly_cost,
        }
    }

    /// Seconds from the staging of the shadow that was there, or had taken over, until a breach.
    fn lead_time(&self, breach: &Breach, horizon: SignedDuration) -> Option<f64> {
        let helps = |(since, until): &&(Timestamp, Timestamp)| {
            *since < breach.start && breach.start.duration_since(*until) <= horizon
        };
        let (since, _) = self.shadows.iter().rev().find(helps)?;
        Some(breach.start.duration_since(*since).as_secs_f64())
    }
}

/// Whether a limit was broken between two times, or within a horizon after them.
fn followed(since: Timestamp, until: Timestamp, horizon: SignedDuration, breaches: &[Breach]) -> bool {
    breaches.iter().any(|breach| breach.end >= since && breach.start.duration_since(until) <= horizon)
}

pub(super) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
