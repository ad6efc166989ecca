//! When a shadow is made, how traffic moves to it, and what must hold before each step.

mod aftermath;
mod defaults;
mod failure;
mod shifting;
mod sizing;
mod synchronization;
mod thresholds;

pub use aftermath::{AfterHandover, Failback};
pub use failure::FailureSpec;
pub use shifting::{Inconclusive, JudgeSpec, MirrorPolicySpec, RequestClassSpec, ShiftSpec};
pub use sizing::SizingSpec;
pub(crate) use synchronization::check_method;
pub use synchronization::{METHODS, SyncMode, SynchronizationSpec, WarmupTask};
pub use thresholds::{AdaptiveThresholdsSpec, BoundsSpec, EvaluationsSpec};

use super::calendar::{Window, WindowSpec, time_zone};
use super::check::Problems;
use crate::criteria::Criterion;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// How far the reconciler may go by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Forecast and score; decide nothing.
    #[default]
    Observe,
    /// Say what it would do.
    Advise,
    /// Provision and warm shadows; a human moves the traffic.
    Provision,
    /// The whole loop.
    Full,
}

/// What `shadow_policy` declares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicySpec {
    /// Unique within the reconciler.
    pub name: String,
    /// How far the reconciler may go by itself.
    #[serde(default)]
    pub mode: Mode,
    /// Time between evaluations of a group.
    #[serde(default = "defaults::interval")]
    pub interval: String,
    /// Distance of two samples in the history.
    #[serde(default = "defaults::step")]
    pub step: String,
    /// Length of the history.
    #[serde(default = "defaults::history")]
    pub history: String,
    /// How far ahead to look. Staging a shadow is judged on the longest, handing over on the shortest.
    #[serde(default = "defaults::horizons")]
    pub horizons: Vec<String>,
    /// IANA name of the time zone that the load follows: days are compared by its clock.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// Share of what comes that the forecast's bounds should hold.
    #[serde(default = "defaults::confidence")]
    pub confidence: f64,
    /// Score (its lower bound) at which a shadow is staged.
    #[serde(default = "defaults::shadowing_threshold")]
    pub shadowing_threshold: f64,
    /// Score (its lower bound) at which all traffic is handed over.
    #[serde(default = "defaults::critical_threshold")]
    pub critical_threshold: f64,
    /// Score below which a shift is called off again: the lower side of the hysteresis.
    #[serde(default = "defaults::clear_threshold")]
    pub clear_threshold: f64,
    /// Confidence in the forecast that is needed before a shadow is made.
    #[serde(default = "defaults::shadow_creation_threshold")]
    pub shadow_creation_threshold: f64,
    /// How many of the newest evaluations must agree.
    #[serde(default)]
    pub evaluations: EvaluationsSpec,
    /// How far thresholds may move by what is learnt; not at all when absent.
    #[serde(default)]
    pub adaptive_thresholds: Option<AdaptiveThresholdsSpec>,
    /// How large a shadow becomes for what is forecast.
    #[serde(default)]
    pub sizing: SizingSpec,
    /// Time after a hand-over in which no automatic one follows.
    #[serde(default = "defaults::cooldown")]
    pub cooldown: String,
    /// What counts as in sync.
    #[serde(default)]
    pub synchronization: SynchronizationSpec,
    /// Run on the shadow's host until it exits 0, before the shadow counts as ready.
    #[serde(default)]
    pub warmup_task: Option<WarmupTask>,
    /// Probes that must pass in a row before a shadow counts as ready.
    #[serde(default = "defaults::ready_probes")]
    pub ready_probes: u32,
    /// What is copied to a shadow before it serves.
    #[serde(default)]
    pub mirror: MirrorPolicySpec,
    /// How traffic moves.
    #[serde(default)]
    pub shift: ShiftSpec,
    /// When a primary counts as failed without any forecast.
    #[serde(default)]
    pub failure: FailureSpec,
    /// Conditions of signals at which a primary counts as failed, as in `cpu > 90 % for 5m`.
    #[serde(default)]
    pub failover_criteria: Vec<String>,
    /// Longest time for which the service may be down when a primary fails.
    #[serde(default)]
    pub max_downtime: Option<String>,
    /// Time within which the data plane must report a hand-over, else it is undone.
    #[serde(default = "defaults::switch_timeout")]
    pub switch_timeout: String,
    /// Time for which a new primary is watched before the hand-over is final.
    #[serde(default = "defaults::watch")]
    pub watch: String,
    /// Time for which the old primary is kept without traffic before it may be removed.
    #[serde(default = "defaults::hold_old")]
    pub hold_old: String,
    /// What becomes of the old primary.
    #[serde(default)]
    pub after_handover: AfterHandover,
    /// How a group returns to its original primary.
    #[serde(default)]
    pub failback: Failback,
    /// When a failback by window is allowed.
    #[serde(default)]
    pub failback_window: Option<WindowSpec>,
    /// Time for which the original must be well before a failback that nobody asked for.
    #[serde(default = "defaults::failback_after")]
    pub failback_after: String,
    /// Age at which a shadow that was never needed is removed.
    #[serde(default = "defaults::max_shadow_age")]
    pub max_shadow_age: String,
    /// Order across groups when not all may act at once; higher goes first.
    #[serde(default)]
    pub failover_priority: i64,
    /// Hourly cost of all managed slots above which no shadow is made.
    #[serde(default)]
    pub cost_ceiling: Option<f64>,
    /// Time for which a human's change to weights is left alone.
    #[serde(default = "defaults::hold_after_human")]
    pub hold_after_human: String,
}

