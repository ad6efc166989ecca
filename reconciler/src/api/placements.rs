//! Where shadows of a group would go.

use super::measured::known;
use crate::app::App;
use crate::http::{ApiError, ErrorBody, Path};
use axum::Json;
use axum::extract::State;
use shadow_core::model::group::GroupSpec;
use shadow_core::placement::{PlacementReport, place};
use shadow_core::state::GroupState;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Where shadows of a group would go, and why not elsewhere.
#[utoipa::path(get, path = "/v1/groups/{name}/placement", responses(
    (status = 200, body = PlacementReport), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub(super) async fn group_placement(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<PlacementReport>, ApiError> {
    let (group, state) = known(&app, &name)?;
    let Some(profile) = &group.spec.placement_profile else {
        let error = format!("group {name:?} has no placement_profile: declare its candidates there");
        return Err(ApiError::Conflict(error));
    };
    Ok(Json(place(profile, &group.spec.size, &serving_zones(&group.spec, state.as_ref()))))
}

/// Zones in which a shadow would fail together with what serves.
fn serving_zones(spec: &GroupSpec, state: Option<&GroupState>) -> BTreeSet<String> {
    let declared = std::iter::once(&spec.primary).chain(spec.members.values()).filter_map(|it| it.zone.clone());
    let primary = state.and_then(|state| state.slots.get(state.primary()));
    declared.chain(primary.and_then(|slot| slot.instance.as_ref()?.zone.clone())).collect()
}
