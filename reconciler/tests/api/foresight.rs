//! Forecasts and pasts of groups, by the API and the command line: without metrics, and with those of a real Prometheus.

use super::command_line::{complains, prints, run};
use super::fixture::{Served, error, paths};
use axum::Router;
use axum::routing::get;
use jiff::Timestamp;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

/// Time for Prometheus to start and to scrape once.
const DEADLINE: Duration = Duration::from_secs(60);

/// Minutes of the past that it knows.
const MINUTES: i64 = 300;

#[tokio::test]
async fn without_metrics_the_reason_is_told_in_every_form() {
    let served = Served::with_group().await;
    let table = prints(&served, &["forecast", "checkout"]).await;
    assert!(table.contains("latency: limit 500 ms\n  no forecast: cannot reach Prometheus"), "{table}");
    assert!(table.contains("no signal could be scored"), "{table}");
    assert!(prints(&served, &["forecast", "checkout", "--plot"]).await.contains("there is nothing to draw yet"));
    let file = served.folder().join("fan.svg");
    prints(&served, &["forecast", "checkout", "--svg", file.to_str().unwrap()]).await;
    assert!(std::fs::read_to_string(&file).unwrap().contains("cannot reach Prometheus"));
    let json: Value = serde_json::from_str(&prints(&served, &["forecast", "checkout", "--json"]).await).unwrap();
    assert_eq!((&json["signals"]["latency"]["limit"], &json["signals"]["latency"]["steps"]), (&json!(0.5), &json!([])));
}

#[tokio::test]
async fn what_cannot_be_asked_is_explained() {
    let served = Served::with_group().await;
    let told = complains(&["forecast", "checkout", "--plot", "--signal", "cpu", "--endpoint", &served.url]).await;
    assert!(told.contains("checkout has no signal \"cpu\": it has latency"), "{told}");
    for arguments in [
        ["forecast", "checkout", "--jsonl"].as_slice(),
        &["forecast"],
        &["forecast", "checkout", "--time-zone", "Mars/Olympus"],
        &["backtest", "--policy", "p.json"],
        &["backtest", "--prometheus", "http://127.0.0.1:1"],
    ] {
        assert_eq!(run(arguments).await.status.code(), Some(2), "{arguments:?}");
    }
    let (status, body) = served.get("/v1/groups/checkout/history/cpu").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(error(&body).contains("has no signal \"cpu\""), "{body}");
    let (status, body) = served.get("/v1/groups/checkout/history/latency?start=2001-01-01T00:00:00Z").await;
    assert_eq!((status, paths(&body)), (StatusCode::UNPROCESSABLE_ENTITY, vec!["start"]));
    let (status, body) = served.get("/v1/groups/checkout/history/latency").await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(error(&body).contains("signal \"latency\" cannot be read: cannot reach Prometheus"), "{body}");
}

/// A Prometheus that has scraped five hours of a memory that leaks for the last two.
struct Past {
    url: String,
    /// Time of its last sample.
    end: Timestamp,
    _prometheus: Child,
    _folder: TempDir,
}

impl Past {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap();
        // Prometheus takes samples with times of their own, in order, from one answer.
        let end = now();
        let exposition = exposition(end);
        let app = Router::new().route("/metrics", get(move || async move { exposition }));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let folder = TempDir::new().unwrap();
        let config = folder.path().join("prometheus.yml");
        let scrape = format!(
            "scrape_configs: [{{job_name: app, scrape_interval: 1s, static_configs: [{{targets: ['{target}']}}]}}]\n"
        );
        std::fs::write(&config, scrape).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let past = Self {
            url: format!("http://127.0.0.1:{port}"),
            end,
            _prometheus: prometheus(folder.path(), port),
            _folder: folder,
        };
        let begun = Instant::now();
        while !past.knows().await {
            assert!(begun.elapsed() < DEADLINE, "Prometheus has not scraped");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        past
    }

    async fn knows(&self) -> bool {
        let answer = reqwest::get(format!("{}/api/v1/query?query=count_over_time(memory[6h])", self.url)).await;
        let Ok(answer) = answer else { return false };
        answer.text().await.is_ok_and(|text| text.contains(&format!("\"{MINUTES}\"")))
    }
}

#[expect(clippy::disallowed_methods, reason = "the real Prometheus; it is killed with the test")]
fn prometheus(folder: &std::path::Path, port: u16) -> Child {
    Command::new("prometheus")
        .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start prometheus: {error}; `make test` installs it"))
}

#[expect(clippy::disallowed_methods, reason = "the past of a real Prometheus ends now")]
fn now() -> Timestamp {
    Timestamp::now()
}

fn exposition(end: Timestamp) -> String {
    let mut text = String::new();
    for minute in 0..MINUTES {
        let level = 40.0 + (minute - 180).max(0) as f64 / 1.5 + (minute * 7_919 % 13) as f64 / 13.0;
        let at = 1_000 * (end.as_second() - 60 * (MINUTES - 1 - minute));
        writeln!(text, "memory{{process=\"i-1\"}} {level} {at}").unwrap();
    }
    text
}

#[tokio::test]
async fn a_group_is_forecast_and_replayed_from_its_own_past() {
    let past = Past::start().await;
    let served = Served::start_on(&past.url).await;
    let policy = json!({"name": "default", "interval": "1m", "step": "1m", "history": "6h", "horizons": ["10m", "1h"]});
    assert_eq!(served.put("/v1/policies/default", &policy).await.0, StatusCode::CREATED);
    let mut group = served.group();
    group["signals"] = json!({"memory": {"query": "memory{process=\"$instance\"}", "limit": 100.0, "unit": "count"}});
    assert_eq!(served.put("/v1/groups/checkout", &group).await.0, StatusCode::CREATED);

    let table = prints(&served, &["forecast", "checkout", "--time-zone", "Asia/Tokyo"]).await;
    assert!(
        table.contains("in Asia/Tokyo\n") && table.contains("memory: limit 100, ") && table.contains("  model "),
        "{table}"
    );
    let chart = prints(&served, &["forecast", "checkout", "--plot"]).await;
    assert!(chart.contains('▒') && chart.contains("limit\u{a0}100"), "{chart}");

    let to = past.end.as_second().to_string();
    let replayed = prints(&served, &["backtest", "--history", "checkout", "--to", &to]).await;
    assert!(replayed.contains("breaches: 1, ") && replayed.contains("memory: shadow "), "{replayed}");
    let file = served.folder().join("p.json");
    std::fs::write(&file, policy.to_string()).unwrap();
    let policy = file.to_str().unwrap();
    let of_prometheus = ["backtest", "--prometheus", &past.url, "--group", "checkout", "--policy", policy, "--to", &to];
    let other = prints(&served, &of_prometheus).await;
    let after_heading = |text: &str| text.split_once("breaches: ").map(|(_, rest)| rest.to_owned());
    assert_eq!(after_heading(&other), after_heading(&replayed), "the same past, read directly");
}
