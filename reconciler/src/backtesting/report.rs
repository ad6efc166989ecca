//! What a replay found, as text for people and as JSON for programs.

use super::checks::Check;
use super::limits::Fitting;
use super::{Played, broken, methods};
use crate::plot::units::{lead, quantity};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;
use shadow_core::backtest::{Action, ActionKind, Outcome, Proposal, Row, Suggestion};

/// Breaches told at most; the JSON has all of them.
const BREACHES_TOLD: usize = 40;

/// Everything that is told.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) played: Played,
    pub(super) other: Option<Played>,
    pub(super) suggestion: Option<Suggestion>,
    /// Whether a suggestion was asked for.
    pub(super) wanted: bool,
    pub(super) checks: Vec<Check>,
    pub(super) signals: Fitting,
}

impl Report {
    /// # Errors
    /// When it cannot be written as JSON.
    pub(super) fn json(&self) -> anyhow::Result<String> {
        let replay = |played: &Played| json!({"policy": played.policy.spec.name, "backtest": played.replay.found});
        let document = json!({
            "policy": self.played.policy.spec.name,
            "signals": self.signals.recorded.keys().collect::<Vec<_>>(),
            "problems": self.signals.problems,
            "without_a_limit": self.signals.aside,
            "backtest": self.played.replay.found,
            "compared": self.other.as_ref().map(replay),
            "suggestion": self.suggestion,
            "checks": self.checks,
        });
        Ok(serde_json::to_string_pretty(&document)?)
    }

    pub(super) fn text(&self, zone: &TimeZone) -> String {
        let mut text = String::new();
        let told = Zoned { zone };
        self.heading(&told, &mut text);
        self.breaches(&told, &mut text);
        self.outcomes(&mut text);
        let name = &self.played.policy.spec.name;
        told.actions(&format!("what {name} would have done"), &self.played.replay.found.policy.actions, &mut text);
        if let Some(other) = &self.other {
            self.difference(other, &told, &mut text);
        }
        match &self.suggestion {
            Some(suggestion) => told.suggestion(suggestion, &mut text),
            None if self.wanted => {
                text.push_str("\nno thresholds are proposed: the recording is too short to be parted\n")
            }
            None => {}
        }
        for check in &self.checks {
            let mark = if check.passed { "✓" } else { "✗" };
            text.push_str(&format!("\n{mark} {}\n", check.text));
        }
        text
    }

    fn heading(&self, told: &Zoned<'_>, text: &mut String) {
        let found = &self.played.replay.found;
        let every = lead(found.every_seconds);
        let zone = told.zone.iana_name().unwrap_or("UTC");
        text.push_str(&format!(
            "policy {} from {} to {} ({zone}), looked at {} times, every {every}\n",
            self.played.policy.spec.name,
            told.time(found.from),
            told.time(found.to),
            found.evaluations
        ));
        for (name, recorded) in &self.signals.recorded {
            let spec = &recorded.spec;
            let side = if spec.breaks(f64::INFINITY) { "limit" } else { "lower limit" };
            let limit = quantity(&spec.unit, spec.limit);
            text.push_str(&format!("  {name}: {side} {limit}, {} samples\n", recorded.samples.len()));
        }
        let aside = &self.signals.aside;
        if !aside.is_empty() {
            text.push_str(&format!("  without a limit, and left aside: {}\n", aside.join(", ")));
        }
    }

    fn breaches(&self, told: &Zoned<'_>, text: &mut String) {
        let breaches = &self.played.replay.found.breaches;
        if breaches.is_empty() {
            text.push_str("\nno limit broke\n");
            return;
        }
        let length = lead(broken(breaches).as_secs_f64());
        text.push_str(&format!("\nbreaches: {}, {length} in all\n", breaches.len()));
        let leads = &self.played.replay.found.policy.lead_times_seconds;
        for (breach, ahead) in breaches.iter().zip(leads).take(BREACHES_TOLD) {
            let ahead = ahead.map_or_else(|| "missed".to_owned(), |seconds| format!("shadow {} before", lead(seconds)));
            let (start, end) = (told.time(breach.start), told.time(breach.end));
            text.push_str(&format!("  {start} to {end}  {}: {ahead}\n", breach.signal));
        }
        if breaches.len() > BREACHES_TOLD {
            text.push_str(&format!("  and {} more: see --json\n", breaches.len() - BREACHES_TOLD));
        }
    }

    fn outcomes(&self, text: &mut String) {
        let head = ["announced", "missed", "lead", "false", "a week", "moved", "falsely", "hours", "cost"];
        let head = head.map(|name| format!("{name:>10}")).concat();
        text.push_str(&format!("\n{:<18}{head}\n", ""));
        for (name, outcome) in methods(&self.played.replay.found) {
            let name = if name == "policy" { self.played.policy.spec.name.as_str() } else { name };
            row(name, outcome, text);
        }
        if let Some(other) = &self.other {
            row(&other.policy.spec.name, &other.replay.found.policy, text);
        }
        text.push_str(
            "announced: breaches before which a shadow was there; lead: median; false: shadows without a breach; moved: \
             hand-overs;\nhours and cost: of shadows\n",
        );
    }

