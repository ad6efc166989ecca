//! One request of the load and what counts as its failure. It never tries again: a user's request is lost the first
//! time.

use crate::http;
use anyhow::{Context, Result};
use reqwest::{Client, Method, Response, StatusCode};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;

/// Connections that are kept open: enough that each worker thread of a proxy has some, whatever it does to them.
const KEPT_CONNECTIONS: u32 = 16;

/// Requests per write; the rest read. Services of this kind read far more often than they write.
const REQUESTS_PER_WRITE: u32 = 10;

/// Sessions that are read and written: few enough that most reads find what was written.
const SESSIONS: u32 = 500;

/// Largest answer that is read. The service's are far smaller; more would be another program's.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Why a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// No connection could be made.
    Connect,
    /// No complete answer in time.
    Timeout,
    /// The connection broke before the answer was complete.
    Reset,
    /// The service, or the proxy for it, answered with a status of 500 or above.
    ServerError,
    /// An answer that is neither a success nor says anything: the proxy's own, for want of a route.
    NotRouted,
}

/// Makes requests in the mix that a fleet of clients makes.
pub(super) struct Requests {
    base: String,
    timeout: Duration,
    /// One client a connection, so that the connections are really that many.
    kept: Vec<Client>,
    fresh: Client,
}

impl Requests {
    pub(super) fn new(target: SocketAddr, timeout: Duration) -> Result<Self> {
        let kept = (0..KEPT_CONNECTIONS).map(|_| client(usize::MAX)).collect::<Result<_>>()?;
        Ok(Self { base: format!("http://{target}"), timeout, kept, fresh: client(0)? })
    }

    /// Sends the `number`th request: even ones on a kept connection, odd ones on a new one.
    pub(super) async fn send(&self, number: u32) -> Result<(), Failure> {
        let exchange = self.exchange(number);
        tokio::time::timeout(self.timeout, exchange).await.unwrap_or(Err(Failure::Timeout))
    }

    async fn exchange(&self, number: u32) -> Result<(), Failure> {
        let pair = number / 2;
        let client = self.kept.get((pair % KEPT_CONNECTIONS) as usize).filter(|_| number.is_multiple_of(2));
        let url = format!("{}/sessions/load-{}", self.base, pair % SESSIONS);
        let write = pair.is_multiple_of(REQUESTS_PER_WRITE);
        let method = if write { Method::PUT } else { Method::GET };
        let mut request = client.unwrap_or(&self.fresh).request(method, url);
        if write {
            request = request.body(format!("{{\"request\":{number}}}")).header("content-type", "application/json");
        }
        let response = request.send().await.map_err(|error| failure_of(&error))?;
        let status = response.status();
        judge(status, body_length(response).await?)
    }
}

/// A client that keeps up to `idle_max` connections.
fn client(idle_max: usize) -> Result<Client> {
    let builder = http::builder()?.pool_max_idle_per_host(idle_max).tcp_nodelay(true);
    builder.build().context("setting up a client of the load")
}

fn failure_of(error: &reqwest::Error) -> Failure {
    if error.is_connect() { Failure::Connect } else { Failure::Reset }
}

/// A session that is not there is a proper answer: after a hand-over without replication it is gone. The service says
/// so in words; a proxy without a route answers "not found" with nothing.
fn judge(status: StatusCode, body_length: usize) -> Result<(), Failure> {
    match status {
        status if status.is_server_error() => Err(Failure::ServerError),
        status if status.is_success() || body_length > 0 => Ok(()),
        _ => Err(Failure::NotRouted),
    }
}

/// Reads the whole answer, which is then complete.
async fn body_length(mut response: Response) -> Result<usize, Failure> {
    let mut bytes = 0;
    while let Some(chunk) = response.chunk().await.map_err(|_| Failure::Reset)? {
        bytes += chunk.len();
        if bytes > BODY_BYTES_MAX {
            return Err(Failure::Reset);
        }
    }
    Ok(bytes)
}
