//! A signal: what is measured of an instance, and the limit beyond which the service no longer does its job.

use super::check::Problems;
use super::name::{GroupName, SlotId};
use super::resource::Resource;
use crate::promql;
use serde::{Deserialize, Serialize};

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
    /// The part of a shadow's size that follows its forecast, if it measures one.
    #[serde(default)]
    pub resource: Option<Resource>,
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

/// Units that a signal may have, with the suffix by which Prometheus names tell them.
/// A suffix that another one ends with comes before it.
pub const UNITS: [(&str, &str); 9] = [
    ("seconds", "_seconds"),
    ("bytes", "_bytes"),
    ("ratio", "_ratio"),
    ("percent", "_percent"),
    ("celsius", "_celsius"),
    ("cores", "_cores"),
    ("count", "_total"),
    ("bytes_per_second", "_bytes_per_second"),
    ("per_second", "_per_second"),
];

impl Direction {
    /// What values are multiplied by so that they rise to the limit.
    pub(crate) fn sign(self) -> f32 {
        match self {
            Self::Above => 1.0,
            Self::Below => -1.0,
        }
    }

    /// What is on the side of the limit.
    pub(crate) fn pick<T>(self, above: T, below: T) -> T {
        match self {
            Self::Above => above,
            Self::Below => below,
        }
    }
}

impl SignalSpec {
    /// Notes what is wrong with it as the signal `key` of a group.
    pub(super) fn check(&self, key: &str, problems: &mut Problems) {
        let path = |attribute: &str| format!("signals[{key:?}].{attribute}");
        problems.require(self.limit.is_finite(), &path("limit"), "the limit is not a number", "give a finite number");
        problems.require(
            self.query.contains("$instance") || self.query.contains("$slot"),
            &path("query"),
            "the query does not say which instance it is about",
            "use $instance or $slot in a label matcher: after a hand-over the primary is another instance",
        );
        check_query(&path("query"), &self.query, problems);
        self.check_kind(key, problems);
        self.check_unit(&path("unit"), &path("query"), problems);
    }

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

/// Notes a query that does not parse.
pub(super) fn check_query(path: &str, query: &str, problems: &mut Problems) {
    if let Err(error) = promql::check(query) {
        problems.add(path, error, "write a PromQL expression that yields one number for one instance");
    }
}

/// Replaces `$instance`, `$slot` and `$group` in a PromQL text. Quotes and backslashes of an
/// instance id are escaped, so that an id cannot change the query.
pub fn replace_placeholders(query: &str, group: &GroupName, slot: &SlotId, instance_id: &str) -> String {
    let escaped = instance_id.replace('\\', "\\\\").replace('"', "\\\"");
    query.replace("$instance", &escaped).replace("$slot", slot.as_str()).replace("$group", group.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_id_cannot_change_the_query() {
        let (group, slot) = (GroupName::new("g").unwrap(), SlotId::new("a").unwrap());
        let query = replace_placeholders(r#"up{i="$instance",s="$slot"}"#, &group, &slot, r#"x"} or up{y=""#);
        assert_eq!(query, r#"up{i="x\"} or up{y=\"",s="a"}"#);
    }
}
