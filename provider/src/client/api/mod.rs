//! The HTTP APIs of the reconciler and the agent: JSON over GET, PUT, POST and DELETE. Everything is
//! bounded: attempts, times, sizes. Tokens never show in errors.

use super::transport::{Answer, Connections, Failure as NoAnswer, Http, Request, exchange};
use http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH, USER_AGENT};
use http::uri::InvalidUri;
use http::{Method, StatusCode, Uri};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shadow_core::model::Problem;
use std::sync::Arc;
use std::time::Duration;
use terraform_provider_framework::{CancellationToken, Diagnostic, Diagnostics, Failure};
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

/// Time for a removal that goes on after it was accepted: Terraform may have to destroy instances.
const REMOVAL: Duration = Duration::from_secs(3600);

/// After an interruption, time left to a request in flight: breaking it off would leave unknown
/// whether it took effect.
const FAREWELL: Duration = Duration::from_secs(3);

/// How to present oneself to an API.
#[derive(Clone)]
pub(crate) struct Access {
    http: Arc<Http>,
    user_agent: HeaderValue,
    authorization: Option<HeaderValue>,
}

impl Access {
    /// # Errors
    /// When the token cannot stand in an HTTP header.
    pub(crate) fn new(token: Option<&str>, user_agent: &str) -> Result<Self, String> {
        let user_agent = HeaderValue::from_str(user_agent)
            .map_err(|error| format!("the version of Terraform cannot stand in a header: {error}"))?;
        let authorization = token.map(bearer).transpose()?;
        Ok(Self { http: Arc::new(Http::new()), user_agent, authorization })
    }
}

fn bearer(token: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_shows_the_token| "the token has characters that a header cannot hold".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

/// Which of the two APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Reconciler,
    Agent,
}

impl Side {
    fn noun(self) -> &'static str {
        match self {
            Self::Reconciler => "reconciler",
            Self::Agent => "agent",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Reconciler => "Check that the reconciler runs, and endpoint (or SHADOW_ENDPOINT)",
            Self::Agent => "Check that the agent runs on that host, and agent (or SHADOW_AGENT)",
        }
    }
}

/// One API.
#[derive(Clone)]
pub(crate) struct Api {
    side: Side,
    base: String,
    connections: Connections,
    access: Access,
}

/// Why a request did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("{url} did not answer: {cause}")]
    Unreachable { side: Side, url: String, cause: String, took_effect: Effect },
    #[error("interrupted while waiting for {url}")]
    Interrupted { url: String, took_effect: Effect },
    #[error("{url} answered {status}: {text}")]
    Refused { side: Side, url: String, status: StatusCode, text: String, problems: Vec<Problem>, has_token: bool },
    #[error("{url} answered something unexpected: {cause}")]
    Unreadable { side: Side, url: String, cause: String },
}

/// Whether a request that failed may have been carried out all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    No,
    Perhaps,
}

/// A body of an error.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Complaint {
    error: String,
    problems: Vec<Problem>,
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
        let connections = match checked(url)?.scheme_str() {
            Some("https") => access.http.secure()?,
            _ => access.http.plain(),
        };
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

    /// Deletes a document. One that is gone already is deleted.
    pub(crate) async fn delete(
        &self,
        path: &str,
        patience: Duration,
        cancellation: &CancellationToken,
    ) -> Result<(), ApiError> {
        let deadline = Instant::now() + REMOVAL;
        loop {
            let answer = self.send(self.request(Method::DELETE, path)?, patience, cancellation).await?;
            // Accepted: the removal goes on, and asking again waits for it.
            if answer.status == StatusCode::ACCEPTED && Instant::now() < deadline {
                continue;
            }
            let gone = answer.status == StatusCode::NOT_FOUND || answer.status.is_success();
            return if gone { Ok(()) } else { Err(self.refusal(&answer)) };
        }
    }

    fn request(&self, method: Method, path: &str) -> Result<Request, ApiError> {
        let uri = format!("{}{path}", self.base).try_into().map_err(|error: InvalidUri| self.unsent(&error))?;
        let mut request = Request::default();
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, self.access.user_agent.clone());
        if let Some(authorization) = &self.access.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
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
            tokio::select! {
                () = sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
                () = cancellation.cancelled() => return Err(self.interrupted(Effect::No)),
            }
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
        let complaint: Complaint = serde_json::from_slice(&answer.body).unwrap_or_default();
        let reason = || answer.status.canonical_reason().unwrap_or("no reason given").to_owned();
        ApiError::Refused {
            side: self.side,
            url: self.base.clone(),
            status: answer.status,
            text: if complaint.error.is_empty() { reason() } else { complaint.error },
            problems: complaint.problems,
            has_token: self.access.authorization.is_some(),
        }
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

