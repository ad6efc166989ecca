//! Where shadows would go, and why not elsewhere. Pure: the places are those that the group's
//! profile tells; nobody is asked whether they really have room, and nothing is reserved.

use crate::model::placement::{CandidateSpec, PlacementProfileSpec};
use crate::model::size::Size;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Where the shadows of a group would go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PlacementReport {
    /// In the order in which they are made; fewer than wanted when places are missing.
    pub chosen: Vec<Choice>,
    /// Every candidate that no shadow goes to, with every reason.
    pub rejected: BTreeMap<String, Vec<String>>,
    /// Cost of all of them for an hour.
    pub hourly_cost: f64,
    /// Shadows that are wanted and have no place.
    pub missing: u32,
}

/// A place of one shadow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Choice {
    /// Name of the candidate.
    pub candidate: String,
    /// Its failure domain.
    pub zone: String,
    /// Why this one: what decided over the next best.
    pub reason: String,
}

/// What is left of a candidate while places are given away.
struct Place<'a> {
    name: &'a str,
    spec: &'a CandidateSpec,
    capacity: Size,
    licences: Option<u32>,
}

/// Chooses places for the shadows of a group whose serving instances are in `serving` zones.
///
/// Hard rules first: another zone than any that serves, room for `size`, a licence, latency, a zone
/// that is up, the budget. Of those that are left: spread, priority, health, latency, cost, name.
pub fn place(profile: &PlacementProfileSpec, size: &Size, serving: &BTreeSet<String>) -> PlacementReport {
    let mut places: Vec<Place<'_>> = profile.candidates.iter().map(Place::new).collect();
    let (mut chosen, mut hourly_cost) = (Vec::<Choice>::new(), 0.0);
    let mut rejected = BTreeMap::new();
    while chosen.len() < profile.shadow_count as usize {
        let budget = profile.hourly_cost_max.map(|max| max - hourly_cost);
        let (fitting, unfit): (Vec<_>, Vec<_>) = (0..places.len())
            .map(|i| (i, reasons_against(&places[i], profile, size, serving, budget)))
            .partition(|(_, reasons)| reasons.is_empty());
        rejected.extend(unfit.into_iter().map(|(i, reasons)| (places[i].name.to_owned(), reasons)));
        let used = |place: &Place<'_>| chosen.iter().filter(|it| profile.spread && it.zone == place.spec.zone).count();
        let mut ranked: Vec<(usize, usize)> = fitting.iter().map(|(i, _)| (*i, used(&places[*i]))).collect();
        ranked.sort_by(|(i, one), (j, other)| one.cmp(other).then_with(|| order(&places[*i], &places[*j])));
        let Some((best, best_used)) = ranked.first().copied() else { break };
        let reason = match ranked.get(1) {
            None => "no other candidate is fit for it".to_owned(),
            Some((next, next_used)) => why(&places[best], best_used, &places[*next], *next_used),
        };
        let place = &mut places[best];
        place.take(size);
        hourly_cost += place.spec.hourly_cost;
        chosen.push(Choice { candidate: place.name.to_owned(), zone: place.spec.zone.clone(), reason });
    }
    for place in &places {
        let outranked = || vec![format!("{} shadows are placed, and others rank before it", chosen.len())];
        rejected.entry(place.name.to_owned()).or_insert_with(outranked);
    }
    rejected.retain(|name, _| chosen.iter().all(|choice| choice.candidate != *name));
    let missing = profile.shadow_count.saturating_sub(u32::try_from(chosen.len()).unwrap_or(u32::MAX));
    PlacementReport { chosen, rejected, hourly_cost, missing }
}

impl<'a> Place<'a> {
    fn new((name, spec): (&'a String, &'a CandidateSpec)) -> Self {
        Self { name, spec, capacity: spec.capacity.clone(), licences: spec.licences }
    }

    fn take(&mut self, size: &Size) {
        let less = |free: Option<f64>, taken: Option<f64>| free.map(|free| free - taken.unwrap_or(0.0));
        self.capacity = Size {
            cpu_cores: less(self.capacity.cpu_cores, size.cpu_cores),
            memory_gib: less(self.capacity.memory_gib, size.memory_gib),
            iops: less(self.capacity.iops, size.iops),
            bandwidth_mbps: less(self.capacity.bandwidth_mbps, size.bandwidth_mbps),
            storage_gib: less(self.capacity.storage_gib, size.storage_gib),
        };
        self.licences = self.licences.map(|free| free.saturating_sub(1));
    }

    fn latency(&self) -> f64 {
        self.spec.latency_ms + self.spec.data_latency_ms
    }
}

