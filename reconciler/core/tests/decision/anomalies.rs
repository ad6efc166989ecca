//! Anomalies warn, and major ones prepare. None ever moves traffic.

use super::simulation::{World, slot};
use shadow_core::anomaly::{Anomaly, Grade, Kind};
use shadow_core::model::Phase;
use shadow_core::model::policy::Mode;

fn anomaly(grade: Grade, of: &str) -> Anomaly {
    Anomaly {
        slot: slot(of),
        signal: "latency".into(),
        kind: Kind::Deviation,
        grade,
        severity: 9.0,
        since: "2026-01-01T00:00:00Z".parse().unwrap(),
        text: format!("latency of slot {of} is odd"),
    }
}

/// An idle group with an anomaly of its primary, some seconds later.
fn with(grade: Grade, change: impl Fn(&mut World)) -> World {
    let mut world = World::calm();
    world.until(Phase::Idle).ticks(6);
    world.anomalies = vec![anomaly(grade, "a")];
    change(&mut world);
    world.ticks(60);
    world
}

#[test]
fn a_minor_anomaly_is_told_and_nothing_else() {
    let world = with(Grade::Minor, |_| {});
    assert_eq!(world.names(), ["observing", "idle"]);
    assert_eq!(world.last.unwrap().report.alerts, ["latency of slot a is odd"]);
}

#[test]
fn a_major_anomaly_makes_a_shadow_and_never_hands_over() {
    let mut world = with(Grade::Major, |_| {});
    world.ticks(300);
    assert_eq!(world.state.phase, Phase::Ready);
    assert_eq!(world.seen_weights()[&slot("a")], 100, "all traffic is where it was");
    assert!(world.state.switch.is_none());
}

#[test]
fn the_reason_names_the_anomaly() {
    let mut world = World::calm();
    world.until(Phase::Idle).ticks(6);
    world.anomalies = vec![anomaly(Grade::Major, "a")];
    world.until(Phase::Planning);
    assert_eq!(world.state.phase_reason, "latency of slot a is odd: slot b is staged");
}

#[test]
fn an_outage_is_no_anomaly() {
    let world = with(Grade::Major, |world| world.metrics_outage = true);
    assert_eq!(world.state.phase, Phase::Idle);
    assert!(world.last.unwrap().report.alerts.is_empty());
}

#[test]
fn what_a_calendar_explains_is_no_anomaly() {
    let world = with(Grade::Major, |world| world.expected_event = Some("maintenance".into()));
    assert_eq!(world.state.phase, Phase::Idle);
    let decision = world.last.unwrap();
    let guard = decision.report.guards.iter().find(|guard| guard.name == "major anomaly").unwrap();
    assert!(guard.inputs.contains("maintenance takes place"), "{}", guard.inputs);
}

#[test]
fn only_the_primary_needs_a_shadow() {
    let world = with(Grade::Major, |world| world.anomalies = vec![anomaly(Grade::Major, "z")]);
    assert_eq!(world.state.phase, Phase::Idle);
}

#[test]
fn the_guards_of_a_forecast_bind_an_anomaly_too() {
    let stopped = |change: &dyn Fn(&mut World)| with(Grade::Major, change).state.phase;
    assert_eq!(stopped(&|world| world.policy.spec.mode = Mode::Advise), Phase::Idle);
    assert_eq!(stopped(&|world| world.policy.spec.cost_ceiling = Some(0.5)), Phase::Idle);
    assert_eq!(stopped(&|world| world.fleet.in_flight = 1), Phase::Idle);
    assert_eq!(
        stopped(&|world| world.state.cooldown_until = Some("2027-01-01T00:00:00Z".parse().unwrap())),
        Phase::Idle
    );
}

#[test]
fn one_evaluation_is_not_enough() {
    let mut world = World::calm();
    world.until(Phase::Idle).ticks(6);
    world.anomalies = vec![anomaly(Grade::Major, "a")];
    world.ticks(1);
    world.anomalies.clear();
    world.ticks(20);
    assert_eq!(world.state.phase, Phase::Idle);
}
