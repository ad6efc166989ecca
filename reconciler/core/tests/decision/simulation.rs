//! A small model of the world for tests of decisions: Terraform that takes a cycle to apply,
//! a data plane that reports what was applied, instances that can fail, metrics that can vanish.

use jiff::{SignedDuration, Timestamp};
use shadow_core::anomaly::Anomaly;
use shadow_core::decision::{Context, Decision, Fleet, RootGoal, decide};
use shadow_core::feedback::{Evaluation, Feedback, Label};
use shadow_core::model::group::{Group, GroupSpec};
use shadow_core::model::policy::{AfterHandover, Mode, Policy, PolicySpec};
use shadow_core::model::size::Size;
use shadow_core::model::slot::{Endpoint, Instance, Role, Slot};
use shadow_core::model::split::BackendState;
use shadow_core::model::{Phase, SlotId};
use shadow_core::observation::{Health, Lag, Observation, RootFailure, RootObservation, RouteObservation, Warmup};
use shadow_core::rendering::{render_capacity, render_traffic};
use shadow_core::score::{HorizonScore, Score};
use shadow_core::sizing::needs::Needs;
use shadow_core::state::{GroupState, Hold, LeavingStage, Request};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) fn slot(id: &str) -> SlotId {
    SlotId::new(id).unwrap()
}

/// The world around one group.
pub(crate) struct World {
    pub(crate) group: Group,
    pub(crate) policy: Policy,
    pub(crate) fleet: Fleet,
    pub(crate) state: GroupState,
    pub(crate) now: Timestamp,
    /// Lower bound of the score on the longest and the shortest horizon.
    pub(crate) score: Option<(f64, f64)>,
    pub(crate) metrics_outage: bool,
    pub(crate) anomalies: Vec<Anomaly>,
    pub(crate) expected_event: Option<String>,
    pub(crate) failing: BTreeSet<SlotId>,
    /// Slots whose signals are beyond their limits although they answer.
    pub(crate) limping: BTreeSet<SlotId>,
    pub(crate) terraform_fails: bool,
    pub(crate) data_plane_unreachable: bool,
    pub(crate) lag: Option<Lag>,
    pub(crate) needs: Needs,
    /// Most cores that the instance module grants.
    pub(crate) granted_max: f64,
    capacity: RootObservation,
    traffic: RootObservation,
    weights: BTreeMap<SlotId, u32>,
    instances: BTreeMap<SlotId, Instance>,
    warmups: BTreeMap<SlotId, Warmup>,
    /// By epoch: the slot that was to get the writes in it.
    writers: BTreeMap<u64, SlotId>,
    pub(crate) feedback: Feedback,
    /// What alarms and breaches turned out to be.
    pub(crate) labels: Vec<Label>,
    /// Phases in the order in which they were entered.
    pub(crate) phases: Vec<Phase>,
    pub(crate) last: Option<Decision>,
    rests: bool,
}

fn group() -> Group {
    let spec: GroupSpec = serde_json::from_value(serde_json::json!({
        "name": "checkout", "policy": "quick",
        "primary": {"instance_id": "checkout", "address": "10.0.0.1", "port": 8080, "health_path": "/healthz"},
        "signals": {"latency": {"query": "latency{instance=\"$instance\"}", "limit": 0.5, "unit": "seconds"}},
        "instance": {"source": "/modules/instance"}, "traffic": {"source": "/modules/traffic"},
    }))
    .unwrap();
    spec.check(1).unwrap()
}

fn policy() -> PolicySpec {
    let mut spec = PolicySpec::named("quick");
    spec.mode = Mode::Full;
    spec.after_handover = AfterHandover::Deprovision;
    for (field, value) in [
        (&mut spec.interval, "1s"),
        (&mut spec.step, "1s"),
        (&mut spec.history, "10m"),
        (&mut spec.mirror.duration, "3s"),
        (&mut spec.shift.step_duration, "2s"),
        (&mut spec.watch, "5s"),
        (&mut spec.hold_old, "3s"),
        (&mut spec.switch_timeout, "5s"),
        (&mut spec.cooldown, "10m"),
        (&mut spec.hold_after_human, "60s"),
    ] {
        value.clone_into(field);
    }
    spec.horizons = vec!["15s".into(), "45s".into()];
    spec
}

