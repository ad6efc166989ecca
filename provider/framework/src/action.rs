//! What an action of a provider can do: something that is done when it is asked for and that nobody
//! remembers, such as restarting a server. It makes no resource and changes no state.

use crate::context::Context;
use crate::diagnostics::Diagnostics;
use crate::proto::tfplugin6::invoke_action::{Event, event};
use crate::resource::Deferral;
use crate::schema::Schema;
use crate::value::Value;
use tokio::sync::mpsc;
use tonic::async_trait;

/// One type of action. `C` is what the provider made of its configuration.
#[async_trait]
pub trait Action<C: Send + Sync + 'static>: Send + Sync + 'static {
    /// What can be asked of it; no attribute is computed.
    fn schema(&self) -> Schema;

    /// What is wrong with a configuration, beyond what the schema checks and tells by itself. Parts may be
    /// unknown, and parts may be what the schema refuses.
    fn validate(&self, _config: &Value) -> Diagnostics {
        Diagnostics::none()
    }

    /// Why it cannot be planned yet. Asked only when Terraform can put it off.
    fn deferral(&self, _client: &C, _config: &Value) -> Option<Deferral> {
        None
    }

    /// Whether it could be done as things are. Parts may be unknown. Must not change the world.
    async fn plan(&self, _context: &Context<C>, _config: &Value) -> Diagnostics {
        Diagnostics::none()
    }

    /// Does it, and tells on the way how far it is.
    ///
    /// # Errors
    /// Why it was not done, or not wholly.
    async fn invoke(&self, context: &Context<C>, config: Value, progress: Progress) -> Result<(), Diagnostics>;
}

/// Where an action tells how far it is.
#[derive(Debug)]
pub struct Progress(mpsc::Sender<Event>);

impl Progress {
    /// To somebody who hears the events of the call, in their order.
    pub(crate) fn to(events: mpsc::Sender<Event>) -> Self {
        Self(events)
    }

    /// To nobody: for tests of a provider's code.
    pub fn unheard() -> Self {
        Self(mpsc::channel(1).0)
    }

    /// Shows the user a line. An action that is faster than Terraform waits.
    pub async fn tell(&self, message: impl Into<String>) {
        let told = event::Progress { message: message.into() };
        // Nobody is told when Terraform no longer listens; the action goes on.
        self.0.send(Event { r#type: Some(event::Type::Progress(told)) }).await.ok();
    }
}
