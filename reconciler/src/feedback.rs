//! Keeps what forecasts and alarms of one group were worth, from sample to sample and from process to
//! process.

use crate::app::App;
use crate::journal::{Entry, Kind};
use crate::sample::{GroupSample, Sampler};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use shadow_core::feedback::{Evaluation, Feedback, FeedbackView, Incident, Learned};
use shadow_core::model::Policy;
use std::sync::Arc;

/// Pause between two writes of a record of some 300 kB. What is lost by a kill is a quarter of an hour of two
/// weeks; incidents and thresholds are written at once.
const SAVED_EVERY: SignedDuration = SignedDuration::from_mins(15);

/// The record of one group, once it was read.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    record: Option<Feedback>,
    saved_at: Option<Timestamp>,
    view: Option<Arc<FeedbackView>>,
}

impl Keeper {
    /// A policy with what was learned in place of its thresholds, within its bounds.
    pub(crate) fn adapted(&mut self, app: &App, group: &str, policy: &Policy) -> Policy {
        let mut adapted = policy.clone();
        self.record(app, group).adapt(&mut adapted);
        adapted
    }

    /// Takes an evaluation and what was foreseen at its sample; answers what is to be told.
    pub(crate) fn learn(
        &mut self,
        app: &App,
        evaluation: Evaluation<'_>,
        sample: &GroupSample,
        sampler: &Sampler,
    ) -> Vec<Entry> {
        let name = evaluation.group.name.as_str();
        let seen = self.view.is_some();
        let record = self.record(app, name);
        if seen && !record.is_new(evaluation.observation) {
            return Vec::new();
        }
        record.compare(sample.at, sample.foreseen.stated.clone(), |signal, at| {
            sampler.measured(&sample.foreseen.slot, signal, at)
        });
        let learned = record.take(evaluation);
        let view = Arc::new(record.view());
        self.view = Some(view);
        let entries = entries(&learned, evaluation.state.phase.name());
        let now = evaluation.now;
        let due = self.saved_at.is_none_or(|at| now.duration_since(at) >= SAVED_EVERY);
        if due || !entries.is_empty() {
            self.saved_at = Some(now);
            self.save(app, name);
        }
        entries
    }

    /// Writes the record; a failure is told and costs no cycle.
    pub(crate) fn save(&self, app: &App, group: &str) {
        let Some(record) = &self.record else { return };
        if let Err(error) = app.store.save_feedback(group, record) {
            tracing::warn!(group, error = format!("{error:#}"), "what was learned of a group cannot be kept");
        }
    }

    /// The record as it was after the newest evaluation.
    pub(crate) fn view(&self) -> Option<Arc<FeedbackView>> {
        self.view.clone()
    }

    /// The record; one that cannot be read is begun anew.
    fn record(&mut self, app: &App, group: &str) -> &mut Feedback {
        self.record.get_or_insert_with(|| {
            app.store
                .feedback(group)
                .unwrap_or_else(|error| {
                    tracing::warn!(group, error = format!("{error:#}"), "what was learned of a group is begun anew");
                    None
                })
                .unwrap_or_default()
        })
    }
}

fn entries(learned: &Learned, phase: &str) -> Vec<Entry> {
    let entry = |message, data| Entry { kind: Kind::Feedback, phase: phase.to_owned(), message, data };
    let of_incident = |incident: &Incident| {
        let alarm = incident.alarm_at.map_or_else(|| "no alarm".to_owned(), |at| format!("alarm at {at}"));
        let broke = incident.broke_at.map_or_else(|| "no limit broke".to_owned(), |at| format!("broken at {at}"));
        entry(format!("{} (slot {}): {alarm}, {broke}", incident.label.name(), incident.slot), json!(incident))
    };
    let incidents = learned.incidents.iter().map(of_incident);
    incidents.chain(learned.thresholds.iter().map(|text| entry(text.clone(), json!({})))).collect()
}
