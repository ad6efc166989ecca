//! From a forecast to a protected new primary, and what keeps a group from setting out.

use super::simulation::{World, slot};
use super::{degrading, ready};
use shadow_core::model::Phase;
use shadow_core::model::policy::Mode;

#[test]
fn a_forecast_leads_through_every_phase_in_order() {
    let mut world = degrading();
    world.until(Phase::Shifting(2)).score = Some((0.99, 0.95));
    world.until(Phase::Watching).score = None;
    assert_eq!(world.seen_weights()[&slot("b")], 100);
    world.score = Some((0.01, 0.01));
    world.until(Phase::Decommissioning).until(Phase::Ready).ticks(2);
    let expected = [
        "observing",
        "idle",
        "planning",
        "provisioning",
        "syncing",
        "warming",
        "ready",
        "mirroring",
        "shifting",
        "handing_over",
        "watching",
        "committed",
        "reprotecting",
        "decommissioning",
        "ready",
    ];
    assert_eq!(world.names(), expected);
    assert_eq!(*world.state.primary(), slot("b"));
    assert_eq!(world.state.shadow(), Some(&slot("c")));
    assert!(!world.state.slots.contains_key(&slot("a")), "the old primary is off the route");
}

#[test]
fn nothing_happens_in_a_calm_world() {
    let mut world = World::calm();
    world.until(Phase::Idle).ticks(100);
    assert_eq!(world.names(), ["observing", "idle"]);
}

#[test]
fn observe_and_advise_touch_nothing() {
    for mode in [Mode::Observe, Mode::Advise] {
        let mut world = World::with_policy(|policy| policy.mode = mode);
        world.until(Phase::Idle).score = Some((0.99, 0.99));
        world.ticks(20);
        assert_eq!(world.state.phase, Phase::Idle);
        assert!(world.seen_weights().is_empty(), "no route was made");
        assert!(!world.last.unwrap().report.alerts.is_empty(), "it says what it would do");
    }
}

#[test]
fn provision_makes_a_shadow_and_moves_no_traffic() {
    let mut world = World::with_policy(|policy| policy.mode = Mode::Provision);
    world.until(Phase::Idle).ticks(6);
    world.score = Some((0.99, 0.99));
    world.until(Phase::Ready).ticks(20);
    assert_eq!(world.state.phase, Phase::Ready);
    assert_eq!(world.seen_weights()[&slot("a")], 100);
}

#[test]
fn one_high_score_is_not_enough() {
    let mut world = World::calm();
    world.until(Phase::Idle).ticks(6);
    for _ in 0..20 {
        world.score = Some((0.99, 0.99));
        world.ticks(1);
        world.score = Some((0.01, 0.01));
        world.ticks(4);
    }
    assert_eq!(world.state.phase, Phase::Idle);
}

#[test]
fn deciding_twice_on_the_same_facts_changes_nothing() {
    let mut world = ready();
    let before = world.state.clone();
    let phases = world.phases.len();
    world.ticks(5);
    assert_eq!(world.phases.len(), phases);
    assert_eq!(world.state.slots, before.slots);
    assert_eq!(world.state.weights, before.weights);
}
