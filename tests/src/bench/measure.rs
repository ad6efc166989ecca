//! Takes the figures of a fleet over a window: what the reconciler counts, what the kernel counts of it and of
//! Prometheus, and which processes it started. It changes nothing.

use super::fleet::Fleet;
use super::report::Figures;
use super::scenario::Scenario;
use anyhow::{Context, Result};
use procfs::process::Process;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Terraform takes a second to start: none slips between two looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// The reconciler's own counters, over all groups.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Counters {
    /// Cycles that ended.
    pub(super) cycles: f64,
    /// Those that failed.
    pub(super) errors: f64,
    /// Sum of the cycles' durations, most of which is waiting.
    pub(super) seconds: f64,
    /// Terraform runs that ended.
    pub(super) terraform_runs: f64,
    /// Groups with a score.
    pub(super) scored_groups: u64,
}

impl Counters {
    /// Reads Prometheus' text format as far as it is needed: label values here have no spaces.
    pub(super) fn read(text: &str) -> Self {
        let mut counters = Self::default();
        let mut scored = BTreeSet::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let value: f64 = value.parse().unwrap_or_default();
            match name {
                "shadow_cycles_total" => counters.cycles += value,
                "shadow_cycle_errors_total" => counters.errors += value,
                "shadow_cycle_time_seconds_total" => counters.seconds += value,
                "shadow_terraform_runs_total" => counters.terraform_runs += value,
                "shadow_degradation_score" => drop(scored.insert(labels.split(',').next())),
                _ => {}
            }
        }
        counters.scored_groups = u64::try_from(scored.len()).unwrap_or(u64::MAX);
        counters
    }
}

/// What the kernel counts of a process.
#[derive(Clone, Copy)]
struct Usage {
    cpu_seconds: f64,
    resident_mib: f64,
}

impl Usage {
    fn of(id: u32) -> Result<Self> {
        let stat = Process::new(i32::try_from(id)?)?.stat().context("reading what a process used")?;
        let ticks = u32::try_from(stat.utime + stat.stime)?;
        let pages = u32::try_from(stat.rss)?;
        let page_bytes = u32::try_from(procfs::page_size())?;
        Ok(Self {
            cpu_seconds: f64::from(ticks) / f64::from(u32::try_from(procfs::ticks_per_second())?),
            resident_mib: f64::from(pages) * f64::from(page_bytes) / f64::from(1 << 20),
        })
    }
}

/// Measures over the scenario's window.
pub(super) async fn measure(fleet: &Fleet, scenario: &Scenario) -> Result<Figures> {
    let ids = (fleet.reconciler.id(), fleet.prometheus.id());
    let before = (fleet.counters().await?, Usage::of(ids.0)?, Usage::of(ids.1)?);
    let started = Instant::now();
    let children = watch_children(ids.0, scenario.window).await?;
    let seconds = started.elapsed().as_secs_f64();
    let after = (Usage::of(ids.0)?, Usage::of(ids.1)?, fleet.counters().await?);
    let cycles = after.2.cycles - before.0.cycles;
    let cpu_seconds = after.0.cpu_seconds - before.1.cpu_seconds;
    Ok(Figures {
        scenario: scenario.name.to_owned(),
        seconds,
        wanted_cycles_per_second: f64::from(fleet.groups) * scenario.cycles_per_second,
        cycles_per_second: cycles / seconds,
        cycle_errors: after.2.errors - before.0.errors,
        cycle_milliseconds: 1_000.0 * (after.2.seconds - before.0.seconds) / cycles.max(1.0),
        scored_groups: after.2.scored_groups,
        cpu_per_second: cpu_seconds / seconds,
        cpu_milliseconds_per_cycle: 1_000.0 * cpu_seconds / cycles.max(1.0),
        resident_mib: after.0.resident_mib,
        prometheus_cpu_per_second: (after.1.cpu_seconds - before.2.cpu_seconds) / seconds,
        prometheus_resident_mib: after.1.resident_mib,
        terraform_runs: after.2.terraform_runs,
        processes_started: children.len(),
    })
}

/// The processes that a process had started at any look within a time.
async fn watch_children(parent: u32, window: Duration) -> Result<BTreeSet<i32>> {
    let parent = i32::try_from(parent)?;
    let deadline = tokio::time::Instant::now() + window;
    let mut looks = tokio::time::interval(LOOK_INTERVAL);
    let mut found = BTreeSet::new();
    while tokio::time::Instant::now() < deadline {
        looks.tick().await;
        let stats = procfs::process::all_processes()?.filter_map(|process| process.ok()?.stat().ok());
        found.extend(stats.filter(|stat| stat.ppid == parent).map(|stat| stat.pid));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_summed_over_groups() {
        let text = "# TYPE shadow_cycles counter\nshadow_cycles_total{group=\"a\"} 3\nshadow_cycles_total{group=\"b\"} 4\n\
            shadow_cycle_time_seconds_total 1.5\nshadow_terraform_runs_total{group=\"a\",root=\"traffic\"} 1\n\
            shadow_degradation_score{group=\"a\",horizon=\"1h\"} 0\nshadow_degradation_score{group=\"a\",horizon=\"6h\"} 0\n";
        let expected = Counters { cycles: 7.0, errors: 0.0, seconds: 1.5, terraform_runs: 1.0, scored_groups: 1 };
        assert_eq!(Counters::read(text), expected);
    }

    #[tokio::test]
    async fn a_started_process_is_seen() {
        use crate::child::{Child, Outlets, command};
        let folder = tempfile::tempdir().unwrap();
        let mut sleep = command("/bin/sleep");
        let child = Child::start("sleep", sleep.arg("60"), &Outlets::merged(&folder.path().join("log"))).unwrap();
        let found = watch_children(std::process::id(), LOOK_INTERVAL).await.unwrap();
        assert!(found.contains(&i32::try_from(child.id()).unwrap()), "{found:?}");
    }

    #[test]
    fn a_process_uses_memory() {
        assert!(Usage::of(std::process::id()).unwrap().resident_mib > 0.5);
    }
}
