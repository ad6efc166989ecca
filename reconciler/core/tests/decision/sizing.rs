//! Shadows whose size follows the forecast, and what keeps it from doing so.

use super::simulation::{World, slot};
use jiff::SignedDuration;
use shadow_core::model::policy::PolicySpec;
use shadow_core::model::{Phase, Resource};
use shadow_core::sizing::needs::{Need, Needs};
use shadow_core::state::Request;

pub(crate) fn cpu(predicted: f64, upper: f64, live: f64) -> Needs {
    let horizon = SignedDuration::from_secs(45);
    Needs::from([(Resource::CpuCores, Need { signal: "latency".into(), horizon, predicted, upper, live })])
}

/// A world whose one signal measures a resource.
fn world(change: impl Fn(&mut PolicySpec)) -> World {
    let mut world = World::with_policy(|policy| {
        policy.sizing.interval = "5s".into();
        change(policy);
    });
    world.group.spec.signals.get_mut("latency").unwrap().resource = Some(Resource::CpuCores);
    world.group.spec.size.cpu_cores = Some(1.0);
    world.needs = cpu(2.0, 3.0, 1.0);
    world
}

fn ready(change: impl Fn(&mut PolicySpec)) -> World {
    let mut world = world(change);
    world.until(Phase::Idle).ticks(6).ask(Request::Prepare);
    world.until(Phase::Ready).ticks(20);
    world
}

fn asked(world: &World) -> f64 {
    world.state.slots[&slot("b")].made.as_ref().unwrap().size.cpu_cores.unwrap()
}

