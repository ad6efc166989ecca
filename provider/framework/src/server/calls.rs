//! What every call needs: the provider's types by name, its client, the cancellation.

use crate::data_source::DataSource;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;
use crate::resource::{Context, Resource};
use crate::schema::Schema;
use crate::value::Type;
use std::collections::BTreeMap;
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
}

pub(super) struct Calls<P: Provider> {
    pub(super) provider: Entry<P>,
    pub(super) resources: BTreeMap<&'static str, Entry<dyn Resource<P::Client>>>,
    pub(super) data_sources: BTreeMap<&'static str, Entry<dyn DataSource<P::Client>>>,
    pub(super) cancellation: CancellationToken,
    /// Set by each configuration; held only to copy the pointer.
    client: RwLock<Option<Arc<P::Client>>>,
}

impl<P: Provider> Calls<P> {
    pub(super) fn new(provider: P) -> Self {
        let resource = |(name, it): (&'static str, Box<dyn Resource<P::Client>>)| {
            let schema = it.schema();
            (name, Entry::new(it, schema))
        };
        let data_source = |(name, it): (&'static str, Box<dyn DataSource<P::Client>>)| {
            let schema = it.schema();
            (name, Entry::new(it, schema))
        };
        let schema = provider.schema();
        Self {
            resources: provider.resources().into_iter().map(resource).collect(),
            data_sources: provider.data_sources().into_iter().map(data_source).collect(),
            provider: Entry::new(Box::new(provider), schema),
            cancellation: CancellationToken::new(),
            client: RwLock::default(),
        }
    }

    pub(super) fn resource(&self, type_name: &str) -> Result<&Entry<dyn Resource<P::Client>>, Diagnostics> {
        self.resources.get(type_name).ok_or_else(|| unknown_type("resource", type_name))
    }

    pub(super) fn data_source(&self, type_name: &str) -> Result<&Entry<dyn DataSource<P::Client>>, Diagnostics> {
        self.data_sources.get(type_name).ok_or_else(|| unknown_type("data source", type_name))
    }

    pub(super) fn set_client(&self, client: P::Client) {
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(client));
    }

    pub(super) fn context(&self) -> Result<Context<P::Client>, Diagnostics> {
        let client = self.client.read().unwrap_or_else(PoisonError::into_inner).clone();
        let client = client.ok_or_else(|| Diagnostic::bug("It was called before it was configured"))?;
        Ok(Context { client, cancellation: self.cancellation.clone() })
    }

    pub(super) fn capabilities() -> proto::ServerCapabilities {
        proto::ServerCapabilities {
            plan_destroy: true,
            get_provider_schema_optional: true,
            ..proto::ServerCapabilities::default()
        }
    }
}

fn unknown_type(what: &str, type_name: &str) -> Diagnostics {
    let detail = format!("This version of the provider has no {what} {type_name:?}: use a version that has it.");
    Diagnostic::error(format!("Unknown {what}"), detail).into()
}
