//! Requests, weights set by hand, holds and retirement.

use super::simulation::{World, slot};
use super::{ready, shifting};
use shadow_core::model::Phase;
use shadow_core::model::policy::{AfterHandover, Failback};
use shadow_core::state::Request;

#[test]
fn a_group_returns_to_its_original_by_itself_where_the_policy_says_so() {
    let mut world = World::with_policy(|policy| {
        policy.after_handover = AfterHandover::Standby;
        policy.failback = Failback::Auto;
        policy.failback_after = "1m".to_owned();
        policy.cooldown = "5m".to_owned();
    });
    world.until(Phase::Idle).ticks(6).ask(Request::Failover);
    world.until(Phase::FailbackReady).failing.insert(slot("a"));
    world.ticks(200);
    assert_eq!(*world.state.primary(), slot("b"), "the original is not well");
    world.failing.clear();
    world.ticks(50);
    assert_eq!(*world.state.primary(), slot("b"), "it has not been well for long enough");
    world.ticks(400);
    assert_eq!((world.state.primary(), world.state.phase), (&slot("a"), Phase::FailbackReady), "and there it stays");
}

#[test]
fn manual_handover_acks_itself() {
    let mut world = World::with_policy(|policy| policy.after_handover = AfterHandover::Standby);
    world.until(Phase::Idle).ticks(6);
    world.score = Some((0.99, 0.99));
    world.until(Phase::FailbackReady);
    assert!(world.state.cooldown_until.is_some());
    world.ask(Request::Failback);
    world.until(Phase::Watching);
    assert_eq!(*world.state.primary(), slot("a"));
    assert_eq!(world.state.cooldown_until, None);
}

#[test]
fn failover_on_request_makes_a_shadow_first() {
    let mut world = World::calm();
    world.until(Phase::Idle).ask(Request::Failover);
    world.until(Phase::Watching);
    assert_eq!(world.seen_weights()[&slot("b")], 100);
    assert_eq!(world.state.request, None);
}

#[test]
fn human_weights_win_and_hold_the_group() {
    let mut world = ready();
    world.set_weights_by_hand(&[("a", 30), ("b", 70)]);
    world.ticks(20);
    assert!(world.state.hold.is_some());
    assert_eq!(world.seen_weights()[&slot("b")], 70);
}

#[test]
fn held_group_does_nothing_and_goes_on_when_released() {
    let mut world = shifting();
    world.hold();
    let phase = world.state.phase;
    world.ticks(30);
    assert_eq!(world.state.phase, phase);
    world.state.hold = None;
    world.until(Phase::Shifting(2));
}

#[test]
fn retiring_returns_to_the_users_own_instance_and_leaves_the_route() {
    let mut world = ready();
    world.ask(Request::Retire);
    world.until(Phase::Retired);
    assert_eq!(world.state.slots.len(), 1);
    assert_eq!(world.seen_weights()[&slot("a")], 100);
}

#[test]
fn retiring_is_refused_while_another_slot_serves() {
    let mut world = ready();
    world.ask(Request::Failover);
    world.until(Phase::Watching).ask(Request::Retire);
    world.ticks(60);
    assert_ne!(world.state.phase, Phase::Retired);
    assert_eq!(world.seen_weights()[&slot("b")], 100);
    world.ask(Request::RetireWithRoute);
    world.until(Phase::Retired);
    assert!(world.seen_weights().is_empty());
}