/// Everything that stands against a candidate.
fn reasons_against(
    place: &Place<'_>,
    profile: &PlacementProfileSpec,
    size: &Size,
    serving: &BTreeSet<String>,
    budget: Option<f64>,
) -> Vec<String> {
    let spec = place.spec;
    let mut reasons = Vec::new();
    if serving.contains(&spec.zone) {
        reasons.push(format!("zone {} serves already: a shadow there would fail with it", spec.zone));
    }
    if spec.health <= 0.0 {
        reasons.push(format!("zone {} is down", spec.zone));
    }
    for ((name, free), (_, wanted)) in place.capacity.parts().into_iter().zip(size.parts()) {
        if let (Some(free), Some(wanted)) = (free, wanted)
            && free < wanted
        {
            reasons.push(format!("{name}: {wanted} wanted, {free} free"));
        }
    }
    if let Some(max) = profile.latency_ms_max.filter(|max| spec.latency_ms > *max) {
        reasons.push(format!("latency: {} ms, at most {max} ms allowed", spec.latency_ms));
    }
    if place.licences == Some(0) {
        reasons.push("no licence is free".to_owned());
    }
    if let Some(left) = budget.filter(|left| spec.hourly_cost > *left) {
        reasons.push(format!("cost: {} an hour, {left:.2} left of the budget", spec.hourly_cost));
    }
    reasons
}

/// The better place first.
fn order(one: &Place<'_>, other: &Place<'_>) -> Ordering {
    let priority = other.spec.priority.cmp(&one.spec.priority);
    let health = other.spec.health.total_cmp(&one.spec.health);
    let latency = one.latency().total_cmp(&other.latency());
    let cost = one.spec.hourly_cost.total_cmp(&other.spec.hourly_cost);
    priority.then(health).then(latency).then(cost).then_with(|| one.name.cmp(other.name))
}

/// What decided between the best place and the next.
fn why(best: &Place<'_>, best_used: usize, next: &Place<'_>, next_used: usize) -> String {
    let (one, other) = (best.spec, next.spec);
    let name = next.name;
    if best_used != next_used {
        format!("zone {} has {best_used} shadows, {} of {name} has {next_used}", one.zone, other.zone)
    } else if one.priority != other.priority {
        format!("priority {}, {name} has {}", one.priority, other.priority)
    } else if one.health.total_cmp(&other.health).is_ne() {
        format!("health {}, {name} has {}", one.health, other.health)
    } else if best.latency().total_cmp(&next.latency()).is_ne() {
        format!("{} ms to clients and data, {name} has {} ms", best.latency(), next.latency())
    } else if one.hourly_cost.total_cmp(&other.hourly_cost).is_ne() {
        format!("{} an hour, {name} costs {}", one.hourly_cost, other.hourly_cost)
    } else {
        format!("its name comes before {name}, which is as good")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn placed(profile: Value) -> PlacementReport {
        let profile: PlacementProfileSpec = serde_json::from_value(profile).unwrap();
        let size = Size { cpu_cores: Some(4.0), ..Size::default() };
        place(&profile, &size, &["eu-1a".to_owned()].into())
    }

    fn names(report: &PlacementReport) -> Vec<&str> {
        report.chosen.iter().map(|choice| choice.candidate.as_str()).collect()
    }

    #[test]
    fn every_candidate_is_chosen_or_told_why_not() {
        let report = placed(json!({"latency_ms_max": 20.0, "hourly_cost_max": 2.0, "candidates": {
            "home": {"zone": "eu-1a"},
            "full": {"zone": "eu-1b", "capacity": {"cpu_cores": 2.0}, "licences": 0},
            "far": {"zone": "us-1a", "latency_ms": 90.0, "hourly_cost": 3.0},
            "down": {"zone": "eu-1d", "health": 0.0},
            "good": {"zone": "eu-1c", "hourly_cost": 1.0, "latency_ms": 5.0},
            "slower": {"zone": "eu-1e", "hourly_cost": 0.5, "latency_ms": 9.0}}}));
        assert_eq!(names(&report), ["good"]);
        assert_eq!(report.chosen[0].reason, "5 ms to clients and data, slower has 9 ms");
        assert_eq!(report.rejected.keys().collect::<Vec<_>>(), ["down", "far", "full", "home", "slower"]);
        assert_eq!(report.rejected["full"], ["cpu_cores: 4 wanted, 2 free", "no licence is free"]);
        assert_eq!(report.rejected["far"].len(), 2, "{:?}", report.rejected);
        assert!(report.rejected["slower"][0].contains("rank before it"));
        assert!((report.hourly_cost - 1.0).abs() < 1e-9 && report.missing == 0, "{report:?}");
    }

    #[test]
    fn shadows_are_spread_while_there_are_zones() {
        let candidates =
            json!({"b1": {"zone": "b", "priority": 1}, "b2": {"zone": "b"}, "c1": {"zone": "c", "licences": 1}});
        let spread = placed(json!({"shadow_count": 3, "candidates": candidates}));
        assert_eq!(names(&spread), ["b1", "c1", "b1"]);
        let packed = placed(json!({"shadow_count": 3, "spread": false, "candidates": candidates}));
        assert_eq!(names(&packed), ["b1", "b1", "b1"]);
    }

    #[test]
    fn the_budget_is_for_all_of_them() {
        let candidates = json!({"b": {"zone": "b", "hourly_cost": 1.5}, "c": {"zone": "c", "hourly_cost": 1.0}});
        let report = placed(json!({"shadow_count": 3, "hourly_cost_max": 2.2, "candidates": candidates}));
        assert_eq!((names(&report), report.missing), (vec!["c", "c"], 1));
        assert_eq!(report.rejected["b"], ["cost: 1.5 an hour, 0.20 left of the budget"]);
    }
}
