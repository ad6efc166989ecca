//! Requests over HTTP/1.1, plain or within TLS, on connections that are kept for the next one. It follows no
//! redirection, which could carry the token to somebody else, and knows no proxies, which are for the internet:
//! reconciler and agents are neighbours.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::crypto::ring;
use std::error::Error;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service, ServiceExt, timeout::Timeout, timeout::error::Elapsed};

/// Time to reach a host, TLS within it.
const CONNECT: Duration = Duration::from_secs(5);

/// Silence after which a host is probed, and how often: one that is gone is noticed within a minute, however
/// long an answer may take.
const PROBE: Duration = Duration::from_secs(15);
const PROBES: u32 = 3;

/// Largest answer read: the largest document that the reconciler takes, and what stands around it.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// A request. It can be cloned, and so be sent again.
pub(super) type Request = http::Request<Full<Bytes>>;

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Connections to any number of hosts. Clones share them.
pub(super) type Connections = Client<BoxCloneSyncService<http::Uri, Stream, BoxError>, Full<Bytes>>;

/// The two kinds of connections. Certificates are read from the disk, some hundreds, when TLS is first needed.
pub(super) struct Http {
    plain: Connections,
    secure: OnceLock<Result<Connections, String>>,
}

/// The whole of an answer.
pub(super) struct Answer {
    pub(super) status: http::StatusCode,
    pub(super) headers: http::HeaderMap,
    pub(super) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// Nobody got the request.
    #[error("{}", unconnected(.0))]
    Unconnected(ClientError),
    /// Somebody may have got it.
    #[error("{}", innermost(.0.as_ref()))]
    Broken(BoxError),
    /// Somebody may have got it.
    #[error("no answer within {} s", .0.as_secs())]
    Late(Duration),
    #[error("the answer is longer than {ANSWER_BYTES_MAX} bytes")]
    TooLong,
}

impl Http {
    pub(super) fn new() -> Self {
        Self { plain: pool(tcp().map_response(Stream::from)), secure: OnceLock::new() }
    }

    /// Connections that are not encrypted.
    pub(super) fn plain(&self) -> Connections {
        self.plain.clone()
    }

    /// Connections within TLS, to hosts that a certificate of this machine vouches for.
    ///
    /// # Errors
    /// When this machine has no certificates.
    pub(super) fn secure(&self) -> Result<Connections, String> {
        self.secure.get_or_init(secure).clone()
    }
}

/// Sends a request and reads the whole answer.
pub(super) async fn exchange(
    connections: &Connections,
    request: Request,
    patience: Duration,
) -> Result<Answer, Failure> {
    timeout(patience, whole(connections, request)).await.unwrap_or(Err(Failure::Late(patience)))
}

async fn whole(connections: &Connections, request: Request) -> Result<Answer, Failure> {
    let (head, body) = connections.request(request).await?.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(broken)?.to_bytes();
    Ok(Answer { status: head.status, headers: head.headers, body })
}

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(PROBE));
    tcp.set_keepalive_interval(Some(PROBE));
    tcp.set_keepalive_retries(Some(PROBES));
    tcp
}

fn secure() -> Result<Connections, String> {
    let mut tcp = tcp();
    tcp.enforce_http(false);
    let tls = HttpsConnectorBuilder::new()
        .with_provider_and_platform_verifier(ring::default_provider())
        .map_err(|error| format!("https cannot be used: {error}; install ca-certificates or set SSL_CERT_FILE"))?;
    Ok(pool(tls.https_only().enable_http1().wrap_connector(tcp)))
}

fn pool<C>(connector: C) -> Connections
where
    C: Service<http::Uri, Response = Stream> + Clone + Send + Sync + 'static,
    C::Error: Into<BoxError>,
    C::Future: Send,
{
    let bounded = BoxCloneSyncService::new(Timeout::new(connector, CONNECT));
    Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(bounded)
}

