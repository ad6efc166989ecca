//! What finds resources that exist, whether or not Terraform knows them: for `terraform query`.

use crate::context::Context;
use crate::diagnostics::Diagnostics;
use crate::schema::Schema;
use crate::value::Value;
use tokio::sync::mpsc;
use tonic::async_trait;

/// Finds that wait to be sent. A search that is faster than Terraform waits.
const QUEUE: usize = 16;

/// Finds the resources of one type; listed under the type's own name. That type has an identity.
#[async_trait]
pub trait ListResource<C: Send + Sync + 'static>: Send + Sync + 'static {
    /// What narrows the search.
    fn schema(&self) -> Schema;

    /// What is wrong with a search, beyond what the schema checks and tells by itself. Parts may be
    /// unknown, and parts may be what the schema refuses.
    fn validate(&self, _config: &Value) -> Diagnostics {
        Diagnostics::none()
    }

    /// Finds, and hands over each find as soon as it is there.
    ///
    /// # Errors
    /// Why the search ended early; what was handed over stays found.
    async fn list(&self, context: &Context<C>, search: Search, finds: Finds) -> Result<(), Diagnostics>;
}

/// What to look for.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// What the user wrote.
    pub config: Value,
    /// Whether whole states are wanted, not only identities.
    pub with_state: bool,
}

/// One resource that exists.
#[derive(Debug, Clone, PartialEq)]
pub struct Find {
    /// What to call it to people.
    pub display_name: String,
    /// Its identity.
    pub identity: Value,
    /// Its state, if it is wanted.
    pub state: Option<Value>,
}

/// Where finds go.
#[derive(Debug)]
pub struct Finds {
    sender: mpsc::Sender<Find>,
    left: usize,
}

impl Finds {
    /// At most `limit` of them are taken; they come out of the receiver.
    pub fn new(limit: usize) -> (Self, mpsc::Receiver<Find>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self { sender, left: limit }, receiver)
    }

    /// Hands one over. False when no more are wanted: end the search.
    pub async fn push(&mut self, find: Find) -> bool {
        if self.left == 0 || self.sender.send(find).await.is_err() {
            return false;
        }
        self.left -= 1;
        self.left > 0
    }
}
