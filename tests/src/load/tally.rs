//! The record of a load: how each request fared and when it was due. It keeps eight bytes a request, so that
//! percentiles of any window are exact.

use super::Failure;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Requests over which the live percentile is taken: four seconds at the default rate.
const RECENT_REQUESTS: usize = 1000;

/// Collects outcomes while the load runs.
pub(super) struct Tally {
    began: Instant,
    began_at: Timestamp,
    record: Mutex<Record>,
}

#[derive(Default, Clone)]
struct Record {
    answered: Vec<Answered>,
    failures: BTreeMap<Failure, u64>,
    failed_at: Option<(Timestamp, Timestamp)>,
    due_last: Duration,
    send_delay_max: Duration,
}

/// A request that got its answer.
#[derive(Clone, Copy)]
struct Answered {
    due_ms: u32,
    latency_us: u32,
}

/// How a load goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Requests whose outcome is known.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// 99th percentile of the newest answers, in milliseconds.
    pub p99_ms: Option<f64>,
}

/// How a load went.
#[derive(Clone)]
pub struct LoadReport {
    /// Requests sent.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// Failures by kind.
    pub failures: BTreeMap<Failure, u64>,
    /// When the first and the last failed request was due.
    pub failed_at: Option<(Timestamp, Timestamp)>,
    /// When the load began.
    pub began_at: Timestamp,
    /// When the last request was due.
    pub ended_at: Timestamp,
    /// Longest time between a request's due time and its sending: how exact the load itself was.
    pub send_delay_ms_max: f64,
    answered: Vec<Answered>,
}

impl Tally {
    pub(super) fn start() -> Self {
        Self { began: Instant::now(), began_at: Timestamp::now(), record: Mutex::default() }
    }

    /// Adds the outcome of a request that was to be sent at `due`.
    pub(super) fn add(&self, due: Instant, sent: Instant, ended: Instant, outcome: Result<(), Failure>) {
        let since_start = due.saturating_duration_since(self.began);
        let mut record = self.record();
        record.due_last = record.due_last.max(since_start);
        record.send_delay_max = record.send_delay_max.max(sent - due);
        match outcome {
            Ok(()) => record.answered.push(Answered {
                due_ms: saturating_u32(since_start.as_millis()),
                latency_us: saturating_u32((ended - due).as_micros()),
            }),
            Err(failure) => {
                *record.failures.entry(failure).or_default() += 1;
                let at = self.began_at + since_start;
                let (first, last) = record.failed_at.unwrap_or((at, at));
                record.failed_at = Some((first.min(at), last.max(at)));
            }
        }
    }

    pub(super) fn progress(&self) -> Progress {
        let record = self.record();
        let recent = record.answered.iter().rev().take(RECENT_REQUESTS).map(|request| request.latency_us);
        let (failed, p99_ms) = (record.failures.values().sum(), percentile_ms(recent.collect(), 99));
        Progress { requests: record.answered.len() as u64 + failed, failed, p99_ms }
    }

    pub(super) fn report(&self) -> LoadReport {
        let record = self.record().clone();
        let failed = record.failures.values().sum();
        LoadReport {
            requests: record.answered.len() as u64 + failed,
            failed,
            failures: record.failures,
            failed_at: record.failed_at,
            began_at: self.began_at,
            ended_at: self.began_at + record.due_last,
            send_delay_ms_max: record.send_delay_max.as_secs_f64() * 1000.0,
            answered: record.answered,
        }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        // A request that panicked while it held the lock left nothing half-done that would matter to a count.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LoadReport {
    /// The latency, in milliseconds, below which `percent` of the answered requests due in `window` stayed; `None`
    /// when there were none. Failed requests are counted apart: a quick refusal is no low latency.
    pub fn latency_ms(&self, percent: usize, window: &Range<Timestamp>) -> Option<f64> {
        let in_window =
            |request: &&Answered| window.contains(&(self.began_at + Duration::from_millis(u64::from(request.due_ms))));
        percentile_ms(self.answered.iter().filter(in_window).map(|request| request.latency_us).collect(), percent)
    }
}

#[cfg(test)]
impl LoadReport {
    /// A report of one request per second: its latency in milliseconds, or its failure.
    pub(crate) fn of(began_at: Timestamp, outcomes: &[Result<u64, Failure>]) -> Self {
        let tally = Tally { began_at, ..Tally::start() };
        for (second, outcome) in (0..).zip(outcomes) {
            let due = tally.began + Duration::from_secs(second);
            let ended = due + Duration::from_millis(outcome.unwrap_or_default());
            tally.add(due, due, ended, outcome.map(drop));
        }
        tally.report()
    }
}

/// The smallest value that `percent` of the values do not exceed.
fn percentile_ms(mut latencies_us: Vec<u32>, percent: usize) -> Option<f64> {
    latencies_us.sort_unstable();
    let rank = (latencies_us.len() * percent).div_ceil(100).saturating_sub(1);
    latencies_us.get(rank).map(|latency| f64::from(*latency) / 1000.0)
}

/// 49 days of milliseconds, 71 minutes of microseconds: more than any load lasts.
fn saturating_u32(value: u128) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_percentile(latencies_us: &[u32], percent: usize, expected_ms: Option<f64>) {
        assert_eq!(percentile_ms(latencies_us.to_vec(), percent), expected_ms, "{latencies_us:?}");
    }

    #[test]
    fn percentiles_are_observed_values() {
        check_percentile(&[], 99, None);
        check_percentile(&[7000], 99, Some(7.0));
        check_percentile(&[3000, 1000, 2000, 4000], 50, Some(2.0));
        let hundred: Vec<u32> = (1..=100).map(|ms| ms * 1000).collect();
        check_percentile(&hundred, 99, Some(99.0));
        check_percentile(&hundred, 100, Some(100.0));
    }

    #[test]
    fn windows_are_by_due_time() {
        let tally = Tally::start();
        for second in 0..10 {
            let due = tally.began + Duration::from_secs(second);
            tally.add(due, due, due + Duration::from_millis(second + 1), Ok(()));
        }
        let report = tally.report();
        let at = |second: u64| report.began_at + Duration::from_secs(second);
        assert_eq!(report.latency_ms(100, &(at(0)..at(5))), Some(5.0));
        assert_eq!(report.latency_ms(50, &(at(5)..at(10))), Some(8.0));
        assert_eq!(report.latency_ms(50, &(at(10)..at(20))), None);
    }

    #[test]
    fn failures_are_counted_by_kind_and_time() {
        let tally = Tally::start();
        for (second, failure) in [(5, Failure::Timeout), (2, Failure::Connect), (3, Failure::Timeout)] {
            let due = tally.began + Duration::from_secs(second);
            tally.add(due, due, due, Err(failure));
        }
        let report = tally.report();
        assert_eq!(report.failures, BTreeMap::from([(Failure::Connect, 1), (Failure::Timeout, 2)]));
        let at = |second: u64| report.began_at + Duration::from_secs(second);
        assert_eq!(report.failed_at, Some((at(2), at(5))));
        assert_eq!(tally.progress(), Progress { requests: 3, failed: 3, p99_ms: None });
    }
}
