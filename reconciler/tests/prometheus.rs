//! The Prometheus source against a real Prometheus that scrapes a real target.

#![allow(clippy::disallowed_methods, reason = "tests start programs and look at the clock")]

use axum::Router;
use axum::routing::get;
use jiff::{SignedDuration, Timestamp};
use shadow_reconciler::metrics::{MetricsError, PrometheusSource};
use std::future::Future;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

const DEADLINE: Duration = Duration::from_secs(30);
const STEP: SignedDuration = SignedDuration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(5);

/// A Prometheus in a folder of its own, and the target that it scrapes five times a second.
struct World {
    source: PrometheusSource,
    start: Timestamp,
    target: Target,
    _prometheus: Child,
    _home: TempDir,
}

struct Target {
    task: JoinHandle<()>,
    port: u16,
}

impl Drop for Target {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Target {
    /// Serves a value that counts scrapes, several series, values that are no numbers, and one that carries
    /// the time of the start and never moves.
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let (scrapes, frozen_at) = (Arc::new(AtomicU64::new(0)), Timestamp::now().as_millisecond());
        let metrics = move || {
            let scrape = scrapes.fetch_add(1, Ordering::SeqCst);
            async move {
                format!(
                    "counted {scrape}\nframes{{pod=\"a\"}} 1\nframes{{pod=\"b\"}} 2\nnothing NaN\nendless +Inf\n\
                     frozen 7 {frozen_at}\n"
                )
            }
        };
        let app = Router::new().route("/metrics", get(metrics)).route("/", get(|| async { "hello" }));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.expect("served") });
        Self { task, port }
    }
}

impl World {
    async fn start() -> Self {
        let (target, home, start) = (Target::start().await, TempDir::new().expect("a folder"), Timestamp::now());
        let scrape = format!(
            "scrape_configs:\n- job_name: app\n  scrape_interval: 200ms\n  scrape_timeout: 200ms\n  \
             static_configs: [{{targets: ['127.0.0.1:{}']}}]\n",
            target.port
        );
        let config = home.path().join("prometheus.yml");
        std::fs::write(&config, scrape).expect("written");
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address").port();
        let log = std::fs::File::create(home.path().join("log")).expect("created");
        let prometheus = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", home.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start prometheus: {error}; `make test` installs it"));
        let source = PrometheusSource::new(&format!("http://127.0.0.1:{port}"), TIMEOUT).expect("an address");
        let world = Self { source, start, target, _prometheus: prometheus, _home: home };
        let counted = || world.source.instant("counted", Timestamp::now());
        let scraped =
            eventually("a few scrapes", counted, |value| matches!(value, Ok(Some((_, scrapes))) if *scrapes >= 15.0))
                .await;
        scraped.expect("an answer");
        world
    }

    async fn recent(&self, query: &str) -> Result<Vec<(Timestamp, f64)>, MetricsError> {
        self.source.range(query, self.start, Timestamp::now(), STEP).await
    }
}