fn instance(n: usize) -> Instance {
    Instance {
        instance_id: format!("checkout-{n}"),
        endpoint: Endpoint { address: "10.0.0.1".into(), port: 8080 + u16::try_from(n).unwrap() },
        zone: None,
        size: Size::default(),
        health_url: None,
        agent_url: None,
        hourly_cost: Some(1.0),
    }
}

impl World {
    pub(crate) fn calm() -> Self {
        Self::with_policy(|_| {})
    }

    pub(crate) fn with_policy(change: impl Fn(&mut PolicySpec)) -> Self {
        let mut spec = policy();
        change(&mut spec);
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let original = Slot { role: Role::Primary, epoch: 1, since: now, made: None, instance: Some(instance(0)) };
        Self {
            group: group(),
            policy: spec.check().unwrap(),
            fleet: Fleet { groups: 1, ..Fleet::default() },
            state: GroupState::new(slot("a"), original, now),
            now,
            score: Some((0.01, 0.01)),
            metrics_outage: false,
            anomalies: Vec::new(),
            expected_event: None,
            failing: BTreeSet::new(),
            limping: BTreeSet::new(),
            terraform_fails: false,
            data_plane_unreachable: false,
            lag: None,
            needs: Needs::new(),
            granted_max: f64::INFINITY,
            capacity: RootObservation::default(),
            traffic: RootObservation::default(),
            weights: BTreeMap::new(),
            instances: BTreeMap::new(),
            warmups: BTreeMap::new(),
            writers: BTreeMap::new(),
            feedback: Feedback::default(),
            labels: Vec::new(),
            phases: vec![Phase::Observing],
            last: None,
            rests: true,
        }
    }

    fn observation(&self) -> Observation {
        let horizon = |seconds: i64, lower: f64| HorizonScore {
            horizon: SignedDuration::from_secs(seconds),
            probability: lower,
            lower,
            upper: lower,
        };
        let score = self.score.map(|(long, short)| Score {
            at: self.now,
            horizons: vec![horizon(15, short), horizon(45, long)],
            confidence: 0.9,
            parts: Vec::new(),
            missing: Vec::new(),
        });
        let well = |id: &SlotId| !self.failing.contains(id);
        let known = self.state.slots.iter().filter(|(_, slot)| slot.instance.is_some());
        let health = known
            .clone()
            .map(|(id, _)| (id.clone(), Health { probe: Some(well(id)), data_plane: Some(well(id)), agent: None }));
        let signals = known.filter(|(id, _)| !self.metrics_outage && well(id)).map(|(id, _)| {
            let latency = if self.limping.contains(id) { 0.9 } else { 0.1 };
            (id.clone(), BTreeMap::from([("latency".to_owned(), latency)]))
        });
        Observation {
            sampled_at: self.now,
            score,
            metrics_outage: self.metrics_outage.then(|| "absent".to_owned()),
            anomalies: self.anomalies.clone(),
            expected_event: self.expected_event.clone(),
            signals: signals.collect(),
            health: health.collect(),
            route: RouteObservation {
                weights: (!self.data_plane_unreachable && !self.weights.is_empty()).then(|| self.weights.clone()),
                ..RouteObservation::default()
            },
            capacity: self.capacity.clone(),
            traffic: self.traffic.clone(),
            instances: self.instances.clone(),
            needs: self.needs.clone(),
            lag: self.lag,
            warmups: self.warmups.clone(),
        }
    }

    /// One cycle; a second passes first if the one before left nothing to do.
    fn cycle(&mut self) {
        if self.rests {
            self.now = self.now.checked_add(SignedDuration::from_secs(1)).unwrap();
        }
        let observation = self.observation();
        let (group, policy, fleet, now) = (self.group.clone(), self.policy.clone(), self.fleet, self.now);
        let context = Context { group: &group, policy: &policy, observation: &observation, fleet: &fleet, now };
        let decision = decide(context, &self.state);
        self.assert_promises(&decision);
        self.assert_one_writer(&decision);
        if let Some(transition) = &decision.transition {
            self.phases.push(transition.to);
        }
        let evaluation =
            Evaluation { group: &group, policy: &policy, observation: &observation, state: &decision.state, now };
        let learned = self.feedback.take(evaluation);
        self.labels.extend(learned.incidents.iter().map(|incident| incident.label));
        self.state = decision.state.clone();
        let acted = self.carry_out(&decision);
        self.rests = !acted && decision.wake.after_ms > 0;
        self.last = Some(decision);
    }

