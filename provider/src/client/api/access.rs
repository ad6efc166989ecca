//! Whom to ask, and how to present oneself there. Tokens never show in errors.

use crate::client::transport::{Connections, Http};
use http::Uri;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, USER_AGENT};
use std::sync::Arc;

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

    /// Connections to the API at `url`.
    ///
    /// # Errors
    /// What is wrong with the URL.
    pub(super) fn connections(&self, url: &str) -> Result<Connections, String> {
        match checked(url)?.scheme_str() {
            Some("https") => self.http.secure(),
            _ => Ok(self.http.plain()),
        }
    }

    /// What every request says of who asks.
    pub(super) fn introduce(&self, headers: &mut HeaderMap) {
        headers.insert(USER_AGENT, self.user_agent.clone());
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
    }

    /// Whether a token is shown.
    pub(super) fn has_token(&self) -> bool {
        self.authorization.is_some()
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
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Reconciler => "reconciler",
            Self::Agent => "agent",
        }
    }

    pub(super) fn remedy(self) -> &'static str {
        match self {
            Self::Reconciler => "Check that the reconciler runs, and endpoint (or SHADOW_ENDPOINT)",
            Self::Agent => "Check that the agent runs on that host, and agent (or SHADOW_AGENT)",
        }
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
