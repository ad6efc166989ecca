//! When a shadow is made, how traffic moves to it, and what must hold before each step.

use super::check::Problems;
use super::name;
use super::split::check_copied_method;
use jiff::SignedDuration;
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

/// What becomes of the old primary once the new one is committed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AfterHandover {
    /// It stays, fenced and without traffic, ready for a failback.
    #[default]
    Standby,
    /// A new shadow is made for the new primary, then the old one is removed.
    Deprovision,
}

/// How a group returns to its original primary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Failback {
    /// Only when a human asks for it.
    #[default]
    Manual,
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

/// How many of the newest evaluations must agree: `required` of `window`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluationsSpec {
    /// How many must agree.
    pub required: u32,
    /// Of how many.
    pub window: u32,
}

impl Default for EvaluationsSpec {
    fn default() -> Self {
        Self { required: 3, window: 5 }
    }
}

/// What counts as in sync, and what may be lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SynchronizationSpec {
    /// Passed to the instance module: `none`, or a method the module knows.
    #[serde(default = "defaults::sync_method")]
    pub method: String,
    /// Passed to the instance module: how often data is replicated.
    #[serde(default = "defaults::sync_interval")]
    pub interval: String,
    /// Largest lag in seconds at which the shadow is in sync.
    #[serde(default = "defaults::lag_seconds_max")]
    pub lag_seconds_max: f64,
    /// Largest lag in bytes at which the shadow is in sync.
    #[serde(default = "defaults::lag_bytes_max")]
    pub lag_bytes_max: f64,
    /// Lag in bytes up to which an automatic hand-over may lose data.
    #[serde(default)]
    pub allow_data_loss_bytes: f64,
}

impl Default for SynchronizationSpec {
    fn default() -> Self {
        Self {
            method: defaults::sync_method(),
            interval: defaults::sync_interval(),
            lag_seconds_max: defaults::lag_seconds_max(),
            lag_bytes_max: defaults::lag_bytes_max(),
            allow_data_loss_bytes: 0.0,
        }
    }
}

/// A command run on the shadow's host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WarmupTask {
    /// Program and arguments; `ADDRESS` and `PORT` of the shadow are in its environment.
    pub command: Vec<String>,
    /// Time after which it counts as failed.
    #[serde(default = "defaults::warmup_timeout")]
    pub timeout: String,
}

/// What is copied to a shadow before it serves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MirrorPolicySpec {
    /// Share of the primary's safe requests, 0 to 100; 0 skips mirroring.
    #[serde(default = "defaults::mirror_percent")]
    pub percent: f64,
    /// Methods that are copied.
    #[serde(default = "defaults::mirror_methods")]
    pub methods: Vec<String>,
    /// Least time of mirroring before the first shift.
    #[serde(default = "defaults::mirror_duration")]
    pub duration: String,
}

impl Default for MirrorPolicySpec {
    fn default() -> Self {
        Self {
            percent: defaults::mirror_percent(),
            methods: defaults::mirror_methods(),
            duration: defaults::mirror_duration(),
        }
    }
}

/// How traffic moves to a shadow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShiftSpec {
    /// Weights of the shadow in percent, in rising order, below 100.
    #[serde(default = "defaults::shift_steps")]
    pub steps: Vec<u32>,
    /// Least time on each step.
    #[serde(default = "defaults::shift_step_duration")]
    pub step_duration: String,
    /// Verdicts "pass" in a row that each step needs.
    #[serde(default = "defaults::shift_passes")]
    pub passes: u32,
    /// Whether requests that may write are shared by weight as well. By default they all go to one
    /// slot, and change over with the hand-over, since two slots that write to data of their own drift
    /// apart. Only for a service whose slots keep no data, or keep it in one place elsewhere.
    #[serde(default)]
    pub split_writes: bool,
}

impl Default for ShiftSpec {
    fn default() -> Self {
        Self {
            steps: defaults::shift_steps(),
            step_duration: defaults::shift_step_duration(),
            passes: defaults::shift_passes(),
            split_writes: false,
        }
    }
}

/// When a primary counts as failed without any forecast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FailureSpec {
    /// Independent observers that must agree (probe, data plane, agent).
    #[serde(default = "defaults::failure_signals")]
    pub signals: u32,
    /// Evaluations in a row in which they must agree.
    #[serde(default = "defaults::failure_evaluations")]
    pub evaluations: u32,
}