impl PolicySpec {
    /// A policy of that name with every default.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            mode: Mode::default(),
            interval: defaults::interval(),
            step: defaults::step(),
            history: defaults::history(),
            horizons: defaults::horizons(),
            time_zone: None,
            confidence: defaults::confidence(),
            shadowing_threshold: defaults::shadowing_threshold(),
            critical_threshold: defaults::critical_threshold(),
            clear_threshold: defaults::clear_threshold(),
            shadow_creation_threshold: defaults::shadow_creation_threshold(),
            evaluations: EvaluationsSpec::default(),
            adaptive_thresholds: None,
            sizing: SizingSpec::default(),
            cooldown: defaults::cooldown(),
            synchronization: SynchronizationSpec::default(),
            warmup_task: None,
            ready_probes: defaults::ready_probes(),
            mirror: MirrorPolicySpec::default(),
            shift: ShiftSpec::default(),
            failure: FailureSpec::default(),
            failover_criteria: Vec::new(),
            max_downtime: None,
            switch_timeout: defaults::switch_timeout(),
            watch: defaults::watch(),
            hold_old: defaults::hold_old(),
            after_handover: AfterHandover::default(),
            failback: Failback::default(),
            failback_window: None,
            failback_after: defaults::failback_after(),
            max_shadow_age: defaults::max_shadow_age(),
            failover_priority: 0,
            cost_ceiling: None,
            hold_after_human: defaults::hold_after_human(),
        }
    }
}

/// A checked policy: durations are durations, thresholds are in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// The declaration that this was checked from; fields without text in them are read from it.
    pub spec: PolicySpec,
    /// Time between evaluations.
    pub interval: SignedDuration,
    /// Distance of two samples in the history.
    pub step: SignedDuration,
    /// Length of the history.
    pub history: SignedDuration,
    /// Horizons in rising order, at least one.
    pub horizons: Vec<SignedDuration>,
    /// The time zone that the load follows.
    pub time_zone: Option<TimeZone>,
    /// Time after a hand-over in which no automatic one follows.
    pub cooldown: SignedDuration,
    /// Time after which a warm-up task counts as failed.
    pub warmup_timeout: SignedDuration,
    /// Least time of mirroring.
    pub mirror_duration: SignedDuration,
    /// Least time on each step of a shift.
    pub step_duration: SignedDuration,
    /// Time within which the data plane must report a hand-over.
    pub switch_timeout: SignedDuration,
    /// Time for which a new primary is watched.
    pub watch: SignedDuration,
    /// Time for which an old primary is kept without traffic.
    pub hold_old: SignedDuration,
    /// Longest time for which the service may be down when a primary fails.
    pub max_downtime: Option<SignedDuration>,
    /// Conditions at which a primary counts as failed.
    pub failover_criteria: Vec<Criterion>,
    /// Time between two changes of a shadow's size.
    pub sizing_interval: SignedDuration,
    /// When a failback by window is allowed.
    pub failback_window: Option<Window>,
    /// Time for which the original must be well before a failback that nobody asked for.
    pub failback_after: SignedDuration,
    /// Age at which an unused shadow is removed.
    pub max_shadow_age: SignedDuration,
    /// Time for which a human's change is left alone.
    pub hold_after_human: SignedDuration,
}

