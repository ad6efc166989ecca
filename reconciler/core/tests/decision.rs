//! The state machine in a small model of the world: the main path, the unhappy paths of the design
//! as named tests, and the promises under random events.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod simulation;

use proptest::prelude::*;
use shadow_core::model::Phase;
use shadow_core::model::policy::{AfterHandover, Mode, WarmupTask};
use shadow_core::model::slot::Role;
use shadow_core::observation::Lag;
use shadow_core::state::Request;
use simulation::{World, slot};

fn degrading() -> World {
    let mut world = World::calm();
    world.until(Phase::Idle).ticks(6);
    world.score = Some((0.9, 0.3));
    world
}

fn ready() -> World {
    let mut world = World::calm();
    world.until(Phase::Idle).ticks(6).ask(Request::Prepare);
    world.until(Phase::Ready);
    world
}

fn shifting() -> World {
    let mut world = degrading();
    world.until(Phase::Shifting(1));
    world
}

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
fn both_sides_unwell_changes_nothing() {
    let mut world = shifting();
    let before = world.seen_weights().clone();
    world.failing.extend([slot("a"), slot("b")]);
    world.ticks(20);
    assert_eq!(*world.seen_weights(), before);
    assert!(!world.last.unwrap().report.alerts.is_empty());
}

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
fn dead_primary_is_left_even_without_metrics() {
    let mut world = ready();
    world.metrics_outage = true;
    world.failing.insert(slot("a"));
    world.until(Phase::Watching);
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

/// Something that happens to a group.
#[derive(Debug, Clone)]
enum Event {
    Score(Option<(f64, f64)>),
    Outage(bool),
    Fails(&'static str),
    Limps(&'static str),
    Recovers,
    TerraformFails(bool),
    DataPlaneUnreachable(bool),
    Human(Request),
    Hold,
    Release,
    Restart,
    HandSetsWeights,
    Time(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let score = prop_oneof![Just(None), (0.0..1.0, 0.0..1.0).prop_map(|(a, b): (f64, f64)| Some((a.max(b), a.min(b))))];
    let slot = prop_oneof![Just("a"), Just("b"), Just("c"), Just("d")];
    prop_oneof![
        4 => score.prop_map(Event::Score),
        1 => any::<bool>().prop_map(Event::Outage),
        1 => slot.clone().prop_map(Event::Fails),
        1 => slot.prop_map(Event::Limps),
        2 => Just(Event::Recovers),
        1 => any::<bool>().prop_map(Event::TerraformFails),
        1 => any::<bool>().prop_map(Event::DataPlaneUnreachable),
        1 => prop_oneof![
            Just(Request::Prepare), Just(Request::Failover), Just(Request::Failback), Just(Request::Retire),
        ].prop_map(Event::Human),
        1 => Just(Event::Hold),
        2 => Just(Event::Release),
        1 => Just(Event::Restart),
        1 => Just(Event::HandSetsWeights),
        8 => (1_usize..30).prop_map(Event::Time),
    ]
}

#[expect(clippy::needless_pass_by_value, reason = "an event happens once")]
fn happen(world: &mut World, event: Event) {
    match event {
        Event::Score(score) => world.score = score,
        Event::Outage(outage) => world.metrics_outage = outage,
        Event::Fails(id) => drop(world.failing.insert(slot(id))),
        Event::Limps(id) => drop(world.limping.insert(slot(id))),
        Event::Recovers => {
            world.failing.clear();
            world.limping.clear();
        }
        Event::TerraformFails(fails) => world.terraform_fails = fails,
        Event::DataPlaneUnreachable(unreachable) => world.data_plane_unreachable = unreachable,
        Event::Human(request) => world.ask(request),
        Event::Hold => world.hold(),
        Event::Release => world.state.hold = None,
        Event::Restart => world.restart(),
        Event::HandSetsWeights => {
            if world.seen_weights().len() == 2 {
                let ids: Vec<String> = world.seen_weights().keys().map(ToString::to_string).collect();
                world.set_weights_by_hand(&[(&ids[0], 60), (&ids[1], 40)]);
            }
        }
        Event::Time(seconds) => drop(world.ticks(seconds)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Each cycle of the world asserts the promises; see `World::assert_promises`.
    #[test]
    fn promises_hold_whatever_happens(events in prop::collection::vec(event(), 1..40)) {
        let mut world = World::calm();
        for event in events {
            happen(&mut world, event);
        }
        // And when all is well again, the group comes to rest with one primary that serves.
        happen(&mut world, Event::Recovers);
        world.terraform_fails = false;
        world.data_plane_unreachable = false;
        world.metrics_outage = false;
        world.state.hold = None;
        world.score = Some((0.01, 0.01));
        world.ticks(900);
        let resting = [Phase::Idle, Phase::Ready, Phase::FailbackReady, Phase::Retired];
        prop_assert!(resting.contains(&world.state.phase), "{} {:?}", world.state.phase, world.last.map(|l| l.report));
        let standby_only = world.state.slots.values().all(|s| s.role != Role::Quarantined);
        prop_assert!(standby_only);
        prop_assert_eq!(world.seen_weights().get(world.state.primary()).copied(), Some(100));
    }
}