impl Default for FailureSpec {
    fn default() -> Self {
        Self { signals: defaults::failure_signals(), evaluations: defaults::failure_evaluations() }
    }
}

/// Defaults for a service whose instances take minutes to start and whose load follows the day.
mod defaults {
    pub(super) fn interval() -> String {
        "60s".to_owned()
    }
    pub(super) fn step() -> String {
        "5m".to_owned()
    }
    pub(super) fn history() -> String {
        "28d".to_owned()
    }
    pub(super) fn horizons() -> Vec<String> {
        ["1h", "6h", "24h"].map(str::to_owned).to_vec()
    }
    pub(super) fn shadowing_threshold() -> f64 {
        0.5
    }
    pub(super) fn critical_threshold() -> f64 {
        0.8
    }
    pub(super) fn clear_threshold() -> f64 {
        0.2
    }
    pub(super) fn shadow_creation_threshold() -> f64 {
        0.6
    }
    pub(super) fn cooldown() -> String {
        "1h".to_owned()
    }
    pub(super) fn sync_method() -> String {
        "none".to_owned()
    }
    pub(super) fn sync_interval() -> String {
        "60s".to_owned()
    }
    pub(super) fn lag_seconds_max() -> f64 {
        10.0
    }
    pub(super) fn lag_bytes_max() -> f64 {
        16.0 * 1024.0 * 1024.0
    }
    pub(super) fn warmup_timeout() -> String {
        "5m".to_owned()
    }
    pub(super) fn ready_probes() -> u32 {
        3
    }
    pub(super) fn mirror_percent() -> f64 {
        10.0
    }
    pub(super) fn mirror_methods() -> Vec<String> {
        ["GET", "HEAD", "OPTIONS"].map(str::to_owned).to_vec()
    }
    pub(super) fn mirror_duration() -> String {
        "5m".to_owned()
    }
    pub(super) fn shift_steps() -> Vec<u32> {
        vec![5, 25, 50]
    }
    pub(super) fn shift_step_duration() -> String {
        "2m".to_owned()
    }
    pub(super) fn shift_passes() -> u32 {
        2
    }
    pub(super) fn failure_signals() -> u32 {
        2
    }
    pub(super) fn failure_evaluations() -> u32 {
        2
    }
    pub(super) fn switch_timeout() -> String {
        "30s".to_owned()
    }
    pub(super) fn watch() -> String {
        "10m".to_owned()
    }
    pub(super) fn hold_old() -> String {
        "30m".to_owned()
    }
    pub(super) fn max_shadow_age() -> String {
        "24h".to_owned()
    }
    pub(super) fn hold_after_human() -> String {
        "30m".to_owned()
    }
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
            shadowing_threshold: defaults::shadowing_threshold(),
            critical_threshold: defaults::critical_threshold(),
            clear_threshold: defaults::clear_threshold(),
            shadow_creation_threshold: defaults::shadow_creation_threshold(),
            evaluations: EvaluationsSpec::default(),
            cooldown: defaults::cooldown(),
            synchronization: SynchronizationSpec::default(),
            warmup_task: None,
            ready_probes: defaults::ready_probes(),
            mirror: MirrorPolicySpec::default(),
            shift: ShiftSpec::default(),
            failure: FailureSpec::default(),
            switch_timeout: defaults::switch_timeout(),
            watch: defaults::watch(),
            hold_old: defaults::hold_old(),
            after_handover: AfterHandover::default(),
            failback: Failback::default(),
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
        problems.require(
            name::is_valid(&self.name),
            "name",
            format!("{:?} is not a valid name", self.name),
            name::RULE,
        );
        self.check_thresholds(&mut problems);
        self.check_shift(&mut problems);
        self.check_mirror(&mut problems);
        self.check_counts(&mut problems);
        let horizons = self
            .horizons
            .iter()
            .enumerate()
            .map(|(i, text)| problems.duration(&format!("horizons[{i}]"), text))
            .collect::<Vec<_>>();
        let policy = Policy {
            interval: problems.duration("interval", &self.interval),
            step: problems.duration("step", &self.step),
            history: problems.duration("history", &self.history),
            horizons,
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
            max_shadow_age: problems.duration("max_shadow_age", &self.max_shadow_age),
            hold_after_human: problems.duration("hold_after_human", &self.hold_after_human),
            spec: self,
        };
        problems.duration("synchronization.interval", &policy.spec.synchronization.interval);
        policy.check_times(&mut problems);
        problems.into_result(policy)
    }

    fn check_thresholds(&self, problems: &mut Problems) {
        for (path, value) in [
            ("shadowing_threshold", self.shadowing_threshold),
            ("critical_threshold", self.critical_threshold),
            ("clear_threshold", self.clear_threshold),
            ("shadow_creation_threshold", self.shadow_creation_threshold),
        ] {
            problems.in_range(path, value, 0.0, 1.0);
        }
        problems.require(
            self.shadowing_threshold < self.critical_threshold,
            "critical_threshold",
            format!("{} is not above shadowing_threshold = {}", self.critical_threshold, self.shadowing_threshold),
            "a shadow must be staged before traffic is handed over: raise critical_threshold or lower shadowing_threshold",
        );
        problems.require(
            self.clear_threshold < self.shadowing_threshold,
            "clear_threshold",
            format!("{} is not below shadowing_threshold = {}", self.clear_threshold, self.shadowing_threshold),
            "without a gap between them the decision would flap: lower clear_threshold",
        );
    }

    fn check_shift(&self, problems: &mut Problems) {
        for (i, step) in self.shift.steps.iter().enumerate() {
            let path = format!("shift.steps[{i}]");
            problems.in_range(&path, f64::from(*step), 1.0, 99.0);
            let rising = i == 0 || self.shift.steps[i - 1] < *step;
            problems.require(rising, &path, "the steps do not rise", "list the shadow's weights from low to high");
        }
    }

    fn check_mirror(&self, problems: &mut Problems) {
        problems.in_range("mirror.percent", self.mirror.percent, 0.0, 100.0);
        for (i, method) in self.mirror.methods.iter().enumerate().filter(|_| !self.shift.split_writes) {
            check_copied_method(&format!("mirror.methods[{i}]"), method, "set shift.split_writes", problems);
        }
    }

    fn check_counts(&self, problems: &mut Problems) {
        let EvaluationsSpec { required, window } = self.evaluations;
        problems.in_range("evaluations.window", f64::from(window), 1.0, 100.0);
        problems.in_range("evaluations.required", f64::from(required), 1.0, f64::from(window.max(1)));
        problems.in_range("ready_probes", f64::from(self.ready_probes), 1.0, 100.0);
        problems.in_range("shift.passes", f64::from(self.shift.passes), 1.0, 100.0);
        problems.in_range("failure.signals", f64::from(self.failure.signals), 2.0, 3.0);
        problems.in_range("failure.evaluations", f64::from(self.failure.evaluations), 1.0, 100.0);
        problems.require(
            !self.horizons.is_empty(),
            "horizons",
            "there is no horizon",
            "name at least one, as in [\"1h\"]",
        );
        if let Some(task) = &self.warmup_task {
            let path = "warmup_task.command";
            problems.require(
                !task.command.is_empty(),
                path,
                "the command is empty",
                "name a program, then its arguments",
            );
        }
        for (path, value) in [
            ("synchronization.lag_seconds_max", self.synchronization.lag_seconds_max),
            ("synchronization.lag_bytes_max", self.synchronization.lag_bytes_max),
            ("synchronization.allow_data_loss_bytes", self.synchronization.allow_data_loss_bytes),
            ("cost_ceiling", self.cost_ceiling.unwrap_or(0.0)),
        ] {
            problems.in_range(path, value, 0.0, 1e15);
        }
    }
}

impl Policy {
    fn check_times(&self, problems: &mut Problems) {
        let rising = self.horizons.windows(2).all(|pair| pair[0] < pair[1]);
        problems.require(rising, "horizons", "the horizons do not rise", "list them from short to long");
        let samples = self.history.as_millis() / self.step.as_millis().max(1);
        problems.require(
            samples <= i128::from(HISTORY_SAMPLES_MAX),
            "history",
            format!("{samples} samples are too many"),
            format!("shorten history or lengthen step: at most {HISTORY_SAMPLES_MAX} samples are kept"),
        );
        problems.require(
            self.longest_horizon() < self.history,
            "history",
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
        assert_eq!(both, ["mirror.percent", "evaluations.required"]);
    }
}