    /// Cycles until nothing moves, at one second after the other.
    pub(crate) fn ticks(&mut self, seconds: usize) -> &mut Self {
        for _ in 0..seconds {
            self.cycle();
            let mut cycles = 0;
            while !self.rests {
                self.cycle();
                cycles += 1;
                assert!(cycles < 50, "the group does not come to rest: {:?}", self.phases);
            }
        }
        self
    }

    /// Cycles until a phase is entered.
    pub(crate) fn until(&mut self, phase: Phase) -> &mut Self {
        for _ in 0..400 {
            if self.state.phase == phase {
                return self;
            }
            self.cycle();
        }
        panic!("never reached {phase}: {:?}, {:#?}", self.phases, self.last.as_ref().map(|last| &last.report));
    }

    fn carry_out(&mut self, decision: &Decision) -> bool {
        if let Some(slot) = &decision.warm_up {
            self.warmups.insert(slot.clone(), Warmup::Passed);
            return true;
        }
        self.carry_out_traffic(decision) | self.carry_out_capacity(decision)
    }

    fn carry_out_traffic(&mut self, decision: &Decision) -> bool {
        let wanted = match decision.traffic {
            RootGoal::Untouched => return false,
            RootGoal::Present => Some(render_traffic(&decision.desired).digest),
            RootGoal::Absent => None,
        };
        if self.traffic.applied == wanted || self.fails_traffic() {
            return false;
        }
        self.traffic = RootObservation { applied: wanted.clone(), ..RootObservation::default() };
        let backends = decision.desired.traffic.backends.iter().map(|(id, backend)| (id.clone(), backend.weight));
        self.weights = if wanted.is_some() { backends.collect() } else { BTreeMap::new() };
        true
    }

    fn fails_traffic(&mut self) -> bool {
        if self.terraform_fails {
            self.traffic.failure = Some(RootFailure { at: self.now, attempts: 1, message: "terraform failed".into() });
        }
        self.terraform_fails
    }

    fn carry_out_capacity(&mut self, decision: &Decision) -> bool {
        if decision.capacity != RootGoal::Present {
            return false;
        }
        let wanted = render_capacity(&decision.desired).digest;
        if self.capacity.applied.as_ref() == Some(&wanted) {
            return false;
        }
        if self.terraform_fails {
            self.capacity.failure = Some(RootFailure { at: self.now, attempts: 1, message: "no capacity".into() });
            return false;
        }
        let slots = &decision.desired.capacity.slots;
        for id in self.instances.keys().filter(|id| !slots.contains_key(*id)) {
            assert_eq!(self.weights.get(id).copied().unwrap_or(0), 0, "slot {id} was destroyed while it served");
        }
        self.instances.retain(|id, _| slots.contains_key(id));
        for (n, id) in slots.keys().enumerate() {
            self.instances.entry(id.clone()).or_insert_with(|| instance(n + 1));
        }
        for (id, desired) in slots {
            let cpu_cores = desired.size.cpu_cores.map(|cores| cores.min(self.granted_max));
            self.instances.get_mut(id).unwrap().size = Size { cpu_cores, ..desired.size.clone() };
        }
        self.capacity = RootObservation { applied: Some(wanted), ..RootObservation::default() };
        true
    }

    /// What must hold whatever happens: the design's promises, as far as a decision can keep them.
    fn assert_promises(&self, decision: &Decision) {
        let (before, after) = (&self.state, &decision.state);
        if after.route_removed {
            // A human asked for everything to go.
            return;
        }
        let primaries = after.slots.values().filter(|slot| slot.role == Role::Primary).count();
        assert_eq!(primaries, 1, "one slot is primary: {after:#?}");
        let sum: u32 = after.weights.values().sum();
        assert_eq!(sum, 100, "weights sum to 100: {:?}", after.weights);
        assert!(after.epoch >= before.epoch, "epochs only rise");
        for (id, weight) in &after.weights {
            assert!(*weight == 0 || after.slots.contains_key(id), "slot {id} has a weight and does not exist");
        }
        if decision.traffic == RootGoal::Present {
            let serving = decision.desired.traffic.backends.values().any(|backend| backend.weight > 0);
            assert!(serving, "never zero serving targets: {:?}", decision.desired.traffic);
        }
        for id in before.slots.keys().filter(|id| !after.slots.contains_key(*id)) {
            assert_eq!(before.weight(id), 0, "slot {id} was dropped while it had a weight");
        }
        let leaving = after.leaving.as_ref().filter(|leaving| leaving.stage == LeavingStage::Removing);
        if let Some(leaving) = leaving.filter(|_| !after.route_removed) {
            assert_eq!(after.weight(&leaving.slot), 0, "a serving slot is being removed");
            assert_ne!(*after.primary(), leaving.slot, "the primary is being removed");
        }
        if self.metrics_outage && after.request.is_none() && after.phase != Phase::Retiring {
            let drained =
                |state: &GroupState| state.leaving.as_ref().is_some_and(|l| l.stage != LeavingStage::Draining);
            assert!(!drained(after) || drained(before), "nothing is taken away while the metrics are out");
        }
        self.assert_sizes(decision);
        if before.hold.is_some() && after.hold.is_some() {
            assert_eq!(before.weights, after.weights, "a held group keeps its weights");
            assert_eq!(before.phase, after.phase, "a held group keeps its phase");
        }
    }

