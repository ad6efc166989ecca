//! What a data source of a provider can do: read, never change.

use crate::context::Context;
use crate::diagnostics::Diagnostics;
use crate::resource::Deferral;
use crate::schema::Schema;
use crate::value::Value;
use tonic::async_trait;

/// One type of data source. `C` is what the provider made of its configuration.
#[async_trait]
pub trait DataSource<C: Send + Sync + 'static>: Send + Sync + 'static {
    /// Its attributes.
    fn schema(&self) -> Schema;

    /// What is wrong with a configuration, beyond what the schema checks and tells by itself. Parts may be
    /// unknown, and parts may be what the schema refuses.
    fn validate(&self, _config: &Value) -> Diagnostics {
        Diagnostics::none()
    }

    /// Why it cannot be read yet. Asked only when Terraform can put it off.
    fn deferral(&self, _client: &C, _config: &Value) -> Option<Deferral> {
        None
    }

    /// Reads it: the configuration, with every computed attribute filled in.
    async fn read(&self, context: &Context<C>, config: Value) -> Result<Value, Diagnostics>;
}
