//! Conclusions from what was seen: one good run, and each way to spoil it.

use super::*;
use crate::client::{GroupStatus, Record};
use crate::load::Failure;
use crate::orphans::Orphans;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

fn at(second: u64) -> Timestamp {
    Timestamp::UNIX_EPOCH + Duration::from_secs(second)
}

fn transition(id: u64, second: u64, to: &str) -> Record {
    record(
        id,
        second,
        "transition",
        &json!({"from": "?", "to": to, "reason": "why", "score": 0.5, "switch_seconds": 1.5}),
    )
}

fn record(id: u64, second: u64, kind: &str, data: &Value) -> Record {
    serde_json::from_value(json!({"id": id, "at": at(second), "kind": kind, "message": "", "data": data})).unwrap()
}

fn status_after() -> GroupStatus {
    let endpoint = json!({"instance_id": "i", "endpoint": {"address": "127.0.0.1", "port": 1}});
    let slots = json!({"b": {"role": "primary", "instance": endpoint}, "c": {"role": "shadow", "instance": endpoint}});
    serde_json::from_value(json!({"group": "g", "phase": "idle", "primary": "b", "slots": slots})).unwrap()
}

/// A leak at second 50, phases ten seconds apart from 60, handed over at 120, the crash at 150.
fn good_leak() -> Evidence {
    let phases = ["provisioning", "warming", "ready", "mirroring", "shifting", "handing_over", "watching", "committed"];
    let entered = (0..).zip(phases).map(|(n, phase)| transition(n, 60 + 10 * n, phase));
    let mut records: Vec<Record> = entered.chain([transition(8, 160, "reprotecting")]).collect();
    records.insert(
        1,
        record(9, 62, "terraform", &json!({"root": "capacity", "action": "apply", "seconds": 2.5, "changes": {"add": 1, "change": 2, "remove": 0}})),
    );
    let outcomes: Vec<_> = (0..200).map(|second| Ok(if (50..120).contains(&second) { 30 } else { 3 })).collect();
    Evidence {
        records,
        status: Some(status_after()),
        old_primary: Some("a".to_owned()),
        fault_at: Some(at(50)),
        died_at: Some(at(150)),
        plan_empty_after_apply: Some(true),
        plan_empty_after_handover: Some(true),
        load: Some(LoadReport::of(at(0), &outcomes)),
        orphans: Some(Orphans::default()),
        seconds: 200.0,
        ..Evidence::new(Fault::Leak, BTreeMap::from([("envoy".to_owned(), "1".to_owned())]))
    }
}

fn failing(spoil: impl Fn(&mut Evidence)) -> Vec<String> {
    let mut evidence = good_leak();
    spoil(&mut evidence);
    let report = judge(&evidence);
    assert_eq!(report.passed, report.checks.iter().all(|check| check.passed));
    report.checks.into_iter().filter(|check| !check.passed).map(|check| check.what).collect()
}

#[test]
fn figures_are_taken_from_what_was_seen() {
    let report = judge(&good_leak());
    assert!(report.passed, "{}", report.summary());
    assert_eq!(report.requests_total, 200);
    assert_eq!(report.latency_p99_ms, Latency { before: Some(3.0), during: Some(30.0), after: Some(3.0) });
    assert_eq!((report.lead_time_seconds, report.switch_seconds), (Some(30.0), Some(1.5)));
    assert_eq!(report.phases.len(), 9);
    assert_eq!(report.terraform_runs[0].changes, Some(3));
}

#[test]
fn the_file_has_what_its_readers_look_for() {
    let report = serde_json::to_value(judge(&good_leak())).unwrap();
    for path in [
        "/requests_total",
        "/requests_failed",
        "/latency_p99_ms/before",
        "/latency_p99_ms/during",
        "/latency_p99_ms/after",
        "/lead_time_seconds",
        "/switch_seconds",
        "/phases/0/name",
        "/phases/0/start",
        "/phases/0/score",
        "/phases/0/reason",
        "/terraform_runs/0/root",
        "/terraform_runs/0/action",
        "/terraform_runs/0/seconds",
        "/terraform_runs/0/changes",
        "/orphans",
        "/versions/envoy",
    ] {
        assert!(report.pointer(path).is_some_and(|value| !value.is_null()), "{path} in {report:#}");
    }
}

