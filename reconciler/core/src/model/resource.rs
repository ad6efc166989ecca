//! Resources that a size allots and a signal can measure. Units of signals are converted to those
//! of sizes here and nowhere else.

use super::size::Size;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A part of a size that follows what is forecast of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// CPU cores that are busy.
    CpuCores,
    /// Memory that is used, in GiB.
    MemoryGib,
    /// Disk operations per second.
    Iops,
    /// Network traffic in Mbit/s.
    BandwidthMbps,
}

/// Bytes in a GiB.
const GIB: f64 = 1_073_741_824.0;

/// Megabits in a byte.
const MEGABITS_PER_BYTE: f64 = 8.0 / 1e6;

impl Resource {
    /// Every resource, in the order of a size's parts.
    pub const ALL: [Self; 4] = [Self::CpuCores, Self::MemoryGib, Self::Iops, Self::BandwidthMbps];

    /// Its name in declarations and in sizes.
    pub fn name(self) -> &'static str {
        match self {
            Self::CpuCores => "cpu_cores",
            Self::MemoryGib => "memory_gib",
            Self::Iops => "iops",
            Self::BandwidthMbps => "bandwidth_mbps",
        }
    }

    /// The unit that a signal which measures it has.
    pub fn unit(self) -> &'static str {
        match self {
            Self::CpuCores => "cores",
            Self::MemoryGib => "bytes",
            Self::Iops => "per_second",
            Self::BandwidthMbps => "bytes_per_second",
        }
    }

    /// A value of such a signal in the unit of sizes.
    pub fn in_size_units(self, value: f64) -> f64 {
        match self {
            Self::CpuCores | Self::Iops => value,
            Self::MemoryGib => value / GIB,
            Self::BandwidthMbps => value * MEGABITS_PER_BYTE,
        }
    }

    /// How much of it a size has, if the size says so.
    pub fn of(self, size: &Size) -> Option<f64> {
        match self {
            Self::CpuCores => size.cpu_cores,
            Self::MemoryGib => size.memory_gib,
            Self::Iops => size.iops,
            Self::BandwidthMbps => size.bandwidth_mbps,
        }
    }

    /// Gives a size so much of it.
    pub fn put(self, size: &mut Size, amount: f64) {
        let part = match self {
            Self::CpuCores => &mut size.cpu_cores,
            Self::MemoryGib => &mut size.memory_gib,
            Self::Iops => &mut size.iops,
            Self::BandwidthMbps => &mut size.bandwidth_mbps,
        };
        *part = Some(amount);
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_documents_and_sizes() {
        let mut size = Size::default();
        for resource in Resource::ALL {
            assert_eq!(serde_json::to_value(resource).unwrap(), resource.name());
            resource.put(&mut size, 2.0);
            assert_eq!(resource.of(&size), Some(2.0));
        }
        let given: Vec<&str> = size.parts().into_iter().filter_map(|(name, part)| part.map(|_| name)).collect();
        assert_eq!(given, Resource::ALL.map(Resource::name));
    }

    #[test]
    fn values_of_signals_become_parts_of_sizes() {
        assert_eq!(Resource::MemoryGib.in_size_units(3.0 * GIB).to_bits(), 3.0_f64.to_bits());
        assert!((Resource::BandwidthMbps.in_size_units(125_000.0) - 1.0).abs() < 1e-12);
    }
}
