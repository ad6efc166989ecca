//! A service instance as a process that the host's agent starts, supervises and stops.

use super::check::Problems;
use super::name;
use super::secret::Secret;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What `shadow_process` declares. Sent to the agent as `PUT /v1/processes/{name}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessSpec {
    /// Unique on the host.
    pub name: String,
    /// Program and arguments; no shell is involved.
    pub command: Vec<String>,
    /// Variables of the process, besides `PATH`, `ADDRESS` and `PORT`. Not for secrets: see
    /// `secret_environment_wo` and `inherit_environment`.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Names of variables whose values the process takes from the agent's own environment, so
    /// that secrets stay out of declarations and state.
    #[serde(default)]
    pub inherit_environment: Vec<String>,
    /// Secret variables of the process. The agent keeps them in a file that only its own user reads, and
    /// answers them to nobody. It takes them when `secret_environment_wo_version` is another than before.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, String>, write_only)]
    pub secret_environment_wo: BTreeMap<String, Secret>,
    /// Which secret variables are in force: any other number takes the ones that stand beside it.
    #[serde(default)]
    pub secret_environment_wo_version: Option<u64>,
    /// Folder to start in; the agent's data directory of the process when absent.
    #[serde(default)]
    pub working_directory: Option<String>,
    /// Address the process listens on, passed as `ADDRESS`.
    #[serde(default = "loopback")]
    pub address: String,
    /// Port the process listens on, passed as `PORT`; 0 lets the agent choose a free one once.
    #[serde(default)]
    pub port: u16,
    /// Limits that the kernel enforces on the process.
    #[serde(default)]
    pub limits: ProcessLimits,
    /// How the agent asks the process whether it is well.
    #[serde(default)]
    pub probe: Option<HttpProbe>,
    /// How the process is stopped.
    #[serde(default)]
    pub stop: StopSpec,
    /// What happens when the process ends by itself.
    #[serde(default)]
    pub restart: Restart,
    /// Whether the process should run.
    #[serde(default)]
    pub desired_state: ProcessGoal,
    /// Labels of the process, such as `shadow:group`, `shadow:slot` and `shadow:generation`.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

fn loopback() -> String {
    "127.0.0.1".to_owned()
}

/// Limits that the kernel enforces; absent means unlimited.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessLimits {
    /// Writable private memory in MiB (`RLIMIT_DATA`): allocation fails above it.
    #[serde(default)]
    pub memory_mib: Option<u64>,
    /// CPU cores the process may be scheduled on, rounded up to whole cores (affinity).
    #[serde(default)]
    pub cpu_cores: Option<f64>,
    /// Open files (`RLIMIT_NOFILE`).
    #[serde(default)]
    pub open_files: Option<u64>,
}

/// An HTTP GET that answers 2xx or 3xx when the process is well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpProbe {
    /// Path with its leading slash.
    pub path: String,
    /// Time between probes.
    #[serde(default = "second")]
    pub interval: String,
    /// Time after which a probe counts as failed.
    #[serde(default = "second")]
    pub timeout: String,
}

fn second() -> String {
    "1s".to_owned()
}

/// How a process is stopped: a signal, then, after `grace`, `SIGKILL`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StopSpec {
    /// `SIGTERM`, `SIGINT` or `SIGQUIT`.
    #[serde(default = "sigterm")]
    pub signal: String,
    /// Time to end by itself.
    #[serde(default = "ten_seconds")]
    pub grace: String,
}

fn sigterm() -> String {
    "SIGTERM".to_owned()
}

fn ten_seconds() -> String {
    "10s".to_owned()
}

impl Default for StopSpec {
    fn default() -> Self {
        Self { signal: sigterm(), grace: ten_seconds() }
    }
}

/// What happens when a process ends by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// It stays down and shows as drift in the next plan.
    #[default]
    Never,
    /// It is started again with a delay that doubles from one second to one minute.
    OnFailure,
}

/// Whether a process should run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProcessGoal {
    /// Started and kept under supervision.
    #[default]
    Running,
    /// Stopped, its record and its port kept.
    Stopped,
}

/// What the agent knows of a process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ProcessStatus {
    /// The declaration in force.
    pub spec: ProcessSpec,
    /// Where the process is in its life.
    pub state: ProcessState,
    /// Process id while it runs.
    pub pid: Option<u32>,
    /// The port it was given: `spec.port`, or the one the agent chose.
    pub port: u16,
    /// When the present or last run began.
    #[schema(value_type = Option<String>)]
    pub started_at: Option<Timestamp>,
    /// Exit code of the last run, where the agent saw it end.
    pub exit_code: Option<i32>,
    /// Signal that ended the last run, where the agent saw it end.
    pub exit_signal: Option<i32>,
    /// Times the process was started again after it ended by itself.
    pub restarts: u32,
    /// The newest answer of the probe, if one is declared and one has been made.
    pub healthy: Option<bool>,
}

/// Where a process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProcessState {
    /// It runs.
    Running,
    /// It was asked to stop and has not yet ended.
    Stopping,
    /// It is stopped because it should be.
    Stopped,
    /// It ended by itself and is not to be restarted.
    Exited,
    /// It ended by itself and waits for its restart.
    Backoff,
}

impl ProcessSpec {
    /// Checks what can be known without the host.
    ///
    /// # Errors
    /// Every problem, with its attribute path.
    pub fn check(&self) -> Result<(), Problems> {
        let mut problems = Problems::default();
        problems.require(
            name::is_valid(&self.name),
            "name",
            format!("{:?} is not a valid name", self.name),
            name::RULE,
        );
        problems.require(
            !self.command.is_empty(),
            "command",
            "the command is empty",
            "name a program, then its arguments",
        );
        if let Some(cores) = self.limits.cpu_cores {
            problems.in_range("limits.cpu_cores", cores, 0.01, 4096.0);
        }
        if let Some(probe) = &self.probe {
            problems.require(
                probe.path.starts_with('/'),
                "probe.path",
                format!("{:?} is not a path", probe.path),
                "start it with a slash, as in \"/healthz\"",
            );
            problems.duration("probe.interval", &probe.interval);
            problems.duration("probe.timeout", &probe.timeout);
        }
        self.check_secrets(&mut problems);
        problems.duration("stop.grace", &self.stop.grace);
        problems.require(
            ["SIGTERM", "SIGINT", "SIGQUIT"].contains(&self.stop.signal.as_str()),
            "stop.signal",
            format!("{:?} does not ask a process to stop", self.stop.signal),
            "use \"SIGTERM\", \"SIGINT\" or \"SIGQUIT\"; SIGKILL follows by itself after stop.grace",
        );
        problems.into_result(())
    }

    fn check_secrets(&self, problems: &mut Problems) {
        problems.relate(
            self.secret_environment_wo.is_empty() || self.secret_environment_wo_version.is_some(),
            "secret_environment_wo_version",
            &["secret_environment_wo"],
            "the secret variables have no version",
            "give them one, such as 1, and raise it whenever they change: they are remembered nowhere else",
        );
        for name in self.secret_environment_wo.keys().filter(|name| self.environment.contains_key(*name)) {
            problems.relate(
                false,
                &format!("secret_environment_wo[{name:?}]"),
                &["environment"],
                "environment has this variable too",
                "remove one of them",
            );
        }
    }

    /// The same declaration with the secret variables of `former`, if these are the version that it asks for.
    #[must_use]
    pub fn with_secrets_of(self, former: &Self) -> Self {
        if self.secret_environment_wo_version != former.secret_environment_wo_version {
            return self;
        }
        Self { secret_environment_wo: former.secret_environment_wo.clone(), ..self }
    }

    /// The same declaration as others may see it.
    #[must_use]
    pub fn without_secrets(self) -> Self {
        Self { secret_environment_wo: BTreeMap::new(), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(version: u64, secret: &str) -> ProcessSpec {
        let secrets = json!({"KEY": secret});
        let spec = json!({"name": "web", "command": ["web"], "secret_environment_wo": secrets,
                          "secret_environment_wo_version": version});
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn secrets_change_with_their_version_only() {
        assert_eq!(spec(1, "new").with_secrets_of(&spec(1, "old")), spec(1, "old"));
        assert_eq!(spec(2, "new").with_secrets_of(&spec(1, "old")), spec(2, "new"));
        let none = ProcessSpec { secret_environment_wo_version: None, ..spec(1, "").without_secrets() };
        assert_eq!(none.clone().with_secrets_of(&spec(1, "old")), none, "they can be taken away");
    }

    #[test]
    fn secrets_need_a_version_and_a_name_of_their_own() {
        let mut spec = spec(1, "s3cret");
        assert_eq!(spec.check(), Ok(()));
        spec.secret_environment_wo_version = None;
        spec.environment.insert("KEY".to_owned(), "open".to_owned());
        let problems = spec.check().unwrap_err();
        let paths: Vec<&str> = problems.0.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, ["secret_environment_wo_version", "secret_environment_wo[\"KEY\"]"]);
        assert!(!problems.to_string().contains("s3cret"));
    }
}
