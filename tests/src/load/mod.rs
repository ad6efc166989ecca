//! Sends requests at a fixed rate, whatever the answers, and records how they fared. It never sends to another
//! machine.
//!
//! Latency counts from the moment at which a request was due, not from when it was sent: when the system stalls, the
//! requests that it delays count as slow instead of not being sent.

mod request;
mod tally;

pub use request::Failure;
pub use tally::{LoadReport, Progress};

use anyhow::Result;
use request::Requests;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tally::Tally;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Requests in flight above which new ones wait (and age): twice what the default rate can leave open within the
/// timeout, so that it is reached only by the burst that follows a stall of this very process.
const IN_FLIGHT_MAX: u32 = 1000;

/// What is sent, and where to.
#[derive(Debug, Clone)]
pub struct LoadConfig {
    /// A loopback address.
    pub target: SocketAddr,
    /// Requests per second, half of them on connections that are kept, half on new ones.
    pub rate: u32,
    /// Time after which a request counts as failed.
    pub timeout: Duration,
    /// Time after which the load ends by itself; bounds the memory of the record.
    pub duration_max: Duration,
}

impl LoadConfig {
    /// The load of the demo: well above the 200 requests per second that it promises.
    pub fn to(target: SocketAddr) -> Self {
        Self {
            target,
            rate: 250,
            timeout: Duration::from_secs(2),
            // Thrice the time in which the demo must end: 225,000 records of 8 bytes.
            duration_max: Duration::from_secs(900),
        }
    }
}

/// The target is not on this machine.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not a loopback address: load is sent to this machine only")]
pub struct NotLoopback(SocketAddr);

/// A running load. Dropping it ends the sending.
pub struct Load {
    tally: Arc<Tally>,
    in_flight: Arc<Semaphore>,
    sender: JoinHandle<()>,
}

impl Load {
    /// Starts to send.
    ///
    /// # Errors
    /// [`NotLoopback`], or when the HTTP clients cannot be set up.
    pub fn start(config: &LoadConfig) -> Result<Self> {
        if !config.target.ip().is_loopback() {
            return Err(NotLoopback(config.target).into());
        }
        let requests = Arc::new(Requests::new(config.target, config.timeout)?);
        let tally = Arc::new(Tally::start());
        let in_flight = Arc::new(Semaphore::new(IN_FLIGHT_MAX as usize));
        let sender = send_all(config.clone(), requests, Arc::clone(&tally), Arc::clone(&in_flight));
        Ok(Self { tally, in_flight, sender: tokio::spawn(sender) })
    }

    /// How it goes.
    pub fn progress(&self) -> Progress {
        self.tally.progress()
    }

    /// Ends the sending, waits for what is in flight and reports.
    pub async fn finish(mut self) -> LoadReport {
        self.sender.abort();
        // Its outcome says only that it was aborted, or ended at `duration_max`.
        (&mut self.sender).await.ok();
        // Each request in flight holds a permit: once all can be had, none is.
        let all_permits = self.in_flight.acquire_many(IN_FLIGHT_MAX).await;
        drop(all_permits);
        self.tally.report()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.sender.abort();
    }
}

/// Starts request after request, each when it is due and none because another was answered.
async fn send_all(config: LoadConfig, requests: Arc<Requests>, tally: Arc<Tally>, in_flight: Arc<Semaphore>) {
    let interval = Duration::from_secs(1) / config.rate.max(1);
    let start = Instant::now();
    for number in 0..u32::MAX {
        let due = start + interval * number;
        if due > start + config.duration_max {
            return;
        }
        tokio::time::sleep_until(due).await;
        let Ok(permit) = Arc::clone(&in_flight).acquire_owned().await else { return };
        let (requests, tally) = (Arc::clone(&requests), Arc::clone(&tally));
        tokio::spawn(async move {
            let sent = Instant::now();
            let outcome = requests.send(number).await;
            tally.add(due, sent, Instant::now(), outcome);
            drop(permit);
        });
    }
}

#[cfg(test)]
mod tests;
