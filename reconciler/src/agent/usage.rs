//! What processes and the host use, as the kernel tells. What cannot be read is absent, never zero.

use procfs::process::{Process, Stat};
use procfs::{Current as _, CurrentSI as _, KernelStats, Meminfo};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Bytes of a sector in `/proc/diskstats`, whatever the disk itself uses.
const SECTOR: u64 = 512;

/// What a process and its children use.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Usage {
    /// CPU time since the start, also of children that have ended.
    pub cpu_seconds: f64,
    /// Resident memory.
    pub memory_bytes: u64,
    /// Bytes read from disk, where the kernel lets the agent see it.
    pub read_bytes: Option<u64>,
    /// Bytes written to disk, where the kernel lets the agent see it.
    pub written_bytes: Option<u64>,
    /// Open files, where the kernel lets the agent see it.
    pub open_files: Option<usize>,
}

/// What the groups led by `leaders` use, by leader. A leader that does not run is left out.
pub(super) fn of_groups(leaders: &BTreeSet<i32>) -> BTreeMap<i32, Usage> {
    let mut usages = BTreeMap::new();
    let mut alive = BTreeSet::new();
    for process in procfs::process::all_processes().into_iter().flatten().flatten() {
        let Ok(stat) = process.stat() else { continue };
        if leaders.contains(&stat.pgrp)
            && let Some(usage) = usage_of(&process, &stat)
        {
            alive.insert(stat.pid);
            usages.entry(stat.pgrp).and_modify(|sum| *sum = add(*sum, usage)).or_insert(usage);
        }
    }
    usages.retain(|leader, _usage| alive.contains(leader));
    usages
}

/// What this process uses.
pub(super) fn of_self() -> Option<Usage> {
    let process = Process::myself().ok()?;
    usage_of(&process, &process.stat().ok()?)
}

fn usage_of(process: &Process, stat: &Stat) -> Option<Usage> {
    if stat.state == 'Z' {
        return None;
    }
    let children = u64::try_from(stat.cutime + stat.cstime).unwrap_or_default();
    let ticks = stat.utime + stat.stime + children;
    let io = process.io().ok();
    Some(Usage {
        cpu_seconds: ticks as f64 / procfs::ticks_per_second() as f64,
        memory_bytes: stat.rss * procfs::page_size(),
        read_bytes: io.map(|io| io.read_bytes),
        written_bytes: io.map(|io| io.write_bytes),
        open_files: process.fd_count().ok(),
    })
}

fn add(a: Usage, b: Usage) -> Usage {
    Usage {
        cpu_seconds: a.cpu_seconds + b.cpu_seconds,
        memory_bytes: a.memory_bytes + b.memory_bytes,
        // A sum without one of its parts would be wrong.
        read_bytes: a.read_bytes.zip(b.read_bytes).map(|(a, b)| a + b),
        written_bytes: a.written_bytes.zip(b.written_bytes).map(|(a, b)| a + b),
        open_files: a.open_files.zip(b.open_files).map(|(a, b)| a + b),
    }
}

/// CPU time of the host since its boot, in seconds by mode.
pub(super) fn node_cpu() -> Vec<(&'static str, f64)> {
    let Ok(stats) = KernelStats::current() else { return Vec::new() };
    let cpu = stats.total;
    let modes = [
        ("user", Some(cpu.user_ms())),
        ("nice", Some(cpu.nice_ms())),
        ("system", Some(cpu.system_ms())),
        ("idle", Some(cpu.idle_ms())),
        ("iowait", cpu.iowait_ms()),
        ("irq", cpu.irq_ms()),
        ("softirq", cpu.softirq_ms()),
        ("steal", cpu.steal_ms()),
    ];
    modes.into_iter().filter_map(|(mode, ms)| Some((mode, ms? as f64 / 1000.0))).collect()
}

/// Memory of the host in bytes: total, and available without swapping.
pub(super) fn node_memory() -> Option<(u64, Option<u64>)> {
    let memory = Meminfo::current().ok()?;
    Some((memory.mem_total, memory.mem_available))
}

/// Bytes read from and written to each disk of the host since its boot.
pub(super) fn node_disks() -> Vec<(String, u64, u64)> {
    let disks = procfs::diskstats().unwrap_or_default().into_iter().filter(|disk| is_disk(&disk.name));
    disks.map(|disk| (disk.name, disk.sectors_read * SECTOR, disk.sectors_written * SECTOR)).collect()
}

/// Partitions would count twice, and memory posing as a disk is none.
fn is_disk(name: &str) -> bool {
    Path::new("/sys/block").join(name).exists() && !["loop", "ram", "zram"].iter().any(|kind| name.starts_with(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_nobody_leads_has_no_usage() {
        // No process id reaches i32::MAX: the kernel stops at 2^22.
        assert_eq!(of_groups(&BTreeSet::from([i32::MAX])), BTreeMap::new());
    }

    #[test]
    fn this_process_uses_memory() {
        assert!(of_self().is_some_and(|usage| usage.memory_bytes > 100_000));
    }

    #[test]
    fn a_sum_lacks_what_one_part_lacks() {
        let known = Usage { read_bytes: Some(1), open_files: Some(2), ..Usage::default() };
        let unknown = Usage { open_files: Some(3), ..Usage::default() };
        let sum = add(known, unknown);
        assert_eq!((sum.read_bytes, sum.open_files), (None, Some(5)));
    }
}