fn granted(world: &World) -> Option<f64> {
    world.state.slots[&slot("b")].instance.as_ref()?.size.cpu_cores
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

fn inputs(world: &World, guard: &str) -> String {
    let guards = &world.last.as_ref().unwrap().report.guards;
    guards.iter().find(|it| it.name == guard).map(|it| it.inputs.clone()).unwrap_or_default()
}

#[test]
fn shadow_is_made_as_large_as_is_forecast() {
    let world = ready(|_| {});
    assert!(close(asked(&world), 3.0) && granted(&world) == Some(3.0), "the upper bound, not the declared size");
}

#[test]
fn waiting_shadow_follows_the_forecast_once_an_interval() {
    let mut world = ready(|_| {});
    world.needs = cpu(5.0, 6.0, 2.0);
    world.ticks(1);
    assert!(close(asked(&world), 6.0), "{:?}", world.state.resized);
    assert!(world.state.resized.as_ref().unwrap().reason.contains(
        "cpu_cores from 3.00 to 6.00 (signal latency: 5.00 predicted, 6.00 at most within 45s, 2.00 at present)"
    ));
    world.needs = cpu(9.0, 10.0, 2.0);
    world.ticks(2);
    assert!(close(asked(&world), 6.0), "{}", inputs(&world, "sizing interval is over"));
    world.ticks(4);
    assert!(close(asked(&world), 10.0));
    world.ticks(1);
    assert_eq!((granted(&world), world.state.phase), (Some(10.0), Phase::Ready));
}

#[test]
fn little_load_shrinks_it_late_and_by_half() {
    let mut world = ready(|_| {});
    world.needs = cpu(0.5, 1.0, 0.5);
    world.ticks(1);
    assert!(close(asked(&world), 1.75), "three cores, less half of 2.5 too many");
    world.ticks(60);
    assert!(close(asked(&world), 1.0), "never below the upper bound");
}

#[test]
fn dip_of_an_outage_never_shrinks_anything() {
    type Trouble = fn(&mut World);
    let troubles: [Trouble; 4] = [
        |world| world.metrics_outage = true,
        |world| {
            world.failing.insert(slot("a"));
        },
        |world| {
            world.limping.insert(slot("a"));
        },
        |world| world.score = Some((0.3, 0.1)),
    ];
    for (number, trouble) in troubles.into_iter().enumerate() {
        let mut world = ready(|policy| policy.mode = shadow_core::model::Mode::Provision);
        trouble(&mut world);
        world.needs = cpu(0.0, 0.0, 0.0);
        world.ticks(60);
        assert!(close(asked(&world), 3.0), "trouble {number}: {}", asked(&world));
        // What was forecast during the trouble is forgotten with it.
        world.metrics_outage = false;
        world.failing.clear();
        world.limping.clear();
        world.score = Some((0.01, 0.01));
        world.needs = cpu(2.9, 3.0, 2.0);
        world.ticks(60);
        assert!(close(asked(&world), 3.0), "trouble {number} is over");
    }
}

#[test]
fn absent_needs_change_nothing() {
    let mut world = ready(|_| {});
    world.needs = Needs::new();
    world.ticks(60);
    assert!(close(asked(&world), 3.0));
}

#[test]
fn shadow_that_is_granted_too_little_is_not_ready() {
    let mut world = world(|_| {});
    world.granted_max = 2.0;
    world.until(Phase::Idle).ticks(6).ask(Request::Prepare);
    world.until(Phase::Warming).ticks(30);
    assert_eq!(world.state.phase, Phase::Warming);
    assert_eq!(
        inputs(&world, "size holds the forecast"),
        "slot b: 2.00 cpu_cores granted, 3.00 needed by signal latency"
    );
    world.granted_max = 2.9;
    world.needs = cpu(2.5, 3.02, 1.0);
    world.ticks(20);
    assert_eq!(world.state.phase, Phase::Ready, "a bound that is a few percent off is held");
}

#[test]
fn shadow_is_brought_to_the_bound_before_it_is_used() {
    let mut world = ready(|policy| policy.sizing.grow_above = 3.0);
    world.needs = cpu(4.0, 8.0, 1.0);
    world.ticks(20);
    assert!(close(asked(&world), 3.0), "while it waits the rule leaves it alone");
    world.score = Some((0.9, 0.3));
    world.until(Phase::Mirroring);
    assert_eq!(granted(&world), Some(8.0));
    world.needs = cpu(4.0, 12.0, 1.0);
    world.until(Phase::Ready).until(Phase::Mirroring);
    assert_eq!(granted(&world), Some(12.0), "resized before it gets traffic");
    world.until(Phase::Shifting(0));
    world.needs = cpu(4.0, 20.0, 1.0);
    world.ticks(20);
    assert_eq!((world.state.phase, granted(&world)), (Phase::Shifting(0), Some(12.0)), "it serves: no step, no resize");
    world.score = Some((0.99, 0.99));
    world.until(Phase::HandingOver);
}

#[test]
fn way_back_must_hold_what_it_held() {
    let mut world = ready(|_| {});
    let primary = world.state.slots.get_mut(&slot("a")).unwrap();
    primary.instance.as_mut().unwrap().size.cpu_cores = Some(0.5);
    world.score = Some((0.9, 0.3));
    world.until(Phase::Mirroring).ticks(30);
    assert_eq!(world.state.phase, Phase::Mirroring);
    assert_eq!(inputs(&world, "way back is sized"), "slot a: 0.50 cpu_cores granted, 1.00 needed by signal latency");
}

#[test]
fn bounds_and_costs_are_respected_and_told() {
    let mut world = ready(|policy| policy.sizing.max.cpu_cores = Some(4.0));
    world.needs = cpu(6.0, 8.0, 1.0);
    world.ticks(10);
    assert!(close(asked(&world), 4.0));
    world.score = Some((0.9, 0.3));
    world.until(Phase::Mirroring);
    let alerts = &world.last.as_ref().unwrap().report.alerts;
    assert!(alerts.iter().any(|alert| alert.contains("sizing.max keeps cpu_cores")), "{alerts:?}");
    // The original and the shadow cost one each.
    let mut world = ready(|policy| policy.cost_ceiling = Some(2.5));
    world.needs = cpu(6.0, 8.0, 1.0);
    world.ticks(10);
    assert!(close(asked(&world), 3.0), "{}", inputs(&world, "cost ceiling of the size"));
    let alerts = &world.last.as_ref().unwrap().report.alerts;
    assert!(alerts.iter().any(|alert| alert.contains("cost_ceiling keeps slot b")), "{alerts:?}");
    world.score = Some((0.9, 0.3));
    world.until(Phase::Mirroring);
}

#[test]
fn new_primarys_shadow_is_made_for_what_is_needed_by_then() {
    let mut world = ready(|_| {});
    world.score = Some((0.99, 0.99));
    world.needs = cpu(5.0, 6.0, 5.0);
    world.until(Phase::HandingOver);
    world.score = Some((0.01, 0.01));
    world.until(Phase::Reprotecting).until(Phase::Ready);
    let made = world.state.slots[&slot("c")].made.as_ref().unwrap();
    assert_eq!(made.size.cpu_cores, Some(6.0));
}
