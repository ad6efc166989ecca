//! The state machine in a small model of the world: the main path, the unhappy paths of the design
//! as named tests, and the promises under random events.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod anomalies;
mod capacity;
mod failure;
mod feedback;
mod human;
mod main_path;
mod promises;
mod simulation;
mod traffic;

use shadow_core::model::Phase;
use shadow_core::state::Request;
use simulation::World;

pub(crate) fn degrading() -> World {
    let mut world = World::calm();
    world.until(Phase::Idle).ticks(6);
    world.score = Some((0.9, 0.3));
    world
}

pub(crate) fn ready() -> World {
    let mut world = World::calm();
    world.until(Phase::Idle).ticks(6).ask(Request::Prepare);
    world.until(Phase::Ready);
    world
}

pub(crate) fn shifting() -> World {
    let mut world = degrading();
    world.until(Phase::Shifting(1));
    world
}
