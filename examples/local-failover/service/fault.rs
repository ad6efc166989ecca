//! A memory leak, switched on by an operator, and what it does to a service that collects garbage:
//! pauses that grow with what is retained, and an end where the memory limit is.

use super::Service;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Fastest leak in MiB per second: above it a host is full before anyone can look.
const RATE_MAX: u32 = 1_000;
/// Time between looks whether there is something to leak.
const IDLE: Duration = Duration::from_millis(100);
/// Pace of collections.
const COLLECTION_INTERVAL: Duration = Duration::from_millis(500);
/// Pause of a collection for each retained MiB.
const PAUSE_PER_MIB: Duration = Duration::from_micros(600);
/// Longest pause: collectors split their work before users give up.
const PAUSE_MAX: Duration = Duration::from_millis(200);

#[derive(Deserialize)]
pub(crate) struct Leak {
    mib_per_second: u32,
}

/// Makes the service able to leak.
pub(crate) fn allow(service: &Arc<Service>) {
    tokio::spawn(leak(Arc::clone(service)));
    tokio::spawn(collect_garbage(Arc::clone(service)));
}

/// Sets the rate; 0 ends the leak and gives nothing back.
pub(crate) async fn set_leak(State(service): State<Arc<Service>>, Query(leak): Query<Leak>) -> StatusCode {
    service.leak_mib_per_second.store(leak.mib_per_second.min(RATE_MAX), Relaxed);
    StatusCode::NO_CONTENT
}

/// Retains memory that is really touched. Where the limit is reached, allocating aborts the process.
async fn leak(service: Arc<Service>) {
    loop {
        match service.leak_mib_per_second.load(Relaxed) {
            0 => sleep(IDLE).await,
            rate => {
                service.store.write().await.leaked.push(vec![0xA5; 1 << 20]);
                sleep(Duration::from_secs(1) / rate).await;
            }
        }
    }
}

/// Stops the world now and then to look through what is retained.
async fn collect_garbage(service: Arc<Service>) {
    loop {
        sleep(COLLECTION_INTERVAL).await;
        let service = Arc::clone(&service);
        let collection = tokio::task::spawn_blocking(move || {
            let world = service.store.blocking_write();
            scan(&world.leaked);
        });
        collection.await.ok();
    }
}

fn scan(leaked: &[Vec<u8>]) {
    let mib = u32::try_from(leaked.len()).unwrap_or(u32::MAX);
    let pause = PAUSE_PER_MIB.saturating_mul(mib).min(PAUSE_MAX);
    let begun = Instant::now();
    for block in leaked.iter().cycle() {
        if begun.elapsed() >= pause {
            return;
        }
        black_box(block.iter().map(|&byte| u64::from(byte)).sum::<u64>());
    }
}
