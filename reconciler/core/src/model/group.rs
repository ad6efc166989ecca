//! A group: one service, its original primary, its signals and the modules that make its shadows.

use super::check::Problems;
use super::name::{GroupName, SlotId};
use super::placement::PlacementProfileSpec;
use super::signal::{Direction, SignalSpec, check_query};
use super::size::Size;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What `shadow_group` declares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupSpec {
    /// Unique within the reconciler.
    pub name: String,
    /// Name of the policy.
    pub policy: String,
    /// The instance that serves today, owned by the user: slot `a`.
    pub primary: PrimarySpec,
    /// What is measured and where its limits are.
    pub signals: BTreeMap<String, SignalSpec>,
    /// The module that makes an instance.
    pub instance: ModuleSpec,
    /// The module that sets the weights.
    pub traffic: ModuleSpec,
    /// Size asked for a shadow.
    #[serde(default)]
    pub size: Size,
    /// Where a shadow goes.
    #[serde(default)]
    pub placement: Placement,
    /// Queries that say how far a shadow's data is behind.
    #[serde(default)]
    pub sync: Option<SyncQueries>,
    /// Instances that serve beside the primary, by the slots that they have today.
    #[serde(default)]
    pub members: BTreeMap<String, PrimarySpec>,
    /// How places for shadows are chosen.
    #[serde(default)]
    pub placement_profile: Option<PlacementProfileSpec>,
    /// Names of the calendars whose events affect it.
    #[serde(default)]
    pub calendars: Vec<String>,
    /// Addresses that are told of transitions, by class: one of [`TRANSITIONS`].
    #[serde(default)]
    pub sinks: BTreeMap<String, Vec<String>>,
}

/// Classes of transitions that sinks may be told of.
pub const TRANSITIONS: [&str; 8] =
    ["staging", "shifting", "handover", "rollback", "failback", "retiring", "hold", "alert"];

/// Most sinks of one class.
const SINKS_MAX: usize = 16;

/// Slot of the primary.
const PRIMARY_SLOT: &str = "a";

/// The instance that serves today.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PrimarySpec {
    /// What `$instance` stands for in queries.
    pub instance_id: String,
    /// IP address or host name at which it serves.
    pub address: String,
    /// TCP port at which it serves.
    pub port: u16,
    /// Path of an HTTP check that answers 2xx or 3xx when it is well.
    #[serde(default)]
    pub health_path: Option<String>,
    /// Failure domain that shadows avoid.
    #[serde(default)]
    pub zone: Option<String>,
}

/// A Terraform module of the user's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ModuleSpec {
    /// As in a `module` block: an absolute path, a registry address or a URL.
    pub source: String,
    /// Version constraint, for registry modules.
    #[serde(default)]
    pub version: Option<String>,
    /// Passed to the module as `params`, unread. Not for secrets.
    #[serde(default)]
    pub params: Value,
}

/// Where a shadow goes; absent parts are left to the module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// Region.
    #[serde(default)]
    pub region: Option<String>,
    /// Zone; must differ from the primary's, if both are given.
    #[serde(default)]
    pub zone: Option<String>,
    /// Host.
    #[serde(default)]
    pub host: Option<String>,
    /// Instance class.
    #[serde(default)]
    pub instance_class: Option<String>,
}

/// PromQL that says how far a shadow's data is behind; `$instance` is the shadow's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncQueries {
    /// Lag in seconds.
    pub lag_seconds: String,
    /// Lag in bytes.
    pub lag_bytes: String,
    /// A number that grows while data arrives; one that stands still is a stall.
    pub position: String,
}

/// A checked group.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Its name.
    pub name: GroupName,
    /// The declaration that this was checked from.
    pub spec: GroupSpec,
    /// Raised with each accepted change of the declaration.
    pub generation: u64,
}