/// Most samples a history may hold: 28 days at one per five minutes, with room for finer steps.
pub const HISTORY_SAMPLES_MAX: i64 = 20_000;

impl PolicySpec {
    /// Checks the declaration.
    ///
    /// # Errors
    /// Every problem, with its attribute path.
    pub fn check(self) -> Result<Policy, Problems> {
        let mut problems = Problems::default();
        problems.name("name", &self.name);
        thresholds::check(&self, &mut problems);
        self.evaluations.check(&mut problems);
        self.shift.check(&mut problems);
        self.mirror.check(self.shift.split_writes, &mut problems);
        self.sizing.check(&mut problems);
        self.synchronization.check(&mut problems);
        self.failure.check(&mut problems);
        aftermath::check_failback(&self, &mut problems);
        if let Some(task) = &self.warmup_task {
            task.check(&mut problems);
        }
        problems.in_range("confidence", self.confidence, 0.5, 0.99);
        problems.in_range("ready_probes", f64::from(self.ready_probes), 1.0, 100.0);
        problems.in_range("cost_ceiling", self.cost_ceiling.unwrap_or(0.0), 0.0, 1e15);
        let policy = self.timed(&mut problems);
        policy.check_times(&mut problems);
        failure::check_downtime(&policy, &mut problems);
        problems.into_result(policy)
    }

    /// The policy with its texts read.
    fn timed(self, problems: &mut Problems) -> Policy {
        let horizons = self.horizons.iter().enumerate();
        Policy {
            horizons: horizons.map(|(i, text)| problems.duration(&format!("horizons[{i}]"), text)).collect(),
            time_zone: self.time_zone.as_ref().and_then(|name| time_zone("time_zone", name, problems)),
            interval: problems.duration("interval", &self.interval),
            step: problems.duration("step", &self.step),
            history: problems.duration("history", &self.history),
            cooldown: problems.duration("cooldown", &self.cooldown),
            warmup_timeout: self
                .warmup_task
                .as_ref()
                .map_or(SignedDuration::ZERO, |task| problems.duration("warmup_task.timeout", &task.timeout)),
            mirror_duration: problems.duration("mirror.duration", &self.mirror.duration),
            step_duration: problems.duration("shift.step_duration", &self.shift.step_duration),
            switch_timeout: problems.duration("switch_timeout", &self.switch_timeout),
            watch: problems.duration("watch", &self.watch),
            hold_old: problems.duration("hold_old", &self.hold_old),
            max_downtime: self.max_downtime.as_ref().map(|text| problems.duration("max_downtime", text)),
            failover_criteria: failure::criteria(&self.failover_criteria, problems),
            sizing_interval: problems.duration("sizing.interval", &self.sizing.interval),
            failback_window: self.failback_window.as_ref().and_then(|spec| spec.check("failback_window", problems)),
            failback_after: problems.duration("failback_after", &self.failback_after),
            max_shadow_age: problems.duration("max_shadow_age", &self.max_shadow_age),
            hold_after_human: problems.duration("hold_after_human", &self.hold_after_human),
            spec: self,
        }
    }
}

impl Policy {
    fn check_times(&self, problems: &mut Problems) {
        problems.require(
            !self.horizons.is_empty(),
            "horizons",
            "there is no horizon",
            "name at least one, as in [\"1h\"]",
        );
        let rising = self.horizons.windows(2).all(|pair| pair[0] < pair[1]);
        problems.relate(rising, "horizons", &[], "the horizons do not rise", "list them from short to long");
        let samples = self.history.as_millis() / self.step.as_millis().max(1);
        problems.relate(
            samples <= i128::from(HISTORY_SAMPLES_MAX),
            "history",
            &["step"],
            format!("{samples} samples are too many"),
            format!("shorten history or lengthen step: at most {HISTORY_SAMPLES_MAX} samples are kept"),
        );
        problems.relate(
            self.longest_horizon() < self.history,
            "history",
            &["horizons"],
            "the history is not longer than the longest horizon",
            "lengthen history or shorten horizons",
        );
    }

    /// The horizon on which staging a shadow is judged.
    pub fn longest_horizon(&self) -> SignedDuration {
        self.horizons.last().copied().unwrap_or_default()
    }

