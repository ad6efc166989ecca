//! Shadows that are made, kept, given up and removed, and what limits that over a fleet.

use super::degrading;
use super::simulation::World;
use shadow_core::model::Phase;
use shadow_core::model::policy::WarmupTask;
use shadow_core::observation::Lag;
use shadow_core::state::Request;

#[test]
fn a_stall_is_not_caught_up() {
    let mut world = World::with_policy(|policy| policy.synchronization.method = "pull".into());
    world.group.spec.sync = Some(shadow_core::model::group::SyncQueries {
        lag_seconds: "a".into(),
        lag_bytes: "b".into(),
        position: "c".into(),
    });
    world.lag = Some(Lag { seconds: 1e4, bytes: 1e9, position: 5.0 });
    world.until(Phase::Idle).ticks(6).ask(Request::Prepare);
    world.until(Phase::SyncStalled);
    world.lag = Some(Lag { seconds: 1.0, bytes: 1.0, position: 6.0 });
    world.until(Phase::Ready);
}

#[test]
fn warm_up_task_must_pass() {
    let mut world = World::with_policy(|policy| {
        policy.warmup_task = Some(WarmupTask { command: vec!["warm".into()], timeout: "1s".into() });
    });
    world.until(Phase::Idle).ask(Request::Prepare);
    world.until(Phase::Ready);
}

#[test]
fn capacity_that_cannot_be_had_is_retried_and_given_up_when_the_danger_has_passed() {
    let mut world = degrading();
    world.terraform_fails = true;
    world.until(Phase::ProvisionFailed);
    world.score = Some((0.01, 0.01));
    world.ticks(20);
    world.terraform_fails = false;
    world.until(Phase::Idle);
    assert_eq!(world.state.slots.len(), 1);
}

#[test]
fn old_shadow_is_removed_and_a_needed_one_is_not() {
    let mut world = World::with_policy(|policy| policy.max_shadow_age = "30s".into());
    world.until(Phase::Idle).ticks(6);
    world.ask(Request::Prepare);
    world.until(Phase::Ready).until(Phase::Idle);
    assert_eq!(world.state.slots.len(), 1);
}

#[test]
fn forecast_storm_is_braked() {
    let mut world = degrading();
    world.fleet.groups = 100;
    world.fleet.alarmed = 40;
    world.ticks(20);
    assert_eq!(world.state.phase, Phase::Idle, "one cause is likelier than forty failing services");
    world.fleet.alarmed = 3;
    world.fleet.in_flight = 10;
    world.ticks(20);
    assert_eq!(world.state.phase, Phase::Idle, "the budget is used up");
    world.fleet.in_flight = 2;
    world.until(Phase::Planning);
}

#[test]
fn new_leader_waits_before_starting_anything_new_and_finishes_what_runs() {
    let mut world = World::calm();
    world.until(Phase::Idle).ticks(6);
    world.score = Some((0.9, 0.3));
    world.ticks(2).restart();
    world.ticks(2);
    assert_eq!(world.state.phase, Phase::Idle);
    world.until(Phase::Planning).restart();
    world.until(Phase::Ready).restart();
    world.until(Phase::Mirroring).restart();
    world.until(Phase::Shifting(2)).score = Some((0.99, 0.99));
    world.until(Phase::HandingOver).restart();
    world.until(Phase::Watching).restart();
    world.until(Phase::Reprotecting).restart();
    world.until(Phase::Decommissioning).restart();
    world.until(Phase::Ready);
}
