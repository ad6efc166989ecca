//! A Terraform provider SDK: plugin protocol 6 over tonic. It knows nothing of any particular
//! provider, and it never calls a cloud, writes a file or decides about a resource by itself.
//!
//! Implement [`Provider`], and [`Resource`] and [`DataSource`] for each type; hand the provider to
//! [`serve`]. Schemas are data ([`schema`]); so are plan rules and checks. Values ([`Value`]) may be
//! null or unknown. Everything that a user can do wrong is answered with [`Diagnostics`].
//!
//! The modules read in the order in which a call runs through them: `serve` (process, `handshake`,
//! `tls`) → `server` (calls) → `wire` (messages to plain types) → `validation` and `planning`
//! (rules of the schema) → the provider's own code.

mod data_source;
pub mod diagnostics;
mod handshake;
mod log;
pub mod path;
mod planning;
mod provider;
mod resource;
pub mod schema;
mod serve;
mod server;
mod tls;
mod validation;
pub mod value;
mod wire;

pub use data_source::DataSource;
pub use diagnostics::{Diagnostic, Diagnostics};
pub use path::Path;
pub use provider::{Named, Provider};
pub use resource::{Change, Context, Failure, Resource};
pub use schema::{Attribute, Schema};
pub use serve::serve;
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
