//! Replication: a replica pulls the log of its source and applies it, until it is promoted. It
//! never writes to the source.

use super::{Service, http_client, lock};
use crate::store::Session;
use anyhow::Context as _;
use axum::extract::{Query, State};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Entries sent at once: a few megabytes at most.
const BATCH_MAX: usize = 1_000;
/// Pace of a replica that has caught up; also how old its data is.
const PULL_INTERVAL: Duration = Duration::from_millis(100);
/// Patience of a replica with its source.
pub(crate) const PULL_TIMEOUT: Duration = Duration::from_secs(2);
/// Response header with the newest position of the log.
const LOG_HEAD: HeaderName = HeaderName::from_static("log-head");
/// Response header with the bytes that follow the batch.
const LOG_BYTES_LEFT: HeaderName = HeaderName::from_static("log-bytes-left");

/// What a replica knows of its source.
pub(crate) struct Replica {
    /// Applied position of the source's log.
    pub(crate) position: u64,
    /// Bytes known to be lacking.
    pub(crate) bytes_behind: u64,
    /// When nothing was lacking.
    pub(crate) caught_up_at: Instant,
    /// Whether it has ever caught up.
    pub(crate) was_caught_up: bool,
}

#[derive(Deserialize)]
pub(crate) struct LogQuery {
    from: u64,
}

#[derive(Serialize, Deserialize)]
struct LogEntry {
    position: u64,
    #[serde(flatten)]
    session: Session,
}

/// Answers what changed after a position, one JSON document a line.
pub(crate) async fn read_log(
    State(service): State<Arc<Service>>,
    Query(query): Query<LogQuery>,
) -> Result<Response, StatusCode> {
    let store = service.store.read().await;
    let mut lines = String::new();
    for (&position, session) in store.after(query.from).take(BATCH_MAX) {
        let entry = LogEntry { position, session: session.clone() };
        lines += &serde_json::to_string(&entry).map_err(|_error| StatusCode::INTERNAL_SERVER_ERROR)?;
        lines.push('\n');
    }
    let left: usize = store.after(query.from).skip(BATCH_MAX).map(|(_position, session)| session.size()).sum();
    let headers = [(LOG_HEAD, store.head().to_string()), (LOG_BYTES_LEFT, left.to_string())];
    Ok((headers, lines).into_response())
}

/// Makes the service a replica of `source` (address:port).
pub(crate) fn follow(service: &Arc<Service>, source: String) -> anyhow::Result<()> {
    let http = http_client(PULL_TIMEOUT)?;
    let replica = Replica { position: 0, bytes_behind: 0, caught_up_at: Instant::now(), was_caught_up: false };
    *lock(&service.replica) = Some(replica);
    tokio::spawn(replicate(Arc::clone(service), http, source));
    Ok(())
}

/// Ends the replication: from here on this is a service of its own.
pub(crate) async fn promote(State(service): State<Arc<Service>>) -> StatusCode {
    *lock(&service.replica) = None;
    StatusCode::NO_CONTENT
}

/// While the source is gone, what is here is kept, and the lag grows.
async fn replicate(service: Arc<Service>, http: reqwest::Client, source: String) {
    while let Some(position) = position_of(&service) {
        let more = pull(&service, &http, &source, position).await.unwrap_or(false);
        if !more {
            sleep(PULL_INTERVAL).await;
        }
    }
}

fn position_of(service: &Service) -> Option<u64> {
    lock(&service.replica).as_ref().map(|replica| replica.position)
}

/// Pulls and applies one batch; tells whether there is more.
async fn pull(service: &Service, http: &reqwest::Client, source: &str, from: u64) -> anyhow::Result<bool> {
    let answer = http.get(format!("http://{source}/log?from={from}")).send().await?.error_for_status()?;
    let number = |name| anyhow::Ok(answer.headers().get(name).context("no log")?.to_str()?.parse::<u64>()?);
    let (head, bytes_behind) = (number(LOG_HEAD)?, number(LOG_BYTES_LEFT)?);
    let text = answer.text().await?;
    let entries: Vec<LogEntry> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let applied = entries.last().map_or(head, |entry| entry.position);
    let mut store = service.store.write().await;
    entries.into_iter().for_each(|entry| store.merge(entry.session));
    drop(store);

    // A source that was started anew has begun a new log.
    let begins_anew = head < from;
    let more = begins_anew || applied < head;
    if let Some(replica) = lock(&service.replica).as_mut() {
        replica.position = if begins_anew { 0 } else { applied };
        replica.bytes_behind = bytes_behind;
        if !more {
            replica.caught_up_at = Instant::now();
            replica.was_caught_up = true;
        }
    }
    Ok(more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes;
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    fn serve_at(listener: TcpListener) -> Arc<Service> {
        let service = Arc::new(Service::default());
        tokio::spawn(axum::serve(listener, routes(Arc::clone(&service), false)).into_future());
        service
    }

    async fn until(condition: impl AsyncFn() -> bool) {
        let wait = async {
            while !condition().await {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(10), wait).await.expect("did not come true in time");
    }

    async fn has(service: &Service, id: &str, value: &str) -> bool {
        service.store.read().await.get(id).is_some_and(|session| session.value == value)
    }

    #[tokio::test]
    async fn a_replica_catches_up_follows_and_keeps_what_it_has() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let source_address = listener.local_addr().unwrap().to_string();
        let source = serve_at(listener);
        let many = 2 * BATCH_MAX + 1;
        for number in 0..many {
            source.store.write().await.put(Session::new(number.to_string(), "first".to_owned()));
        }
        let replica = serve_at(TcpListener::bind("127.0.0.1:0").await.unwrap());
        follow(&replica, source_address).unwrap();
        until(async || lock(&replica.replica).as_ref().unwrap().was_caught_up).await;
        assert_eq!(replica.store.read().await.count(), many);

        source.store.write().await.put(Session::new("0".to_owned(), "second".to_owned()));
        until(async || has(&replica, "0", "second").await).await;

        assert_eq!(promote(State(Arc::clone(&replica))).await, StatusCode::NO_CONTENT);
        assert!(position_of(&replica).is_none());
        assert!(has(&replica, "1", "first").await);
    }

    #[tokio::test]
    async fn a_source_that_was_started_anew_is_read_from_its_beginning() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let source_address = listener.local_addr().unwrap().to_string();
        let source = serve_at(listener);
        source.store.write().await.put(Session::new("new".to_owned(), "life".to_owned()));
        let replica = Arc::new(Service::default());
        follow(&replica, source_address).unwrap();
        lock(&replica.replica).as_mut().unwrap().position = 1_000;
        until(async || has(&replica, "new", "life").await).await;
    }
}
