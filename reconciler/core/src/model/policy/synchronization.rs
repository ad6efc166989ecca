//! How a shadow's data follows the primary's, what counts as in sync, and the warm-up that follows.

use super::defaults;
use crate::model::Problems;
use serde::{Deserialize, Serialize};

/// Ways in which data is replicated. The instance module does the work; a way of its own is written
/// as `custom:NAME`.
pub const METHODS: [&str; 8] = ["none", "pull", "block", "file", "cdc", "log", "backup", "application"];

/// What a method of the module's own begins with.
const CUSTOM: &str = "custom:";

/// Whether a write waits for the shadow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SyncMode {
    /// It does not: the shadow may lag behind.
    #[default]
    Asynchronous,
    /// It does: nothing is lost, and a slow shadow slows the primary.
    Synchronous,
}

/// What counts as in sync, and what may be lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SynchronizationSpec {
    /// Passed to the instance module: one of [`METHODS`], or one of its own as `custom:NAME`.
    #[serde(default = "defaults::sync_method")]
    pub method: String,
    /// Whether a write waits for the shadow.
    #[serde(default)]
    pub mode: SyncMode,
    /// Passed to the instance module: how often data is replicated.
    #[serde(default = "defaults::sync_interval")]
    pub interval: String,
    /// Largest lag in seconds at which the shadow is in sync.
    #[serde(default = "defaults::lag_seconds_max")]
    pub lag_seconds_max: f64,
    /// Largest lag in bytes at which the shadow is in sync.
    #[serde(default = "defaults::lag_bytes_max")]
    pub lag_bytes_max: f64,
    /// Lag in bytes up to which an automatic hand-over may lose data.
    #[serde(default)]
    pub allow_data_loss_bytes: f64,
}

impl Default for SynchronizationSpec {
    fn default() -> Self {
        Self {
            method: defaults::sync_method(),
            mode: SyncMode::default(),
            interval: defaults::sync_interval(),
            lag_seconds_max: defaults::lag_seconds_max(),
            lag_bytes_max: defaults::lag_bytes_max(),
            allow_data_loss_bytes: 0.0,
        }
    }
}

/// A command run on the shadow's host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WarmupTask {
    /// Program and arguments; `ADDRESS` and `PORT` of the shadow are in its environment.
    pub command: Vec<String>,
    /// Time after which it counts as failed.
    #[serde(default = "defaults::warmup_timeout")]
    pub timeout: String,
}

/// Notes a method that neither we know nor the text claims for its module.
pub(crate) fn check_method(path: &str, method: &str, problems: &mut Problems) {
    let own = method.strip_prefix(CUSTOM).is_some_and(|name| crate::model::name::is_valid(&name.replace('_', "-")));
    problems.require(
        own || METHODS.contains(&method),
        path,
        format!("{method:?} is not a known method"),
        format!("use one of {}, or {CUSTOM}NAME for one that only your module knows", METHODS.join(", ")),
    );
}

impl SynchronizationSpec {
    pub(super) fn check(&self, problems: &mut Problems) {
        check_method("synchronization.method", &self.method, problems);
        problems.duration("synchronization.interval", &self.interval);
        problems.relate(
            self.mode == SyncMode::Asynchronous || self.method != "none",
            "synchronization.mode",
            &["synchronization.method"],
            "nothing is replicated, so no write can wait for it",
            "name a method, or leave mode out",
        );
        for (path, value) in [
            ("synchronization.lag_seconds_max", self.lag_seconds_max),
            ("synchronization.lag_bytes_max", self.lag_bytes_max),
            ("synchronization.allow_data_loss_bytes", self.allow_data_loss_bytes),
        ] {
            problems.in_range(path, value, 0.0, 1e15);
        }
    }
}

impl WarmupTask {
    pub(super) fn check(&self, problems: &mut Problems) {
        problems.require(
            !self.command.is_empty(),
            "warmup_task.command",
            "the command is empty",
            "name a program, then its arguments",
        );
    }
}
