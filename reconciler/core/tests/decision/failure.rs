//! Primaries and replicas that die, with and without warning.

use super::simulation::{World, slot};
use super::{ready, shifting};
use shadow_core::model::Phase;
use shadow_core::observation::Lag;
use shadow_core::state::Request;

#[test]
fn dead_primary_skips_ceremony() {
    let mut world = ready();
    world.failing.insert(slot("a"));
    let killed_at = world.now;
    world.until(Phase::Watching);
    assert_eq!(world.seen_weights()[&slot("b")], 100);
    assert!(world.now.duration_since(killed_at).as_secs() <= 3, "two evaluations and the switch");
}

#[test]
fn one_observer_alone_moves_nothing() {
    let mut world = World::with_policy(|policy| policy.failure.signals = 3);
    world.until(Phase::Idle).ticks(6).ask(Request::Prepare);
    world.until(Phase::Ready).failing.insert(slot("a"));
    // Two of the three observers exist in this world, and three are asked for.
    world.ticks(10);
    assert_eq!(world.state.phase, Phase::Ready);
}

#[test]
fn failed_primary_without_shadow_gets_one_in_an_emergency() {
    let mut world = World::calm();
    world.until(Phase::Idle).ticks(6).failing.insert(slot("a"));
    world.until(Phase::Watching);
    assert!(world.names().contains(&"emergency_provision"));
    assert_eq!(world.seen_weights()[&slot("b")], 100);
}

#[test]
fn a_criterion_of_the_policy_is_a_failure_once_it_has_held_long_enough() {
    let mut world = World::with_policy(|policy| policy.failover_criteria = vec!["latency > 0.8 for 10s".to_owned()]);
    world.until(Phase::Idle).ticks(6).ask(Request::Prepare);
    world.until(Phase::Ready).limping.insert(slot("a"));
    world.ticks(8);
    assert_eq!(world.state.phase, Phase::Ready, "it has not held for 10 s");
    world.metrics_outage = true;
    world.ticks(20).metrics_outage = false;
    world.ticks(8);
    assert_eq!(world.state.phase, Phase::Ready, "without metrics nothing holds, and the time begins anew");
    world.until(Phase::HandingOver);
    assert!(world.state.phase_reason.contains("latency > 0.8 for 10s"), "{}", world.state.phase_reason);
}

#[test]
fn both_sides_unwell_changes_nothing() {
    let mut world = shifting();
    let before = world.seen_weights().clone();
    world.failing.extend([slot("a"), slot("b")]);
    world.ticks(20);
    assert_eq!(*world.seen_weights(), before);
    assert!(!world.last.unwrap().report.alerts.is_empty());
}

#[test]
fn a_primary_that_dies_after_an_undone_handover_is_left_all_the_same() {
    let mut world = ready();
    world.score = Some((0.99, 0.99));
    world.terraform_fails = true;
    world.until(Phase::HandingOver);
    world.until(Phase::RollingBack).terraform_fails = false;
    world.until(Phase::Ready).ticks(10);
    assert_eq!(world.state.phase, Phase::Ready, "the forecast waits for the end of the cooldown");
    world.failing.insert(slot("a"));
    world.until(Phase::Watching);
    assert_eq!(world.seen_weights()[&slot("b")], 100);
}

#[test]
fn dead_primary_is_left_even_without_metrics() {
    let mut world = ready();
    world.metrics_outage = true;
    world.failing.insert(slot("a"));
    world.until(Phase::Watching);
}

#[test]
fn replica_that_was_in_sync_when_its_source_died_takes_over() {
    let mut world = World::with_policy(|policy| policy.synchronization.method = "pull".into());
    world.group.spec.sync = Some(shadow_core::model::group::SyncQueries {
        lag_seconds: "a".into(),
        lag_bytes: "b".into(),
        position: "c".into(),
    });
    world.lag = Some(Lag { seconds: 0.1, bytes: 10.0, position: 5.0 });
    world.until(Phase::Idle).ticks(6).ask(Request::Prepare);
    world.until(Phase::Ready).ticks(2).failing.insert(slot("a"));
    world.lag = Some(Lag { seconds: 1e4, bytes: 10.0, position: 5.0 });
    world.until(Phase::Watching);
}
