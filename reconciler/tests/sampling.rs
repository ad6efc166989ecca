//! Samples of a group whose past a real Prometheus has: means, what is kept of them, and what a restart changes. Time is
//! an argument, so that hours pass at once.

#![cfg(test)]
#![allow(clippy::disallowed_methods, reason = "tests start programs and look at the clock")]

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use shadow_core::model::group::{GroupSpec, PrimarySpec};
use shadow_core::model::slot::{Endpoint, Instance, Role, Slot};
use shadow_core::model::{Group, Policy, PolicySpec, SlotId};
use shadow_core::score::Score;
use shadow_core::state::GroupState;
use shadow_reconciler::app::{App, ServeConfig};
use shadow_reconciler::sample::{GroupSample, Sampler};
use shadow_reconciler::teaching::learn_if_due;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::sync::watch;

const DEADLINE: Duration = Duration::from_secs(60);
const DAY: i64 = 86_400;
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// A reconciler beside a Prometheus that has three days of two signals.
struct World {
    app: App,
    group: Group,
    policy: Policy,
    state: GroupState,
    /// End of what Prometheus has, at the beginning of a step.
    end: Timestamp,
    _prometheus: Child,
    _home: TempDir,
    _stop: watch::Sender<bool>,
}

/// What was measured at a second of those three days.
fn latency(second: i64) -> f64 {
    let hour = (second % DAY) as f64 / 3_600.0;
    0.2 + 0.7 * (-(hour - 18.0).powi(2) / 4.0).exp() + (second / 60 * 7919 % 13) as f64 / 100.0
}

fn memory(second: i64) -> f64 {
    1e9 + 1e3 * second as f64 + 1e6 * (second / 60 * 31 % 17) as f64
}

