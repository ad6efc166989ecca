//! One answer from what every Envoy of a proxy acknowledged and runs. Pure, except for the time of the
//! observation.

use super::admin::{AdminError, Reading};
use super::resource::Shares;
use super::route;
use super::session::Progress;
use super::snapshot::SplitConfig;
use shadow_core::model::split::{BackendStatus, SplitStatus};
use std::collections::BTreeMap;

/// What is known of one Envoy. No reading: it told no admin address.
pub(super) struct Proxy {
    pub(super) progress: Progress,
    pub(super) reading: Option<Result<Reading, AdminError>>,
}

/// The status of a split over all Envoys of its proxy. When they differ, weights and writer are those of one
/// that does not run what is declared, since that is the one to know of.
pub(super) fn combine(split: &SplitConfig, proxies: &[Proxy]) -> SplitStatus {
    let laggard = proxies.iter().find(|proxy| !proxy.runs(split));
    let shares = laggard.or(proxies.first()).and_then(Proxy::shares);
    SplitStatus {
        proxies_connected: u32::try_from(proxies.len()).unwrap_or(u32::MAX),
        in_sync: laggard.is_none() && !proxies.is_empty(),
        applied_epoch: shares.map(|shares| shares.epoch),
        applied_weights: shares.map(|shares| shares.weights.clone()),
        applied_writer: shares.and_then(|shares| shares.writer.clone()),
        backends: backends(proxies),
        rejected: proxies.iter().find_map(|proxy| proxy.progress.rejected.clone()),
        observed_at: proxies.iter().any(|proxy| proxy.read().is_some()).then(crate::clock::now),
    }
}

/// Healthy means in the eyes of all; requests and connections add up.
fn backends(proxies: &[Proxy]) -> BTreeMap<String, BackendStatus> {
    let mut backends: BTreeMap<String, BackendStatus> = BTreeMap::new();
    for (slot, seen) in proxies.iter().filter_map(Proxy::read).flat_map(|reading| &reading.backends) {
        let backend = backends.entry(slot.clone()).or_default();
        backend.healthy = match (backend.healthy, seen.healthy) {
            (Some(one), Some(other)) => Some(one && other),
            (one, other) => one.or(other),
        };
        backend.active_requests += seen.active_requests;
        backend.active_connections += seen.active_connections;
    }
    backends
}

impl Proxy {
    /// Whether this Envoy runs the split as declared. An Envoy that should be readable and is not is one
    /// of which nothing is known.
    fn runs(&self, split: &SplitConfig) -> bool {
        let read_back = match &self.reading {
            None => true,
            Some(Err(error)) => {
                tracing::warn!(node = self.progress.node, %error, "cannot read back what Envoy runs");
                false
            }
            Some(Ok(reading)) => {
                reading.listening
                    && reading.route_version.as_ref() == Some(&split.route.digest)
                    && reading.shares == Some(route::shares(&split.spec))
            }
        };
        self.progress.accepted && read_back
    }

    fn shares(&self) -> Option<&Shares> {
        match &self.reading {
            None => self.progress.shares.as_ref(),
            Some(reading) => reading.as_ref().ok()?.shares.as_ref(),
        }
    }

    fn read(&self) -> Option<&Reading> {
        self.reading.as_ref()?.as_ref().ok()
    }
}
