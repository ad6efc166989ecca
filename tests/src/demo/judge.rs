//! Turns what a run saw into its report: figures, and whether they meet their targets. It only computes.

use super::Fault;
use super::evidence::Evidence;
use crate::load::LoadReport;
use crate::report::{Check, Latency, Phase, Report};
use crate::terraform::{TerraformRun, count_changes};
use jiff::Timestamp;
use std::ops::Range;

/// The run must end within five minutes, so that people watch it to the end.
const SECONDS_MAX: f64 = 300.0;

/// From the decision to hand over until the data plane reports the new weights.
const SWITCH_SECONDS_MAX: f64 = 3.0;

/// From a sudden kill until all traffic goes to the healthy side.
const RECOVERY_SECONDS_MAX: f64 = 5.0;

/// What a forecast failover goes through, in order. Other phases may lie between.
const PHASES_OF_LEAK: [&str; 9] = [
    "provisioning",
    "warming",
    "ready",
    "mirroring",
    "shifting",
    "handing_over",
    "watching",
    "committed",
    "reprotecting",
];

/// What a sudden failover goes through, in order, once a shadow is there.
const PHASES_OF_KILL: [&str; 4] = ["ready", "handing_over", "watching", "committed"];

/// The report of a run.
pub(super) fn judge(evidence: &Evidence) -> Report {
    let checks = checks(evidence);
    let load = evidence.load.as_ref();
    let failed_at = load.and_then(|load| load.failed_at);
    let found = evidence.orphans.as_ref();
    Report {
        fault: evidence.fault.name().to_owned(),
        passed: checks.iter().all(|check| check.passed),
        checks,
        requests_total: load.map_or(0, |load| load.requests),
        requests_failed: load.map_or(0, |load| load.failed),
        failures_by_kind: load.map(|load| load.failures.clone()).unwrap_or_default(),
        failures_span_seconds: failed_at.map(|(first, last)| seconds_between(first, last)),
        latency_p99_ms: latency(evidence, 99),
        latency_p50_ms: latency(evidence, 50),
        send_delay_ms_max: load.map_or(0.0, |load| load.send_delay_ms_max),
        lead_time_seconds: lead_time_seconds(evidence),
        switch_seconds: switch_seconds(evidence),
        detect_seconds: since_kill(evidence, "handing_over"),
        recovery_seconds: since_kill(evidence, "watching"),
        phases: phases(evidence),
        terraform_runs: terraform_runs(evidence),
        orphans: found.map(crate::orphans::Orphans::count),
        orphans_found: found.map(crate::orphans::Orphans::descriptions).unwrap_or_default(),
        versions: evidence.versions.clone(),
        seconds: evidence.seconds,
        error: evidence.error.clone(),
    }
}

fn checks(evidence: &Evidence) -> Vec<Check> {
    let mut checks = match evidence.fault {
        Fault::Leak => checks_of_leak(evidence),
        Fault::Kill => checks_of_kill(evidence),
    };
    let orphans = evidence.orphans.as_ref().map(crate::orphans::Orphans::count);
    checks.extend([
        at_most("switch_seconds", switch_seconds(evidence), SWITCH_SECONDS_MAX),
        holds("plan of the user's root after apply", "empty", evidence.plan_empty_after_apply),
        Check {
            what: "processes and locks left behind".to_owned(),
            target: "0".to_owned(),
            measured: orphans.map_or("unknown".to_owned(), |count| count.to_string()),
            passed: orphans == Some(0),
            is_time: false,
        },
        at_most("seconds from start to end", Some(evidence.seconds), SECONDS_MAX),
        holds("the run came to its end", "yes", Some(evidence.error.is_none())),
    ]);
    checks
}

fn checks_of_leak(evidence: &Evidence) -> Vec<Check> {
    let failed = evidence.load.as_ref().map(|load| load.failed);
    let lead = lead_time_seconds(evidence);
    vec![
        Check {
            what: "failed requests".to_owned(),
            target: "0".to_owned(),
            measured: failed.map_or("unknown".to_owned(), |count| count.to_string()),
            passed: failed == Some(0),
            is_time: false,
        },
        in_order(evidence, &PHASES_OF_LEAK),
        Check {
            what: "lead_time_seconds, hand-over until crash".to_owned(),
            target: "> 0".to_owned(),
            measured: lead.map_or("unknown".to_owned(), |seconds| format!("{seconds:.1}")),
            passed: lead.is_some_and(|seconds| seconds > 0.0),
            is_time: false,
        },
        holds("plan of the user's root after hand-over", "empty", evidence.plan_empty_after_handover),
        holds("new shadow for the new primary", "yes", Some(evidence.has_new_shadow())),
        holds("old primary decommissioned", "yes", Some(evidence.old_primary_is_gone())),
    ]
}

