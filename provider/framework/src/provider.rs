//! What a provider is: its settings, and everything that it offers.

use crate::action::Action;
use crate::data_source::DataSource;
use crate::diagnostics::Diagnostics;
use crate::ephemeral::EphemeralResource;
use crate::function::Function;
use crate::list::ListResource;
use crate::resource::Resource;
use crate::schema::Schema;
use crate::value::Value;

/// What a provider offers of one kind, by full type name such as `acme_server`; functions by their
/// own name.
pub type Named<T> = Vec<(&'static str, Box<T>)>;

/// A provider.
pub trait Provider: Send + Sync + 'static {
    /// What resources and data sources get of the settings.
    type Client: Send + Sync + 'static;

    /// Where users find it, as in `registry.terraform.io/acme/acme`; stands in logs, and tells
    /// Terraform which provider a debugged process is.
    fn address(&self) -> &'static str {
        "registry.terraform.io/-/provider"
    }

    /// Its settings.
    fn schema(&self) -> Schema;

    /// What is wrong with the settings, beyond what the schema checks and tells by itself. Parts may be
    /// unknown, and parts may be what the schema refuses.
    fn validate(&self, _config: &Value) -> Diagnostics {
        Diagnostics::none()
    }

    /// Makes a client of the settings. Parts may be unknown while planning, which is no error here:
    /// only a call that needs them fails.
    ///
    /// # Errors
    /// What is wrong with the settings.
    fn configure(&self, terraform_version: &str, config: &Value) -> Result<Self::Client, Diagnostics>;

    /// Its resources.
    fn resources(&self) -> Named<dyn Resource<Self::Client>>;

    /// Its data sources.
    fn data_sources(&self) -> Named<dyn DataSource<Self::Client>>;

    /// Its ephemeral resources.
    fn ephemeral_resources(&self) -> Named<dyn EphemeralResource<Self::Client>> {
        Vec::new()
    }

    /// What lists its resources, by the types of those.
    fn list_resources(&self) -> Named<dyn ListResource<Self::Client>> {
        Vec::new()
    }

    /// Its actions.
    fn actions(&self) -> Named<dyn Action<Self::Client>> {
        Vec::new()
    }

    /// Its functions.
    fn functions(&self) -> Named<dyn Function> {
        Vec::new()
    }
}
