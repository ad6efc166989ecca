//! Stands between provider and reconciler and counts requests. It passes them on as they are.

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Largest request that is passed on: more than the reconciler takes.
const BODY_BYTES_MAX: usize = 8 << 20;

/// A server that ends when it is dropped.
pub(super) struct Counter {
    /// Where it listens.
    pub(super) url: String,
    counted: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Target {
    url: String,
    http: reqwest::Client,
    counted: Arc<AtomicU64>,
}

impl Counter {
    /// Counts requests to the reconciler at `target`.
    pub(super) async fn start(target: &str) -> Result<Self> {
        let counted = Arc::new(AtomicU64::new(0));
        let target = Target { url: target.to_owned(), http: crate::http::client()?, counted: counted.clone() };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new().fallback(pass_on).with_state(target);
        let task = tokio::spawn(async move {
            // It ends with its task.
            axum::serve(listener, router).await.ok();
        });
        Ok(Self { url, counted, task })
    }

    /// Requests so far.
    pub(super) fn counted(&self) -> u64 {
        self.counted.load(Ordering::Relaxed)
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass_on(State(target): State<Target>, request: Request) -> Response {
    target.counted.fetch_add(1, Ordering::Relaxed);
    target.ask(request).await.unwrap_or_else(|error| (StatusCode::BAD_GATEWAY, error.to_string()).into_response())
}

impl Target {
    async fn ask(&self, request: Request) -> Result<Response> {
        let (head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let body = axum::body::to_bytes(body, BODY_BYTES_MAX).await?;
        let request = self.http.request(head.method, format!("{}{path}", self.url)).headers(end_to_end(head.headers));
        let answer = request.body(body).send().await?;
        let (status, headers) = (answer.status(), end_to_end(answer.headers().clone()));
        let body: Bytes = answer.bytes().await?;
        Ok((status, headers, body).into_response())
    }
}

/// Without what concerns one connection only.
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in [header::HOST, header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers
}
