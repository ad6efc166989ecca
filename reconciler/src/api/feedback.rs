//! What forecasts, scores and alarms of a group were worth.

use crate::app::App;
use crate::http::{ApiError, ErrorBody, Path};
use axum::Json;
use axum::extract::State;
use shadow_core::feedback::FeedbackView;
use std::sync::Arc;

/// What forecasts, scores and alarms were worth: accuracy per signal, model and horizon, reliability of the scores,
/// incidents with their labels, and thresholds that were learned.
#[utoipa::path(get, path = "/v1/groups/{name}/feedback", responses(
    (status = 200, body = FeedbackView), (status = 404, body = ErrorBody)))]
pub(super) async fn feedback(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<FeedbackView>, ApiError> {
    if app.store.group(&name)?.is_none() {
        return Err(ApiError::NotFound(format!("there is no group {name:?}")));
    }
    let seen = app.board.view(&name).feedback;
    let view = match seen {
        Some(view) => view.as_ref().clone(),
        None => app.store.feedback(&name)?.map(|record| record.view()).unwrap_or_default(),
    };
    Ok(Json(view))
}
