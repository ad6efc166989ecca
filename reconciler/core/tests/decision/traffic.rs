//! Traffic moves one way, is taken back, and stays where nobody can tell how it is.

use super::simulation::{World, slot};
use super::{degrading, ready, shifting};
use shadow_core::model::Phase;
use shadow_core::model::policy::AfterHandover;
use shadow_core::observation::Lag;
use shadow_core::state::Request;

#[test]
fn shadow_that_fails_mid_shift_loses_its_weight_at_once() {
    let mut world = shifting();
    world.failing.insert(slot("b"));
    world.until(Phase::RollingBack).until(Phase::Decommissioning);
    assert_eq!(world.seen_weights()[&slot("a")], 100);
    world.until(Phase::Idle);
    assert!(!world.state.slots.contains_key(&slot("b")), "the failed shadow is removed");
}

#[test]
fn shadow_beyond_its_limits_is_rolled_back() {
    let mut world = shifting();
    world.limping.insert(slot("b"));
    world.until(Phase::RollingBack);
    assert!(world.state.weight(&slot("a")) == 100);
}

#[test]
fn primary_that_recovers_keeps_its_traffic_and_its_shadow() {
    let mut world = shifting();
    world.score = Some((0.01, 0.01));
    world.until(Phase::Ready);
    assert_eq!(world.seen_weights()[&slot("a")], 100);
    assert_eq!(world.state.shadow(), Some(&slot("b")));
}

/// What the wanted traffic is: the weights of `a` and `b`, and who gets the writes.
fn wanted(world: &World) -> (u32, u32, Option<&str>) {
    let traffic = &world.last.as_ref().unwrap().desired.traffic;
    let weight = |id: &str| traffic.backends.get(&slot(id)).map_or(0, |backend| backend.weight);
    (weight("a"), weight("b"), traffic.writer.as_ref().map(shadow_core::model::SlotId::as_str))
}

#[test]
fn writes_stay_with_the_primary_until_the_handover_and_return_with_a_rollback() {
    let mut world = degrading();
    world.until(Phase::Shifting(2));
    let epoch = world.state.epoch;
    assert_eq!(wanted(&world), (50, 50, Some("a")));
    world.score = Some((0.99, 0.95));
    world.until(Phase::HandingOver);
    assert_eq!(wanted(&world), (0, 100, Some("b")), "before the data plane has confirmed anything");
    assert!(world.state.epoch > epoch);
    world.until(Phase::Watching).score = None;
    world.failing.insert(slot("b"));
    world.until(Phase::RollingBack).ticks(5);
    assert_eq!(wanted(&world), (100, 0, Some("a")));
    assert_eq!(world.writers(), ["a", "b", "a"]);
}

#[test]
fn unconfirmed_handover_returns_the_writes() {
    let mut world = shifting();
    world.data_plane_unreachable = true;
    world.score = Some((0.99, 0.95));
    world.until(Phase::HandingOver).until(Phase::RollingBack);
    assert_eq!(wanted(&world), (100, 0, Some("a")));
    assert_eq!(world.writers(), ["a", "b", "a"]);
}

#[test]
fn retiring_in_the_middle_of_a_handover_takes_the_writes_back_in_a_new_epoch() {
    let mut world = shifting();
    world.data_plane_unreachable = true;
    world.score = Some((0.99, 0.95));
    world.until(Phase::HandingOver).ask(Request::Retire);
    world.until(Phase::Retiring);
    assert_eq!(wanted(&world), (100, 0, Some("a")));
    assert_eq!(world.writers(), ["a", "b", "a"]);
}

#[test]
fn writes_are_shared_where_the_policy_says_so() {
    let mut world = World::with_policy(|policy| policy.shift.split_writes = true);
    world.until(Phase::Idle).ticks(6);
    world.score = Some((0.9, 0.3));
    world.until(Phase::Shifting(1));
    assert_eq!(wanted(&world), (75, 25, None));
}

#[test]
fn rollback_goes_to_healthy_side_not_old_name() {
    let mut world = ready();
    world.ask(Request::Failover);
    world.until(Phase::Watching);
    world.failing.insert(slot("b"));
    world.until(Phase::RollingBack).ticks(1);
    assert_eq!(world.seen_weights()[&slot("a")], 100);
    assert_eq!(*world.state.primary(), slot("a"));
    // The other way round: the old side is dead, so the new one keeps everything.
    let mut world = ready();
    world.ask(Request::Failover);
    world.until(Phase::Watching);
    world.failing.extend([slot("a"), slot("b")]);
    world.ticks(10);
    assert_eq!(world.seen_weights()[&slot("b")], 100);
}

