//! The secret that a client of an API must show. Never printed, never compared byte by byte.

use super::ApiError;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;

/// A bearer token.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Takes a token; empty text is no token.
    pub fn new(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// The text, for a request header or a child's environment.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is compared and stored of it. Nobody can choose digests, so the time that comparing them takes
    /// tells nothing about the token.
    pub fn digest(&self) -> Digested {
        Sha256::digest(&self.0)
    }

    /// Whether a request shows this token.
    pub fn is_shown_in(&self, headers: &HeaderMap) -> bool {
        shown_in(headers).is_some_and(|text| Sha256::digest(text) == self.digest())
    }
}

/// A digest of a token.
type Digested = sha2::digest::Output<Sha256>;

/// The bearer token that a request shows.
fn shown_in(headers: &HeaderMap) -> Option<&str> {
    let (scheme, text) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then_some(text)
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// What a client may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Read whatever the API tells.
    Read,
    /// Also write policies, groups and calendars.
    Declare,
    /// Also command groups and move traffic.
    Operate,
}

impl Scope {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Declare => "declare",
            Self::Operate => "operate",
        }
    }
}

/// What a route asks of its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// The main token, or one of this scope or of one that includes it.
    Scope(Scope),
    /// The main token.
    Everything,
}

impl Needs {
    fn are_met_by(self, scope: Scope) -> bool {
        match self {
            Self::Scope(needed) => needed <= scope,
            Self::Everything => false,
        }
    }
}

/// The scope of a token that was issued and is still good, by its digest.
pub type Issued = Arc<dyn Fn(&[u8]) -> anyhow::Result<Option<Scope>> + Send + Sync>;

/// Who may ask.
#[derive(Clone)]
pub struct Access {
    /// Opens everything. Where there is none, everything is open.
    main: Option<Token>,
    /// Tokens that open a part.
    issued: Option<Issued>,
}

impl Access {
    /// The main token alone.
    pub fn main(main: Option<Token>) -> Self {
        Self { main, issued: None }
    }

    /// The main token, and tokens that were issued.
    pub fn with_issued(main: Option<Token>, issued: Issued) -> Self {
        Self { main, issued: Some(issued) }
    }

    fn check(&self, needs: Needs, headers: &HeaderMap) -> Result<(), Denied> {
        let Some(main) = &self.main else { return Ok(()) };
        let shown = shown_in(headers).ok_or(Denied::Unknown)?;
        let shown = Sha256::digest(shown);
        if shown == main.digest() {
            return Ok(());
        }
        let scope = self.issued.as_ref().map(|issued| issued(&shown)).transpose().map_err(Denied::Failed)?.flatten();
        match scope {
            Some(scope) if needs.are_met_by(scope) => Ok(()),
            Some(scope) => Err(Denied::Scope(scope)),
            None => Err(Denied::Unknown),
        }
    }
}

/// Why a request is turned away.
enum Denied {
    Unknown,
    Scope(Scope),
    Failed(anyhow::Error),
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        match self {
            Self::Unknown => {
                let error = "the bearer token is missing or wrong, or has expired: set `token` in the provider, or SHADOW_TOKEN \
                             in the environment, to the one that the server was started with";
                let answer = ApiError::Refused(StatusCode::UNAUTHORIZED, error.to_owned());
                ([(WWW_AUTHENTICATE, "Bearer")], answer).into_response()
            }
            Self::Scope(scope) => {
                let what = scope.name();
                let error =
                    format!("a token of scope {what:?} may not do this: use one of another scope, or the main one");
                ApiError::Refused(StatusCode::FORBIDDEN, error).into_response()
            }
            Self::Failed(error) => ApiError::Internal(error).into_response(),
        }
    }
}

/// Lets a request pass when no token is wanted or when it shows one that is enough.
pub(super) async fn require(State((access, needs)): State<(Access, Needs)>, request: Request, next: Next) -> Response {
    match access.check(needs, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(denied) => denied.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_itself_is_accepted() {
        let access = Access::main(Token::new("secret"));
        let check = |value: Option<&str>| {
            let header = value.map(|value| (AUTHORIZATION, value.parse().unwrap()));
            access.check(Needs::Everything, &header.into_iter().collect()).is_ok()
        };
        assert!(check(Some("Bearer secret")));
        assert!(check(Some("bearer secret")));
        for other in [None, Some(""), Some("Bearer "), Some("Bearer secret2"), Some("secret"), Some("Basic secret")] {
            assert!(!check(other), "{other:?}");
        }
    }

    #[test]
    fn a_scope_opens_its_part_and_those_before() {
        let needs =
            [Needs::Scope(Scope::Read), Needs::Scope(Scope::Declare), Needs::Scope(Scope::Operate), Needs::Everything];
        let met = |scope| needs.map(|needs| needs.are_met_by(scope));
        assert_eq!(met(Scope::Read), [true, false, false, false]);
        assert_eq!(met(Scope::Declare), [true, true, false, false]);
        assert_eq!(met(Scope::Operate), [true, true, true, false]);
    }

    #[test]
    fn a_token_is_not_printed_and_empty_text_is_none() {
        assert_eq!(format!("{:?}", Token::new("secret").unwrap()), "Token(…)");
        assert!(Token::new("").is_none());
    }
}
