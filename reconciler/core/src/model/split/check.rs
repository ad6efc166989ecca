//! What can be said about a split without a proxy. Whatever Envoy would refuse in words that name no
//! attribute is refused here, so that a plan shows it and nothing is stored that cannot be served.

use super::{Backend, BackendState, HealthCheckSpec, MirrorSpec, SAFE_METHODS, SplitSpec};
use crate::model::check::Problems;
use crate::model::name;
use std::net::IpAddr;

impl SplitSpec {
    /// Checks the whole document.
    ///
    /// # Errors
    /// Every problem, with its attribute path.
    pub fn check(&self) -> Result<(), Problems> {
        let mut problems = Problems::default();
        problems.require(
            name::is_valid(&self.name),
            "name",
            format!("{:?} is not a valid name", self.name),
            name::RULE,
        );
        self.check_listener(&mut problems);
        for (slot, backend) in &self.backends {
            check_backend(slot, backend, &mut problems);
        }
        self.check_weights(&mut problems);
        self.check_writer(&mut problems);
        if let Some(mirror) = &self.mirror {
            self.check_mirror(mirror, &mut problems);
        }
        problems.require(
            self.affinity.is_none(),
            "affinity",
            // Envoy's own means either forget the first request or ignore the weights.
            "keeping clients on one backend is not supported",
            "remove it, and keep sessions in a store that all backends share",
        );
        if let Some(check) = &self.health_check {
            check_health_check(check, &mut problems);
        }
        problems.into_result(())
    }

    fn check_listener(&self, problems: &mut Problems) {
        problems.require(
            self.listener.address.parse::<IpAddr>().is_ok(),
            "listener.address",
            format!("{:?} is not an IP address", self.listener.address),
            "write the address that Envoy binds, such as \"127.0.0.1\", or \"0.0.0.0\" for all",
        );
        problems.require(self.listener.port > 0, "listener.port", "0 is not a port", "choose a port from 1 to 65535");
    }

    fn check_weights(&self, problems: &mut Problems) {
        let total: u64 = self.backends.values().map(|backend| u64::from(backend.weight)).sum();
        problems.require(
            total > 0 && total <= u64::from(u32::MAX),
            "backends",
            format!("the weights sum to {total}"),
            "give at least one backend a weight: a split without a serving backend is refused",
        );
    }

    fn check_writer(&self, problems: &mut Problems) {
        let Some(writer) = &self.writer else { return };
        match self.backends.get(writer) {
            None => problems.add("writer", format!("{writer:?} is not a backend"), "name a key of backends"),
            Some(backend) => problems.require(
                backend.state == BackendState::Active,
                "writer",
                format!("backend {writer:?} is not active"),
                "name one that is, or set its state to \"active\": writes would have nowhere to go",
            ),
        }
    }

    fn check_mirror(&self, mirror: &MirrorSpec, problems: &mut Problems) {
        problems.in_range("mirror.percent", mirror.percent, 0.0, 100.0);
        for (attribute, slot) in [("mirror.from", &mirror.from), ("mirror.to", &mirror.to)] {
            let known = self.backends.contains_key(slot);
            problems.require(known, attribute, format!("{slot:?} is not a backend"), "name a key of backends");
        }
        problems.require(
            mirror.from != mirror.to,
            "mirror.to",
            "a backend cannot mirror itself",
            "name another backend",
        );
        for (position, method) in mirror.methods.iter().enumerate() {
            self.check_mirrored_method(&format!("mirror.methods[{position}]"), method, problems);
        }
        let limits = [("mirror.timeout_ms", mirror.timeout_ms), ("mirror.max_concurrency", mirror.max_concurrency)];
        for (path, limit) in limits {
            problems.require(limit > 0, path, "0 would copy nothing", "write 1 or more, or remove the mirror");
        }
    }

    fn check_mirrored_method(&self, path: &str, method: &str, problems: &mut Problems) {
        if !is_token(method) {
            let remedy = "write one in capital letters, such as \"GET\"";
            problems.add(path, format!("{method:?} is not an HTTP method"), remedy);
        } else if self.writer.is_some() {
            check_copied_method(path, method, "remove writer", problems);
        }
    }
}

/// Notes a method of which a copy would be a second write. `way_out` says how to have it all the same.
pub(crate) fn check_copied_method(path: &str, method: &str, way_out: &str, problems: &mut Problems) {
    problems.require(
        SAFE_METHODS.contains(&method),
        path,
        format!("{method:?} is not a safe method: its copy would be a write on a second backend"),
        format!("copy only {}, or {way_out} if the backends share their data", SAFE_METHODS.join(", ")),
    );
}

