//! The service's metrics in the text format of Prometheus.

use super::{Service, lock};
use axum::extract::State;
use axum::http::StatusCode;
use std::fmt::{Display, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds of the duration histogram, close together where a latency objective would be.
const BUCKETS_MS: [u64; 16] = [1, 2, 5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000];

/// Requests by duration; the last bucket holds those above all bounds.
#[derive(Default)]
pub(crate) struct Durations {
    buckets: [AtomicU64; BUCKETS_MS.len() + 1],
    sum_us: AtomicU64,
}

impl Durations {
    /// Counts a request.
    pub(crate) fn add(&self, duration: Duration) {
        let bucket = BUCKETS_MS.partition_point(|&bound| Duration::from_millis(bound) < duration);
        if let Some(count) = self.buckets.get(bucket) {
            count.fetch_add(1, Relaxed);
        }
        self.sum_us.fetch_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let name = "session_request_duration_seconds";
        writeln!(text, "# HELP {name} Time to answer requests for sessions.\n# TYPE {name} histogram")?;
        let bounds = BUCKETS_MS.iter().map(|&ms| (ms as f64 / 1000.0).to_string()).chain(["+Inf".to_owned()]);
        let mut count = 0;
        for (bound, bucket) in bounds.zip(&self.buckets) {
            count += bucket.load(Relaxed);
            writeln!(text, "{name}_bucket{{le=\"{bound}\"}} {count}")?;
        }
        writeln!(text, "{name}_sum {}\n{name}_count {count}", self.sum_us.load(Relaxed) as f64 / 1e6)
    }
}

/// Answers a scrape.
pub(crate) async fn metrics(State(service): State<Arc<Service>>) -> Result<String, StatusCode> {
    let (count, head) = {
        let store = service.store.read().await;
        (store.count(), store.head())
    };
    exposition(&service, count, head).map_err(|_error| StatusCode::INTERNAL_SERVER_ERROR)
}

fn exposition(service: &Service, count: usize, head: u64) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    service.durations.write(&mut text)?;
    write_gauge(&mut text, "session_count", "Sessions kept.", count)?;
    write_gauge(&mut text, "session_log_position", "Newest position of the own log.", head)?;
    if let Some(bytes) = resident_memory() {
        write_gauge(&mut text, "process_resident_memory_bytes", "Resident memory.", bytes)?;
    }
    // Only a replica lags.
    if let Some(replica) = lock(&service.replica).as_ref() {
        let lag = replica.caught_up_at.elapsed().as_secs_f64();
        write_gauge(&mut text, "session_sync_lag_seconds", "Time since nothing was lacking.", lag)?;
        write_gauge(&mut text, "session_sync_lag_bytes", "Bytes known to be lacking.", replica.bytes_behind)?;
        write_gauge(&mut text, "session_sync_position", "Applied position of the source.", replica.position)?;
    }
    Ok(text)
}

fn write_gauge(text: &mut String, name: &str, help: &str, value: impl Display) -> std::fmt::Result {
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}")
}

fn resident_memory() -> Option<u64> {
    let stat = procfs::process::Process::myself().and_then(|process| process.stat()).ok()?;
    Some(stat.rss * procfs::page_size())
}
