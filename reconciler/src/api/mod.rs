//! The HTTP API: declarations in, status out, commands of humans. It stores and tells; it never
//! decides and never touches a group's state, which only the group's own cycle writes.

mod declarations;
mod listing;
mod operate;
mod splits;

use crate::app::App;
use crate::http;
use axum::Router;
use axum::routing::get;
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use operate::{Explanation, HoldBody, JournalPage, RetireBody, SlotStatus, Status};
pub use splits::SplitDocument;

/// Largest request body: a group with thousands of parameters stays far below it.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What wants the token.
fn guarded() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(declarations::put_policy, declarations::get_policy, declarations::delete_policy))
        .routes(routes!(declarations::put_group, declarations::get_group, declarations::delete_group))
        .routes(routes!(declarations::list_policies))
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
}

/// What everybody may read: it tells nothing that was declared.
fn open() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(operate::healthz)).routes(routes!(operate::metrics))
}

/// The service: everything under `/v1` wants the bearer token.
pub fn router(app: Arc<App>) -> Router {
    let (guarded, _document) = guarded().split_for_parts();
    let (open, _document) = open().split_for_parts();
    let open = open.route("/openapi.json", get(async || axum::Json(openapi())));
    http::service(guarded, open, app.config.token.clone(), BODY_BYTES_MAX).with_state(app)
}

/// The OpenAPI 3.1 description of the API.
pub fn openapi() -> OpenApi {
    OpenApiRouter::with_openapi(document()).merge(guarded()).merge(open()).into_openapi()
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
