//! The HTTP APIs of the reconciler and the agent: JSON over GET, PUT, POST and DELETE. Attempts, times
//! and sizes are bounded; waiting for a removal that goes on is bounded by who asks for it.

mod access;
mod error;

pub(crate) use access::{Access, Side};
pub(crate) use error::{ApiError, Effect};

use super::transport::{Answer, Connections, Failure as NoAnswer, Request, exchange};
use http::header::{CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH};
use http::uri::InvalidUri;
use http::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use terraform_provider_framework::CancellationToken;
use tokio::time::{Instant, sleep, timeout};

/// For how long a refused connection is tried again: a reconciler or agent that is restarted for an
/// upgrade is back by then.
const REFUSED_PATIENCE: Duration = Duration::from_secs(8);

/// First pause between two attempts; each next one is twice as long, up to a second.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Time for an answer to a request that makes nobody wait.
pub(crate) const ANSWER: Duration = Duration::from_secs(30);

/// Time for an answer that has to be computed: a replay makes hundreds of forecasts, and waits for others.
pub(crate) const COMPUTATION: Duration = Duration::from_secs(300);

/// After an interruption, time left to a request in flight: breaking it off would leave unknown
/// whether it took effect.
const FAREWELL: Duration = Duration::from_secs(3);

/// One API.
#[derive(Clone)]
pub(crate) struct Api {
    side: Side,
    base: String,
    connections: Connections,
    access: Access,
}

/// Whether a PUT may change what exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Put {
    /// It may create only; an equal document counts as created.
    New,
    /// It creates or changes.
    Any,
}

/// A page of documents.
pub(super) enum Listed<T> {
    /// Nothing has changed since the answer of that entity tag.
    Unchanged,
    /// This API lists nothing there.
    Missing,
    /// The page, and the entity tag to ask again with.
    Page { etag: Option<HeaderValue>, body: T },
}

impl Api {
    /// The API at `url`.
    ///
    /// # Errors
    /// What is wrong with the URL.
    pub(crate) fn new(side: Side, url: &str, access: &Access) -> Result<Self, String> {
        let connections = access.connections(url)?;
        Ok(Self { side, base: url.trim_end_matches('/').to_owned(), connections, access: access.clone() })
    }

