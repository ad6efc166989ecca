//! Where declarations are kept: with a reconciler or in a directory, behind the same four verbs.

use super::api::{ANSWER, Api, ApiError, Effect, Put};
use super::directory::Directory;
use super::listing::{Known, Listing};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use terraform_provider_framework::{CancellationToken, Diagnostic, Diagnostics};

/// A store of declarations.
pub(crate) enum Store {
    /// A running reconciler.
    Reconciler(Box<Reconciler>),
    /// A folder of documents.
    Directory(Directory),
}

/// A running reconciler, and what it said lately.
pub(crate) struct Reconciler {
    api: Api,
    policies: Listing,
    groups: Listing,
    calendars: Listing,
}

impl Reconciler {
    /// The reconciler at that API.
    pub(crate) fn new(api: Api) -> Self {
        let listing = |kind: Kind| Listing::new(format!("/v1/{}", kind.folder()));
        let (policies, groups) = (listing(Kind::Policy), listing(Kind::Group));
        Self { api, policies, groups, calendars: listing(Kind::Calendar) }
    }

    /// For what is no declaration.
    pub(super) fn api(&self) -> &Api {
        &self.api
    }

    fn listing(&self, kind: Kind) -> &Listing {
        match kind {
            Kind::Policy => &self.policies,
            Kind::Group => &self.groups,
            Kind::Calendar => &self.calendars,
        }
    }

    async fn get(&self, kind: Kind, name: &str, cancellation: &CancellationToken) -> Result<Option<Json>, ApiError> {
        match self.listing(kind).get(&self.api, name, cancellation).await? {
            Known::Answer(document) => Ok(document),
            Known::AskByName => {
                let declared: Option<Declared> = self.api.get(&kind.path(name), cancellation).await?;
                Ok(declared.map(|declared| declared.spec))
            }
        }
    }

    async fn all(&self, kind: Kind, cancellation: &CancellationToken) -> Result<BTreeMap<String, Json>, Diagnostics> {
        Ok(self.listing(kind).all(&self.api, cancellation).await?.ok_or_else(unlisted)?)
    }

    async fn put(
        &self,
        kind: Kind,
        name: &str,
        document: &Json,
        put: Put,
        cancellation: &CancellationToken,
    ) -> Result<(), ApiError> {
        match self.api.put::<Declared>(&kind.path(name), document, put, ANSWER, cancellation).await {
            Ok(declared) => self.listing(kind).wrote(name, Some(declared.spec)),
            Err(error) => {
                self.listing(kind).forget();
                return Err(error);
            }
        }
        Ok(())
    }

    async fn delete(&self, kind: Kind, name: &str, cancellation: &CancellationToken) -> Result<(), ApiError> {
        let deleted = self.api.delete(&kind.path(name), ANSWER, cancellation).await;
        match &deleted {
            Ok(()) => self.listing(kind).wrote(name, None),
            Err(_) => self.listing(kind).forget(),
        }
        deleted
    }
}

/// What is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Policy,
    Group,
    Calendar,
}

impl Kind {
    /// The word for it in messages.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Group => "group",
            Self::Calendar => "calendar",
        }
    }

    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Policy => "policies",
            Self::Group => "groups",
            Self::Calendar => "calendars",
        }
    }

    pub(super) fn path(self, name: &str) -> String {
        format!("/v1/{}/{name}", self.folder())
    }
}

/// What the reconciler answers about a declaration.
#[derive(Debug, serde::Deserialize)]
struct Declared {
    spec: Json,
}

/// How a write went wrong.
pub(crate) struct Written {
    /// Whether it may have been carried out all the same.
    pub(crate) effect: Effect,
    /// What to tell the user.
    pub(crate) diagnostics: Diagnostics,
}

impl From<ApiError> for Written {
    fn from(error: ApiError) -> Self {
        Self { effect: error.effect(), diagnostics: error.diagnostics() }
    }
}

impl From<Diagnostics> for Written {
    fn from(diagnostics: Diagnostics) -> Self {
        Self { effect: Effect::No, diagnostics }
    }
}

impl Store {
    /// The declaration of that name; `None` when there is none.
    pub(crate) async fn get(
        &self,
        kind: Kind,
        name: &str,
        cancellation: &CancellationToken,
    ) -> Result<Option<Json>, Diagnostics> {
        match self {
            Self::Reconciler(reconciler) => Ok(reconciler.get(kind, name, cancellation).await?),
            Self::Directory(directory) => directory.read(kind.folder(), name),
        }
    }

    /// The declarations whose names begin so, by name and in that order.
    pub(crate) async fn all(
        &self,
        kind: Kind,
        prefix: &str,
        cancellation: &CancellationToken,
    ) -> Result<BTreeMap<String, Json>, Diagnostics> {
        let mut all = match self {
            Self::Reconciler(reconciler) => reconciler.all(kind, cancellation).await?,
            Self::Directory(directory) => directory.all(kind.folder())?,
        };
        all.retain(|name, _| name.starts_with(prefix));
        Ok(all)
    }

    /// Declares something new. An equal declaration that exists counts as made by this, so that an
    /// interrupted creation can be repeated; a different one is an error.
    pub(crate) async fn create(
        &self,
        kind: Kind,
        name: &str,
        document: &Json,
        cancellation: &CancellationToken,
    ) -> Result<(), Written> {
        match self {
            Self::Reconciler(reconciler) => reconciler.put(kind, name, document, Put::New, cancellation).await?,
            Self::Directory(directory) => match directory.read(kind.folder(), name)? {
                Some(existing) if existing != *document => return Err(exists(directory, kind, name).into()),
                Some(_) | None => directory.write(kind.folder(), name, document)?,
            },
        }
        Ok(())
    }

    /// Changes a declaration, or makes it if it is gone.
    pub(crate) async fn update(
        &self,
        kind: Kind,
        name: &str,
        document: &Json,
        cancellation: &CancellationToken,
    ) -> Result<(), Written> {
        match self {
            Self::Reconciler(reconciler) => reconciler.put(kind, name, document, Put::Any, cancellation).await?,
            Self::Directory(directory) => directory.write(kind.folder(), name, document)?,
        }
        Ok(())
    }

    /// Withdraws a declaration. One that is gone already is withdrawn.
    pub(crate) async fn delete(
        &self,
        kind: Kind,
        name: &str,
        cancellation: &CancellationToken,
    ) -> Result<(), Diagnostics> {
        match self {
            Self::Reconciler(reconciler) => Ok(reconciler.delete(kind, name, cancellation).await?),
            Self::Directory(directory) => directory.remove(kind.folder(), name),
        }
    }
}

fn unlisted() -> Diagnostic {
    let detail = "This reconciler does not list what is declared. Use one of the provider's own version.";
    Diagnostic::error("The reconciler is too old", detail)
}

fn exists(directory: &Directory, kind: Kind, name: &str) -> Diagnostics {
    let detail = format!(
        "{} declares another {} of that name. Bring it under Terraform with `terraform import`, or take another name.",
        directory.path(kind.folder(), name).display(),
        kind.noun()
    );
    Diagnostic::error("It exists already, and is different", detail).into()
}
