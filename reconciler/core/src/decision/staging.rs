//! From "nothing is wrong" to a shadow that could take over at any moment.

use super::evidence::number;
use super::step::Step;
use crate::model::name::SlotId;
use crate::model::phase::Phase;
use crate::model::policy::Mode;
use crate::observation::{Lag, RootObservation, Warmup};
use jiff::SignedDuration;

/// How far a new slot is. The order is the order of the phases.
enum Progress {
    Planning(String),
    Failed(String),
    Applying(String),
    Syncing(String),
    Stalled(String),
    Warming(String),
    Ready,
}

/// Evaluations without any movement of the data, at a lag beyond the limits, after which
/// replication counts as stalled.
const STALL_EVALUATIONS: i32 = 10;

/// Pause before a failed warm-up task is run again.
const WARMUP_RETRY: SignedDuration = SignedDuration::from_secs(10);

impl Step<'_> {
    /// Puts the primary on the route and waits for a first score.
    pub(super) fn establish_route(&mut self) -> bool {
        if self.context.policy.spec.mode >= Mode::Provision && !self.weights_are_read_back() {
            return self.wait("the route is being set up");
        }
        let score = self.context.observation.score.as_ref();
        let Some(longest) = score.and_then(|score| score.horizons.last()) else {
            let missing = score.iter().flat_map(|score| &score.missing);
            let reasons: Vec<String> = missing.map(|m| format!("{}: {}", m.signal, m.reason)).collect();
            return self.wait(format!("there is no score yet: {}", reasons.join("; ")));
        };
        let probability = longest.probability;
        self.go(Phase::Idle, format!("there is a score: {probability:.2}"))
    }

    /// Decides whether a shadow is to be made. Every guard is looked at, so that `explain` can show
    /// all that stands in the way.
    pub(super) fn consider_staging(&mut self) -> bool {
        let (forecast, confident) = (self.staging_is_called_for(), self.is_confident());
        let anomalous = self.anomaly_calls_for_staging();
        let called_for = (forecast && confident) || anomalous;
        let guards = [
            called_for,
            self.metrics_are_fresh(),
            self.mode_is_at_least(Mode::Provision),
            self.fleet_allows(),
            self.cost_allows(),
            self.has_led_long_enough(),
        ];
        if (forecast || anomalous) && !guards[2] {
            self.report.alert("a shadow would be staged if the policy's mode allowed it");
        }
        if guards.contains(&false) {
            return self.wait("no shadow is called for, or something stands in its way: see the guards");
        }
        let slot = self.add_shadow();
        let reason = if forecast && confident { self.forecast_text() } else { self.anomaly_text() };
        self.go(Phase::Planning, format!("{reason}: slot {slot} is staged"))
    }

    fn forecast_text(&self) -> String {
        let score = self.fresh_score().and_then(|score| score.horizons.last()).map(|longest| longest.probability);
        format!("degradation forecast with probability {}", number(score))
    }

    fn is_confident(&mut self) -> bool {
        let needed = self.context.policy.spec.shadow_creation_threshold;
        let confidence = self.fresh_score().map(|score| score.confidence);
        let enough = confidence.is_some_and(|confidence| confidence >= needed);
        self.report.guard("confidence", enough, format!("{}, {needed} needed", number(confidence)))
    }

    pub(super) fn fleet_allows(&mut self) -> bool {
        let fleet = *self.context.fleet;
        let calm = self.report.guard(
            "no common cause",
            !fleet.suspects_common_cause(),
            format!("{} of {} groups are over their threshold", fleet.alarmed, fleet.groups),
        );
        let inputs = format!("{} groups in flight, {} waiting with a higher priority", fleet.in_flight, fleet.ahead);
        self.report.guard("fleet budget", fleet.has_budget(), inputs) && calm
    }

    /// What the managed slots cost, and one more that costs as much as the dearest of them.
    fn cost_allows(&mut self) -> bool {
        let costs: Vec<f64> =
            self.state.slots.values().filter_map(|slot| slot.instance.as_ref()?.hourly_cost).collect();
        let expected = costs.iter().sum::<f64>() + costs.iter().copied().fold(0.0, f64::max);
        let ceiling = self.context.policy.spec.cost_ceiling;
        let inputs = format!("{expected:.2} an hour expected, ceiling {}", number(ceiling));
        self.report.guard("cost ceiling", ceiling.is_none_or(|ceiling| expected <= ceiling), inputs)
    }

    /// A reconciler that has just started has not seen enough to begin anything new.
    pub(super) fn has_led_long_enough(&mut self) -> bool {
        let window = i32::try_from(self.context.policy.spec.evaluations.window).unwrap_or(i32::MAX);
        let needed = self.context.policy.interval.saturating_mul(window);
        let led = self.context.now.duration_since(self.state.led_since);
        self.report.guard("one observation window since start", led >= needed, format!("{led:#} of {needed:#}"))
    }

    /// Follows a new shadow through its phases, one at a time and in their order.
    pub(super) fn bring_up_shadow(&mut self) -> bool {
        let Some(slot) = self.state.shadow().cloned() else {
            return self.go(Phase::Idle, "the shadow is gone");
        };
        let progress = self.progress(&slot);
        if self.may_give_up(&progress) {
            return self.start_leaving(slot, Phase::Idle);
        }
        let (phase, text) = match progress {
            Progress::Planning(text) => (self.planning_phase(), text),
            Progress::Failed(text) => (Phase::ProvisionFailed, text),
            Progress::Applying(text) => (Phase::Provisioning, text),
            Progress::Syncing(text) => (Phase::Syncing, text),
            Progress::Stalled(text) => (Phase::SyncStalled, text),
            Progress::Warming(text) => (Phase::Warming, text),
            Progress::Ready => (Phase::Ready, format!("slot {slot} is provisioned, in sync and warm")),
        };
        let next = next_in_order(self.state.phase, phase);
        if next == self.state.phase {
            return self.wait(text);
        }
        self.go(next, text)
    }

    /// A shadow that cannot be made and is no longer needed is given up; one that somebody asked
    /// for, or that an outage of metrics keeps us from judging, is not.
    fn may_give_up(&mut self, progress: &Progress) -> bool {
        matches!(progress, Progress::Failed(_) | Progress::Stalled(_))
            && self.danger_has_passed()
            && self.state.request.is_none()
            && self.metrics_are_fresh()
    }

    fn planning_phase(&self) -> Phase {
        if self.state.phase == Phase::EmergencyProvision { Phase::EmergencyProvision } else { Phase::Planning }
    }

    fn progress(&mut self, slot: &SlotId) -> Progress {
        let root = &self.context.observation.capacity;
        if !self.capacity_is_settled() {
            return capacity_progress(root);
        }
        if self.state.slots.get(slot).is_none_or(|slot| slot.instance.is_none()) {
            return Progress::Failed(format!("the instance module reports no instance for slot {slot}"));
        }
        if !self.is_in_sync() {
            return self.sync_progress();
        }
        self.warm_progress(slot)
    }

    fn sync_progress(&self) -> Progress {
        let Some(lag) = self.context.observation.lag else {
            return Progress::Syncing("the shadow does not report its lag yet".to_owned());
        };
        let text = format!("lag {:.0} bytes, {:.1} s, position {}", lag.bytes, lag.seconds, lag.position);
        let patience = self.context.policy.interval.saturating_mul(STALL_EVALUATIONS);
        let stalled =
            self.state.evidence.sync.is_some_and(|sync| self.context.now.duration_since(sync.moved_at) > patience);
        if stalled { Progress::Stalled(text) } else { Progress::Syncing(text) }
    }

    fn warm_progress(&mut self, slot: &SlotId) -> Progress {
        let needed = self.context.policy.spec.ready_probes;
        let well = self.state.health(slot).well;
        let probed = self.report.guard("probes pass", well >= needed, format!("{well} in a row, {needed} needed"));
        let warmed = self.is_warmed_up(slot);
        if probed && warmed {
            return Progress::Ready;
        }
        let failed = match self.context.observation.warmups.get(slot) {
            Some(Warmup::Failed { message, .. }) => format!(": {message}"),
            Some(Warmup::Running | Warmup::Passed) | None => String::new(),
        };
        Progress::Warming(format!("slot {slot} is probed and warmed up{failed}"))
    }

    fn is_warmed_up(&mut self, slot: &SlotId) -> bool {
        if self.context.policy.spec.warmup_task.is_none() {
            return self.report.guard("warm-up task", true, "none is declared");
        }
        let observation = self.context.observation;
        let (passed, text) = match observation.warmups.get(slot) {
            Some(Warmup::Passed) => (true, "it exited 0".to_owned()),
            Some(Warmup::Running) => (false, "it is running".to_owned()),
            Some(Warmup::Failed { at, message }) => {
                if self.context.now.duration_since(*at) >= WARMUP_RETRY {
                    self.warm_up = Some(slot.clone());
                }
                (false, message.clone())
            }
            None => {
                self.warm_up = Some(slot.clone());
                (false, "it is being started".to_owned())
            }
        };
        self.report.guard("warm-up task", passed, text)
    }

    /// Whether a slot under the present primary could take over: used for the first shadow and for
    /// the one that protects a new primary.
    pub(super) fn is_ready(&mut self, slot: &SlotId) -> Result<(), String> {
        match self.progress(slot) {
            Progress::Ready => Ok(()),
            Progress::Planning(text)
            | Progress::Failed(text)
            | Progress::Applying(text)
            | Progress::Syncing(text)
            | Progress::Stalled(text)
            | Progress::Warming(text) => Err(text),
        }
    }

    /// Whether the shadow's data is within the policy's limits, in bytes and in seconds.
    pub(super) fn is_in_sync(&mut self) -> bool {
        let policy = &self.context.policy.spec.synchronization;
        if self.context.group.spec.sync.is_none() || policy.method == "none" {
            return self.report.guard("in sync", true, "nothing is replicated");
        }
        let Some(lag) = self.lag() else {
            return self.report.guard("in sync", false, "the lag is unknown");
        };
        let within = lag.seconds <= policy.lag_seconds_max && lag.bytes <= policy.lag_bytes_max;
        let inputs = format!(
            "{:.0} bytes and {:.1} s behind, {:.0} bytes and {} s allowed",
            lag.bytes, lag.seconds, policy.lag_bytes_max, policy.lag_seconds_max
        );
        self.report.guard("in sync", within, inputs)
    }

    /// The lag as it is, or as it was when the primary was last well.
    fn lag(&self) -> Option<Lag> {
        let failing = self.state.health(self.state.primary()).failed > 0;
        if failing { self.state.evidence.lag } else { self.context.observation.lag }
    }

    /// Whether a hand-over to `slot` would lose no more data than the policy permits.
    pub(super) fn data_may_be_used(&mut self, slot: &SlotId) -> bool {
        let is_shadow = self.state.shadow() == Some(slot);
        if !is_shadow || self.is_in_sync() {
            return true;
        }
        let permitted = self.context.policy.spec.synchronization.allow_data_loss_bytes;
        let lag = self.lag().map(|lag| lag.bytes);
        let accepted = permitted > 0.0 && lag.is_some_and(|bytes| bytes <= permitted);
        self.report.guard(
            "data loss permitted",
            accepted,
            format!("{} bytes behind, {permitted} permitted", number(lag)),
        )
    }
}