fn check_backend(slot: &str, backend: &Backend, problems: &mut Problems) {
    let path = |attribute: &str| format!("backends[{slot:?}].{attribute}");
    problems.require(name::is_valid(slot), &format!("backends[{slot:?}]"), "the key is not a valid name", name::RULE);
    problems.require(
        is_host(&backend.address),
        &path("address"),
        format!("{:?} is neither an IP address nor a host name", backend.address),
        "write one without scheme, port or brackets",
    );
    problems.require(backend.port > 0, &path("port"), "0 is not a port", "choose a port from 1 to 65535");
    problems.require(
        backend.weight == 0 || backend.state == BackendState::Active,
        &path("weight"),
        "a backend that is not active has a weight",
        "set its weight to 0, or its state to \"active\"",
    );
}

fn check_health_check(check: &HealthCheckSpec, problems: &mut Problems) {
    problems.require(
        is_path(&check.path),
        "health_check.path",
        format!("{:?} is not a path", check.path),
        "write an absolute path of visible ASCII characters, such as \"/healthz\"",
    );
    problems.duration("health_check.interval", &check.interval);
    problems.duration("health_check.timeout", &check.timeout);
    for (path, threshold) in [
        ("health_check.unhealthy_threshold", check.unhealthy_threshold),
        ("health_check.healthy_threshold", check.healthy_threshold),
    ] {
        problems.require(threshold > 0, path, "0 checks prove nothing", "write 1 or more");
    }
}

fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte))
}

/// The characters of RFC 9110, 5.6.2 that anybody uses.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// A split with everything, after a change; the paths of its problems.
    fn paths(change: impl Fn(&mut Value)) -> Vec<String> {
        let mut document = json!({
            "name": "s",
            "listener": {"address": "127.0.0.1", "port": 80},
            "backends": {
                "a": {"address": "10.0.0.1", "port": 80, "weight": 90},
                "b": {"address": "shadow.example.org", "port": 80, "weight": 10},
                "c": {"address": "::1", "port": 80, "weight": 0, "state": "drain"},
            },
            "writer": "a",
            "mirror": {"from": "a", "to": "b", "percent": 5.0},
            "health_check": {"path": "/healthz", "interval": "1s", "timeout": "1s",
                "unhealthy_threshold": 2, "healthy_threshold": 1},
        });
        change(&mut document);
        let spec: SplitSpec = serde_json::from_value(document).unwrap();
        spec.check().err().unwrap_or_default().0.into_iter().map(|problem| problem.path).collect()
    }

    #[test]
    fn every_problem_is_reported_at_its_path() {
        assert_eq!(paths(|_| ()), Vec::<String>::new());
        let check = |pointer: &str, value: Value, path: &str| {
            let set = |document: &mut Value| *document.pointer_mut(pointer).unwrap() = value.clone();
            assert_eq!(paths(set), [path], "{pointer} = {value}");
        };
        check("/name", json!("No"), "name");
        check("/listener/address", json!("example.org"), "listener.address");
        check("/listener/port", json!(0), "listener.port");
        check("/backends/a/address", json!("http://x"), "backends[\"a\"].address");
        check("/backends/a/port", json!(0), "backends[\"a\"].port");
        check("/backends/c/weight", json!(1), "backends[\"c\"].weight");
        check("/mirror/percent", json!(101), "mirror.percent");
        check("/mirror/to", json!("a"), "mirror.to");
        check("/health_check/path", json!("no slash"), "health_check.path");
        check("/health_check/interval", json!("often"), "health_check.interval");
        check("/health_check/unhealthy_threshold", json!(0), "health_check.unhealthy_threshold");
        assert_eq!(paths(|d| d["affinity"] = json!({"cookie": "c"})), ["affinity"]);
        assert_eq!(paths(|d| d["mirror"]["timeout_ms"] = json!(0)), ["mirror.timeout_ms"]);
        assert_eq!(paths(|d| d["mirror"]["max_concurrency"] = json!(0)), ["mirror.max_concurrency"]);
        assert_eq!(paths(|d| d["mirror"]["methods"] = json!(["GET", "G T"])), ["mirror.methods[1]"]);
    }

    #[test]
    fn a_split_without_weight_is_refused() {
        let zero = |document: &mut Value| {
            document["backends"]["a"]["weight"] = json!(0);
            document["backends"]["b"]["weight"] = json!(0);
        };
        assert_eq!(paths(zero), ["backends"]);
    }

    #[test]
    fn the_writer_is_an_active_backend_and_nobody_gets_copies_of_writes() {
        let with_writer = |writer: &'static str| paths(move |document| document["writer"] = json!(writer));
        assert_eq!(with_writer("b"), Vec::<String>::new());
        assert_eq!(with_writer("c"), ["writer"]);
        assert_eq!(with_writer("d"), ["writer"]);
        let copied = |writer: Value| {
            paths(move |document| {
                document["writer"] = writer.clone();
                document["mirror"]["methods"] = json!(["TRACE", "POST", "get"]);
            })
        };
        assert_eq!(copied(json!("a")), ["mirror.methods[1]", "mirror.methods[2]"]);
        assert_eq!(copied(Value::Null), Vec::<String>::new());
    }
}
