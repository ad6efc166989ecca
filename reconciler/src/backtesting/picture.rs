//! A replay as a timeline.

use super::{Played, methods};
use crate::plot::units::lead;
use crate::plot::{Limit, Mark, Panel, Timeline, timeline_svg};
use jiff::tz::TimeZone;
use shadow_core::backtest::{Action, ActionKind, Recorded};
use std::collections::BTreeMap;

/// The picture of a replay.
pub(super) fn picture(played: &Played, signals: &BTreeMap<String, Recorded>, zone: TimeZone) -> String {
    let found = &played.replay.found;
    let scores = played.replay.looks.iter().filter_map(|look| {
        let score = look.score.as_ref()?;
        Some((look.at, score.longest, score.shortest))
    });
    let spec = &played.policy.spec;
    let told = |outcome: &shadow_core::backtest::Outcome| outcome.actions.iter().map(mark).collect();
    // Without a policy nothing is done: its lane would be empty.
    let lanes = methods(found).into_iter().take(3).map(|(name, outcome)| (name.to_owned(), told(outcome)));
    timeline_svg(&Timeline {
        title: format!("policy {} from {} to {}", spec.name, day(&zone, found.from), day(&zone, found.to)),
        notes: vec![note(played)],
        panels: signals.iter().map(|(name, recorded)| panel(name, recorded, played)).collect(),
        scores: scores.collect(),
        thresholds: (spec.shadowing_threshold, spec.critical_threshold),
        lanes: lanes.collect(),
        zone,
    })
}

fn day(zone: &TimeZone, at: jiff::Timestamp) -> String {
    zone.to_datetime(at).strftime("%-d %b %Y %H:%M").to_string()
}

fn note(played: &Played) -> String {
    let (found, outcome) = (&played.replay.found, &played.replay.found.policy);
    let leads = outcome.median_lead_seconds().map(|seconds| format!(", {} before (median)", lead(seconds)));
    format!(
        "{} of {} breaches announced{}; {:.1} false alarms a week; {:.1} hours of shadows",
        outcome.warned,
        found.breaches.len(),
        leads.unwrap_or_default(),
        outcome.false_alarms_per_week,
        outcome.shadow_hours
    )
}

fn panel(name: &str, recorded: &Recorded, played: &Played) -> Panel {
    let found = &played.replay.found;
    let breaches =
        found.breaches.iter().filter(|breach| breach.signal == name).map(|breach| (breach.start, breach.end));
    Panel {
        name: name.to_owned(),
        unit: recorded.spec.unit.clone(),
        samples: recorded.samples.iter().map(|sample| (sample.at, sample.value)).collect(),
        limit: Limit { value: recorded.spec.limit, direction: recorded.spec.direction },
        breaches: breaches.collect(),
    }
}

fn mark(action: &Action) -> (jiff::Timestamp, Mark) {
    let mark = match action.kind {
        ActionKind::Stage => Mark::Stage,
        ActionKind::HandOver => Mark::HandOver,
        ActionKind::Release => Mark::Release,
    };
    (action.at, mark)
}