fn capacity_progress(root: &RootObservation) -> Progress {
    match (&root.running, &root.failure) {
        (Some(run), _) if run.applying => Progress::Applying("terraform applies the approved plan".to_owned()),
        (Some(_), _) => Progress::Planning("terraform plans".to_owned()),
        (None, Some(failure)) => Progress::Failed(failure.message.clone()),
        (None, None) => Progress::Planning("the plan is about to be made".to_owned()),
    }
}

/// The phase after `from` on the way to `to`, so that none is passed over in the journal. Side
/// states and steps back are taken as they are.
fn next_in_order(from: Phase, to: Phase) -> Phase {
    const ORDER: [Phase; 5] = [Phase::Planning, Phase::Provisioning, Phase::Syncing, Phase::Warming, Phase::Ready];
    // Where the side states stand in that order.
    let main = if from == Phase::EmergencyProvision {
        Phase::Planning
    } else if from == Phase::ProvisionFailed {
        Phase::Provisioning
    } else if from == Phase::SyncStalled {
        Phase::Syncing
    } else {
        from
    };
    let rank = |phase: Phase| ORDER.iter().position(|known| *known == phase);
    match (rank(main), rank(to)) {
        (Some(from), Some(to)) if to > from => ORDER[from + 1],
        _otherwise => to,
    }
}
