//! The HTTP API: declarations in, status out, commands of humans. It stores and tells; it never
//! decides and never touches a group's state, which only the group's own cycle writes.

mod declarations;
mod error;
mod operate;
mod splits;

use crate::app::App;
use crate::http::require_token;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use error::{ApiError, ErrorBody};
pub use operate::{Explanation, HoldBody, JournalPage, RetireBody, SlotStatus, Status};
pub use splits::SplitDocument;

/// Largest request body: a group with thousands of parameters stays far below it.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The API with its description.
fn described() -> (Router<Arc<App>>, OpenApi) {
    OpenApiRouter::with_openapi(document())
        .routes(routes!(declarations::put_policy, declarations::get_policy, declarations::delete_policy))
        .routes(routes!(declarations::put_group, declarations::get_group, declarations::delete_group))
        .routes(routes!(declarations::list_groups))
        .routes(routes!(splits::put_split, splits::get_split, splits::delete_split))
        .routes(routes!(operate::status))
        .routes(routes!(operate::explain))
        .routes(routes!(operate::hold))
        .routes(routes!(operate::release))
        .routes(routes!(operate::acknowledge))
        .routes(routes!(operate::prepare))
        .routes(routes!(operate::failover))
        .routes(routes!(operate::failback))
        .routes(routes!(operate::retire))
        .routes(routes!(operate::journal))
        .split_for_parts()
}

/// The service: everything under `/v1` wants the bearer token.
pub fn router(app: Arc<App>) -> Router {
    let (v1, openapi) = described();
    let token = app.config.token.clone();
    v1.layer(axum::middleware::from_fn(move |request, next| require_token(token.clone(), request, next)))
        .route("/healthz", get(async || "ok\n"))
        .route("/metrics", get(operate::metrics))
        .route("/openapi.json", get(async move || axum::Json(openapi)))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(app)
}

/// The OpenAPI 3.1 description of the API.
pub fn openapi() -> OpenApi {
    described().1
}

fn document() -> OpenApi {
    use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
    use utoipa::openapi::{Components, Info, OpenApiBuilder};
    let mut components = Components::new();
    components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    OpenApiBuilder::new()
        .info(Info::new("Shadow reconciler", env!("CARGO_PKG_VERSION")))
        .components(Some(components))
        .security(Some([SecurityRequirement::new("token", Vec::<String>::new())]))
        .build()
}
