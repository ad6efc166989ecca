//! The agent's HTTP API: reads a request, asks the supervisor, writes the answer. Decides nothing.

use super::metrics;
use super::refusal::Refusal;
use super::supervisor::Supervisor;
use super::targets::{TargetGroup, targets};
use super::task::{TaskResult, TaskSpec, Tasks};
use crate::http::{self, Access, ApiError, Body, ErrorBody, Needs, Path, Token, only_new};
use anyhow::Context as _;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use shadow_core::model::process::{ProcessSpec, ProcessStatus};
use std::sync::Arc;
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Largest request: a declaration with a long environment has some ten KiB.
const BODY_BYTES_MAX: usize = 256 << 10;

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

impl Api {
    /// The routes.
    pub(super) fn router(self) -> Router {
        let (guarded, _document) = guarded().split_for_parts();
        let (open, _document) = open().split_for_parts();
        let guarded = http::guard(guarded, &Access::main(self.token.clone()), Needs::Everything);
        http::service(guarded.merge(open), BODY_BYTES_MAX).with_state(self)
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

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let error = refusal.to_string();
        match refusal {
            Refusal::Invalid(problems) => Self::Invalid(problems),
            Refusal::Different(_) => Self::Exists(error),
            Refusal::Unknown(_) => Self::NotFound(error),
            Refusal::Failed(error) => Self::Internal(error),
        }
    }
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
async fn get_process(State(api): State<Api>, Path(name): Path<String>) -> Result<Json<ProcessStatus>, ApiError> {
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
    Body(spec): Body<ProcessSpec>,
) -> Result<Json<ProcessStatus>, ApiError> {
    if spec.name != name {
        let summary = format!("{:?} is not the name in the address, {name:?}", spec.name);
        return Err(Refusal::problem("name", summary, "use one name").into());
    }
    Ok(Json(api.supervisor.declare(spec, only_new(&headers)).await?.status))
}

/// Stops a process and forgets it
///
/// Answers when it is gone.
#[utoipa::path(
    delete, path = "/v1/processes/{name}", params(("name" = String, Path)),
    responses((status = NO_CONTENT), (status = NOT_FOUND, body = ErrorBody))
)]
async fn delete_process(State(api): State<Api>, Path(name): Path<String>) -> Result<StatusCode, ApiError> {
    api.supervisor.delete(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Runs a command once and answers when it has ended
#[utoipa::path(
    post, path = "/v1/tasks", request_body = TaskSpec,
    responses((status = OK, body = TaskResult), (status = UNPROCESSABLE_ENTITY, body = ErrorBody))
)]
async fn run_task(State(api): State<Api>, Body(task): Body<TaskSpec>) -> Result<Json<TaskResult>, ApiError> {
    Ok(Json(api.tasks.run(&task, api.supervisor.context()).await?))
}

/// Tells that the agent serves
#[utoipa::path(get, path = "/healthz", responses((status = OK, body = String)))]
async fn healthz() -> &'static str {
    "ok\n"
}

/// Metrics for Prometheus
#[utoipa::path(get, path = "/metrics", responses((status = OK, body = String)))]
async fn scrape(State(api): State<Api>) -> Result<Response, ApiError> {
    let views = api.supervisor.views();
    let strays = api.supervisor.context().stray_count();
    let text = tokio::task::spawn_blocking(move || metrics::exposition(&views, strays)).await;
    let text = text.context("the metrics were not collected")?.context("the metrics cannot be written")?;
    Ok(([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response())
}