    /// The horizon on which handing over is judged.
    pub fn shortest_horizon(&self) -> SignedDuration {
        self.horizons.first().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(change: impl Fn(&mut PolicySpec)) -> Vec<String> {
        let mut spec = PolicySpec::named("p");
        change(&mut spec);
        spec.check().err().unwrap_or_default().0.into_iter().map(|problem| problem.path).collect()
    }

    #[test]
    fn defaults_are_valid_and_observe_only() {
        let policy = PolicySpec::named("p").check().unwrap();
        assert_eq!(policy.spec.mode, Mode::Observe);
        assert_eq!(policy.longest_horizon(), SignedDuration::from_hours(24));
    }

    #[test]
    fn a_document_with_only_a_name_equals_the_defaults() {
        let spec: PolicySpec = serde_json::from_str(r#"{"name": "p"}"#).unwrap();
        assert_eq!(spec, PolicySpec::named("p"));
    }

    #[test]
    fn attributes_are_held_against_each_other() {
        assert_eq!(paths(|p| p.synchronization.mode = SyncMode::Synchronous), ["synchronization.mode"]);
        assert_eq!(paths(|p| p.failback = Failback::Window), ["failback_window"]);
        let deprovisioned = |p: &mut PolicySpec| {
            p.failback = Failback::Auto;
            p.after_handover = AfterHandover::Deprovision;
        };
        assert_eq!(paths(deprovisioned), ["failback"]);
        assert_eq!(paths(|p| p.max_downtime = Some("90s".into())), ["max_downtime"], "two evaluations take longer");
        assert!(paths(|p| p.max_downtime = Some("3m".into())).is_empty());
        let crossing = |p: &mut PolicySpec| {
            let bounds = |min, max| BoundsSpec { min, max };
            p.adaptive_thresholds =
                Some(AdaptiveThresholdsSpec { shadowing: bounds(0.4, 0.7), critical: bounds(0.7, 0.75) });
        };
        assert_eq!(paths(crossing), ["adaptive_thresholds.critical", "adaptive_thresholds.critical.min"]);
        let bounds = |p: &mut PolicySpec| {
            p.sizing.min.memory_gib = Some(8.0);
            p.sizing.max.memory_gib = Some(4.0);
        };
        assert_eq!(paths(bounds), ["sizing.max.memory_gib"]);
    }

    #[test]
    fn texts_are_read() {
        let criteria =
            |p: &mut PolicySpec| p.failover_criteria = vec!["cpu > 90 % for 5m".into(), "cpu is high".into()];
        assert_eq!(paths(criteria), ["failover_criteria[1]"]);
        assert_eq!(paths(|p| p.synchronization.method = "magic".into()), ["synchronization.method"]);
        assert!(paths(|p| p.synchronization.method = "custom:rsync_daily".into()).is_empty());
        let window = |p: &mut PolicySpec| {
            p.failback = Failback::Window;
            let (cron, duration, time_zone) = ("0 3 * * SUN".into(), "often".into(), "Mars".into());
            p.failback_window = Some(WindowSpec { cron, duration, time_zone });
        };
        assert_eq!(paths(window), ["failback_window.duration", "failback_window.time_zone"]);
        assert_eq!(paths(|p| p.time_zone = Some("Mars".into())), ["time_zone"]);
    }

    #[test]
    fn every_problem_is_reported_at_its_path() {
        assert_eq!(paths(|p| p.critical_threshold = 0.4), ["critical_threshold"]);
        assert_eq!(paths(|p| p.clear_threshold = 0.5), ["clear_threshold"]);
        assert_eq!(paths(|p| p.shift.steps = vec![50, 25, 100]), ["shift.steps[1]", "shift.steps[2]"]);
        assert_eq!(paths(|p| p.horizons = vec!["soon".into(), "1h".into()]), ["horizons[0]"]);
        assert_eq!(paths(|p| p.horizons = vec!["6h".into(), "1h".into()]), ["horizons"]);
        assert_eq!(paths(|p| p.step = "1s".into()), ["history"]);
        assert_eq!(paths(|p| p.failure.signals = 1), ["failure.signals"]);
        let copied = |split_writes| {
            paths(move |p| {
                p.mirror.methods = vec!["GET".into(), "POST".into()];
                p.shift.split_writes = split_writes;
            })
        };
        assert_eq!(copied(false), ["mirror.methods[1]"]);
        assert_eq!(copied(true), Vec::<String>::new());
        let both = paths(|p| {
            p.mirror.percent = 101.0;
            p.evaluations = EvaluationsSpec { required: 6, window: 5 };
        });
        assert_eq!(both, ["evaluations.required", "mirror.percent"]);
    }
}