impl Failure {
    /// Whether the host is there, and nobody listens: a server that is restarted, perhaps.
    pub(super) fn is_refused(&self) -> bool {
        let Self::Unconnected(error) = self else { return false };
        let refused = |io: &std::io::Error| io.kind() == std::io::ErrorKind::ConnectionRefused;
        causes(error).find_map(|cause| cause.downcast_ref()).is_some_and(refused)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        if error.is_connect() { Self::Unconnected(error) } else { Self::Broken(error.into()) }
    }
}

fn broken(error: BoxError) -> Failure {
    if error.is::<LengthLimitError>() { Failure::TooLong } else { Failure::Broken(error) }
}

fn unconnected(error: &ClientError) -> String {
    if causes(error).any(|cause| cause.is::<Elapsed>()) {
        return format!("no connection within {} s", CONNECT.as_secs());
    }
    innermost(error)
}

/// The innermost cause: the outer ones only say that a request failed.
fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

/// An error and what caused it, the outermost first.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (**error).source())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::extract::ConnectInfo;
    use axum::http::header::LOCATION;
    use axum::{Router, http::StatusCode, routing::get};
    use std::net::SocketAddr;
    use tokio::net::TcpListener;

    /// Far more than any answer here takes.
    const PATIENCE: Duration = Duration::from_secs(60);

    async fn serve() -> String {
        let routes = Router::new()
            .route("/peer", get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string()))
            .route("/long", get(async || vec![b' '; ANSWER_BYTES_MAX]))
            .route("/longer", get(async || vec![b' '; ANSWER_BYTES_MAX + 1]))
            .route("/moved", get(async || (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, "/peer")])))
            .route("/never", get(std::future::pending::<()>));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let service = routes.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        url
    }

    async fn ask(http: &Http, url: &str, patience: Duration) -> Result<Answer, Failure> {
        let mut request = Request::default();
        *request.uri_mut() = url.parse().unwrap();
        exchange(&http.plain(), request, patience).await
    }

    #[tokio::test]
    async fn connections_are_kept() {
        let (http, url) = (Http::new(), serve().await + "/peer");
        let first = ask(&http, &url, PATIENCE).await.unwrap();
        let second = ask(&http, &url, PATIENCE).await.unwrap();
        assert!(first.body.starts_with(b"127.0.0.1:"));
        assert_eq!(first.body, second.body);
    }

    #[tokio::test]
    async fn an_answer_is_bounded_in_size_and_time() {
        let (http, url) = (Http::new(), serve().await);
        assert_eq!(ask(&http, &format!("{url}/long"), PATIENCE).await.unwrap().body.len(), ANSWER_BYTES_MAX);
        assert!(matches!(ask(&http, &format!("{url}/longer"), PATIENCE).await, Err(Failure::TooLong)));
        let late = ask(&http, &format!("{url}/never"), Duration::from_millis(1)).await;
        assert!(matches!(late, Err(Failure::Late(_))));
    }

    #[tokio::test]
    async fn a_redirection_is_not_followed() {
        let (http, url) = (Http::new(), serve().await);
        let answer = ask(&http, &format!("{url}/moved"), PATIENCE).await.unwrap();
        assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT);
    }

    #[tokio::test]
    async fn a_refusal_is_known_from_what_may_have_been_received() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let refused = ask(&Http::new(), &format!("http://{closed}"), PATIENCE).await.err().unwrap();
        assert!(refused.is_refused() && matches!(refused, Failure::Unconnected(_)));
        assert!(refused.to_string().starts_with("Connection refused"), "{refused}");

        let hangs_up = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", hangs_up.local_addr().unwrap());
        tokio::spawn(async move { hangs_up.accept().await.map(drop) });
        let broken = ask(&Http::new(), &url, PATIENCE).await.err().unwrap();
        assert!(!broken.is_refused() && matches!(broken, Failure::Broken(_)), "{broken:?}");
    }
}
