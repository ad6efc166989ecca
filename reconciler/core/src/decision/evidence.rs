//! Turns samples into evidence: k of n, outcomes in a row, and what the modules reported.

use super::step::Step;
use crate::history::FROZEN_SAMPLES;
use crate::model::name::SlotId;
use crate::model::phase::Phase;
use crate::model::policy::Policy;
use crate::observation::Health;
use crate::score::Score;
use crate::state::SyncProgress;

impl Step<'_> {
    /// Takes over what the capacity root reports about the instances of our slots.
    pub(super) fn absorb_instances(&mut self) {
        for (id, instance) in &self.context.observation.instances {
            if let Some(slot) = self.state.slots.get_mut(id)
                && slot.is_managed()
            {
                slot.instance = Some(instance.clone());
                self.state.weights.entry(id.clone()).or_insert(0);
            }
        }
    }

    /// Counts a sample once, however many cycles see it.
    pub(super) fn weigh_evidence(&mut self) {
        let sampled_at = self.context.observation.sampled_at;
        if self.state.evidence.sampled_at.is_some_and(|seen| sampled_at <= seen) {
            return;
        }
        self.state.evidence.sampled_at = Some(sampled_at);
        self.weigh_anomalies();
        self.weigh_score();
        self.weigh_health();
        self.weigh_criteria();
        self.weigh_verdict();
        self.weigh_sync();
        self.weigh_foreign_weights();
    }

    /// Stale metrics say nothing, and make what they said before worthless: forecasts expire.
    fn weigh_score(&mut self) {
        let policy = &self.context.policy.spec;
        let window = policy.evaluations.window;
        let calm = calm_evaluations(self.context.policy);
        let evidence = &mut self.state.evidence;
        let fresh = self.context.observation.metrics_outage.is_none();
        let anomalous = evidence.anomalous.count() > 0;
        let score = self.context.observation.score.as_ref().filter(|_| fresh);
        let (Some(long), Some(short)) = (score.and_then(|s| s.horizons.last()), score.and_then(|s| s.horizons.first()))
        else {
            evidence.staging.clear();
            evidence.critical.clear();
            evidence.clear.clear();
            return;
        };
        evidence.staging.push(long.lower >= policy.shadowing_threshold, window);
        evidence.critical.push(short.lower >= policy.critical_threshold, window);
        evidence.clear.push(long.probability < policy.clear_threshold && !anomalous, calm);
    }

    fn weigh_health(&mut self) {
        let needed = self.context.policy.spec.failure.signals;
        let slots: Vec<SlotId> = self.state.slots.keys().cloned().collect();
        self.state.evidence.health.retain(|id, _| slots.contains(id));
        for id in slots {
            let health = self.context.observation.health.get(&id).copied().unwrap_or_default();
            self.state.evidence.health.entry(id).or_default().push(outcome(health, needed));
        }
    }

    fn weigh_verdict(&mut self) {
        let shifting = matches!(self.state.phase, Phase::Mirroring | Phase::Shifting(_));
        let shadow = self.state.shadow().filter(|_| shifting);
        let watched = Some(self.state.primary()).filter(|_| self.state.phase == Phase::Watching);
        let judged = shadow.or(watched).cloned();
        let verdict = judged.and_then(|slot| self.judge(&slot));
        self.state.evidence.judge.push(verdict);
    }

    /// Whether a slot does its job: no observer complains and no signal is beyond its limit.
    /// Inconclusive (`None`) when a signal has no fresh value.
    fn judge(&self, slot: &SlotId) -> Option<bool> {
        let health = self.context.observation.health.get(slot).copied().unwrap_or_default();
        if health.failed() > 0 {
            return Some(false);
        }
        let values = self.context.observation.signals.get(slot)?;
        let verdicts = self
            .context
            .group
            .spec
            .signals
            .iter()
            .map(|(name, signal)| values.get(name).map(|value| !signal.breaks(*value)));
        verdicts.collect::<Option<Vec<bool>>>().map(|all| all.into_iter().all(|well| well))
    }

    fn weigh_sync(&mut self) {
        let Some(lag) = self.context.observation.lag else { return };
        let primary = self.context.observation.health.get(self.state.primary()).copied().unwrap_or_default();
        if primary.failed() == 0 {
            self.state.evidence.lag = Some(lag);
        }
        let stands = self.state.evidence.sync.is_some_and(|seen| seen.position.to_bits() == lag.position.to_bits());
        if !stands {
            let moved_at = self.context.observation.sampled_at;
            self.state.evidence.sync = Some(SyncProgress { position: lag.position, moved_at });
        }
    }

    /// Weights that are not ours, although ours were applied and nothing is under way, were set by a
    /// human.
    fn weigh_foreign_weights(&mut self) {
        let foreign = self.context.observation.route.weights.as_ref().is_some_and(|seen| {
            self.state.weights.iter().any(|(id, weight)| seen.get(id).copied().unwrap_or(0) != *weight)
        });
        let counts = foreign && self.traffic_is_settled();
        let count = self.state.evidence.foreign_weights;
        self.state.evidence.foreign_weights = if counts { count.saturating_add(1) } else { 0 };
    }

    /// The score, if it may be relied on.
    pub(super) fn fresh_score(&self) -> Option<&Score> {
        let observation = self.context.observation;
        observation.score.as_ref().filter(|_| observation.metrics_outage.is_none())
    }

    /// Whether enough of the newest evaluations were over the shadowing threshold.
    pub(super) fn staging_is_called_for(&mut self) -> bool {
        let policy = &self.context.policy.spec;
        let count = self.state.evidence.staging.count();
        let lower = self.fresh_score().and_then(|score| score.horizons.last()).map(|h| h.lower);
        let inputs = format!(
            "{count} of the last {} evaluations at or over {}, {} needed; the lower bound is {}",
            policy.evaluations.window,
            policy.shadowing_threshold,
            policy.evaluations.required,
            number(lower)
        );
        self.report.guard("score over shadowing_threshold", count >= policy.evaluations.required as usize, inputs)
    }

    /// Whether enough of the newest evaluations were over the critical threshold.
    pub(super) fn handover_is_called_for(&mut self) -> bool {
        let policy = &self.context.policy.spec;
        let count = self.state.evidence.critical.count();
        let lower = self.fresh_score().and_then(|score| score.horizons.first()).map(|h| h.lower);
        let inputs = format!(
            "{count} of the last {} evaluations at or over {}, {} needed; the lower bound is {}",
            policy.evaluations.window,
            policy.critical_threshold,
            policy.evaluations.required,
            number(lower)
        );
        self.report.guard("score over critical_threshold", count >= policy.evaluations.required as usize, inputs)
    }

    /// Whether the danger has passed: the score has been under the clear threshold for long enough.
    pub(super) fn danger_has_passed(&self) -> bool {
        self.state.evidence.clear.count() >= calm_evaluations(self.context.policy) as usize
    }
}

