//! Splits as what Envoy is to run: pure, and the same for the same splits, whatever ran before.

use super::resource::{Resource, Resources};
use super::{cluster, listener, route};
use shadow_core::model::Problems;
use shadow_core::model::split::SplitSpec;
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
        check_tokens(&spec)?;
        let (clusters, listener) = (cluster::clusters(&spec)?, listener::listener(&spec)?);
        Ok(Self { clusters, listener, route: route::route(&spec), spec })
    }
}

/// Texts that become part of HTTP: a bad one would be refused by Envoy in words that name no attribute.
fn check_tokens(spec: &SplitSpec) -> Result<(), Problems> {
    let mut problems = Problems::default();
    let mut require = |path: &str, text: &str| {
        problems.require(
            is_token(text),
            path,
            format!("{text:?} is not an HTTP token"),
            "use letters, digits and hyphens",
        );
    };
    for (position, method) in spec.mirror.iter().flat_map(|mirror| &mirror.methods).enumerate() {
        require(&format!("mirror.methods[{position}]"), method);
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
            !backend.address.is_empty()
                && backend.address.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_:".contains(&b)),
            &format!("backends[{slot:?}].address"),
            format!("{:?} is neither an IP address nor a host name", backend.address),
            "write one without scheme, port or brackets",
        );
    }
    problems.into_result(())
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
