//! What a provider is: its settings, its resources and its data sources.

use crate::data_source::DataSource;
use crate::diagnostics::Diagnostics;
use crate::resource::Resource;
use crate::schema::Schema;
use crate::value::Value;

/// Resources or data sources by their full type name, such as `acme_server`.
pub type Named<T> = Vec<(&'static str, Box<T>)>;

/// A provider.
pub trait Provider: Send + Sync + 'static {
    /// What resources and data sources get of the settings.
    type Client: Send + Sync + 'static;

    /// Its settings.
    fn schema(&self) -> Schema;

    /// What is wrong with the settings, beyond what the schema checks. Parts may be unknown.
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
}
