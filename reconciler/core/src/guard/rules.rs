//! The rules of the guard, each a function from plan and facts to notes. They only judge.

use super::{GuardFacts, Note, Rule, Severity};
use crate::model::split::BackendState;
use crate::plan::{Action, Drift, Place, Plan, PlannedTraffic, ResourceChange};
use crate::rendering::RootKind;

type RuleFunction = fn(&Plan, &GuardFacts) -> Vec<Note>;

const RULES: [RuleFunction; 9] = [
    whole_plan,
    expected_places,
    serving_slots,
    decommissioning,
    moves,
    traffic_stays,
    weights_and_epoch,
    drift,
    disruption,
];

/// What every rule has to say.
pub(super) fn all_notes(plan: &Plan, facts: &GuardFacts) -> Vec<Note> {
    RULES.iter().flat_map(|rule| rule(plan, facts)).collect()
}

fn whole_plan(plan: &Plan, _facts: &GuardFacts) -> Vec<Note> {
    let mut notes = Vec::new();
    if plan.errored {
        notes.push(error(Rule::WholePlan, None, "planning failed part of the way: see terraform's diagnostics"));
    }
    if !plan.complete {
        let message =
            "the plan is partial (terraform deferred something or was given targets): a second plan would follow";
        notes.push(error(Rule::WholePlan, None, message));
    }
    notes
}

fn expected_places(plan: &Plan, facts: &GuardFacts) -> Vec<Note> {
    let acting = plan.changes.iter().filter(|change| change.action != Action::NoOp);
    let changed = acting.map(|change| (&change.address, &change.place));
    let invoked = plan.invocations.iter().map(|invocation| (&invocation.address, &invocation.place));
    let message = match facts.root {
        RootKind::Capacity => {
            "it is outside module.slot[…] of the desired slots: remove what was added to the generated root"
        }
        RootKind::Traffic => "it is outside module.traffic: remove what was added to the generated root",
    };
    changed
        .chain(invoked)
        .filter(|(_, place)| !is_expected(place, facts))
        .map(|(address, _)| error(Rule::ExpectedPlaces, Some(address), message))
        .collect()
}

fn is_expected(place: &Place, facts: &GuardFacts) -> bool {
    match (facts.root, place) {
        (RootKind::Capacity, Place::Slot(slot)) => facts.desired.contains(slot) || facts.decommissioned.contains(slot),
        (RootKind::Traffic, Place::Traffic) => true,
        (RootKind::Capacity | RootKind::Traffic, _) => false,
    }
}

fn serving_slots(plan: &Plan, facts: &GuardFacts) -> Vec<Note> {
    let harmed =
        |change: &&ResourceChange| change.action.is_destructive() && places(change).any(|place| serves(place, facts));
    let note = |change: &ResourceChange| {
        let why = match (&change.place, &facts.weights) {
            (Place::Slot(slot), _) if *slot == facts.primary => "the slot is the primary",
            (_, None) => "the weights could not be read back, so every slot may be serving",
            (_, Some(_)) => "the slot has a weight above 0",
        };
        let message = format!("{} of something that serves: {why}{}", verb(change.action), reason(change));
        error(Rule::ServingSlots, Some(&change.address), message)
    };
    plan.changes.iter().filter(harmed).map(note).collect()
}

fn decommissioning(plan: &Plan, facts: &GuardFacts) -> Vec<Note> {
    let note = |change: &ResourceChange| match (change.action, &change.place) {
        (Action::Forget, _) => Some("it would be left running with no owner: remove the `removed` block".to_owned()),
        (Action::Delete, Place::Slot(slot)) if !facts.decommissioned.contains(slot) => {
            Some(format!("delete in slot {slot}, which no decision decommissions{}", reason(change)))
        }
        _ => None,
    };
    let noted = |change: &ResourceChange| {
        note(change).map(|message| error(Rule::Decommissioning, Some(&change.address), message))
    };
    plan.changes.iter().filter_map(noted).collect()
}

fn moves(plan: &Plan, _facts: &GuardFacts) -> Vec<Note> {
    let crosses = |change: &&ResourceChange| change.moved_from.as_ref().is_some_and(|from| *from != change.place);
    let message = "it would move here from another slot: slots never change places, only their roles do";
    plan.changes.iter().filter(crosses).map(|change| error(Rule::Moves, Some(&change.address), message)).collect()
}

