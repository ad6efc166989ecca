//! Which process of the operating system is meant, safe against reused process ids, and how to
//! find, await and signal it. It knows nothing of declarations or records.

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use procfs::process::Stat;
use rustix::process::{Pid, PidfdFlags, Signal};
use serde::{Deserialize, Serialize};
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Variable in the environment of everything that an agent starts. Descendants inherit it, so
/// that they are found again whatever happened to the agent's records.
pub(super) const MARKER: &str = "SHADOW_PROCESS";

/// Variable with the digest of the declaration that a process was started by, so that one without a
/// record is known again for what it is. Its command line would not tell: shells and scripts replace it.
pub(super) const DIGEST: &str = "SHADOW_DIGEST";

/// A process id alone may be reused; with the start time and the boot it is unique.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// Process id.
    pub pid: i32,
    /// Start time in clock ticks since the boot.
    pub start_ticks: u64,
    /// The kernel's id of the boot.
    pub boot_id: String,
}

/// A process that carries the marker.
#[derive(Debug, Clone)]
pub(super) struct Marked {
    /// The process.
    pub identity: Identity,
    /// Value of its marker.
    pub marker: String,
}

impl Identity {
    /// Identity of the process that has this id at the moment, unless it has ended.
    pub(super) fn of(pid: i32) -> Option<Self> {
        let stat = procfs::process::Process::new(pid).and_then(|process| process.stat()).ok()?;
        Self::from_stat(&stat, &boot_id()?)
    }

    fn from_stat(stat: &Stat, boot_id: &str) -> Option<Self> {
        has_not_ended(stat).then(|| Self { pid: stat.pid, start_ticks: stat.starttime, boot_id: boot_id.to_owned() })
    }

    /// Whether this very process still runs; a zombie does not.
    pub(super) fn is_alive(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }

    /// When it began, as exactly as the kernel tells: to a hundredth of a second.
    pub(super) fn started_at(&self) -> Option<Timestamp> {
        let boot = i64::try_from(procfs::boot_time_secs().ok()?).ok()?;
        let after_boot = SignedDuration::from_secs_f64(self.start_ticks as f64 / procfs::ticks_per_second() as f64);
        Timestamp::from_second(boot).ok()?.checked_add(after_boot).ok()
    }

