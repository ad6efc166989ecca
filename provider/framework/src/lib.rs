//! A Terraform provider SDK: plugin protocol 6 over tonic. It knows nothing of any particular
//! provider, and it never calls a cloud, writes a file or decides about a resource by itself.
//!
//! Implement [`Provider`], and [`Resource`], [`DataSource`], [`EphemeralResource`], [`ListResource`],
//! [`Action`] or [`Function`] for what it offers; hand the provider to [`serve`]. Schemas are data ([`schema`]); so are
//! plan rules and checks. Values ([`Value`]) may be null or unknown. Everything that a user can do wrong
//! is answered with [`Diagnostics`].
//!
//! The modules read in the order in which a call runs through them: `serve` (process, `handshake`,
//! `tls`) → `server` (calls) → `wire` (messages to plain types) → `validation` and `planning`
//! (rules of the schema) → the provider's own code.
//!
//! # Protocol
//!
//! Which minor version brought what. Minor versions are not negotiated: each feature is used where both
//! sides have it.
//!
//! | protocol | Terraform | brings | here |
//! |---|---|---|---|
//! | 6.0 | 1.0 | resources, data sources, nested attributes | served |
//! | 6.1–6.3 | 1.3 | deprecation, `plan_destroy` | served |
//! | 6.4 | 1.7 | `GetMetadata`, schema fetched once | served |
//! | 6.5 | 1.8 | functions, `MoveResourceState` | served |
//! | 6.6 | 1.9 | capabilities of the client, deferral | served |
//! | 6.7 | 1.10 | ephemeral resources | served |
//! | 6.8 | 1.11 | write-only attributes | served |
//! | 6.9 | 1.12 | identity of resources | served |
//! | 6.10 | 1.13 | list resources; state stores, to 1.15 | list resources served, state stores not |
//! | 6.10 | 1.14 | actions, `GenerateResourceConfig` | served |
//! | 6.11 | 1.16 | computed blocks, `store_planned_private` | not served |
//!
//! # What a provider need not care about
//!
//! Its process: the handshake, mutual TLS, the end when Terraform ends or dies, `--debug` for a debugger.
//! Its calls: a panic becomes an error message of that call; an interruption or a timeout cancels the
//! call's [`Context::cancellation`], and what the call then returns is kept. Its log: [`log`] writes what
//! Terraform shows under `TF_LOG`, with secrets masked. Its limits: messages of up to 256 MiB, bounded
//! in depth and in the number of values.
//!
//! `examples/notes.rs` is a whole provider.

mod action;
mod context;
mod data_source;
pub mod diagnostics;
mod ephemeral;
mod function;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod generation;
mod handshake;
mod identity;
mod implied;
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

pub use action::{Action, Progress};
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