    /// Reads a document; `None` when there is none.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        cancellation: &CancellationToken,
    ) -> Result<Option<T>, ApiError> {
        let answer = self.send(self.request(Method::GET, path)?, ANSWER, cancellation).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        self.read(&answer).map(Some)
    }

    /// Reads a page of documents, unless it is the one of that entity tag.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        known: Option<&HeaderValue>,
        cancellation: &CancellationToken,
    ) -> Result<Listed<T>, ApiError> {
        let mut request = self.request(Method::GET, path)?;
        if let Some(etag) = known {
            request.headers_mut().insert(IF_NONE_MATCH, etag.clone());
        }
        let answer = self.send(request, ANSWER, cancellation).await?;
        match answer.status {
            StatusCode::NOT_MODIFIED => Ok(Listed::Unchanged),
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Ok(Listed::Missing),
            _ => Ok(Listed::Page { body: self.read(&answer)?, etag: answer.headers.get(ETAG).cloned() }),
        }
    }

    /// Writes a document and reads the answer, waiting for it no longer than `patience`.
    pub(crate) async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        put: Put,
        patience: Duration,
        cancellation: &CancellationToken,
    ) -> Result<T, ApiError> {
        let mut request = self.with_body(Method::PUT, path, body)?;
        if put == Put::New {
            request.headers_mut().insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        }
        let answer = self.send(request, patience, cancellation).await?;
        self.read(&answer)
    }

    /// Sends a document that makes something new, and reads the answer.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        patience: Duration,
        cancellation: &CancellationToken,
    ) -> Result<T, ApiError> {
        let answer = self.send(self.with_body(Method::POST, path, body)?, patience, cancellation).await?;
        self.read(&answer)
    }

    /// Deletes a document, and waits for what was made of it to be gone as well. One that is gone already is deleted.
    ///
    /// One answer may take `patience`; the whole is bounded by `cancellation`, which the timeouts of a resource raise.
    pub(crate) async fn delete(
        &self,
        path: &str,
        patience: Duration,
        cancellation: &CancellationToken,
    ) -> Result<(), ApiError> {
        loop {
            let answer = self.send(self.request(Method::DELETE, path)?, patience, cancellation).await?;
            match answer.status {
                // The removal goes on, and asking again waits for it.
                StatusCode::ACCEPTED => self.pause(FIRST_PAUSE, Effect::Perhaps, cancellation).await?,
                status if status == StatusCode::NOT_FOUND || status.is_success() => return Ok(()),
                _ => return Err(self.refusal(&answer)),
            }
        }
    }

    fn request(&self, method: Method, path: &str) -> Result<Request, ApiError> {
        let uri = format!("{}{path}", self.base).try_into().map_err(|error: InvalidUri| self.unsent(&error))?;
        let mut request = Request::default();
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        self.access.introduce(request.headers_mut());
        Ok(request)
    }

    fn with_body(&self, method: Method, path: &str, body: &impl Serialize) -> Result<Request, ApiError> {
        let mut request = self.request(method, path)?;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *request.body_mut() = serde_json::to_vec(body).map_err(|error| self.unsent(&error))?.into();
        Ok(request)
    }

    async fn send(
        &self,
        request: Request,
        patience: Duration,
        cancellation: &CancellationToken,
    ) -> Result<Answer, ApiError> {
        let deadline = Instant::now() + REFUSED_PATIENCE;
        let mut pause = FIRST_PAUSE;
        loop {
            let failure = match self.attempt(request.clone(), patience, cancellation).await? {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if !failure.is_refused() || Instant::now() + pause > deadline {
                return Err(self.without_answer(&failure));
            }
            self.pause(pause, Effect::No, cancellation).await?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Waits for a time, or is interrupted after what took effect or not.
    async fn pause(
        &self,
        time: Duration,
        took_effect: Effect,
        cancellation: &CancellationToken,
    ) -> Result<(), ApiError> {
        tokio::select! {
            () = sleep(time) => Ok(()),
            () = cancellation.cancelled() => Err(self.interrupted(took_effect)),
        }
    }

    /// One attempt; after an interruption it has a little time left.
    async fn attempt(
        &self,
        request: Request,
        patience: Duration,
        cancellation: &CancellationToken,
    ) -> Result<Result<Answer, NoAnswer>, ApiError> {
        let exchange = exchange(&self.connections, request, patience);
        tokio::pin!(exchange);
        tokio::select! {
            result = &mut exchange => Ok(result),
            () = cancellation.cancelled() => match timeout(FAREWELL, exchange).await {
                Ok(result) => Ok(result),
                Err(_elapsed) => Err(self.interrupted(Effect::Perhaps)),
            },
        }
    }

    fn read<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, ApiError> {
        if !answer.status.is_success() {
            return Err(self.refusal(answer));
        }
        serde_json::from_slice(&answer.body).map_err(|error| self.unreadable(&error.to_string()))
    }

    fn refusal(&self, answer: &Answer) -> ApiError {
        ApiError::refused(self.side, &self.base, answer, self.access.has_token())
    }

    fn without_answer(&self, failure: &NoAnswer) -> ApiError {
        match failure {
            NoAnswer::Unconnected(_) => self.unreachable(failure, Effect::No),
            NoAnswer::Broken(_) | NoAnswer::Late(_) => self.unreachable(failure, Effect::Perhaps),
            NoAnswer::TooLong => self.unreadable(&failure.to_string()),
        }
    }

    /// For a request that cannot be written down.
    fn unsent(&self, error: &impl ToString) -> ApiError {
        self.unreachable(error, Effect::No)
    }

    fn unreachable(&self, cause: &impl ToString, took_effect: Effect) -> ApiError {
        ApiError::Unreachable { side: self.side, url: self.base.clone(), cause: cause.to_string(), took_effect }
    }

    fn interrupted(&self, took_effect: Effect) -> ApiError {
        ApiError::Interrupted { url: self.base.clone(), took_effect }
    }

    fn unreadable(&self, cause: &str) -> ApiError {
        ApiError::Unreadable { side: self.side, url: self.base.clone(), cause: cause.to_owned() }
    }
}
