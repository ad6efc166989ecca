//! The promises of the design, under random events.

use super::simulation::{World, slot};
use super::sizing::cpu;
use proptest::prelude::*;
use shadow_core::model::slot::Role;
use shadow_core::model::{Phase, Resource};
use shadow_core::state::Request;

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
    Needs(f64, f64, f64),
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
        2 => (0.0..8.0, 0.0..4.0, 0.0..8.0).prop_map(|(predicted, more, live)| Event::Needs(predicted, predicted + more, live)),
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
        Event::Needs(predicted, upper, live) => world.needs = cpu(predicted, upper, live),
        Event::Time(seconds) => drop(world.ticks(seconds)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Each cycle of the world asserts the promises; see `World::assert_promises`.
    #[test]
    fn promises_hold_whatever_happens(events in prop::collection::vec(event(), 1..40)) {
        let mut world = World::calm();
        world.group.spec.signals.get_mut("latency").unwrap().resource = Some(Resource::CpuCores);
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