    /// Opens a handle that refers to this process and to no later one of the same id.
    fn open(&self) -> io::Result<Option<OwnedFd>> {
        let Some(pid) = Pid::from_raw(self.pid) else { return Ok(None) };
        match rustix::process::pidfd_open(pid, PidfdFlags::NONBLOCK) {
            Ok(handle) => Ok(self.is_alive().then_some(handle)),
            Err(rustix::io::Errno::SRCH) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Signals this process alone. One that has ended is left as it is.
    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        let Some(handle) = self.open()? else { return Ok(()) };
        match rustix::process::pidfd_send_signal(handle, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Signals the group that this process leads, or the process alone while it leads none yet.
    pub(super) fn signal_group(&self, signal: Signal) -> io::Result<()> {
        let Some(pid) = Pid::from_raw(self.pid).filter(|_| self.is_alive()) else { return Ok(()) };
        match rustix::process::kill_process_group(pid, signal) {
            Ok(()) => Ok(()),
            Err(_no_group_yet) => self.signal(signal),
        }
    }

    /// Value of a variable that the process was started with.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        let environment = procfs::process::Process::new(self.pid).and_then(|process| process.environ()).ok()?;
        let value = environment.get(std::ffi::OsStr::new(name))?.to_str()?.to_owned();
        self.is_alive().then_some(value)
    }

    /// Program and arguments that the process runs.
    pub(super) fn command(&self) -> Option<Vec<String>> {
        let command = procfs::process::Process::new(self.pid).and_then(|process| process.cmdline()).ok()?;
        self.is_alive().then_some(command)
    }
}

/// Awaits the end of a process that is not a child of this one.
#[derive(Debug)]
pub(super) struct EndOf(Option<AsyncFd<OwnedFd>>);

impl EndOf {
    /// Starts to watch. One that has ended already counts as just ended.
    #[expect(deprecated, reason = "the successor is unsafe; the handle is owned, so it stays open while watched")]
    pub(super) fn new(identity: &Identity) -> io::Result<Self> {
        let watch = |handle| AsyncFd::with_interest(handle, Interest::READABLE);
        Ok(Self(identity.open()?.map(watch).transpose()?))
    }

    /// Completes when the process has ended, and again at once each time it is asked.
    pub(super) async fn wait(&self) {
        let Some(handle) = &self.0 else { return };
        // The handle becomes readable at the end of the process and stays so.
        if let Err(error) = handle.readable().await {
            tracing::warn!(%error, "the end of an adopted process cannot be awaited; it counts as ended");
        }
    }
}

/// Every live process that carries a marker, the oldest first.
pub(super) fn marked() -> Vec<Marked> {
    let marked = |seen: Seen| Some(Marked { identity: seen.identity, marker: seen.marker? });
    scan().into_iter().filter_map(marked).collect()
}

/// Every live process that carries `marker` or is in the group led by `leader`.
fn members(marker: &str, leader: Option<i32>) -> Vec<Identity> {
    let belongs = |seen: &Seen| Some(seen.group) == leader || seen.marker.as_deref() == Some(marker);
    scan().into_iter().filter(belongs).map(|seen| seen.identity).collect()
}

/// Longest time that a process may take to vanish after SIGKILL: it is bound to end, except in
/// the middle of a disk or network-file operation that hangs.
const KILL_WAIT: Duration = Duration::from_secs(10);

/// Time between looks at `/proc` while something ends: short for people, long for the machine.
const LOOK_INTERVAL: Duration = Duration::from_millis(25);

/// Awaits that no process is left that carries `marker` or is in the group led by `leader`.
pub(super) async fn gone(marker: &str, leader: i32) {
    while !members(marker, Some(leader)).is_empty() {
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

/// Ends everything that carries `marker` or is in the group led by `leader`, without mercy. A
/// leader is given only where it runs or has ended just now, since its id may be used again.
///
/// # Errors
/// The processes that are still there after ten seconds.
pub(super) async fn kill_all(marker: &str, leader: Option<i32>) -> anyhow::Result<()> {
    let kill = async {
        // Repeated, because one that forks at this moment escapes a single look.
        loop {
            let left = members(marker, leader);
            if left.is_empty() {
                return;
            }
            for process in left {
                if let Err(error) = process.signal(Signal::KILL) {
                    tracing::warn!(pid = process.pid, %error, "SIGKILL could not be sent");
                }
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    };
    tokio::time::timeout(KILL_WAIT, kill).await.with_context(|| {
        let left: Vec<i32> = members(marker, leader).iter().map(|process| process.pid).collect();
        format!("processes {left:?} do not end even by SIGKILL; look for a hanging disk or network file system")
    })
}

/// One process as a look at `/proc` shows it.
struct Seen {
    identity: Identity,
    group: i32,
    marker: Option<String>,
}

fn scan() -> Vec<Seen> {
    let (Ok(processes), Some(boot_id)) = (procfs::process::all_processes(), boot_id()) else { return Vec::new() };
    let look = |process: procfs::process::Process| {
        let stat = process.stat().ok()?;
        let identity = Identity::from_stat(&stat, &boot_id)?;
        Some(Seen { identity, group: stat.pgrp, marker: marker_of(&process) })
    };
    // One that ends during the look is simply not there.
    let mut seen: Vec<Seen> = processes.filter_map(|process| look(process.ok()?)).collect();
    seen.sort_by_key(|seen| (seen.identity.start_ticks, seen.identity.pid));
    seen
}

fn marker_of(process: &procfs::process::Process) -> Option<String> {
    // Processes of other users cannot be read, and are none of ours.
    process.environ().ok()?.get(std::ffi::OsStr::new(MARKER))?.to_str().map(ToOwned::to_owned)
}

fn has_not_ended(stat: &Stat) -> bool {
    !matches!(stat.state, 'Z' | 'X' | 'x')
}

fn boot_id() -> Option<String> {
    procfs::sys::kernel::random::boot_id().ok()
}
