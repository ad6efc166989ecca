//! The HTTP API: declarations in, status out, commands of humans. It stores and tells; it never
//! decides and never touches a group's state, which only the group's own cycle writes.

mod backtests;
mod calendars;
mod declarations;
mod feedback;
mod forecasts;
mod histories;
mod listing;
mod measured;
mod operate;
mod placements;
mod splits;
mod tokens;

use crate::app::App;
use crate::http::{self, Needs, Scope};
use axum::Router;
use axum::routing::get;
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use backtests::{BacktestRequest, RecordedSignal};
pub use forecasts::{Fan, FanHorizon, FanStep, GroupForecast};
pub use histories::SignalHistory;
pub use operate::{Explanation, HoldBody, JournalPage, RetireBody, SlotStatus, Status};
pub use splits::SplitDocument;
pub use tokens::{IssuedToken, TokenRequest};

/// Largest request body: a group with thousands of parameters stays far below it.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What only reads.
fn reading() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(declarations::list_policies))
        .routes(routes!(declarations::get_policy))
        .routes(routes!(declarations::list_groups))
        .routes(routes!(declarations::get_group))
        .routes(routes!(calendars::list_calendars))
        .routes(routes!(calendars::get_calendar))
        .routes(routes!(splits::get_split))
        .routes(routes!(operate::status))
        .routes(routes!(operate::explain))
        .routes(routes!(operate::journal))
        .routes(routes!(feedback::feedback))
        .routes(routes!(forecasts::group_forecast))
        .routes(routes!(histories::signal_history))
        .routes(routes!(placements::group_placement))
        .routes(routes!(backtests::backtest))
}

/// What changes declarations.
fn declaring() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(declarations::put_policy, declarations::delete_policy))
        .routes(routes!(declarations::put_group, declarations::delete_group))
        .routes(routes!(calendars::put_calendar, calendars::delete_calendar))
}

/// What moves traffic, or tells a group what to do.
fn operating() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(splits::put_split, splits::delete_split))
        .routes(routes!(operate::hold))
        .routes(routes!(operate::release))
        .routes(routes!(operate::acknowledge))
        .routes(routes!(operate::prepare))
        .routes(routes!(operate::failover))
        .routes(routes!(operate::failback))
        .routes(routes!(operate::retire))
}

/// What gives others the right to do something.
fn granting() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(tokens::issue_token)).routes(routes!(tokens::revoke_token))
}

/// Every route that wants a token, with what it needs.
fn guarded() -> [(OpenApiRouter<Arc<App>>, Needs); 4] {
    [
        (reading(), Needs::Scope(Scope::Read)),
        (declaring(), Needs::Scope(Scope::Declare)),
        (operating(), Needs::Scope(Scope::Operate)),
        (granting(), Needs::Everything),
    ]
}

/// What everybody may read: it tells nothing that was declared.
fn open() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(operate::healthz)).routes(routes!(operate::metrics))
}

/// The service: everything under `/v1` wants a bearer token, if the reconciler was given one.
pub fn router(app: Arc<App>) -> Router {
    let (open, _document) = open().split_for_parts();
    let open = open.route("/openapi.json", get(async || axum::Json(openapi())));
    let access = tokens::access(&app);
    let routes = guarded().into_iter().fold(open, |routes, (guarded, needs)| {
        let (guarded, _document) = guarded.split_for_parts();
        routes.merge(http::guard(guarded, &access, needs))
    });
    http::service(routes, BODY_BYTES_MAX).with_state(app)
}

/// The OpenAPI 3.1 description of the API.
pub fn openapi() -> OpenApi {
    let described = OpenApiRouter::with_openapi(document()).merge(open());
    guarded().into_iter().fold(described, |described, (routes, _needs)| described.merge(routes)).into_openapi()
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