fn traffic_stays(plan: &Plan, facts: &GuardFacts) -> Vec<Note> {
    if facts.root != RootKind::Traffic || facts.retiring {
        return Vec::new();
    }
    let note = |change: &ResourceChange| {
        let what = verb(change.action);
        let message = format!("{what} of the division of traffic would drop requests{}", reason(change));
        error(Rule::TrafficStays, Some(&change.address), message)
    };
    plan.changes.iter().filter(|change| change.action.is_destructive()).map(note).collect()
}

fn weights_and_epoch(plan: &Plan, facts: &GuardFacts) -> Vec<Note> {
    if facts.root != RootKind::Traffic || facts.retiring {
        return Vec::new();
    }
    let Some(traffic) = &plan.traffic else {
        return vec![error(
            Rule::WeightsNotZero,
            None,
            "the plan does not say which weights it sets: render the root again",
        )];
    };
    let mut notes: Vec<Note> = writer(traffic).into_iter().collect();
    let takes_traffic = traffic.backends.values().any(|b| b.weight > 0 && b.state == BackendState::Active);
    if !takes_traffic {
        notes.push(error(Rule::WeightsNotZero, None, "no active backend would have a weight: nothing would serve"));
    }
    if traffic.epoch != facts.identity.epoch {
        let message = format!("the plan sets epoch {}, the group is in epoch {}", traffic.epoch, facts.identity.epoch);
        notes.push(error(Rule::Epoch, None, message));
    }
    notes
}

/// A writer that takes nothing would mean that every write fails.
fn writer(traffic: &PlannedTraffic) -> Option<Note> {
    let writer = traffic.writer.as_ref()?;
    let what = match traffic.backends.get(writer).map(|backend| backend.state) {
        Some(BackendState::Active) => return None,
        Some(BackendState::Drain | BackendState::Disabled) => "is not active",
        None => "is not a backend",
    };
    let message = format!("writer {writer:?} {what}: every request that may write would fail");
    Some(error(Rule::Writer, None, message))
}

fn drift(plan: &Plan, _facts: &GuardFacts) -> Vec<Note> {
    let note = |drift: &Drift| {
        let what = if drift.attributes.is_empty() { "it".to_owned() } else { drift.attributes.join(", ") };
        let message = match drift.place {
            Place::Traffic => {
                format!("{what} changed outside of this root: if a human moved the traffic, let it stand")
            }
            Place::Slot(_) | Place::Elsewhere => format!("{what} changed outside of this root"),
        };
        warning(Rule::Drift, &drift.address, message)
    };
    plan.drift.iter().filter(|drift| drift.action != Action::NoOp).map(note).collect()
}

fn disruption(plan: &Plan, facts: &GuardFacts) -> Vec<Note> {
    let note = |change: &ResourceChange| match change.action {
        Action::Update if facts.root == RootKind::Capacity && serves(&change.place, facts) => {
            Some("it serves and is changed in place: the provider must not restart it")
        }
        Action::Replace => Some("the shadow is made again"),
        Action::NoOp | Action::Read | Action::Create | Action::Update | Action::Delete | Action::Forget => None,
    };
    let noted = |change: &ResourceChange| {
        note(change).map(|what| warning(Rule::Disruption, &change.address, format!("{what}{}", reason(change))))
    };
    plan.changes.iter().filter_map(noted).collect()
}

fn places(change: &ResourceChange) -> impl Iterator<Item = &Place> {
    std::iter::once(&change.place).chain(&change.moved_from)
}

fn serves(place: &Place, facts: &GuardFacts) -> bool {
    match place {
        Place::Slot(slot) => facts.serves(slot),
        Place::Traffic | Place::Elsewhere => false,
    }
}

fn verb(action: Action) -> &'static str {
    match action {
        Action::NoOp => "no change",
        Action::Read => "read",
        Action::Create => "creation",
        Action::Update => "update",
        Action::Delete => "deletion",
        Action::Replace => "replacement",
        Action::Forget => "abandonment",
    }
}

/// Terraform's own reason, as a suffix.
fn reason(change: &ResourceChange) -> String {
    let deposed = if change.deposed { " (a left-over of a replacement that failed)" } else { "" };
    let why = change.reason.as_ref().map(|reason| format!(" ({})", reason.replace('_', " ")));
    format!("{}{deposed}", why.unwrap_or_default())
}

fn error(rule: Rule, address: Option<&String>, message: impl Into<String>) -> Note {
    Note { severity: Severity::Error, rule, address: address.cloned(), message: message.into() }
}

fn warning(rule: Rule, address: &str, message: String) -> Note {
    Note { severity: Severity::Warning, rule, address: Some(address.to_owned()), message }
}
