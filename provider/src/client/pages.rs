//! Every declaration of a kind, from a directory or, page by page, from a reconciler.

use super::api::Api;
use super::store::{Kind, Store};
use serde_json::Value as Json;
use terraform_provider_framework::{CancellationToken, Diagnostic, Diagnostics};

/// Most pages that are read. The reconciler's have a thousand documents each, and a fleet is smaller.
const PAGES_MAX: usize = 100;

/// Some declarations, in the order of their names.
#[derive(serde::Deserialize)]
struct Page {
    items: Vec<Item>,
    /// The name after which the next page begins; absent on the last.
    next: Option<String>,
}

#[derive(serde::Deserialize)]
struct Item {
    spec: Json,
}

impl Store {
    /// The declarations whose names begin so, by name and in that order.
    pub(crate) async fn all(
        &self,
        kind: Kind,
        prefix: &str,
        cancellation: &CancellationToken,
    ) -> Result<Vec<(String, Json)>, Diagnostics> {
        let mut all = match self {
            Self::Reconciler(api) => pages(api, kind, cancellation).await?,
            Self::Directory(directory) => directory.all(kind.folder())?,
        };
        all.retain(|(name, _)| name.starts_with(prefix));
        Ok(all)
    }
}

async fn pages(api: &Api, kind: Kind, cancellation: &CancellationToken) -> Result<Vec<(String, Json)>, Diagnostics> {
    let (mut all, mut after) = (Vec::new(), String::new());
    for _ in 0..PAGES_MAX {
        let path = format!("/v1/{}?after={after}", kind.folder());
        let page: Page = api.get(&path, cancellation).await?.ok_or_else(unlisted)?;
        all.extend(
            page.items.into_iter().filter_map(|item| Some((item.spec.get("name")?.as_str()?.to_owned(), item.spec))),
        );
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
    Ok(all)
}

fn unlisted() -> Diagnostic {
    let detail = "This reconciler does not list what is declared. Use one of the provider's own version.";
    Diagnostic::error("The reconciler is too old", detail)
}
