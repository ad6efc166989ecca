//! Each rule by example, and the promise that matters most as a property.

use super::*;
use crate::plan::{Action, Drift, Place};
use proptest::prelude::*;
use serde_json::{Value, json};

fn slot(key: &str) -> SlotId {
    SlotId::new(key).unwrap()
}

fn slots(keys: &[&str]) -> BTreeSet<SlotId> {
    keys.iter().map(|key| slot(key)).collect()
}

/// Slot `a` is primary with all traffic, `b` is its shadow, `c` is being decommissioned.
fn facts(root: RootKind) -> GuardFacts {
    GuardFacts {
        root,
        weights: Some([(slot("a"), 100), (slot("b"), 0)].into()),
        primary: slot("a"),
        desired: slots(&["a", "b"]),
        decommissioned: slots(&["c"]),
        retiring: false,
        identity: PlanIdentity {
            rendering: "r".to_owned(),
            plan_file: "p".to_owned(),
            state: StateIdentity { lineage: Some("l".to_owned()), serial: 5 },
            epoch: 7,
        },
    }
}

fn in_slot(key: &str, actions: &[&str]) -> Value {
    json!({"address": format!("module.slot[\"{key}\"].x.y"), "type": "x", "change": {"actions": actions}})
}

fn capacity_plan(changes: &[Value]) -> Plan {
    let document = json!({"format_version": "1.2", "resource_changes": changes});
    Plan::parse(document.to_string().as_bytes()).unwrap()
}

fn traffic_plan(epoch: u64, weights: &[(&str, u32, &str)], actions: &[&str]) -> Plan {
    let backend =
        |(key, weight, state): &(&str, u32, &str)| (key.to_string(), json!({"weight": weight, "state": state}));
    let backends: serde_json::Map<String, Value> = weights.iter().map(backend).collect();
    let change = json!({"address": "module.traffic.x.y", "type": "x", "change": {"actions": actions}});
    let document = json!({
        "format_version": "1.2", "resource_changes": [change],
        "variables": {"traffic": {"value": {"epoch": epoch, "backends": backends}}},
    });
    Plan::parse(document.to_string().as_bytes()).unwrap()
}

/// `approved`, `nothing`, or the rules of the errors.
fn outcome(plan: &Plan, facts: &GuardFacts) -> String {
    match review(plan, facts) {
        Verdict::Approved(_) => "approved".to_owned(),
        Verdict::NothingToDo => "nothing".to_owned(),
        Verdict::Refused(notes) => {
            let errors = notes.iter().filter(|note| note.severity == Severity::Error);
            errors.map(|note| format!("{:?}", note.rule)).collect::<Vec<_>>().join(" ")
        }
    }
}

#[test]
fn capacity_plans() {
    let check = |changes: &[Value], expected: &str| {
        assert_eq!(outcome(&capacity_plan(changes), &facts(RootKind::Capacity)), expected, "{changes:?}");
    };
    check(&[in_slot("a", &["no-op"]), in_slot("b", &["create"])], "approved");
    check(&[in_slot("a", &["no-op"])], "nothing");
    check(&[], "nothing");
    check(&[in_slot("a", &["update"])], "approved");
    check(&[in_slot("c", &["delete"])], "approved");
    check(&[in_slot("b", &["delete", "create"])], "approved");
    check(&[in_slot("a", &["delete"])], "ServingSlots Decommissioning");
    check(&[in_slot("a", &["delete", "create"])], "ServingSlots");
    check(&[in_slot("a", &["create", "delete"])], "ServingSlots");
    check(&[in_slot("b", &["delete"])], "Decommissioning");
    check(&[in_slot("c", &["forget"])], "Decommissioning");
    check(&[in_slot("d", &["create"])], "ExpectedPlaces");
    let loose = json!({"address": "null_resource.x", "type": "x", "change": {"actions": ["create"]}});
    check(&[in_slot("b", &["create"]), loose], "ExpectedPlaces");
    let traffic = json!({"address": "module.traffic.x.y", "type": "x", "change": {"actions": ["update"]}});
    check(&[traffic], "ExpectedPlaces");
}

#[test]
fn weight_protects_whatever_the_role_and_role_whatever_the_weight() {
    let delete_c = capacity_plan(&[in_slot("c", &["delete"])]);
    let mut facts = facts(RootKind::Capacity);
    facts.weights = Some([(slot("c"), 1)].into());
    assert_eq!(outcome(&delete_c, &facts), "ServingSlots");
    facts.weights = Some([(slot("a"), 100)].into());
    assert_eq!(outcome(&delete_c, &facts), "approved");
    facts.primary = slot("c");
    assert_eq!(outcome(&delete_c, &facts), "ServingSlots");
}