impl World {
    async fn start() -> Self {
        // Only the first call in a process takes effect.
        rustls::crypto::ring::default_provider().install_default().ok();
        let home = TempDir::new().expect("a folder");
        let end = Timestamp::from_second((Timestamp::now().as_second() / DAY - 1) * DAY + 17 * 3_600).expect("a time");
        fill(home.path(), end).await;
        let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("known").port();
        let config = home.path().join("prometheus.yml");
        std::fs::write(&config, "global: {}\n").expect("written");
        let prometheus = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", home.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(home.path().join("log")).expect("created"))
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start prometheus: {error}; `make test` installs it"));
        let (stop, stopping) = watch::channel(false);
        let app = App::open(config_of(home.path(), port), stopping).expect("opened");
        let start = Instant::now();
        while app.prometheus.instant("memory", end).await.ok().flatten().is_none() {
            assert!(start.elapsed() < DEADLINE, "waited {DEADLINE:?} for Prometheus to have the past");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let (group, policy) = (group(), policy());
        let state = state(&group.spec.primary, end);
        Self { app, group, policy, state, end, _prometheus: prometheus, _home: home, _stop: stop }
    }

    /// Another reconciler on the same data.
    fn restarted(self) -> Self {
        let Self { app, group, policy, state, end, _prometheus, _home, _stop } = self;
        let config = app.config.clone();
        drop(app);
        let app = App::open(config, _stop.subscribe()).expect("opened again");
        Self { app, group, policy, state, end, _prometheus, _home, _stop }
    }

    async fn sample(&self, sampler: &mut Sampler, at: Timestamp) -> GroupSample {
        sampler.sample(&self.app, &self.group, &self.policy, &self.state, at).await
    }

    /// A minute apart, from `first` to `last` minutes after two hours before the end.
    async fn samples(&self, sampler: &mut Sampler, first: i32, last: i32) -> GroupSample {
        let mut newest = self.sample(sampler, self.minute(first)).await;
        for minute in first + 1..=last {
            newest = self.sample(sampler, self.minute(minute)).await;
        }
        newest
    }

    fn minute(&self, minute: i32) -> Timestamp {
        self.end - MINUTE * 120 + MINUTE * minute + SignedDuration::from_secs(20)
    }

    fn file(&self) -> PathBuf {
        self.app.config.data.join("histories").join("checkout")
    }
}

/// Gives a Prometheus to be three days of samples a minute apart.
async fn fill(home: &Path, end: Timestamp) {
    let mut text = String::new();
    for (name, value) in [("latency", latency as fn(i64) -> f64), ("memory", memory)] {
        writeln!(text, "# TYPE {name} gauge").expect("written");
        for second in (0..=3 * DAY).step_by(60) {
            let at = end.as_second() - 3 * DAY + second;
            writeln!(text, "{name}{{instance=\"i-1\"}} {} {at}", value(at - end.as_second() + 4 * DAY))
                .expect("written");
        }
    }
    text.push_str("# EOF\n");
    let file = home.join("past");
    std::fs::write(&file, text).expect("written");
    let made = Command::new(promtool())
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .args([&file, &home.join("data")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await
        .expect("promtool is beside prometheus");
    assert!(made.success());
}

/// It is installed with Prometheus.
fn promtool() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("prometheus")).find(|file| file.exists());
    let prometheus = found.expect("prometheus is on the path; `make test` installs it");
    prometheus.canonicalize().expect("a file").with_file_name("promtool")
}

fn config_of(home: &Path, port: u16) -> ServeConfig {
    ServeConfig {
        listen: "127.0.0.1:0".parse().expect("an address"),
        xds_listen: "127.0.0.1:0".parse().expect("an address"),
        data: home.join("reconciler"),
        prometheus: format!("http://127.0.0.1:{port}"),
        agent: None,
        terraform: home.join("no-terraform"),
        allowed_modules: Vec::new(),
        token: None,
        xds_token: None,
        terraform_runs_max: 1,
    }
}

fn group() -> Group {
    group_of(&json!({
        "latency": {"query": "sum(latency{instance=\"$instance\"})", "limit": 0.95, "unit": "seconds"},
        "memory": {"query": "memory{instance=\"$instance\"}", "limit": 4e9, "unit": "bytes"},
    }))
}

fn group_of(signals: &serde_json::Value) -> Group {
    let spec: GroupSpec = serde_json::from_value(json!({
        "name": "checkout", "policy": "default",
        "primary": {"instance_id": "i-1", "address": "127.0.0.1", "port": 1},
        "signals": signals,
        "instance": {"source": "/modules/instance"},
        "traffic": {"source": "/modules/traffic"},
    }))
    .expect("a group");
    spec.check(1).expect("a good group")
}

fn policy() -> Policy {
    let mut spec = PolicySpec::named("default");
    spec.history = "10d".to_owned();
    spec.check().expect("a good policy")
}

fn state(primary: &PrimarySpec, now: Timestamp) -> GroupState {
    let endpoint = Endpoint { address: primary.address.clone(), port: primary.port };
    let instance = Instance {
        instance_id: primary.instance_id.clone(),
        endpoint,
        zone: None,
        size: shadow_core::model::size::Size::default(),
        health_url: None,
        agent_url: None,
        hourly_cost: None,
    };
    let slot = Slot { role: Role::Primary, epoch: 1, since: now, made: None, instance: Some(instance) };
    GroupState::new(SlotId::new("a").expect("a slot"), slot, now)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_changes_nothing_and_damage_costs_a_pull() {
    let world = World::start().await;
    let mut going_on = Sampler::default();
    let without_restart = world.samples(&mut going_on, 0, 63).await;
    assert_eq!(without_restart.metrics_outage, None);
    let score = &without_restart.foreseen.score;
    assert!(score.missing.is_empty() && score.parts.len() == 6, "{score:#?}");
    assert!(score.parts.iter().any(|part| part.reason.contains("early warning")), "{score:#?}");
    assert_eq!(without_restart.foreseen.calibration.len(), 6);
    let live = without_restart.signals.values().next().expect("of the primary");
    assert!((live["memory"] - memory(4 * DAY - 57 * 60)).abs() < 1e3, "{live:?}");

    let mut ended = Sampler::default();
    world.samples(&mut ended, 0, 30).await;
    ended.keep(&world.app, "checkout").await;
    assert!(world.file().exists());
    let restarted = world.samples(&mut Sampler::default(), 60, 63).await;
    assert_eq!(restarted.foreseen.score, without_restart.foreseen.score);
    assert_eq!(restarted.foreseen.calibration, without_restart.foreseen.calibration);

    let mut file = std::fs::read(world.file()).expect("kept");
    let middle = file.len() / 2;
    file[middle] ^= 1;
    for damaged in [file.as_slice(), b"", b"no such thing\n", &file[..middle]] {
        std::fs::write(world.file(), damaged).expect("written");
        let pulled = world.samples(&mut Sampler::default(), 58, 63).await;
        assert_eq!(pulled.foreseen.score, without_restart.foreseen.score);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_have_the_means_that_prometheus_has() {
    let world = World::start().await;
    let step = SignedDuration::from_mins(5);
    let found = world.app.prometheus.steps("memory", world.end - step * 12, world.end, step).await.expect("an answer");
    assert_eq!(found.len(), 12);
    for (at, value) in found {
        let begin = at.as_second() - world.end.as_second() + 4 * DAY;
        let mean = (1..=5).map(|minute| memory(begin + 60 * minute)).sum::<f64>() / 5.0;
        // Prometheus before its third version counts the sample at the very beginning as well.
        let with_first = (0..=5).map(|minute| memory(begin + 60 * minute)).sum::<f64>() / 6.0;
        assert!((value - mean).abs().min((value - with_first).abs()) < 1.0, "{at}: {value} and {mean}");
    }
    let long = world.app.prometheus.steps("sum(latency)", world.end - step * 288 * 4, world.end, step).await;
    let long = long.expect("an answer in several parts");
    assert!((3 * 288..=3 * 288 + 2).contains(&long.len()) && long.is_sorted(), "{} means", long.len());
}

/// Jobs of half an hour, every five hours: incidents enough to learn from in three days.
fn jobs() -> serde_json::Value {
    let query = "40 * (time() % 18000 < bool 1800) + sum(latency{instance=\"$instance\"})";
    json!({
        "small": {"query": query, "limit": 10, "unit": "count"},
        "large": {"query": query, "limit": 20, "unit": "count"},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn early_warnings_learn_after_a_restart_from_what_was_kept() {
    let mut world = World::start().await;
    world.group = group_of(&jobs());
    let lessons = |world: &World| -> Vec<(usize, usize)> {
        world.app.teaching.standings().iter().map(|standing| standing.lessons).collect()
    };
    let mut ended = Sampler::default();
    world.samples(&mut ended, 26, 30).await;
    ended.keep(&world.app, "checkout").await;
    let met = lessons(&world);
    let world = world.restarted();
    assert!(met.len() == 3 && met[0].1 > 144 && lessons(&world).is_empty(), "{met:?}");
    let mut sampler = Sampler::default();
    let before = world.samples(&mut sampler, 30, 31).await;
    assert_eq!(lessons(&world), met, "the same steps teach the same");

    learn_if_due(&world.app, world.minute(40)).await;
    assert!(world.app.teaching.standings()[0].verdict.is_none(), "other groups still read their pasts");
    learn_if_due(&world.app, world.minute(95)).await;
    let standing = world.app.teaching.standings()[0];
    let verdict = standing.verdict.expect("an hour has passed");
    assert!(verdict.learned < verdict.shipped && standing.since == Some(world.minute(95)), "{standing:?}");
    let text = world.app.metrics.text(&world.app.board, &world.app.teaching.standings());
    let ratio = "shadow_warning_loss_ratio{step_seconds=\"300\",horizon_seconds=\"3600\"} 0.";
    assert!(text.contains(ratio), "{text}");
    // The model answers from the look after the one that meets it.
    let after = world.samples(&mut sampler, 32, 37).await;
    let bits = |it: &Score| it.parts[0].probability.to_bits();
    assert_ne!(bits(&after.foreseen.score), bits(&before.foreseen.score));
}