impl GroupSpec {
    /// Checks the declaration.
    ///
    /// # Errors
    /// Every problem, with its attribute path.
    pub fn check(self, generation: u64) -> Result<Group, Problems> {
        let mut problems = Problems::default();
        problems.name("name", &self.name);
        problems.name("policy", &self.policy);
        self.primary.check("primary", &mut problems);
        self.check_zones(&mut problems);
        self.check_signals(&mut problems);
        self.check_members(&mut problems);
        self.check_sinks(&mut problems);
        self.size.check("size", &mut problems);
        for (path, module) in [("instance.source", &self.instance), ("traffic.source", &self.traffic)] {
            module.check(path, &mut problems);
        }
        for (i, calendar) in self.calendars.iter().enumerate() {
            problems.name(&format!("calendars[{i}]"), calendar);
        }
        if let Some(sync) = &self.sync {
            sync.check(&mut problems);
        }
        if let Some(profile) = &self.placement_profile {
            profile.check(&mut problems);
        }
        let name = GroupName::new(self.name.clone());
        match name {
            Ok(name) => problems.into_result(Group { name, spec: self, generation }),
            Err(_already_noted) => Err(problems),
        }
    }

    fn check_zones(&self, problems: &mut Problems) {
        let same_zone = self.primary.zone.is_some() && self.primary.zone == self.placement.zone;
        problems.relate(
            !same_zone,
            "placement.zone",
            &["primary.zone"],
            "the shadow would share the primary's zone",
            "name another zone: a shadow that fails with its primary is no help",
        );
    }

    fn check_members(&self, problems: &mut Problems) {
        for (slot, member) in &self.members {
            let path = format!("members[{slot:?}]");
            let free = SlotId::new(slot.as_str()).is_ok() && slot != PRIMARY_SLOT;
            problems.require(
                free,
                &path,
                "the key is not a free slot",
                format!("use a name other than {PRIMARY_SLOT:?}, which is the primary's, such as \"b\""),
            );
            member.check(&path, problems);
            let Some(same) = self.others_with_id(slot, &member.instance_id).next() else { continue };
            let (path, related) = (format!("{path}.instance_id"), format!("{same}.instance_id"));
            let remedy = "give each instance its own: queries tell them apart by it";
            problems.relate(false, &path, &[&related], format!("{same} has it as well"), remedy);
        }
    }

    /// Paths of the instances but that of `slot` which have this id.
    fn others_with_id<'a>(&'a self, slot: &'a str, instance_id: &'a str) -> impl Iterator<Item = String> + 'a {
        let others = self.members.iter().filter(move |(other, _)| *other != slot);
        let members = others.map(|(other, member)| (format!("members[{other:?}]"), member));
        let all = std::iter::once(("primary".to_owned(), &self.primary)).chain(members);
        all.filter(move |(_, other)| other.instance_id == instance_id).map(|(path, _)| path)
    }

    fn check_sinks(&self, problems: &mut Problems) {
        for (class, urls) in &self.sinks {
            let path = format!("sinks[{class:?}]");
            let remedy = format!("use one of {}", TRANSITIONS.join(", "));
            problems.require(TRANSITIONS.contains(&class.as_str()), &path, "it is no class of transitions", remedy);
            let remedy = format!("list 1 to {SINKS_MAX}, or leave the class out");
            problems.require((1..=SINKS_MAX).contains(&urls.len()), &path, "there are too few or too many", remedy);
            for (i, url) in urls.iter().enumerate() {
                problems.require(
                    is_sink(url),
                    &format!("{path}[{i}]"),
                    "it is no http or https URL without credentials",
                    "write it as in \"https://hooks.example.com/shadow\"",
                );
            }
        }
    }

    fn check_signals(&self, problems: &mut Problems) {
        problems.require(
            !self.signals.is_empty(),
            "signals",
            "there is no signal",
            "declare at least one query with its limit",
        );
        for (key, signal) in &self.signals {
            problems.key(&format!("signals[{key:?}]"), key);
            signal.check(key, problems);
            self.check_resource(key, signal, problems);
        }
    }

    /// A resource is measured once, in a unit that can be converted, and more of it is worse.
    fn check_resource(&self, key: &str, signal: &SignalSpec, problems: &mut Problems) {
        let Some(resource) = signal.resource else { return };
        let at = |key: &str, attribute: &str| format!("signals[{key:?}].{attribute}");
        let path = at(key, "resource");
        problems.relate(
            signal.unit == resource.unit(),
            &path,
            &[&at(key, "unit")],
            format!("{resource} is measured in {}, the unit says {}", resource.unit(), signal.unit),
            "convert in the query, or leave resource out",
        );
        problems.relate(
            signal.direction == Direction::Above,
            &path,
            &[&at(key, "direction")],
            "a signal that is in trouble below its limit measures no use",
            "leave resource out, or measure what is used",
        );
        let same = self.signals.iter().find(|(other, it)| other.as_str() < key && it.resource == Some(resource));
        if let Some((other, _)) = same {
            let remedy = "leave it out in one of them: a size follows one signal";
            problems.relate(false, &path, &[&at(other, "resource")], format!("signal {other} has it as well"), remedy);
        }
    }
}

