//! The agent's HTTP API: reads a request, asks the supervisor, writes the answer. Decides nothing.

use super::metrics;
use super::refusal::Refusal;
use super::supervisor::Supervisor;
use super::targets::{TargetGroup, targets};
use super::task::{TaskResult, TaskSpec, Tasks};
use super::token::Token;
use anyhow::Context as _;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::header::{CONTENT_TYPE, IF_NONE_MATCH, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use shadow_core::model::check::Problem;
use shadow_core::model::process::{ProcessSpec, ProcessStatus};
use std::sync::Arc;
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Largest request: a declaration with a long environment has some ten KiB.
const BODY_MAX: usize = 256 << 10;

/// What the handlers share.
#[derive(Debug, Clone)]
pub(super) struct Api {
    /// The processes of the host.
    pub supervisor: Arc<Supervisor>,
    /// The tasks of the host.
    pub tasks: Arc<Tasks>,
    /// What clients must show, if anything.
    pub token: Option<Token>,
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ErrorBody {
    /// What went wrong, in a sentence.
    pub error: String,
    /// What is wrong with the declaration, attribute by attribute.
    pub problems: Vec<Problem>,
}

impl Api {
    /// The routes.
    pub(super) fn router(self) -> Router {
        let (guarded, _document) = guarded().split_for_parts();
        let (open, _document) = open().split_for_parts();
        guarded
            .layer(middleware::from_fn_with_state(self.clone(), require_token))
            .merge(open)
            .layer(DefaultBodyLimit::max(BODY_MAX))
            .with_state(self)
    }
}

/// The OpenAPI document of the agent.
pub fn openapi() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Shadow agent")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Starts, supervises and stops service processes on one host."));
    let document = OpenApiBuilder::new().info(info.build()).build();
    OpenApiRouter::with_openapi(document).merge(guarded()).merge(open()).into_openapi()
}

fn guarded() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_processes))
        .routes(routes!(get_process, put_process, delete_process))
        .routes(routes!(run_task))
}

fn open() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(scrape)).routes(routes!(prometheus_targets))
}

async fn require_token(State(api): State<Api>, request: Request, next: Next) -> Response {
    match &api.token {
        Some(token) if !token.is_shown_in(request.headers()) => {
            let body = ErrorBody { error: "show the agent's token as a bearer token".to_owned(), problems: Vec::new() };
            (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], Json(body)).into_response()
        }
        Some(_) | None => next.run(request).await,
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Different(_) => StatusCode::PRECONDITION_FAILED,
            Self::Unknown(_) => StatusCode::NOT_FOUND,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let error = self.to_string();
        let problems = if let Self::Invalid(problems) = self { problems.0 } else { Vec::new() };
        (status, Json(ErrorBody { error, problems })).into_response()
    }
}

/// The body of a request, or the refusal that says what is wrong with it.
fn body<T>(body: Result<Json<T>, JsonRejection>) -> Result<T, Refusal> {
    let remedy = "send the document that the API describes, with content-type application/json";
    body.map(|Json(body)| body).map_err(|rejection| Refusal::problem("", rejection.body_text(), remedy))
}

/// The processes that Prometheus can scrape, for its `http_sd_configs`
#[utoipa::path(get, path = "/v1/prometheus-targets", responses((status = OK, body = [TargetGroup])))]
async fn prometheus_targets(State(api): State<Api>) -> Json<Vec<TargetGroup>> {
    Json(targets(&api.supervisor.views().into_iter().map(|view| view.status).collect::<Vec<_>>()))
}

/// Lists the processes of the host
#[utoipa::path(get, path = "/v1/processes", responses((status = OK, body = [ProcessStatus])))]
async fn list_processes(State(api): State<Api>) -> Json<Vec<ProcessStatus>> {
    Json(api.supervisor.views().into_iter().map(|view| view.status).collect())
}

/// Reads one process
#[utoipa::path(
    get, path = "/v1/processes/{name}", params(("name" = String, Path)),
    responses((status = OK, body = ProcessStatus), (status = NOT_FOUND, body = ErrorBody))
)]
async fn get_process(State(api): State<Api>, Path(name): Path<String>) -> Result<Json<ProcessStatus>, Refusal> {
    Ok(Json(api.supervisor.view(&name)?.status))
}

/// Declares a process: makes it, or changes it
///
/// Answers when the process has been started and has not ended at once. A change of what the process
/// reads at its start restarts it. With `If-None-Match: *` an existing process is never changed.
#[utoipa::path(
    put, path = "/v1/processes/{name}", request_body = ProcessSpec,
    params(("name" = String, Path), ("If-None-Match" = Option<String>, Header)),
    responses(
        (status = OK, body = ProcessStatus),
        (status = PRECONDITION_FAILED, description = "It exists with another declaration", body = ErrorBody),
        (status = UNPROCESSABLE_ENTITY, description = "It cannot be carried out", body = ErrorBody),
    )
)]
async fn put_process(
    State(api): State<Api>,
    Path(name): Path<String>,
    headers: HeaderMap,
    spec: Result<Json<ProcessSpec>, JsonRejection>,
) -> Result<Json<ProcessStatus>, Refusal> {
    let spec = body(spec)?;
    if spec.name != name {
        let summary = format!("{:?} is not the name in the address, {name:?}", spec.name);
        return Err(Refusal::problem("name", summary, "use one name"));
    }
    let create_only = headers.get(IF_NONE_MATCH).is_some_and(|value| value == "*");
    Ok(Json(api.supervisor.declare(spec, create_only).await?.status))
}

/// Stops a process and forgets it
///
/// Answers when it is gone.
#[utoipa::path(
    delete, path = "/v1/processes/{name}", params(("name" = String, Path)),
    responses((status = NO_CONTENT), (status = NOT_FOUND, body = ErrorBody))
)]
async fn delete_process(State(api): State<Api>, Path(name): Path<String>) -> Result<StatusCode, Refusal> {
    api.supervisor.delete(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Runs a command once and answers when it has ended
#[utoipa::path(
    post, path = "/v1/tasks", request_body = TaskSpec,
    responses((status = OK, body = TaskResult), (status = UNPROCESSABLE_ENTITY, body = ErrorBody))
)]
async fn run_task(
    State(api): State<Api>,
    task: Result<Json<TaskSpec>, JsonRejection>,
) -> Result<Json<TaskResult>, Refusal> {
    Ok(Json(api.tasks.run(&body(task)?, api.supervisor.context()).await?))
}

/// Tells that the agent serves
#[utoipa::path(get, path = "/healthz", responses((status = OK, body = String)))]
async fn healthz() -> &'static str {
    "ok\n"
}

/// Metrics for Prometheus
#[utoipa::path(get, path = "/metrics", responses((status = OK, body = String)))]
async fn scrape(State(api): State<Api>) -> Result<Response, Refusal> {
    let views = api.supervisor.views();
    let strays = api.supervisor.context().stray_count();
    let text = tokio::task::spawn_blocking(move || metrics::exposition(&views, strays)).await;
    let text = text.context("the metrics were not collected")?.context("the metrics cannot be written")?;
    Ok(([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response())
}
