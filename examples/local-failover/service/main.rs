//! A small session store over HTTP, as a team might run it: sessions in memory, a log that replicas
//! pull, metrics for Prometheus, and a clean end on SIGTERM. Keeps nothing on disk.
//!
//! With `--allow-faults` an operator may make it leak memory. As in services that collect garbage,
//! pauses grow with what is retained, until the memory limit ends the process.

mod fault;
mod metrics;
mod replica;
mod store;

use anyhow::Context as _;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, put};
use axum::{Router, serve};
use clap::Parser;
use metrics::Durations;
use replica::{PULL_TIMEOUT, Replica};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use store::{Session, Store};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, RwLock};
use tokio::time::sleep;

/// Largest session: more than a cookie holds, little enough to keep all of them in memory.
const SESSION_BYTES_MAX: usize = 4 << 10;
/// Time for requests that are being answered when the service is asked to end.
const DRAIN_MAX: Duration = Duration::from_secs(8);

#[derive(Parser)]
struct Args {
    /// Address to listen on
    #[arg(long, env = "ADDRESS", default_value = "127.0.0.1")]
    address: String,
    /// Port to listen on
    #[arg(long, env = "PORT")]
    port: u16,
    /// Replicate from this service (address:port) until promoted
    #[arg(long, env = "SYNC_SOURCE")]
    sync_source: Option<String>,
    /// Serve PUT /fault/leak
    #[arg(long)]
    allow_faults: bool,
    /// Serve nothing: ask the instance at that address and port to warm up, and end when it has
    #[arg(long)]
    warm_up: bool,
}

/// What the handlers share.
#[derive(Default)]
struct Service {
    store: RwLock<Store>,
    replica: Mutex<Option<Replica>>,
    durations: Durations,
    leak_mib_per_second: AtomicU32,
    draining: AtomicBool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if args.warm_up {
        return warm_up_instance(&args).await;
    }
    let listener = TcpListener::bind((args.address.as_str(), args.port)).await;
    let listener = listener.with_context(|| format!("cannot listen on {}:{}", args.address, args.port))?;
    let service = Arc::new(Service::default());
    if let Some(source) = args.sync_source {
        replica::follow(&service, source)?;
    }
    if args.allow_faults {
        fault::allow(&service);
    }
    serve_until_terminated(listener, service, args.allow_faults).await
}

/// Asks until the instance says that it is warm; whoever runs this sets a limit.
async fn warm_up_instance(args: &Args) -> anyhow::Result<()> {
    let url = format!("http://{}:{}/warmup", args.address, args.port);
    let http = http_client(PULL_TIMEOUT)?;
    loop {
        match http.get(&url).send().await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(_) | Err(_) => sleep(Duration::from_millis(200)).await,
        }
    }
}

async fn serve_until_terminated(listener: TcpListener, service: Arc<Service>, faults: bool) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be awaited")?;
    let asked = Arc::new(Notify::new());
    let (ask, draining) = (Arc::clone(&asked), Arc::clone(&service));
    let serving = serve(listener, routes(service, faults)).with_graceful_shutdown(async move {
        terminate.recv().await;
        draining.draining.store(true, Relaxed);
        ask.notify_one();
    });
    let overdue = async {
        asked.notified().await;
        sleep(DRAIN_MAX).await;
    };
    tokio::select! {
        served = serving.into_future() => served.context("cannot serve"),
        () = overdue => Ok(()),
    }
}

fn routes(service: Arc<Service>, allow_faults: bool) -> Router {
    let mut routes = Router::new()
        .route("/sessions/{id}", get(get_session).put(put_session))
        .layer(middleware::from_fn_with_state(service.clone(), measure))
        .route("/healthz", get(async || "ok\n"))
        .route("/metrics", get(metrics::metrics))
        .route("/log", get(replica::read_log))
        .route("/warmup", get(warm_up))
        .route("/promote", put(replica::promote));
    if allow_faults {
        routes = routes.route("/fault/leak", put(fault::set_leak));
    }
    routes.layer(DefaultBodyLimit::max(SESSION_BYTES_MAX)).with_state(service)
}

async fn measure(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let mut response = next.run(request).await;
    service.durations.add(begun.elapsed());
    if service.draining.load(Relaxed) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn get_session(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<String, (StatusCode, &'static str)> {
    let store = service.store.read().await;
    let found = store.get(&id).map(|session| session.value.clone());
    found.ok_or((StatusCode::NOT_FOUND, "there is no such session\n"))
}

async fn put_session(State(service): State<Arc<Service>>, Path(id): Path<String>, value: String) -> StatusCode {
    service.store.write().await.put(Session::new(id, value));
    StatusCode::NO_CONTENT
}

/// Touches every session, so that the first users do not wait for cold memory.
async fn warm_up(State(service): State<Arc<Service>>) -> (StatusCode, String) {
    if lock(&service.replica).as_ref().is_some_and(|replica| !replica.was_caught_up) {
        return (StatusCode::SERVICE_UNAVAILABLE, "still catching up\n".to_owned());
    }
    let store = service.store.read().await;
    let touch = |session: &Session| session.value.bytes().filter(|&byte| byte != 0).count();
    let bytes: usize = store.after(0).map(|(_position, session)| touch(session)).sum();
    (StatusCode::OK, format!("{} sessions, {bytes} bytes\n", store.count()))
}

/// A client for plain HTTP between instances.
fn http_client(timeout: Duration) -> anyhow::Result<reqwest::Client> {
    // It wants to be able to do TLS all the same. The first provider that is installed stays.
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::builder().no_proxy().timeout(timeout).build().context("no HTTP client")
}

/// What a panicking thread left is as good as before: every change is a single step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