fn checks_of_kill(evidence: &Evidence) -> Vec<Check> {
    vec![
        in_order(evidence, &PHASES_OF_KILL),
        at_most("seconds from kill to the healthy side", since_kill(evidence, "watching"), RECOVERY_SECONDS_MAX),
    ]
}

fn at_most(what: &str, seconds: Option<f64>, max: f64) -> Check {
    Check {
        what: what.to_owned(),
        target: format!("at most {max}"),
        measured: seconds.map_or("unknown".to_owned(), |seconds| format!("{seconds:.1}")),
        passed: seconds.is_some_and(|seconds| seconds <= max),
        is_time: true,
    }
}

fn holds(what: &str, target: &str, outcome: Option<bool>) -> Check {
    let measured = match outcome {
        Some(true) => target,
        Some(false) => "no",
        None => "unknown",
    };
    let passed = outcome == Some(true);
    Check { what: what.to_owned(), target: target.to_owned(), measured: measured.to_owned(), passed, is_time: false }
}

/// Whether the phases were entered in this order, with any others between.
fn in_order(evidence: &Evidence, expected: &[&str]) -> Check {
    let mut remaining = expected.iter().peekable();
    for (_, transition) in evidence.transitions() {
        remaining.next_if(|phase| **phase == transition.to);
    }
    let missing = remaining.next();
    Check {
        what: format!("phases, from {} to {}", expected.first().unwrap_or(&""), expected.last().unwrap_or(&"")),
        target: "all, in order".to_owned(),
        measured: missing.map_or("all, in order".to_owned(), |phase| format!("{phase} missing")),
        passed: missing.is_none(),
        is_time: false,
    }
}

fn phases(evidence: &Evidence) -> Vec<Phase> {
    let phase = |(record, transition): (&crate::client::Record, crate::client::Transition)| Phase {
        name: transition.to,
        start: record.at,
        score: transition.score,
        reason: transition.reason,
    };
    evidence.transitions().map(phase).collect()
}

/// The user's runs, then those that the reconciler has recorded.
fn terraform_runs(evidence: &Evidence) -> Vec<TerraformRun> {
    let text = |record: &crate::client::Record, key: &str| record.data.get(key)?.as_str().map(str::to_owned);
    let recorded = evidence.records.iter().filter(|record| record.kind == "terraform").map(|record| TerraformRun {
        root: text(record, "root").unwrap_or_default(),
        action: text(record, "action").unwrap_or_default(),
        seconds: record.number("seconds").unwrap_or_default(),
        changes: record.data.get("changes").map(count_changes),
    });
    evidence.user_runs.iter().cloned().chain(recorded).collect()
}

fn switch_seconds(evidence: &Evidence) -> Option<f64> {
    evidence.handed_over()?.number("switch_seconds")
}

fn lead_time_seconds(evidence: &Evidence) -> Option<f64> {
    let died_at = evidence.died_at.filter(|_| evidence.fault == Fault::Leak)?;
    Some(seconds_between(evidence.handed_over()?.at, died_at))
}

fn since_kill(evidence: &Evidence, phase: &str) -> Option<f64> {
    let killed_at = evidence.fault_at.filter(|_| evidence.fault == Fault::Kill)?;
    Some(seconds_between(killed_at, evidence.first_entry(phase)?.at))
}

fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

fn latency(evidence: &Evidence, percent: usize) -> Latency {
    let Some(load) = &evidence.load else { return Latency::default() };
    let [before, during, after] = windows(evidence, load).map(|window| load.latency_ms(percent, &window));
    Latency { before, during, after }
}

/// Before the fault, from the fault to the end of the hand-over, and after it. A moment that never came is the end.
fn windows(evidence: &Evidence, load: &LoadReport) -> [Range<Timestamp>; 3] {
    let fault_at = evidence.fault_at.unwrap_or(load.ended_at);
    let handed_over_at = evidence.handed_over().map_or(load.ended_at, |record| record.at);
    [load.began_at..fault_at, fault_at..handed_over_at, handed_over_at..load.ended_at]
}

#[cfg(test)]
mod tests;
