//! The reconciler's own metrics in Prometheus' text format.

use crate::board::{Board, View};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use shadow_core::feedback::FeedbackView;
use shadow_core::warning::Standing;
use std::sync::atomic::AtomicU64;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GroupLabel {
    group: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PhaseLabel {
    group: String,
    phase: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HorizonLabel {
    group: String,
    horizon: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnomalyLabel {
    group: String,
    slot: String,
    signal: String,
    kind: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ForecastLabel {
    group: String,
    signal: String,
    model: String,
    horizon_seconds: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct IncidentLabel {
    group: String,
    label: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WarningLabel {
    step_seconds: u64,
    horizon_seconds: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RunLabel {
    group: String,
    root: String,
    outcome: String,
}

/// Seconds of a day.
const DAY_SECONDS: usize = 86_400;

/// What the newest cycle of each group saw.
#[derive(Debug, Default)]
struct Shown {
    phases: Family<PhaseLabel, Gauge>,
    scores: Family<HorizonLabel, Gauge<f64, AtomicU64>>,
    anomalies: Family<AnomalyLabel, Gauge<f64, AtomicU64>>,
    forecast: Family<ForecastLabel, Gauge<f64, AtomicU64>>,
    actual: Family<ForecastLabel, Gauge<f64, AtomicU64>>,
    loss_ratio: Family<ForecastLabel, Gauge<f64, AtomicU64>>,
    coverage: Family<ForecastLabel, Gauge<f64, AtomicU64>>,
    incidents: Family<IncidentLabel, Gauge<u64, AtomicU64>>,
    warning_lessons: Family<WarningLabel, Gauge<u64, AtomicU64>>,
    warning_learned_since: Family<WarningLabel, Gauge>,
    warning_loss_ratio: Family<WarningLabel, Gauge<f64, AtomicU64>>,
}

impl Shown {
    fn register(&self, registry: &mut Registry) {
        registry.register("group_phase", "1 for the phase that a group is in", self.phases.clone());
        let help = "Probability that a limit breaks within the horizon";
        registry.register("degradation_score", help, self.scores.clone());
        let help = "Greatest severity of an anomaly that is under way; absent without one";
        registry.register("anomaly_severity", help, self.anomalies.clone());
        let help = "Median that was forecast for the newest value that can be compared";
        registry.register("forecast_median", help, self.forecast.clone());
        registry.register("forecast_actual", "The value that it was forecast for", self.actual.clone());
        let help = "Quantile loss beside that of the value of a day before; below 1 is better";
        registry.register("forecast_loss_ratio", help, self.loss_ratio.clone());
        let help = "Share of values within the 80 % interval of their forecast";
        registry.register("forecast_coverage", help, self.coverage.clone());
        let help = "Alarms and broken limits of the group's record, by what they turned out to be";
        registry.register("incidents", help, self.incidents.clone());
        let help = "Looks of all groups with known outcome that early warnings may learn from";
        registry.register("warning_lessons", help, self.warning_lessons.clone());
        let help = "Unix time since when a model answers that was learned here; 0 while the shipped one answers alone";
        registry.register("warning_learned_since_seconds", help, self.warning_learned_since.clone());
        let help = "Loss of the model learned last beside the shipped one, on looks it did not learn from; at most 1, it answers";
        registry.register("warning_loss_ratio", help, self.warning_loss_ratio.clone());
    }

    fn show_learning(&self, standing: &Standing) {
        let seconds = |steps: usize| (DAY_SECONDS * steps / standing.kind.day.max(1)) as u64;
        let label = WarningLabel { step_seconds: seconds(1), horizon_seconds: seconds(standing.kind.horizon) };
        self.warning_lessons.get_or_create(&label).set(standing.lessons.0 as u64);
        self.warning_learned_since.get_or_create(&label).set(standing.since.map_or(0, |since| since.as_second()));
        if let Some(verdict) = standing.verdict {
            let ratio = verdict.learned / verdict.shipped.max(f64::MIN_POSITIVE);
            self.warning_loss_ratio.get_or_create(&label).set(ratio);
        }
    }

    fn show(&self, group: &str, view: &View) {
        if let Some(decision) = &view.decision {
            let phase = decision.state.phase.name().to_owned();
            self.phases.get_or_create(&PhaseLabel { group: group.to_owned(), phase }).set(1);
        }
        if let Some(feedback) = &view.feedback {
            self.show_feedback(group, feedback);
        }
        let Some(observation) = &view.observation else { return };
        for horizon in observation.score.iter().flat_map(|score| &score.horizons) {
            let label = HorizonLabel { group: group.to_owned(), horizon: format!("{:#}", horizon.horizon) };
            self.scores.get_or_create(&label).set(horizon.probability);
        }
        for anomaly in &observation.anomalies {
            let label = AnomalyLabel {
                group: group.to_owned(),
                slot: anomaly.slot.to_string(),
                signal: anomaly.signal.clone(),
                kind: anomaly.kind.name().to_owned(),
            };
            self.anomalies.get_or_create(&label).set(anomaly.severity);
        }
    }

    fn show_feedback(&self, group: &str, feedback: &FeedbackView) {
        for row in &feedback.forecasts {
            let label = ForecastLabel {
                group: group.to_owned(),
                signal: row.signal.clone(),
                model: row.model.clone(),
                horizon_seconds: row.horizon_seconds.to_string(),
            };
            self.forecast.get_or_create(&label).set(row.newest.median);
            self.actual.get_or_create(&label).set(row.newest.actual);
            self.coverage.get_or_create(&label).set(row.coverage_80);
            if let Some(ratio) = row.loss_ratio {
                self.loss_ratio.get_or_create(&label).set(ratio);
            }
        }
        for (label, count) in &feedback.counts {
            let label = IncidentLabel { group: group.to_owned(), label: label.name().to_owned() };
            self.incidents.get_or_create(&label).set(*count);
        }
    }
}

/// Counters of the reconciler.
#[derive(Debug, Default)]
pub struct Telemetry {
    cycles: Family<GroupLabel, Counter>,
    cycle_errors: Family<GroupLabel, Counter>,
    cycle_seconds: Counter<f64, AtomicU64>,
    terraform_runs: Family<RunLabel, Counter>,
}

impl Telemetry {
    /// Counts a cycle.
    pub fn cycle(&self, group: &str, seconds: f64, failed: bool) {
        let label = GroupLabel { group: group.to_owned() };
        self.cycles.get_or_create(&label).inc();
        self.cycle_seconds.inc_by(seconds);
        if failed {
            self.cycle_errors.get_or_create(&label).inc();
        }
    }

    /// Counts a Terraform run.
    pub fn terraform_run(&self, group: &str, root: &str, outcome: &str) {
        let label = RunLabel { group: group.to_owned(), root: root.to_owned(), outcome: outcome.to_owned() };
        self.terraform_runs.get_or_create(&label).inc();
    }

    /// All metrics as text.
    pub fn text(&self, board: &Board, standings: &[Standing]) -> String {
        let mut registry = Registry::with_prefix("shadow");
        registry.register("cycles", "Cycles of a group", self.cycles.clone());
        registry.register("cycle_errors", "Cycles of a group that failed", self.cycle_errors.clone());
        registry.register_with_unit("cycle_time", "Time spent in cycles", Unit::Seconds, self.cycle_seconds.clone());
        registry.register("terraform_runs", "Terraform runs by outcome", self.terraform_runs.clone());
        let shown = Shown::default();
        shown.register(&mut registry);
        for (group, view) in board.views() {
            shown.show(&group, &view);
        }
        standings.iter().for_each(|standing| shown.show_learning(standing));
        let mut text = String::new();
        match encode(&mut text, &registry) {
            Ok(()) => text,
            Err(error) => format!("# the metrics cannot be written: {error}\n"),
        }
    }
}