#[test]
fn unknown_weights_protect_every_slot() {
    let mut facts = facts(RootKind::Capacity);
    facts.weights = None;
    assert_eq!(outcome(&capacity_plan(&[in_slot("c", &["delete"])]), &facts), "ServingSlots");
    assert_eq!(outcome(&capacity_plan(&[in_slot("b", &["create"])]), &facts), "approved");
}

#[test]
fn a_move_cannot_carry_a_serving_resource_into_a_slot_that_goes() {
    let mut change = in_slot("c", &["delete"]);
    change["previous_address"] = json!("module.slot[\"a\"].x.y");
    assert_eq!(outcome(&capacity_plan(&[change]), &facts(RootKind::Capacity)), "ServingSlots Moves");
    let mut renamed = in_slot("a", &["no-op"]);
    renamed["previous_address"] = json!("module.slot[\"a\"].x.old");
    assert_eq!(outcome(&capacity_plan(&[renamed]), &facts(RootKind::Capacity)), "approved");
}

#[test]
fn partial_and_failed_plans_are_refused() {
    let mut plan = capacity_plan(&[in_slot("b", &["create"])]);
    plan.errored = true;
    assert_eq!(outcome(&plan, &facts(RootKind::Capacity)), "WholePlan");
    plan.complete = false;
    assert_eq!(outcome(&plan, &facts(RootKind::Capacity)), "WholePlan WholePlan");
}

#[test]
fn traffic_plans() {
    let facts = facts(RootKind::Traffic);
    let check = |plan: Plan, expected: &str| assert_eq!(outcome(&plan, &facts), expected, "{plan:?}");
    let both = [("a", 90, "active"), ("b", 10, "active")];
    check(traffic_plan(7, &both, &["update"]), "approved");
    check(traffic_plan(7, &both, &["no-op"]), "nothing");
    check(traffic_plan(7, &both, &["delete"]), "TrafficStays");
    check(traffic_plan(7, &both, &["delete", "create"]), "TrafficStays");
    check(traffic_plan(6, &both, &["update"]), "Epoch");
    check(traffic_plan(7, &[("a", 0, "active"), ("b", 0, "active")], &["update"]), "WeightsNotZero");
    check(traffic_plan(7, &[("a", 100, "drain"), ("b", 0, "active")], &["update"]), "WeightsNotZero");
    check(traffic_plan(7, &[], &["create"]), "WeightsNotZero");
    let with_writer = |writer: &str, weights: &[(&str, u32, &str)]| {
        let mut plan = traffic_plan(7, weights, &["update"]);
        plan.traffic.as_mut().unwrap().writer = Some(writer.to_owned());
        plan
    };
    check(with_writer("a", &both), "approved");
    check(with_writer("c", &both), "Writer");
    for state in ["drain", "disabled"] {
        check(with_writer("b", &[("a", 100, "active"), ("b", 0, state)]), "Writer");
    }
    let mut silent = traffic_plan(7, &both, &["update"]);
    silent.traffic = None;
    check(silent, "WeightsNotZero");
}

#[test]
fn retiring_may_take_the_traffic_root_away_but_no_serving_instance() {
    let mut traffic = facts(RootKind::Traffic);
    traffic.retiring = true;
    assert_eq!(outcome(&traffic_plan(7, &[("a", 100, "active")], &["delete"]), &traffic), "approved");
    let mut capacity = facts(RootKind::Capacity);
    capacity.retiring = true;
    capacity.decommissioned = slots(&["a", "b", "c"]);
    assert_eq!(outcome(&capacity_plan(&[in_slot("b", &["delete"])]), &capacity), "approved");
    assert_eq!(outcome(&capacity_plan(&[in_slot("a", &["delete"])]), &capacity), "ServingSlots");
}

#[test]
fn drift_and_disruption_are_noted_without_refusing() {
    let mut plan = capacity_plan(&[in_slot("a", &["update"]), in_slot("b", &["delete", "create"])]);
    plan.drift.push(Drift {
        address: "module.slot[\"a\"].x.y".to_owned(),
        place: Place::Slot(slot("a")),
        action: Action::Update,
        attributes: vec!["tags".to_owned()],
    });
    let Verdict::Approved(approved) = review(&plan, &facts(RootKind::Capacity)) else {
        panic!("it should be approved")
    };
    let rules: Vec<Rule> = approved.notes().iter().map(|note| note.rule).collect();
    assert_eq!(rules, [Rule::Drift, Rule::Disruption, Rule::Disruption]);
}