    fn difference(&self, other: &Played, told: &Zoned<'_>, text: &mut String) {
        let (one, two) = (&self.played.replay.found.policy, &other.replay.found.policy);
        let (name, other_name) = (&self.played.policy.spec.name, &other.policy.spec.name);
        text.push_str(&format!("\n{other_name} instead of {name}: announced {:+}, false alarms a week {:+.2}, false hand-overs {:+}, hours of \
             shadows {:+.1}, cost {:+.2}\n",
            i64::from(two.warned) - i64::from(one.warned),
            two.false_alarms_per_week - one.false_alarms_per_week,
            i64::from(two.false_hand_overs) - i64::from(one.false_hand_overs),
            two.shadow_hours - one.shadow_hours,
            two.shadow_cost - one.shadow_cost));
        told.actions(&format!("only {name}"), &without(&one.actions, &two.actions), text);
        told.actions(&format!("only {other_name}"), &without(&two.actions, &one.actions), text);
    }
}

/// Actions that are not among others at the same time.
fn without(actions: &[Action], others: &[Action]) -> Vec<Action> {
    let is_there = |action: &&Action| !others.iter().any(|other| other.at == action.at && other.kind == action.kind);
    actions.iter().filter(is_there).cloned().collect()
}

fn row(name: &str, outcome: &Outcome, text: &mut String) {
    let median = outcome.median_lead_seconds().map_or_else(|| "-".to_owned(), lead);
    let cells = [
        outcome.warned.to_string(),
        outcome.missed.to_string(),
        median,
        outcome.false_alarms.to_string(),
        format!("{:.2}", outcome.false_alarms_per_week),
        outcome.hand_overs.to_string(),
        outcome.false_hand_overs.to_string(),
        format!("{:.1}", outcome.shadow_hours),
        format!("{:.2}", outcome.shadow_cost),
    ];
    text.push_str(&format!("{name:<18}{}\n", cells.map(|cell| format!("{cell:>10}")).concat()));
}

/// Times as they are told in a zone.
struct Zoned<'a> {
    zone: &'a TimeZone,
}

impl Zoned<'_> {
    fn time(&self, at: Timestamp) -> String {
        self.zone.to_datetime(at).strftime("%Y-%m-%d %H:%M").to_string()
    }

    fn actions(&self, title: &str, actions: &[Action], text: &mut String) {
        if actions.is_empty() {
            text.push_str(&format!("\n{title}: nothing\n"));
            return;
        }
        text.push_str(&format!("\n{title}\n"));
        for Action { at, kind, reason } in actions {
            let kind = match kind {
                ActionKind::Stage => "stage",
                ActionKind::HandOver => "hand over",
                ActionKind::Release => "release",
            };
            text.push_str(&format!("  {}  {kind:<9}  {reason}\n", self.time(*at)));
        }
    }

    fn suggestion(&self, suggestion: &Suggestion, text: &mut String) {
        text.push_str(&format!(
            "\nthresholds for {} false alarms a week, learned until {} and checked on the rest\n",
            suggestion.false_alarms_per_week,
            self.time(suggestion.learned_until)
        ));
        for (name, proposal) in
            [("shadowing_threshold", &suggestion.shadowing), ("critical_threshold", &suggestion.critical)]
        {
            proposal_text(name, proposal, text);
        }
    }
}

fn proposal_text(name: &str, proposal: &Proposal, text: &mut String) {
    let proposed = proposal.proposed.map_or_else(|| "none proposed".to_owned(), |it| format!("{it} proposed"));
    text.push_str(&format!("\n{name}: {} at present, {proposed}\n  {}\n", proposal.present, proposal.reason));
    let head = ["threshold", "announced", "recall", "lead", "false", "a week", "hours"];
    text.push_str(&format!("  {:<18}{}\n", "", head.map(|name| format!("{name:>10}")).concat()));
    for row in &proposal.table {
        threshold_row("learned", row, text);
    }
    threshold_row("present, learned", &proposal.learned_present, text);
    threshold_row("present, checked", &proposal.checked_present, text);
    if let Some(row) = &proposal.checked {
        threshold_row("proposed, checked", row, text);
    }
}

fn threshold_row(name: &str, row: &Row, text: &mut String) {
    let cells = [
        format!("{:.2}", row.threshold),
        format!("{} of {}", row.announced, row.breaches),
        row.recall.map_or_else(|| "-".to_owned(), |recall| format!("{recall:.2}")),
        row.median_lead_seconds.map_or_else(|| "-".to_owned(), lead),
        row.false_alarms.to_string(),
        format!("{:.2}", row.false_alarms_per_week),
        format!("{:.1}", row.shadow_hours),
    ];
    text.push_str(&format!("  {name:<18}{}\n", cells.map(|cell| format!("{cell:>10}")).concat()));
}
