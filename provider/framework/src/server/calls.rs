//! What every call needs: the provider's types by name, its client, the cancellation.

use crate::action::Action;
use crate::context::Context;
use crate::data_source::DataSource;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::ephemeral::EphemeralResource;
use crate::function::{Function, Signature};
use crate::identity::IdentitySchema;
use crate::list::ListResource;
use crate::log::Keys;
use crate::proto::tfplugin6 as proto;
use crate::provider::{Named, Provider};
use crate::resource::Resource;
use crate::schema::Schema;
use crate::validation;
use crate::value::{Type, Value};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use tokio_util::sync::CancellationToken;

/// A resource, data source or provider, with its schema made once.
pub(super) struct Entry<T: ?Sized> {
    pub(super) implementation: Box<T>,
    pub(super) schema: Schema,
    pub(super) ty: Type,
}

impl<T: ?Sized> Entry<T> {
    fn new(implementation: Box<T>, schema: Schema) -> Self {
        Self { implementation, ty: schema.object_type(), schema }
    }

    /// Everything that is wrong with a configuration: what the schema refuses, and what the implementation finds.
    pub(super) fn validate(&self, config: &Value, own: impl FnOnce(&T) -> Diagnostics) -> Diagnostics {
        let mut found = validation::validate(&self.schema, config);
        found.extend(own(&self.implementation));
        found
    }
}

type Entries<T> = BTreeMap<&'static str, Entry<T>>;

fn entries<T: ?Sized>(named: Named<T>, schema: impl Fn(&T) -> Schema) -> Entries<T> {
    let mut entries = BTreeMap::new();
    for (name, it) in named {
        let schema = schema(&it);
        entries.insert(name, Entry::new(it, schema));
    }
    entries
}

/// One call, from its request to its answer.
pub(super) struct Call {
    pub(super) keys: Keys,
    /// Cancelled when Terraform asks to stop what was under way by then.
    pub(super) cancellation: CancellationToken,
}

pub(super) struct Calls<P: Provider> {
    pub(super) provider: Entry<P>,
    pub(super) resources: Entries<dyn Resource<P::Client>>,
    pub(super) identities: BTreeMap<&'static str, IdentitySchema>,
    pub(super) data_sources: Entries<dyn DataSource<P::Client>>,
    pub(super) ephemerals: Entries<dyn EphemeralResource<P::Client>>,
    pub(super) lists: Entries<dyn ListResource<P::Client>>,
    pub(super) actions: Entries<dyn Action<P::Client>>,
    pub(super) functions: BTreeMap<&'static str, (Box<dyn Function>, Signature)>,
    /// Set by each configuration; held only to copy the pointer.
    client: RwLock<Option<Arc<P::Client>>>,
    /// Of the calls under way; replaced by a fresh one when they are stopped, since Terraform goes on
    /// to close what is open.
    cancellation: RwLock<CancellationToken>,
    begun: AtomicU64,
}

impl<P: Provider> Calls<P> {
    pub(super) fn new(provider: P) -> Self {
        let resources = entries(provider.resources(), |it| it.schema());
        let identity = |(name, entry): (&&'static str, &Entry<dyn Resource<P::Client>>)| {
            entry.implementation.identity().map(|identity| (*name, identity))
        };
        let function = |(name, it): (&'static str, Box<dyn Function>)| {
            let signature = it.signature();
            (name, (it, signature))
        };
        let schema = provider.schema();
        Self {
            identities: resources.iter().filter_map(identity).collect(),
            resources,
            data_sources: entries(provider.data_sources(), |it| it.schema()),
            ephemerals: entries(provider.ephemeral_resources(), |it| it.schema()),
            lists: entries(provider.list_resources(), |it| it.schema()),
            actions: entries(provider.actions(), |it| it.schema()),
            functions: provider.functions().into_iter().map(function).collect(),
            provider: Entry::new(Box::new(provider), schema),
            client: RwLock::default(),
            cancellation: RwLock::default(),
            begun: AtomicU64::new(0),
        }
    }

    /// Begins a call: from here on it can be stopped.
    pub(super) fn begin(&self, rpc: &'static str, type_name: &str) -> Call {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        let keys = Keys {
            rpc,
            request: format!("{}-{number}", std::process::id()),
            type_name: type_name.to_owned(),
            provider: self.provider.implementation.address(),
        };
        let cancellation = self.cancellation.read().unwrap_or_else(PoisonError::into_inner).clone();
        Call { keys, cancellation }
    }

    /// Cancels every call under way, and none that comes later.
    pub(super) fn stop(&self) {
        let mut cancellation = self.cancellation.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *cancellation).cancel();
    }

    pub(super) fn resource(&self, type_name: &str) -> Result<&Entry<dyn Resource<P::Client>>, Diagnostics> {
        self.resources.get(type_name).ok_or_else(|| unknown_type("resource", type_name))
    }

    pub(super) fn data_source(&self, type_name: &str) -> Result<&Entry<dyn DataSource<P::Client>>, Diagnostics> {
        self.data_sources.get(type_name).ok_or_else(|| unknown_type("data source", type_name))
    }

    pub(super) fn ephemeral(&self, type_name: &str) -> Result<&Entry<dyn EphemeralResource<P::Client>>, Diagnostics> {
        self.ephemerals.get(type_name).ok_or_else(|| unknown_type("ephemeral resource", type_name))
    }

    pub(super) fn list(&self, type_name: &str) -> Result<&Entry<dyn ListResource<P::Client>>, Diagnostics> {
        self.lists.get(type_name).ok_or_else(|| unknown_type("list resource", type_name))
    }

    pub(super) fn action(&self, type_name: &str) -> Result<&Entry<dyn Action<P::Client>>, Diagnostics> {
        self.actions.get(type_name).ok_or_else(|| unknown_type("action", type_name))
    }

    pub(super) fn identity(&self, type_name: &str) -> Result<&IdentitySchema, Diagnostics> {
        self.identities.get(type_name).ok_or_else(|| unknown_type("identity of a resource", type_name))
    }

    pub(super) fn set_client(&self, client: P::Client) {
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(client));
    }

    /// What the provider's code gets for a call, with the bytes that an earlier one kept.
    pub(super) fn context(&self, call: &Call, private: Vec<u8>) -> Result<Context<P::Client>, Diagnostics> {
        Ok(Context::with_private(self.client()?, call.cancellation.child_token(), private))
    }

    pub(super) fn client(&self) -> Result<Arc<P::Client>, Diagnostics> {
        let client = self.client.read().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(client.ok_or_else(|| Diagnostic::bug("It was called before it was configured"))?)
    }

    pub(super) fn capabilities() -> proto::ServerCapabilities {
        proto::ServerCapabilities {
            plan_destroy: true,
            get_provider_schema_optional: true,
            move_resource_state: true,
            generate_resource_config: true,
        }
    }
}

fn unknown_type(what: &str, type_name: &str) -> Diagnostics {
    let detail = format!("This version of the provider has no {what} {type_name:?}: use a version that has it.");
    Diagnostic::error(format!("Unknown {what}"), detail).into()
}