#[test]
fn unconfirmed_handover_is_undone() {
    let mut world = ready();
    world.ask(Request::Failover);
    world.terraform_fails = true;
    world.until(Phase::HandingOver);
    world.until(Phase::RollingBack).terraform_fails = false;
    world.until(Phase::Ready);
    assert_eq!(world.seen_weights()[&slot("a")], 100);
}

#[test]
fn a_rollback_is_not_confirmed_while_what_it_undoes_is_still_on_its_way() {
    let mut world = ready();
    world.ask(Request::Failover);
    world.terraform_fails = true;
    world.until(Phase::RollingBack).ticks(20);
    assert_eq!(world.state.phase, Phase::RollingBack);
    assert_eq!(world.seen_weights()[&slot("a")], 100, "the weights are as they should be, and may yet change");
}

#[test]
fn at_most_one_automatic_handover_per_cooldown() {
    let mut world = World::with_policy(|policy| policy.after_handover = AfterHandover::Standby);
    world.until(Phase::Idle).ticks(6);
    world.score = Some((0.99, 0.99));
    world.until(Phase::FailbackReady).ticks(60);
    assert_eq!(*world.state.primary(), slot("b"), "the critical score does not send it back and forth");
    assert_eq!(world.state.phase, Phase::FailbackReady);
}

#[test]
fn a_calm_that_a_hanging_source_could_feign_takes_nothing_back() {
    let mut world = shifting();
    let before = world.seen_weights().clone();
    world.score = Some((0.01, 0.01));
    world.ticks(10);
    for (id, weight) in before {
        assert!(world.seen_weights()[&id] == weight || id == slot("a") || world.seen_weights()[&id] > weight);
    }
    assert!(matches!(world.state.phase, Phase::Shifting(_)));
}

#[test]
fn metrics_outage_in_any_phase_takes_nothing_away() {
    for phase in [
        Phase::Idle,
        Phase::Planning,
        Phase::Provisioning,
        Phase::Syncing,
        Phase::Warming,
        Phase::Ready,
        Phase::Mirroring,
        Phase::Shifting(0),
        Phase::Shifting(1),
        Phase::Watching,
        Phase::Reprotecting,
        Phase::Decommissioning,
    ] {
        let mut world = degrading();
        if matches!(phase, Phase::Watching | Phase::Reprotecting | Phase::Decommissioning) {
            world.score = Some((0.99, 0.99));
        }
        world.until(phase);
        let (slots, weights) = (world.state.slots.len(), world.seen_weights().clone());
        world.metrics_outage = true;
        world.score = None;
        world.ticks(60);
        assert!(world.state.slots.len() >= slots, "{phase}: a slot was taken away");
        for (id, weight) in &weights {
            assert!(world.seen_weights()[id] == *weight, "{phase}: weights moved without metrics");
        }
    }
}

#[test]
fn data_plane_that_does_not_answer_stops_every_step() {
    let mut world = degrading();
    world.until(Phase::Mirroring).data_plane_unreachable = true;
    world.ticks(30);
    assert_eq!(world.state.phase, Phase::Mirroring);
}

#[test]
fn no_scale_down_before_lb_readback() {
    let mut world = degrading();
    world.score = Some((0.99, 0.99));
    world.until(Phase::Decommissioning).data_plane_unreachable = true;
    world.ticks(60);
    assert!(world.state.slots.contains_key(&slot("a")));
}

#[test]
fn no_handover_past_the_permitted_lag() {
    let mut world = World::with_policy(|policy| policy.synchronization.method = "pull".into());
    world.group.spec.sync = Some(shadow_core::model::group::SyncQueries {
        lag_seconds: "a".into(),
        lag_bytes: "b".into(),
        position: "c".into(),
    });
    world.lag = Some(Lag { seconds: 0.1, bytes: 10.0, position: 5.0 });
    world.until(Phase::Idle).ticks(6).ask(Request::Prepare);
    world.until(Phase::Ready).lag = Some(Lag { seconds: 1e4, bytes: 1e9, position: 5.0 });
    world.ticks(2).failing.insert(slot("a"));
    // A replica whose source is gone may well believe that it has everything.
    world.lag = Some(Lag { seconds: 0.0, bytes: 0.0, position: 5.0 });
    world.ticks(20);
    assert_eq!(world.seen_weights()[&slot("a")], 100, "data would be lost");
}