#[test]
fn an_approval_is_void_when_anything_it_rests_on_changed() {
    let facts = facts(RootKind::Capacity);
    let Verdict::Approved(approved) = review(&capacity_plan(&[in_slot("b", &["create"])]), &facts) else {
        panic!("it should be approved")
    };
    let stale = |change: fn(&mut PlanIdentity)| {
        let mut now = facts.identity.clone();
        change(&mut now);
        approved.still_valid(&now)
    };
    assert_eq!(stale(|_| {}), Ok(()));
    assert_eq!(stale(|now| now.epoch = 8), Err(Stale::Epoch { planned: 7, now: 8 }));
    assert!(matches!(stale(|now| now.state.serial = 6), Err(Stale::State { .. })));
    assert!(matches!(stale(|now| now.state.lineage = None), Err(Stale::State { .. })));
    assert_eq!(stale(|now| now.plan_file.push('x')), Err(Stale::PlanFile));
    assert_eq!(stale(|now| now.rendering.push('x')), Err(Stale::Rendering));
}

const KEYS: [&str; 4] = ["a", "b", "c", "d"];

fn any_actions() -> impl Strategy<Value = &'static [&'static str]> {
    prop::sample::select(vec![
        &["no-op"][..],
        &["create"],
        &["update"],
        &["delete"],
        &["delete", "create"],
        &["create", "delete"],
        &["forget"],
    ])
}

prop_compose! {
    fn any_change()(key in prop::sample::select(&KEYS[..]), actions in any_actions()) -> Value {
        in_slot(key, actions)
    }
}

fn any_slots() -> impl Strategy<Value = BTreeSet<SlotId>> {
    prop::sample::subsequence(&KEYS[..], 0..=KEYS.len()).prop_map(|keys| slots(&keys))
}

prop_compose! {
    fn any_facts()(
        weights in prop::option::of(prop::collection::btree_map(prop::sample::select(&KEYS[..]), 0..=2_u32, 0..4)),
        primary in prop::sample::select(&KEYS[..]),
        desired in any_slots(),
        decommissioned in any_slots(),
        retiring in any::<bool>(),
    ) -> GuardFacts {
        let weights = weights.map(|weights| weights.into_iter().map(|(key, weight)| (slot(key), weight)).collect());
        let identity = facts(RootKind::Capacity).identity;
        GuardFacts { root: RootKind::Capacity, weights, primary: slot(primary), desired, decommissioned, retiring, identity }
    }
}

proptest! {
    #[test]
    fn no_plan_that_ends_a_serving_instance_is_ever_approved(
        facts in any_facts(),
        mut changes in prop::collection::vec(any_change(), 0..6),
        victim in prop::sample::select(&KEYS[..]),
        ending in prop::sample::select(vec![&["delete"][..], &["delete", "create"], &["create", "delete"], &["forget"]]),
        position in any::<prop::sample::Index>(),
    ) {
        let victim = if facts.serves(&slot(victim)) { slot(victim) } else { facts.primary.clone() };
        changes.insert(position.index(changes.len() + 1), in_slot(victim.as_str(), ending));
        let plan = capacity_plan(&changes);
        prop_assert!(matches!(review(&plan, &facts), Verdict::Refused(_)));
    }

    #[test]
    fn whatever_is_approved_deletes_only_idle_decommissioned_slots_and_stays_in_known_ones(
        facts in any_facts(),
        changes in prop::collection::vec(any_change(), 1..4),
    ) {
        let plan = capacity_plan(&changes);
        if let Verdict::Approved(_) = review(&plan, &facts) {
            for change in &plan.changes {
                let Place::Slot(slot) = &change.place else { unreachable!("every change is in a slot") };
                let known = facts.desired.contains(slot) || facts.decommissioned.contains(slot);
                let idle = !facts.serves(slot);
                let within_bounds = match change.action {
                    Action::NoOp => true,
                    Action::Delete => idle && facts.decommissioned.contains(slot),
                    Action::Replace => idle && known,
                    Action::Forget => false,
                    Action::Read | Action::Create | Action::Update => known,
                };
                prop_assert!(within_bounds, "{change:?}");
            }
        }
    }
}
