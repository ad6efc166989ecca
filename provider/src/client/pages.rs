//! Every declaration of a kind, from a directory or, page by page, from a reconciler.

use super::api::Api;
use super::listing::Page;
use super::store::{Kind, Store};
use serde_json::Value as Json;
use terraform_provider_framework::{CancellationToken, Diagnostic, Diagnostics};

/// Most pages that are read. The reconciler's have a thousand documents each, and a fleet is smaller.
const PAGES_MAX: usize = 100;

impl Store {
    /// The declarations whose names begin so, by name and in that order.
    pub(crate) async fn all(
        &self,
        kind: Kind,
        prefix: &str,
        cancellation: &CancellationToken,
    ) -> Result<Vec<(String, Json)>, Diagnostics> {
        let mut all = match self {
            Self::Reconciler(reconciler) => pages(reconciler.api(), kind, cancellation).await?,
            Self::Directory(directory) => directory.all(kind.folder())?,
        };
        all.retain(|(name, _)| name.starts_with(prefix));
        Ok(all)
    }
}

async fn pages(api: &Api, kind: Kind, cancellation: &CancellationToken) -> Result<Vec<(String, Json)>, Diagnostics> {
    let declarations = format!("/v1/{}", kind.folder());
    let (mut all, mut after) = (Vec::new(), None);
    for _ in 0..PAGES_MAX {
        let path = Page::path(&declarations, after.as_deref());
        let page: Page = api.get(&path, cancellation).await?.ok_or_else(unlisted)?;
        after.clone_from(&page.next);
        all.extend(page.named());
        if after.is_none() {
            break;
        }
    }
    Ok(all)
}

fn unlisted() -> Diagnostic {
    let detail = "This reconciler does not list what is declared. Use one of the provider's own version.";
    Diagnostic::error("The reconciler is too old", detail)
}
