//! What forecasts, scores and alarms were worth, by what came. Only what was observed counts; in an outage
//! of metrics nothing is learned. See decision 0032.

mod accuracy;
mod incidents;
mod record;
mod reliability;
mod thresholds;

pub use accuracy::{Compared, Row, Stated};
pub use incidents::{Incident, Label};
pub use reliability::{Bin, Reliability};
pub use thresholds::{Dated, FALSE_ALARMS_PER_WEEK, Thresholds};

use crate::model::name::SlotId;
use crate::model::{Group, Policy};
use crate::observation::Observation;
use crate::score::Score;
use crate::state::GroupState;
use accuracy::Accuracies;
use incidents::{Incidents, Seen};
use jiff::{SignedDuration, Timestamp};
use record::Record;
use reliability::Scores;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thresholds::Adaptation;

/// The record of one group. Bounded: some 300 kB as it is stored.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Feedback {
    primary: Option<SlotId>,
    evaluated_at: Option<Timestamp>,
    accuracies: Accuracies,
    scores: Scores,
    incidents: Incidents,
    record: Record,
    adaptation: Adaptation,
}

/// What is known of one evaluation.
#[derive(Debug, Clone, Copy)]
pub struct Evaluation<'a> {
    /// The group as declared.
    pub group: &'a Group,
    /// The policy as declared, without what was learned.
    pub policy: &'a Policy,
    /// What was seen.
    pub observation: &'a Observation,
    /// What was decided.
    pub state: &'a GroupState,
    /// The time of the decision.
    pub now: Timestamp,
}

/// What an evaluation added to the record.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Learned {
    /// What alarms and breaches turned out to be.
    pub incidents: Vec<Incident>,
    /// What is to be told of thresholds.
    pub thresholds: Vec<String>,
}

/// The record, for people and programs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FeedbackView {
    /// How good the forecasts of each signal, model and horizon were.
    pub forecasts: Vec<Row>,
    /// How far the scores of each horizon came true.
    pub scores: Vec<Reliability>,
    /// How many alarms and breaches there were of each kind.
    #[schema(value_type = std::collections::BTreeMap<String, u64>)]
    pub counts: BTreeMap<Label, u64>,
    /// The newest of them, oldest first.
    pub incidents: Vec<Incident>,
    /// Thresholds that took the place of the policy's.
    pub thresholds_in_effect: Option<Dated>,
    /// Thresholds that run beside those in effect.
    pub thresholds_on_trial: Option<Dated>,
}

impl Feedback {
    /// Takes an evaluation. One that was taken before changes nothing.
    pub fn take(&mut self, evaluation: Evaluation<'_>) -> Learned {
        let Evaluation { policy, observation, state, now, .. } = evaluation;
        if !self.is_new(observation) {
            return Learned::default();
        }
        self.evaluated_at = Some(observation.sampled_at);
        self.follow(state.primary());
        let broken = broken(&evaluation);
        let primary = broken.get(state.primary()).copied();
        let score = observation.score.as_ref().filter(|_| observation.metrics_outage.is_none());
        let stated: Vec<(SignedDuration, f64)> =
            score.iter().flat_map(|score| &score.horizons).map(|it| (it.horizon, it.probability)).collect();
        self.scores.take(now, &stated, primary);
        let evaluations = policy.spec.evaluations;
        self.record.score(now, score.and_then(lower), evaluations.required, evaluations.window);
        let alarmed = state.evidence.staging.count() >= evaluations.required as usize;
        let horizon = policy.longest_horizon();
        let seen = Seen { now, primary: state.primary(), alarmed, broken: &broken, horizon };
        let (incidents, began) = self.incidents.take(&seen);
        self.record.breach(now, primary == Some(true), began);
        let thresholds = self.adaptation.consider(policy, &self.record, now);
        Learned { incidents, thresholds }
    }

    /// Whether an observation rests on a sample that was not yet taken.
    pub fn is_new(&self, observation: &Observation) -> bool {
        self.evaluated_at.is_none_or(|seen| observation.sampled_at > seen)
    }

    /// Keeps forecasts of the primary until what they are about has come, and compares those whose time it is.
    /// `measured` tells a signal's value at a time.
    pub fn compare(&mut self, now: Timestamp, stated: Vec<Stated>, measured: impl Fn(&str, Timestamp) -> Option<f64>) {
        self.accuracies.compare(now, measured);
        self.accuracies.state(stated);
    }

    /// Puts what was learned in place of a policy's thresholds, within its bounds.
    pub fn adapt(&self, policy: &mut Policy) {
        self.adaptation.apply(policy);
    }

    /// The record, for people and programs.
    pub fn view(&self) -> FeedbackView {
        FeedbackView {
            forecasts: self.accuracies.rows(),
            scores: self.scores.told(),
            counts: self.incidents.counts(),
            incidents: self.incidents.kept(),
            thresholds_in_effect: self.adaptation.in_effect.clone(),
            thresholds_on_trial: self.adaptation.on_trial.clone(),
        }
    }

    /// What was said of an instance that no longer serves cannot be compared any more.
    fn follow(&mut self, primary: &SlotId) {
        if self.primary.as_ref().is_some_and(|before| before != primary) {
            self.accuracies.forget_waiting();
            self.scores.forget_waiting();
        }
        self.primary = Some(primary.clone());
    }
}

fn lower(score: &Score) -> Option<(f64, f64)> {
    Some((score.horizons.last()?.lower, score.horizons.first()?.lower))
}

/// Whether each slot is broken: a signal is past its limit, or as many observers as the policy asks for say that
/// it is down. A slot of which neither is known is absent.
fn broken(evaluation: &Evaluation<'_>) -> BTreeMap<SlotId, bool> {
    let Evaluation { group, policy, observation, state, .. } = *evaluation;
    let of_slot = |slot: &SlotId| {
        let health = observation.health.get(slot).copied().unwrap_or_default();
        let is_down = health.failed() >= policy.spec.failure.signals;
        let values = observation.signals.get(slot).filter(|_| observation.metrics_outage.is_none());
        let signals = || group.spec.signals.iter().map(|(name, spec)| Some(spec.breaks(*values?.get(name)?)));
        let is_past = signals().flatten().any(|breaks| breaks);
        let all_known = signals().all(|verdict| verdict.is_some());
        (is_down || is_past || all_known).then_some(is_down || is_past)
    };
    state.slots.keys().filter_map(|slot| Some((slot.clone(), of_slot(slot)?))).collect()
}
