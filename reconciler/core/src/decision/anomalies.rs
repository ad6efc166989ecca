//! Anomalies are told, and a major one of the primary calls for a shadow. None ever moves traffic.

use super::step::Step;
use crate::anomaly::{Anomaly, Grade};
use crate::observation::Observation;

impl Step<'_> {
    /// Counts whether the primary has a major anomaly. Metrics that are out say nothing.
    pub(super) fn weigh_anomalies(&mut self) {
        let observation = self.context.observation;
        if observation.metrics_outage.is_some() {
            self.state.evidence.anomalous.clear();
            return;
        }
        let major = self.major_anomaly().is_some();
        self.state.evidence.anomalous.push(major, self.context.policy.spec.evaluations.window);
    }

    /// Tells what is odd. The journal takes each text once.
    pub(super) fn tell_of_anomalies(&mut self) {
        for anomaly in counted(self.context.observation) {
            self.report.alert(anomaly.text.clone());
        }
    }

    /// Whether enough of the newest evaluations saw a major anomaly of the primary, and no hand-over
    /// has just changed what is usual.
    pub(super) fn anomaly_calls_for_staging(&mut self) -> bool {
        let policy = &self.context.policy.spec.evaluations;
        let count = self.state.evidence.anomalous.count();
        let enough = count >= policy.required as usize;
        let seen = format!("{count} of the last {} evaluations, {} needed", policy.window, policy.required);
        let inputs = match (&self.context.observation.expected_event, self.major_anomaly()) {
            (Some(event), _) => format!("{seen}; {event} takes place, anomalies are expected"),
            (None, Some(anomaly)) => format!("{seen}; {}", anomaly.text),
            (None, None) => seen,
        };
        self.report.guard("major anomaly", enough, inputs) && self.cooldown_is_over()
    }

    pub(super) fn anomaly_text(&self) -> String {
        self.major_anomaly().map_or_else(|| "a major anomaly".to_owned(), |anomaly| anomaly.text.clone())
    }

    fn major_anomaly(&self) -> Option<&Anomaly> {
        let primary = self.state.primary();
        counted(self.context.observation).find(|it| it.slot == *primary && it.grade == Grade::Major)
    }
}

/// The anomalies that count: none while metrics are out or something takes place that explains them.
fn counted(observation: &Observation) -> impl Iterator<Item = &Anomaly> {
    let count = observation.metrics_outage.is_none() && observation.expected_event.is_none();
    observation.anomalies.iter().filter(move |_| count)
}
