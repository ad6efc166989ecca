//! What an ephemeral resource of a provider can do: be there for the time of one run. Nothing of it
//! is ever stored in a plan or a state.

use crate::context::Context;
use crate::diagnostics::Diagnostics;
use crate::resource::Deferral;
use crate::schema::Schema;
use crate::value::Value;
use std::time::SystemTime;
use tonic::async_trait;

/// One type of ephemeral resource. `C` is what the provider made of its configuration.
#[async_trait]
pub trait EphemeralResource<C: Send + Sync + 'static>: Send + Sync + 'static {
    /// Its attributes.
    fn schema(&self) -> Schema;

    /// What is wrong with a configuration, beyond what the schema checks and tells by itself. Parts may be
    /// unknown, and parts may be what the schema refuses.
    fn validate(&self, _config: &Value) -> Diagnostics {
        Diagnostics::none()
    }

    /// Why it cannot be opened yet. Asked only when Terraform can put it off.
    fn deferral(&self, _client: &C, _config: &Value) -> Option<Deferral> {
        None
    }

    /// Opens it: the configuration, with every computed attribute filled in.
    async fn open(&self, context: &Context<C>, config: Value) -> Result<Opened, Diagnostics>;

    /// Makes it last longer; called at the time that was asked for. `private` is what opening or the
    /// last renewal kept.
    async fn renew(&self, _context: &Context<C>, private: Vec<u8>) -> Result<Renewed, Diagnostics> {
        Ok(Renewed { renew_at: None, private })
    }

    /// Ends it; called once at the end of each run in which it was opened, also after an interruption.
    async fn close(&self, _context: &Context<C>, _private: Vec<u8>) -> Result<(), Diagnostics> {
        Ok(())
    }
}

/// What is open.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// The configuration, with every computed attribute filled in.
    pub result: Value,
    /// When it must be renewed, if it must.
    pub renew_at: Option<SystemTime>,
    /// What renewing and closing need to know. It stays in Terraform's memory.
    pub private: Vec<u8>,
}

/// What was renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewed {
    /// When it must be renewed again, if it must.
    pub renew_at: Option<SystemTime>,
    /// What the next renewal and closing need to know.
    pub private: Vec<u8>,
}
