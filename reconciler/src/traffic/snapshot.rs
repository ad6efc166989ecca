//! Splits as what Envoy is to run: pure, and the same for the same splits, whatever ran before.

use super::resource::{Resource, Resources};
use super::{cluster, listener, route};
use shadow_core::model::Problems;
use shadow_core::model::split::{MirrorSpec, SplitSpec};
use std::sync::Arc;

/// A checked split together with the resources that realise it.
#[derive(Debug)]
pub(super) struct SplitConfig {
    pub(super) spec: SplitSpec,
    pub(super) clusters: Resources,
    pub(super) listener: Arc<Resource>,
    pub(super) route: Arc<Resource>,
}

impl SplitConfig {
    /// # Errors
    /// Every problem of the document, those included that only Envoy would have found.
    pub(super) fn new(spec: SplitSpec) -> Result<Self, Problems> {
        spec.check()?;
        check_for_envoy(&spec)?;
        let (clusters, listener) = (cluster::clusters(&spec)?, listener::listener(&spec)?);
        Ok(Self { clusters, listener, route: route::route(&spec), spec })
    }
}

/// What Envoy would refuse in words that name no attribute, and what it cannot do.
fn check_for_envoy(spec: &SplitSpec) -> Result<(), Problems> {
    let mut problems = Problems::default();
    if let Some(mirror) = &spec.mirror {
        check_mirror(mirror, &mut problems);
    }
    problems.require(
        spec.affinity.is_none(),
        "affinity",
        // Envoy's own means either forget the first request or ignore the weights.
        "keeping clients on one backend is not supported",
        "remove it, and keep sessions in a store that all backends share",
    );
    for (slot, backend) in &spec.backends {
        problems.require(
            is_host(&backend.address),
            &format!("backends[{slot:?}].address"),
            format!("{:?} is neither an IP address nor a host name", backend.address),
            "write one without scheme, port or brackets",
        );
    }
    problems.into_result(())
}

fn check_mirror(mirror: &MirrorSpec, problems: &mut Problems) {
    for (position, method) in mirror.methods.iter().enumerate() {
        problems.require(
            is_token(method),
            &format!("mirror.methods[{position}]"),
            format!("{method:?} is not an HTTP method"),
            "write one in capital letters, such as \"GET\"",
        );
    }
    for (path, limit) in [("mirror.timeout_ms", mirror.timeout_ms), ("mirror.max_concurrency", mirror.max_concurrency)]
    {
        problems.require(limit > 0, path, "0 would copy nothing", "write 1 or more, or remove the mirror");
    }
}

fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte))
}

/// The characters of RFC 9110, 5.6.2 that anybody uses.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// All that the Envoys of one proxy are to run.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pub(super) clusters: Resources,
    pub(super) listeners: Resources,
    pub(super) routes: Resources,
}

impl Snapshot {
    pub(super) fn of<'a>(splits: impl IntoIterator<Item = &'a SplitConfig>) -> Self {
        let mut snapshot = Self::default();
        for split in splits {
            snapshot.clusters.extend(split.clusters.iter().map(|(name, cluster)| (name.clone(), Arc::clone(cluster))));
            snapshot.listeners.insert(split.spec.name.clone(), Arc::clone(&split.listener));
            snapshot.routes.insert(split.spec.name.clone(), Arc::clone(&split.route));
        }
        snapshot
    }

    /// The clusters that a split's route refers to.
    pub(super) fn clusters_of(&self, split: &str) -> Resources {
        let prefix = cluster::name(split, "");
        let from_prefix = self.clusters.range(prefix.clone()..);
        from_prefix
            .take_while(|(name, _)| name.starts_with(&prefix))
            .map(|(name, cluster)| (name.clone(), Arc::clone(cluster)))
            .collect()
    }
}