/// Whether others can be told there. Credentials do not belong in a declaration.
fn is_sink(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    !host.is_empty() && !host.contains('@') && !url.contains(char::is_whitespace)
}

impl PrimarySpec {
    fn check(&self, path: &str, problems: &mut Problems) {
        let at = |attribute: &str| format!("{path}.{attribute}");
        problems.require(self.port > 0, &at("port"), "0 is not a port", "choose a port from 1 to 65535");
        problems.require(
            self.health_path.as_ref().is_none_or(|path| path.starts_with('/')),
            &at("health_path"),
            "it is not a path",
            "start it with a slash, as in \"/healthz\"",
        );
    }
}

impl SyncQueries {
    fn check(&self, problems: &mut Problems) {
        let queries = [
            ("sync.lag_seconds", &self.lag_seconds),
            ("sync.lag_bytes", &self.lag_bytes),
            ("sync.position", &self.position),
        ];
        for (path, query) in queries {
            check_query(path, query, problems);
        }
    }
}

impl ModuleSpec {
    fn check(&self, path: &str, problems: &mut Problems) {
        problems.require(!self.source.is_empty(), path, "the source is empty", "name a module as in a module block");
        let relative = self.source.starts_with("./") || self.source.starts_with("../");
        problems.require(
            !relative,
            path,
            format!("{:?} is relative to a folder that the reconciler does not know", self.source),
            "write an absolute path, as in abspath(\"${path.module}/modules/instance\")",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::resource::Resource;
    use crate::model::signal::SignalKind;

    fn spec() -> GroupSpec {
        serde_json::from_value(serde_json::json!({
            "name": "checkout", "policy": "default",
            "primary": {"instance_id": "i-1", "address": "10.0.0.1", "port": 8080, "zone": "eu-1a"},
            "signals": {"latency": {"query": "probe_seconds{instance=\"$instance\"}", "limit": 0.5, "unit": "seconds"}},
            "instance": {"source": "/modules/instance"}, "traffic": {"source": "/modules/traffic"},
        }))
        .unwrap()
    }

    fn paths(change: impl Fn(&mut GroupSpec)) -> Vec<String> {
        let mut spec = spec();
        change(&mut spec);
        spec.check(1).err().unwrap_or_default().0.into_iter().map(|problem| problem.path).collect()
    }

    fn latency(spec: &mut GroupSpec) -> &mut SignalSpec {
        spec.signals.get_mut("latency").unwrap()
    }

    #[test]
    fn problems_name_their_attribute() {
        assert!(paths(|_| {}).is_empty());
        assert_eq!(paths(|g| latency(g).unit = "parsecs".into()), [r#"signals["latency"].unit"#]);
        assert_eq!(paths(|g| latency(g).unit = "bytes".into()), [r#"signals["latency"].unit"#]);
        assert_eq!(paths(|g| latency(g).query = "up".into()), [r#"signals["latency"].query"#]);
        assert_eq!(paths(|g| g.placement.zone = Some("eu-1a".into())), ["placement.zone"]);
        assert_eq!(paths(|g| g.instance.source = "./m".into()), ["instance.source"]);
        assert_eq!(paths(|g| g.signals.clear()), ["signals"]);
        assert_eq!(paths(|g| g.name = "Not Good".into()), ["name"]);
        assert_eq!(paths(|g| latency(g).query = "rate(x{i=\"$instance\"}".into()), [r#"signals["latency"].query"#]);
        assert_eq!(paths(|g| g.size.memory_gib = Some(-1.0)), ["size.memory_gib"]);
        assert_eq!(paths(|g| g.calendars = vec!["ok".into(), "Not".into()]), ["calendars[1]"]);
        let sinks = [("handover", "https://h/x"), ("lunch", "https://h"), ("alert", "https://user:pw@h/")];
        let with_sinks = |g: &mut GroupSpec| {
            g.sinks = sinks.map(|(class, url)| (class.to_owned(), vec![url.to_owned()])).into();
        };
        assert_eq!(paths(with_sinks), [r#"sinks["alert"][0]"#, r#"sinks["lunch"]"#]);
    }

    #[test]
    fn a_resource_is_measured_once_and_in_its_unit() {
        let with = |resource, unit: &str, direction| {
            let signal = |query: &str| SignalSpec {
                query: query.into(),
                limit: 1.0,
                direction,
                unit: unit.into(),
                kind: SignalKind::Gauge,
                resource: Some(resource),
            };
            paths(|g| {
                g.signals.insert("one".into(), signal("a{i=\"$instance\"}"));
                g.signals.insert("two".into(), signal("b{i=\"$instance\"}"));
            })
        };
        let (one, two) = (r#"signals["one"].resource"#, r#"signals["two"].resource"#);
        assert_eq!(with(Resource::CpuCores, "cores", Direction::Above), [two]);
        assert_eq!(with(Resource::MemoryGib, "percent", Direction::Above), [one, two]);
        assert_eq!(with(Resource::Iops, "per_second", Direction::Below), [one, two]);
    }

    #[test]
    fn a_longer_suffix_tells_the_unit() {
        let named = |g: &mut GroupSpec| {
            latency(g).query = "net_bytes_per_second{i=\"$instance\"}".into();
            latency(g).unit = "bytes_per_second".into();
        };
        assert!(paths(named).is_empty());
    }

    #[test]
    fn members_are_told_apart() {
        let with_members = |g: &mut GroupSpec| {
            let member = |id: &str| PrimarySpec { instance_id: id.into(), ..g.primary.clone() };
            g.members =
                [("b", "i-2"), ("c", "i-1"), ("a", "i-3")].map(|(slot, id)| (slot.to_owned(), member(id))).into();
        };
        assert_eq!(paths(with_members), [r#"members["a"]"#, r#"members["c"].instance_id"#]);
    }

    #[test]
    fn arithmetic_may_change_the_unit() {
        let converted = |g: &mut GroupSpec| {
            latency(g).query = "probe_seconds{instance=\"$instance\"} / 2".into();
            latency(g).unit = "ratio".into();
        };
        assert!(paths(converted).is_empty());
    }

    #[test]
    fn a_counter_is_asked_for_by_its_rate() {
        let counted = |query: &'static str| {
            move |g: &mut GroupSpec| {
                let requests = latency(g);
                (requests.query, requests.kind) = (query.into(), SignalKind::Counter);
                requests.unit = "per_second".into();
            }
        };
        assert!(paths(counted("requests_total{instance=\"$instance\"} ")).is_empty());
        assert_eq!(paths(counted("rate(requests_total{i=\"$instance\"}[5m])")), [r#"signals["latency"].kind"#]);
        let (group, slot) = (GroupName::new("g").unwrap(), SlotId::new("a").unwrap());
        let mut spec = spec();
        counted("requests_total{instance=\"$instance\"} ")(&mut spec);
        let query = latency(&mut spec).query_for(&group, &slot, "i-1");
        assert_eq!(query, "rate(requests_total{instance=\"i-1\"}[2m])");
    }
}