/// Most evaluations for which the score must be calm, however fine the steps.
const CALM_EVALUATIONS_MAX: i128 = 1000;

/// Evaluations for which the score must be calm before anything is taken back: at least the window,
/// and longer than it takes to notice that a source hangs or answers zeros, which looks calm as well.
fn calm_evaluations(policy: &Policy) -> u32 {
    let steps = i128::try_from(FROZEN_SAMPLES + 2).unwrap_or(CALM_EVALUATIONS_MAX);
    let noticed = policy.step.max(policy.interval).as_millis().saturating_mul(steps);
    let evaluations = noticed / policy.interval.as_millis().max(1);
    let bounded = u32::try_from(evaluations.min(CALM_EVALUATIONS_MAX)).unwrap_or(u32::MAX);
    bounded.max(policy.spec.evaluations.window)
}

/// Well when somebody says so and nobody disagrees; failed when enough independent observers say
/// so; anything else is unknown and changes nothing.
fn outcome(health: Health, failures_needed: u32) -> Option<bool> {
    match (health.failed(), health.known()) {
        (0, 0) => None,
        (0, _) => Some(true),
        (failed, _) if failed >= failures_needed => Some(false),
        _one_complaint => None,
    }
}

pub(super) fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "unknown".to_owned(), |value| format!("{value:.2}"))
}
