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
    /// Every problem of the document.
    pub(super) fn new(spec: SplitSpec) -> Result<Self, Problems> {
        spec.check()?;
        let clusters = cluster::clusters(&spec)?;
        Ok(Self { clusters, listener: listener::listener(&spec), route: route::route(&spec), spec })
    }
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
