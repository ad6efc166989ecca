//! A Terraform provider SDK: plugin protocol 6 over tonic. It knows nothing of any particular
//! provider, and it never calls a cloud, writes a file or decides about a resource by itself.
//!
//! Implement [`Provider`], and [`Resource`], [`DataSource`], [`EphemeralResource`], [`ListResource`] or
//! [`Function`] for what it offers; hand the provider to [`serve`]. Schemas are data ([`schema`]); so are plan rules and checks. Values ([`Value`]) may be
//! null or unknown. Everything that a user can do wrong is answered with [`Diagnostics`].
//!
//! The modules read in the order in which a call runs through them: `serve` (process, `handshake`,
//! `tls`) → `server` (calls) → `wire` (messages to plain types) → `validation` and `planning`
//! (rules of the schema) → the provider's own code.

mod context;
mod data_source;
pub mod diagnostics;
mod ephemeral;
mod function;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod handshake;
mod identity;
mod list;
pub mod log;
pub mod path;
mod planning;
mod provider;
mod resource;
pub mod schema;
mod secrets;
mod serve;
mod server;
pub mod timeouts;
mod tls;
mod validation;
pub mod value;
mod wire;

pub use context::Context;
pub use data_source::DataSource;
pub use diagnostics::{Diagnostic, Diagnostics};
pub use ephemeral::{EphemeralResource, Opened, Renewed};
pub use function::{Function, FunctionError, Parameter, Signature};
pub use identity::{IdentityAttribute, IdentitySchema};
pub use list::{Find, Finds, ListResource, Search};
pub use path::Path;
pub use provider::{Named, Provider};
pub use resource::{Change, Deferral, Failure, Moved, Resource};
pub use schema::{Attribute, Schema};
pub use serve::serve;
pub use timeouts::{Operation, Timeouts};
pub use tokio_util::sync::CancellationToken;
pub use tonic::async_trait;
pub use value::Value;

/// The generated messages and services.
#[allow(dead_code, reason = "the protocol has more than is called yet")]
#[expect(unreachable_pub, clippy::all, clippy::restriction, clippy::pedantic, clippy::nursery, reason = "generated")]
mod proto {
    pub(crate) mod tfplugin6 {
        tonic::include_proto!("tfplugin6");
    }
    pub(crate) mod plugin {
        tonic::include_proto!("plugin");
    }
}
