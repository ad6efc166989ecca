//! What alarms and breaches of a group are called, from the decisions of a whole story.

use super::simulation::{World, slot};
use super::{degrading, shifting};
use shadow_core::feedback::{Feedback, Label};
use shadow_core::model::Phase;
use shadow_core::model::policy::Mode;

/// Nothing is done about alarms, so that what they foretold can come.
fn watched() -> World {
    let mut world = World::with_policy(|policy| policy.mode = Mode::Observe);
    world.until(Phase::Idle).ticks(6);
    world
}

#[test]
fn a_breach_after_an_alarm_was_announced_and_one_without_was_missed() {
    let mut world = watched();
    world.score = Some((0.9, 0.3));
    world.ticks(10).limping.insert(slot("a"));
    world.ticks(3);
    assert_eq!(world.labels, [Label::Announced]);
    world.score = Some((0.01, 0.01));
    world.limping.clear();
    world.ticks(20).limping.insert(slot("a"));
    world.ticks(3);
    assert_eq!(world.labels, [Label::Announced, Label::Missed]);
}

#[test]
fn an_alarm_that_nothing_follows_was_false_unless_it_was_not_seen() {
    let story = |outage: bool| {
        let mut world = watched();
        world.score = Some((0.9, 0.3));
        world.ticks(10).score = Some((0.01, 0.01));
        world.ticks(5).metrics_outage = outage;
        world.ticks(5).metrics_outage = false;
        world.ticks(60);
        world.labels
    };
    assert_eq!(story(false), [Label::FalseAlarm]);
    assert_eq!(story(true), [Label::Unknown]);
}

#[test]
fn an_old_primary_that_breaks_after_the_hand_over_was_averted() {
    let mut world = shifting();
    world.score = Some((0.99, 0.95));
    world.until(Phase::Watching).score = Some((0.01, 0.01));
    world.limping.insert(slot("a"));
    world.ticks(3);
    assert_eq!(world.labels, [Label::Averted]);
}

#[test]
fn a_primary_that_dies_without_an_alarm_was_missed() {
    let mut world = watched();
    world.failing.insert(slot("a"));
    world.ticks(3);
    assert_eq!(world.labels, [Label::Missed]);
}

#[test]
fn the_record_is_the_same_after_a_restart() {
    let mut world = degrading();
    world.ticks(40).score = Some((0.01, 0.01));
    world.ticks(60);
    let stored = serde_json::to_string(&world.feedback).unwrap();
    let restored: Feedback = serde_json::from_str(&stored).unwrap();
    assert_eq!(restored, world.feedback);
    assert!(!restored.view().scores.is_empty());
}