    /// What serves keeps its size, and no size falls while less load may be a sign of trouble.
    fn assert_sizes(&self, decision: &Decision) {
        let size = |state: &GroupState, id: &SlotId| Some(state.slots.get(id)?.made.as_ref()?.size.clone());
        for (id, slot) in &self.state.slots {
            let (Some(before), Some(after)) = (size(&self.state, id), size(&decision.state, id)) else { continue };
            let idle = slot.role == Role::Shadow && self.weights.get(id).copied().unwrap_or(0) == 0;
            assert!(idle || before == after, "slot {id} serves and was resized");
            let trouble = self.metrics_outage
                || self.failing.contains(self.state.primary())
                || self.limping.contains(self.state.primary());
            assert!(!trouble || before.cpu_cores <= after.cpu_cores, "slot {id} shrinks in trouble");
        }
    }

    /// Never two slots writable in one epoch: one active slot is to get the writes, the one that has all
    /// the traffic if there is one, and no other one before the next epoch.
    fn assert_one_writer(&mut self, decision: &Decision) {
        let traffic = &decision.desired.traffic;
        if decision.traffic != RootGoal::Present {
            return;
        }
        if self.policy.spec.shift.split_writes {
            assert_eq!(traffic.writer, None, "the weights decide about writes");
            return;
        }
        let writer = traffic.writer.as_ref().expect("somebody gets the writes");
        let backend = traffic.backends.get(writer).expect("the writer is a backend");
        assert_eq!(backend.state, BackendState::Active, "the writer takes requests");
        assert!(backend.weight > 0, "who gets the writes gets other requests too: {traffic:?}");
        let sole = traffic.backends.iter().find(|(_, backend)| backend.weight == 100).map(|(id, _)| id);
        assert!(sole.is_none_or(|sole| sole == writer), "who gets everything gets the writes: {traffic:?}");
        let epoch = decision.desired.epoch;
        let known = self.writers.entry(epoch).or_insert_with(|| writer.clone());
        assert_eq!(known, writer, "two slots are written to in epoch {epoch}");
    }

    /// The slots that were to get the writes, in the order of the epochs, without repetitions.
    pub(crate) fn writers(&self) -> Vec<&str> {
        let mut writers: Vec<&str> = self.writers.values().map(SlotId::as_str).collect();
        writers.dedup();
        writers
    }

    pub(crate) fn ask(&mut self, request: Request) {
        self.state.request = Some(request);
    }

    pub(crate) fn hold(&mut self) {
        self.state.hold = Some(Hold { reason: "test".into(), since: self.now, until: None });
    }

    /// A human sets weights behind our back.
    pub(crate) fn set_weights_by_hand(&mut self, weights: &[(&str, u32)]) {
        self.weights = weights.iter().map(|(id, weight)| (slot(id), *weight)).collect();
    }

    pub(crate) fn seen_weights(&self) -> &BTreeMap<SlotId, u32> {
        &self.weights
    }

    /// The reconciler is killed and started again: only the remembered state survives.
    pub(crate) fn restart(&mut self) {
        self.state = self.state.clone().taken_over(self.now);
        self.warmups.clear();
        self.capacity.running = None;
        self.traffic.running = None;
    }

    pub(crate) fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<&str> = self.phases.iter().map(|phase| phase.name()).collect();
        names.dedup();
        names
    }
}
