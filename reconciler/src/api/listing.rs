//! Declarations page by page, and how a client that has a page learns cheaply that it is still the
//! same: by entity tag (RFC 9110, 8.8.3).

use crate::http::{ApiError, Query};
use crate::store::{PAGE_ITEMS_MAX, Page, Store};
use axum::Json;
use axum::http::header::{ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

/// Which part of the declarations.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
pub(super) struct PageQuery {
    /// Only names after this one, in the order of their bytes.
    #[serde(default)]
    after: String,
    /// At most so many, 1 to 1000; 1000 when left out, or when more are asked for. Large documents
    /// make a page shorter.
    limit: Option<usize>,
}

/// A page, or that it has not changed since the entity tag in the request.
pub(super) fn page<T: Serialize>(
    store: &Store,
    headers: &HeaderMap,
    Query(query): Query<PageQuery>,
    read: impl FnOnce(&str, usize) -> anyhow::Result<Page<T>>,
) -> Result<Response, ApiError> {
    let limit = query.limit.unwrap_or(PAGE_ITEMS_MAX);
    if limit == 0 {
        let error = format!("limit is 0: ask for 1 to {PAGE_ITEMS_MAX} documents");
        return Err(ApiError::Refused(StatusCode::BAD_REQUEST, error));
    }
    // Taken before the page is read: what is written meanwhile makes the tag too old, never too new.
    let etag = format!("\"{}\"", store.revision());
    if headers.get(IF_NONE_MATCH).is_some_and(|known| known == etag.as_str()) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, etag)]).into_response());
    }
    Ok(([(ETAG, etag)], Json(read(&query.after, limit)?)).into_response())
}