async fn eventually<T: std::fmt::Debug, F: Future<Output = T>>(
    what: &str,
    mut observe: impl FnMut() -> F,
    holds: impl Fn(&T) -> bool,
) -> T {
    let start = Instant::now();
    loop {
        let seen = observe().await;
        if holds(&seen) {
            return seen;
        }
        assert!(start.elapsed() < DEADLINE, "waited {DEADLINE:?} for {what}; last seen: {seen:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_come_in_order_and_in_parts() {
    let world = World::start().await;
    let end = Timestamp::now();
    let all = world.source.range("counted", world.start, end, STEP).await.unwrap();
    assert!(all.len() >= 2 && all.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1), "{all:?}");
    let (first, last) = (all[0].0, all[all.len() - 1].0);
    assert!(first.as_millisecond() >= world.start.as_millisecond() && last <= end);
    assert_eq!((first.as_millisecond() - world.start.as_millisecond()) % 1000, 0, "on the steps of the caller");

    let half = all.len() / 2;
    let rest = world.source.range("counted", all[half - 1].0 + STEP, end, STEP).await.unwrap();
    assert_eq!(rest, all[half..], "an incremental pull continues where the last one ended");

    // Twelve hours at a second are four queries, and only the last few seconds have samples.
    let long = world.source.range("counted", end - SignedDuration::from_hours(12), end, STEP).await.unwrap();
    assert!(long.len().abs_diff(all.len()) <= 1, "{} and {}", long.len(), all.len());
    assert!(
        matches!(world.source.instant("counted", end).await, Ok(Some((at, _))) if at.duration_since(end).abs() < STEP)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_cannot_be_used_say_what_to_do() {
    let world = World::start().await;
    let refused = async |query: &str, part: &str| {
        let error = world.recent(query).await.unwrap_err().to_string();
        assert!(error.contains(part), "{query}: {error}");
    };
    refused("frames", "returned 2 series, such as {__name__=\"frames\"").await;
    refused("sum(", "Prometheus refused the query \"sum(\": ").await;
    refused("counted * on(x) group_left frames", "Prometheus refused").await;
    refused("no_such_metric", "returned no sample").await;
    refused("\"text\"", "Prometheus refused").await;
    let text = world.source.instant("\"text\"", Timestamp::now()).await.unwrap_err();
    assert!(matches!(text, MetricsError::WrongKind { kind: "a text", .. }), "{text}");
    let error = world.source.range("counted", Timestamp::now(), world.start, STEP).await.unwrap_err();
    assert!(matches!(error, MetricsError::BadRange { .. }), "{error}");

    assert_eq!(world.recent("sum(frames)").await.unwrap().last().map(|sample| sample.1), Some(3.0));
    assert_eq!(world.source.instant("no_such_metric", Timestamp::now()).await.unwrap(), None);
    for no_number in ["nothing", "endless"] {
        assert_eq!(world.recent(no_number).await.unwrap(), [], "{no_number}");
        assert_eq!(world.source.instant(no_number, Timestamp::now()).await.unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_that_freeze_or_vanish_leave_a_gap_within_a_few_steps() {
    let world = World::start().await;
    let age = |samples: &[(Timestamp, f64)]| {
        let last = samples.last().map_or(world.start, |sample| sample.0);
        Timestamp::now().duration_since(last)
    };
    // The frozen series says when it was measured, so Prometheus marks no end; three steps and it is gone.
    let frozen = || async { world.recent("frozen").await.unwrap() };
    eventually("the frozen series to end", frozen, |samples| age(samples) > STEP * 3).await;
    let samples = frozen().await;
    let span = samples.last().unwrap().0.duration_since(world.start);
    assert!(span <= STEP * 4, "seen for {span:?} instead of five minutes");
    assert!(age(&world.recent("counted").await.unwrap()) < STEP * 2, "the other series goes on");

    world.target.task.abort();
    let counted = || async { world.recent("counted").await.unwrap() };
    eventually("the lost target to be a gap", counted, |samples| age(samples) > STEP * 2).await;
    let end = Timestamp::now();
    eventually(
        "the gap to be an answer",
        || world.source.instant("counted", Timestamp::now()),
        |value| matches!(value, Ok(None)),
    )
    .await
    .expect("an answer");
    assert!(Timestamp::now().duration_since(end) < STEP * 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_not_prometheus() {
    let target = Target::start().await;
    let ask = async |address: &str| {
        let source = PrometheusSource::new(address, Duration::from_millis(500)).unwrap();
        source.instant("up", Timestamp::now()).await.unwrap_err()
    };
    let error = ask(&format!("http://user:secret@127.0.0.1:{}/", target.port)).await;
    assert!(matches!(error, MetricsError::NotPrometheus { status: 404, .. }), "{error}");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://user:secret@{}", listener.local_addr().unwrap());
    let error = ask(&silent).await;
    assert!(matches!(error, MetricsError::Timeout { .. }), "{error}");

    drop(listener);
    let error = ask(&silent).await;
    assert!(matches!(error, MetricsError::Unreachable { .. }), "{error}");
    let chain = format!("{error} {:?}", std::error::Error::source(&error));
    assert!(!chain.contains("secret"), "{chain}");

    let guarded = Router::new().fallback(|| async { axum::http::StatusCode::UNAUTHORIZED });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let guard = tokio::spawn(async move { axum::serve(listener, guarded).await.unwrap() });
    let error = ask(&address).await;
    assert!(matches!(error, MetricsError::Unauthorized { status: 401, .. }), "{error}");
    guard.abort();

    let endless = Router::new().fallback(|| async { vec![b' '; 20 * 1024 * 1024] });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, endless).await.unwrap() });
    let source = PrometheusSource::new(&address, TIMEOUT).unwrap();
    let error = source.instant("up", Timestamp::now()).await.unwrap_err();
    assert!(matches!(error, MetricsError::TooLong { .. }), "{error}");
    server.abort();
}
