//! A group: one service, its original primary, its signals and the modules that make its shadows.

use super::check::Problems;
use super::name::{GroupName, SlotId};
use super::placement::PlacementProfileSpec;
use crate::promql;
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

/// One measured quantity and its limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignalSpec {
    /// PromQL that yields one series; `$instance`, `$slot` and `$group` are replaced.
    pub query: String,
    /// Value at which the service no longer does its job.
    pub limit: f64,
    /// On which side of the limit the trouble lies.
    #[serde(default)]
    pub direction: Direction,
    /// Unit of the query's values and of the limit; of a counter, of what it grows by in a second.
    pub unit: String,
    /// What the query yields.
    #[serde(default)]
    pub kind: SignalKind,
}

/// What a query yields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignalKind {
    /// A value that is watched as it is. Most queries yield one: `rate(…)` does.
    #[default]
    Gauge,
    /// A sum that only grows, and begins at zero when what counts is restarted. It is watched by its rate.
    Counter,
}

/// Window of a counter's rate: it holds two scrapes where they are a minute apart.
const RATE_WINDOW: &str = "2m";

/// On which side of a limit the trouble lies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Values at or above the limit are bad.
    #[default]
    Above,
    /// Values at or below the limit are bad.
    Below,
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

/// Size of an instance; absent parts are left to the module.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Size {
    /// CPU cores.
    #[serde(default)]
    pub cpu_cores: Option<f64>,
    /// Memory in GiB.
    #[serde(default)]
    pub memory_gib: Option<f64>,
    /// Disk operations per second.
    #[serde(default)]
    pub iops: Option<f64>,
    /// Network bandwidth in Mbit/s.
    #[serde(default)]
    pub bandwidth_mbps: Option<f64>,
    /// Disk in GiB.
    #[serde(default)]
    pub storage_gib: Option<f64>,
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

/// Units that a signal may have, with the suffix by which Prometheus names tell them.
pub const UNITS: [(&str, &str); 8] = [
    ("seconds", "_seconds"),
    ("bytes", "_bytes"),
    ("ratio", "_ratio"),
    ("percent", "_percent"),
    ("celsius", "_celsius"),
    ("cores", "_cores"),
    ("count", "_total"),
    ("per_second", "_per_second"),
];

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
            let path = |attribute: &str| format!("signals[{key:?}].{attribute}");
            problems.key(&format!("signals[{key:?}]"), key);
            problems.require(
                signal.limit.is_finite(),
                &path("limit"),
                "the limit is not a number",
                "give a finite number",
            );
            problems.require(
                signal.query.contains("$instance") || signal.query.contains("$slot"),
                &path("query"),
                "the query does not say which instance it is about",
                "use $instance or $slot in a label matcher: after a hand-over the primary is another instance",
            );
            check_query(&path("query"), &signal.query, problems);
            signal.check_kind(key, problems);
            signal.check_unit(&path("unit"), &path("query"), problems);
        }
    }
}

fn check_query(path: &str, query: &str, problems: &mut Problems) {
    if let Err(error) = promql::check(query) {
        problems.add(path, error, "write a PromQL expression that yields one number for one instance");
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

impl Size {
    /// Its parts by name.
    pub fn parts(&self) -> [(&'static str, Option<f64>); 5] {
        [
            ("cpu_cores", self.cpu_cores),
            ("memory_gib", self.memory_gib),
            ("iops", self.iops),
            ("bandwidth_mbps", self.bandwidth_mbps),
            ("storage_gib", self.storage_gib),
        ]
    }

    /// Notes what is wrong with it.
    pub fn check(&self, path: &str, problems: &mut Problems) {
        for (name, value) in self.parts() {
            problems.in_range(&format!("{path}.{name}"), value.unwrap_or(0.0), 0.0, 1e9);
        }
    }
}

impl SignalSpec {
    fn check_unit(&self, path: &str, query: &str, problems: &mut Problems) {
        let known: Vec<&str> = UNITS.iter().map(|(unit, _)| *unit).collect();
        if !known.contains(&self.unit.as_str()) {
            problems.add(path, format!("{:?} is not a unit", self.unit), format!("use one of {}", known.join(", ")));
            return;
        }
        // A rate has another unit than what is counted.
        let Some(named) = self.unit_by_name().filter(|_| self.kind == SignalKind::Gauge) else { return };
        problems.relate(
            named == self.unit,
            path,
            &[query],
            format!("the metric's name says {named}, the unit says {}", self.unit),
            format!("give the limit in {named}, or convert in the query and name no metric of another unit"),
        );
    }

    fn check_kind(&self, key: &str, problems: &mut Problems) {
        let path = |attribute: &str| format!("signals[{key:?}].{attribute}");
        problems.relate(
            self.kind == SignalKind::Gauge || promql::is_selector(&self.query),
            &path("kind"),
            &[&path("query")],
            "a counter is a metric with labels, and this query does something with it",
            "leave out all but NAME{…}, or take the rate in the query and call it a gauge",
        );
    }

    /// The unit that the query's metric name tells, when the query is a plain selector: any
    /// function or arithmetic may change the unit.
    fn unit_by_name(&self) -> Option<&'static str> {
        let (metric, rest) = self.query.split_once('{')?;
        let plain = rest.trim_end().ends_with('}') && rest.matches('}').count() == 1;
        let is_name = metric.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
        let suffix = |suffix: &str| metric.ends_with(suffix);
        (plain && is_name).then(|| UNITS.iter().find(|(_, s)| suffix(s)).map(|(unit, _)| *unit))?
    }

    /// The query with its placeholders replaced. Of a counter it asks for the rate, in which Prometheus counts what came
    /// after a reset from zero on.
    pub fn query_for(&self, group: &GroupName, slot: &SlotId, instance_id: &str) -> String {
        let query = replace_placeholders(&self.query, group, slot, instance_id);
        match self.kind {
            SignalKind::Gauge => query,
            SignalKind::Counter => format!("rate({}[{RATE_WINDOW}])", query.trim()),
        }
    }

    /// Whether `value` breaks the limit.
    pub fn breaks(&self, value: f64) -> bool {
        match self.direction {
            Direction::Above => value >= self.limit,
            Direction::Below => value <= self.limit,
        }
    }
}

/// Replaces `$instance`, `$slot` and `$group` in a PromQL text. Quotes and backslashes of an
/// instance id are escaped, so that an id cannot change the query.
pub fn replace_placeholders(query: &str, group: &GroupName, slot: &SlotId, instance_id: &str) -> String {
    let escaped = instance_id.replace('\\', "\\\\").replace('"', "\\\"");
    query.replace("$instance", &escaped).replace("$slot", slot.as_str()).replace("$group", group.as_str())
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

    #[test]
    fn an_instance_id_cannot_change_the_query() {
        let (group, slot) = (GroupName::new("g").unwrap(), SlotId::new("a").unwrap());
        let query = replace_placeholders(r#"up{i="$instance",s="$slot"}"#, &group, &slot, r#"x"} or up{y=""#);
        assert_eq!(query, r#"up{i="x\"} or up{y=\"",s="a"}"#);
    }
}