/// The URL of an API, if it can be one.
fn checked(url: &str) -> Result<Uri, String> {
    let uri: Uri = url.parse().map_err(|error| format!("it is not a URL: {error}"))?;
    let authority = uri.authority().filter(|authority| !authority.host().is_empty());
    let (Some("http" | "https"), Some(authority)) = (uri.scheme_str(), authority) else {
        return Err("it is not an http or https URL".to_owned());
    };
    if authority.as_str().contains('@') {
        return Err("credentials do not belong in it: use token".to_owned());
    }
    if authority.as_str() != authority.host() && authority.port().is_none() {
        return Err("its port is not a number up to 65535".to_owned());
    }
    if url.contains(['?', '#']) {
        return Err("it has more than a host, a port and a path".to_owned());
    }
    Ok(uri)
}

impl ApiError {
    /// Whether the request may have been carried out all the same.
    pub(crate) fn effect(&self) -> Effect {
        match self {
            Self::Unreachable { took_effect, .. } | Self::Interrupted { took_effect, .. } => *took_effect,
            Self::Refused { .. } => Effect::No,
            Self::Unreadable { .. } => Effect::Perhaps,
        }
    }

    /// What to tell the user.
    pub(crate) fn diagnostics(&self) -> Diagnostics {
        match self {
            Self::Unreachable { side, url, cause, .. } => {
                let summary = format!("The {} cannot be reached", side.noun());
                Diagnostic::error(summary, format!("{url}: {cause}. {}.", side.remedy())).into()
            }
            Self::Interrupted { url, .. } => {
                Diagnostic::error("Interrupted", format!("{url} had not answered yet. Apply again.")).into()
            }
            Self::Refused { side, url, status, text, problems, has_token } => {
                refused(*side, url, *status, text, problems, *has_token)
            }
            Self::Unreadable { side, url, cause } => Diagnostic::error(
                format!("The {} answered something unexpected", side.noun()),
                format!("{url}: {cause}. {} and its version.", side.remedy()),
            )
            .into(),
        }
    }
}

fn refused(
    side: Side,
    url: &str,
    status: StatusCode,
    text: &str,
    problems: &[Problem],
    has_token: bool,
) -> Diagnostics {
    let mut told: Diagnostics = problems.iter().map(crate::documents::diagnostic).collect();
    if !problems.is_empty() {
        return told;
    }
    let noun = side.noun();
    told.push(match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let state = if has_token { "does not accept the token" } else { "wants a token" };
            let detail = format!("{url}: {text}. Set token (or SHADOW_TOKEN) to the one that the {noun} was given.");
            Diagnostic::error(format!("The {noun} {state}"), detail)
        }
        StatusCode::PRECONDITION_FAILED => {
            let detail =
                format!("{url}: {text}. Bring it under Terraform with `terraform import`, or take another name.");
            Diagnostic::error("It exists already, and is different", detail)
        }
        _ if status.is_server_error() => {
            let detail = format!("{url}: {text} (HTTP {}). Look in its log, then apply again.", status.as_u16());
            Diagnostic::error(format!("The {noun} failed"), detail)
        }
        _ => Diagnostic::error(format!("The {noun} refused"), format!("{text} (HTTP {}, {url})", status.as_u16())),
    });
    told
}

impl From<ApiError> for Diagnostics {
    fn from(error: ApiError) -> Self {
        error.diagnostics()
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        error.diagnostics().into()
    }
}
