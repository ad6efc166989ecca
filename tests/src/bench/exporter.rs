//! What Prometheus scrapes: two series for each group that move a little, as those of a service do. It runs within the
//! benchmark and ends with it.

use super::scenario::group_name;
use anyhow::{Context, Result};
use axum::Router;
use axum::routing::get;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A running exporter; it ends with this value.
pub(super) struct Exporter {
    /// Where it listens.
    pub(super) address: String,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Exporter {
    /// Serves the series of so many groups.
    pub(super) async fn start(groups: u32) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listening for scrapes")?;
        let address = listener.local_addr()?.to_string();
        let started = Instant::now();
        let metrics = async move || text(groups, started.elapsed().as_secs_f64());
        let app = Router::new().route("/metrics", get(metrics));
        Ok(Self { address, serving: tokio::spawn(async { axum::serve(listener, app).await }) })
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn text(groups: u32, seconds: f64) -> String {
    let mut text = String::new();
    for metric in ["bench_load", "bench_memory"] {
        for number in 0..groups {
            let value = 30.0 + 5.0 * (seconds / 7.0 + f64::from(number)).sin();
            // Writing to a string cannot fail.
            writeln!(text, "{metric}{{instance_id=\"{}\"}} {value}", group_name(number)).ok();
        }
    }
    text
}
