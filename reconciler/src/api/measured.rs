//! What is known of a declared group: its policy, what serves, and what was measured of it.

use crate::app::App;
use crate::http::ApiError;
use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use shadow_core::history::Sample;
use shadow_core::model::{Group, Policy, SlotId};
use shadow_core::state::GroupState;
use std::collections::BTreeMap;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Forecasts and replays at once. Each keeps a core busy for seconds, and cycles must not wait for
/// those who are curious.
static COMPUTATIONS: Semaphore = Semaphore::const_new(1);

/// Most samples of one signal in a request; a recording of a group is bounded by its history.
pub(super) const SAMPLES_MAX: usize = 20_000;

pub(super) fn known(app: &App, name: &str) -> Result<(Group, Option<GroupState>), ApiError> {
    let stored = app.store.group(name)?.ok_or_else(|| ApiError::NotFound(format!("there is no group {name:?}")))?;
    Ok((stored.spec.check(stored.generation)?, app.store.state(name)?))
}

pub(super) fn policy_of(app: &App, name: &str) -> Result<Policy, ApiError> {
    let stored = app.store.policy(name)?.ok_or_else(|| ApiError::NotFound(format!("there is no policy {name:?}")))?;
    Ok(stored.spec.check()?)
}

/// The slot that serves and the id of its instance: the declared one, until a state says otherwise.
pub(super) fn serving(group: &Group, state: Option<&GroupState>) -> Result<(SlotId, String), ApiError> {
    let declared = || group.spec.primary.instance_id.clone();
    let Some(state) = state else {
        let first = SlotId::next_after([]);
        return Ok((first, declared()));
    };
    let instance = state.slots.get(state.primary()).and_then(|slot| slot.instance.as_ref());
    Ok((state.primary().clone(), instance.map_or_else(declared, |instance| instance.instance_id.clone())))
}

/// Samples by signal, or why they cannot be had.
pub(super) type Pulled = BTreeMap<String, Result<Vec<Sample>, String>>;

pub(super) async fn pull(
    app: &App,
    group: &Group,
    policy: &Policy,
    (slot, instance_id): (&SlotId, &str),
    window: SignedDuration,
    now: Timestamp,
) -> Pulled {
    let start = now.checked_sub(window).unwrap_or(now);
    let mut pulled = Pulled::new();
    for (name, signal) in &group.spec.signals {
        let query = signal.query_for(&group.name, slot, instance_id);
        let answer = app.prometheus.steps(&query, start, now, policy.step).await;
        let samples = answer.map(|samples| samples.into_iter().map(|(at, value)| Sample { at, value }).collect());
        pulled.insert(name.clone(), samples.map_err(|error| error.to_string()));
    }
    pulled
}

/// Waits until nobody else computes, and keeps others waiting while it is held.
pub(super) async fn alone() -> Result<SemaphorePermit<'static>, ApiError> {
    Ok(COMPUTATIONS.acquire().await.context("the reconciler is stopping")?)
}

/// Computes beside the threads that answer.
pub(super) async fn compute<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.context("the computation failed")?
}