#[test]
fn each_shortcoming_fails_its_check() {
    assert_eq!(failing(|seen| seen.died_at = Some(at(110))), ["lead_time_seconds, hand-over until crash"]);
    assert_eq!(failing(|seen| seen.died_at = None), ["lead_time_seconds, hand-over until crash"]);
    assert_eq!(
        failing(|seen| seen.plan_empty_after_handover = Some(false)),
        ["plan of the user's root after hand-over"]
    );
    assert_eq!(failing(|seen| seen.plan_empty_after_apply = None), ["plan of the user's root after apply"]);
    assert_eq!(failing(|seen| seen.orphans = None), ["processes and locks left behind"]);
    assert_eq!(failing(|seen| seen.seconds = 301.0), ["seconds from start to end"]);
    assert_eq!(failing(|seen| seen.error = Some("x".to_owned())), ["the run came to its end"]);
    let one_failed = |seen: &mut Evidence| seen.load = Some(LoadReport::of(at(0), &[Ok(1), Err(Failure::Reset)]));
    assert_eq!(failing(one_failed), ["failed requests"]);
    let slow_switch = |seen: &mut Evidence| seen.records[7].data["switch_seconds"] = json!(3.1);
    assert_eq!(failing(slow_switch), ["switch_seconds"]);
    let left = || Orphans { processes: vec!["7 sleep".to_owned()], locks: Vec::new() };
    assert_eq!(failing(|seen| seen.orphans = Some(left())), ["processes and locks left behind"]);
}

#[test]
fn phases_must_come_in_order() {
    let phases = "phases, from provisioning to reprotecting";
    assert_eq!(failing(|seen| drop(seen.records.remove(4))), [phases]);
    assert_eq!(failing(|seen| seen.records.swap(0, 5)), [phases]);
    let extra = |seen: &mut Evidence| seen.records.insert(3, transition(20, 70, "syncing"));
    assert!(failing(extra).is_empty());
}

#[test]
fn the_old_primary_must_leave_and_the_new_one_must_get_a_shadow() {
    let slots = |change: fn(&mut GroupStatus)| move |seen: &mut Evidence| seen.status.iter_mut().for_each(change);
    let no_shadow = slots(|status| drop(status.slots.remove("c")));
    assert_eq!(failing(no_shadow), ["new shadow for the new primary"]);
    let old_stays = slots(|status| {
        let slot = status.slots.get("b").unwrap().clone();
        status.slots.insert("a".to_owned(), slot);
    });
    assert_eq!(failing(old_stays), ["old primary decommissioned"]);
    let nothing_happened = slots(|status| status.primary = "a".to_owned());
    assert_eq!(failing(nothing_happened), ["new shadow for the new primary", "old primary decommissioned"]);
}

#[test]
fn a_kill_is_measured_from_the_kill() {
    let phases = ["ready", "handing_over", "watching", "committed"];
    let records = (0..).zip(phases).map(|(n, phase)| transition(n, 100 + 2 * n, phase)).collect();
    let good = Evidence {
        fault: Fault::Kill,
        records,
        fault_at: Some(at(101)),
        plan_empty_after_handover: None,
        ..good_leak()
    };
    let report = judge(&good);
    assert!(report.passed, "{}", report.summary());
    assert_eq!((report.detect_seconds, report.recovery_seconds), (Some(1.0), Some(3.0)));
    assert_eq!(report.lead_time_seconds, None);
    let slow = Evidence { fault_at: Some(at(98)), ..good };
    assert!(!judge(&slow).passed);
}
