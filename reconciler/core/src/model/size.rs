//! The size of an instance.

use super::check::Problems;
use serde::{Deserialize, Serialize};

/// Size of an instance; absent parts are left to the module.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Size {
    /// CPU cores.
    #[serde(default)]
    pub cpu_cores: Option<f64>,
    /// Memory in GiB.
    #[serde(default)]
    pub memory_gib: Option<f64>,
    /// Disk operations per second.
    #[serde(default)]
    pub iops: Option<f64>,
    /// Network bandwidth in Mbit/s.
    #[serde(default)]
    pub bandwidth_mbps: Option<f64>,
    /// Disk in GiB.
    #[serde(default)]
    pub storage_gib: Option<f64>,
}

impl Size {
    /// Its parts by name.
    pub fn parts(&self) -> [(&'static str, Option<f64>); 5] {
        [
            ("cpu_cores", self.cpu_cores),
            ("memory_gib", self.memory_gib),
            ("iops", self.iops),
            ("bandwidth_mbps", self.bandwidth_mbps),
            ("storage_gib", self.storage_gib),
        ]
    }

    /// Notes what is wrong with it.
    pub fn check(&self, path: &str, problems: &mut Problems) {
        for (name, value) in self.parts() {
            problems.in_range(&format!("{path}.{name}"), value.unwrap_or(0.0), 0.0, 1e9);
        }
    }
}
