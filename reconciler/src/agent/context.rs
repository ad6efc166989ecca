//! What all processes of one agent share.

use super::identity::{Identity, Marked};
use super::ports::Ports;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Begins the name of a task in its marker. No process has such a name.
pub(super) const TASK_PREFIX: &str = "task:";

/// The agent as its processes see it.
#[derive(Debug)]
pub(super) struct Context {
    /// The data directory as an absolute path without links: it is part of every marker.
    pub data: PathBuf,
    /// The program whose `launch` subcommand starts processes.
    pub launcher: PathBuf,
    /// The agent's own environment, from which processes may inherit.
    pub environment: BTreeMap<String, String>,
    /// Ports that were given out.
    pub ports: Ports,
    /// Processes that run without a readable record, by name.
    strays: Mutex<BTreeMap<String, Identity>>,
}

impl Context {
    /// An agent that has no process yet.
    pub(super) fn new(data: PathBuf, launcher: PathBuf, environment: BTreeMap<String, String>) -> Self {
        let ports = Ports::new(data.display().to_string());
        Self { data, launcher, environment, ports, strays: Mutex::default() }
    }

    /// The folder with one folder per process.
    pub(super) fn processes_folder(&self) -> PathBuf {
        self.data.join("processes")
    }

    /// Marker of the process of that name.
    pub(super) fn marker(&self, name: &str) -> String {
        format!("{}/{name}", self.data.display())
    }

    /// Marker of one task of this agent.
    pub(super) fn task_marker(&self, number: u64) -> String {
        self.marker(&format!("{TASK_PREFIX}{number}"))
    }

    /// Name in a marker of this agent; `None` for those of other agents.
    pub(super) fn name_in<'a>(&self, marker: &'a str) -> Option<&'a str> {
        let (data, name) = marker.rsplit_once('/')?;
        (self.data.as_os_str() == data).then_some(name)
    }

    fn strays(&self) -> MutexGuard<'_, BTreeMap<String, Identity>> {
        self.strays.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a process that runs without a readable record.
    pub(super) fn add_stray(&self, name: &str, stray: Marked) {
        self.strays().insert(name.to_owned(), stray.identity);
    }

    /// The stray of that name, if it still runs.
    pub(super) fn stray(&self, name: &str) -> Option<Identity> {
        self.strays().get(name).filter(|stray| stray.is_alive()).cloned()
    }

    /// Forgets a stray that has got a record.
    pub(super) fn forget_stray(&self, name: &str) {
        self.strays().remove(name);
    }

    /// Number of strays that still run.
    pub(super) fn stray_count(&self) -> usize {
        self.strays().values().filter(|stray| stray.is_alive()).count()
    }
}
