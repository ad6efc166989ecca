//! Whom resources talk to: a store of declarations, the reconciler, an agent. Made of the provider
//! block once; parts of it may be missing or not yet known, which only matters to who needs them.

mod api;
mod directory;
mod listing;
mod references;
mod store;
mod transport;

pub(crate) use api::{ANSWER, Access, Api, COMPUTATION, Effect, Put, Side};
pub(crate) use directory::Directory;
pub(crate) use store::{Kind, Reconciler, Store, Written};

use references::References;
use terraform_provider_framework::{CancellationToken, Diagnostic, Diagnostics, Failure, Path, Value};

/// One setting of the provider block.
#[derive(Debug, Clone)]
pub(crate) enum Setting<T> {
    /// The user gave it.
    Known(T),
    /// It is decided only at apply.
    Unknown,
    /// Nobody gave it.
    Absent,
}

impl Setting<String> {
    /// What the block says, or else the environment variable. Empty text is no setting.
    pub(crate) fn of(value: &Value, variable: Option<String>) -> Self {
        if value.is_unknown() {
            return Self::Unknown;
        }
        let text = value.as_str().map(str::to_owned).or(variable);
        text.filter(|text| !text.is_empty()).map_or(Self::Absent, Self::Known)
    }
}

impl<T> Setting<T> {
    /// The value, if it is known.
    pub(crate) fn known(self) -> Option<T> {
        if let Self::Known(value) = self { Some(value) } else { None }
    }

    /// The same setting, but nothing can be done with it before apply.
    pub(crate) fn not_yet(self) -> Self {
        if matches!(self, Self::Absent) { Self::Absent } else { Self::Unknown }
    }
}

/// Why somebody cannot be talked to.
#[derive(Debug)]
pub(crate) enum Missing {
    /// The setting of that name is decided only at apply.
    Unknown(&'static str),
    /// Nobody gave the setting; the text says what to do.
    Absent(Diagnostic),
}

impl From<Missing> for Diagnostics {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::Absent(diagnostic) => diagnostic.into(),
            Missing::Unknown(setting) => Diagnostic::error(
                format!("The provider's {setting} is not known yet"),
                format!(
                    "It depends on something that is not created. Create that first, or write {setting} literally."
                ),
            )
            .into(),
        }
    }
}

impl From<Missing> for Failure {
    fn from(missing: Missing) -> Self {
        Diagnostics::from(missing).into()
    }
}

/// What the provider made of its settings.
pub(crate) struct Client {
    store: Setting<Store>,
    agent: Setting<String>,
    access: Access,
    references: References,
}

impl Client {
    pub(crate) fn new(store: Setting<Store>, agent: Setting<String>, access: Access) -> Self {
        Self { store, agent, access, references: References::default() }
    }

    /// Where declarations are kept.
    pub(crate) fn store(&self) -> Result<&Store, Missing> {
        match &self.store {
            Setting::Known(store) => Ok(store),
            Setting::Unknown => Err(Missing::Unknown("endpoint")),
            Setting::Absent => Err(Missing::Absent(Diagnostic::error(
                "No place for declarations",
                "Set endpoint (or SHADOW_ENDPOINT) to the URL of a reconciler, or directory (or SHADOW_DIRECTORY) to \
                 a folder, in the block provider \"shadow\".",
            ))),
        }
    }

    /// Remembers that the plan makes or keeps a declaration, so that others may refer to it.
    pub(crate) fn plan(&self, kind: Kind, name: &str) {
        self.references.plan(kind, name);
    }

    /// Whether a declaration certainly neither exists nor is planned.
    pub(crate) async fn is_missing(&self, kind: Kind, name: &str, cancellation: &CancellationToken) -> bool {
        match self.store() {
            Ok(store) => self.references.is_missing(store, kind, name, cancellation).await,
            Err(_) => false,
        }
    }

    /// The reconciler, for what only a running one can do.
    pub(crate) fn reconciler(&self) -> Result<&Api, Missing> {
        match &self.store {
            Setting::Known(Store::Reconciler(reconciler)) => Ok(reconciler.api()),
            Setting::Unknown => Err(Missing::Unknown("endpoint")),
            Setting::Known(Store::Directory(_)) | Setting::Absent => Err(Missing::Absent(Diagnostic::error(
                "A running reconciler is needed",
                "Set endpoint (or SHADOW_ENDPOINT) to its URL in the block provider \"shadow\".",
            ))),
        }
    }

    /// URL of the agent that runs processes which name none.
    pub(crate) fn agent_url(&self) -> Result<&str, Missing> {
        match &self.agent {
            Setting::Known(url) => Ok(url),
            Setting::Unknown => Err(Missing::Unknown("agent")),
            Setting::Absent => Err(Missing::Absent(
                Diagnostic::error(
                    "No agent",
                    "Set agent to the URL of the host's agent, here, in the block provider \"shadow\", or as \
                     SHADOW_AGENT.",
                )
                .at(Path::attribute("agent")),
            )),
        }
    }

    /// The agent at that URL.
    pub(crate) fn agent(&self, url: &str) -> Result<Api, Diagnostic> {
        let refused = |problem| Diagnostic::error("Invalid agent", problem).at(Path::attribute("agent"));
        Api::new(Side::Agent, url, &self.access).map_err(refused)
    }
}
