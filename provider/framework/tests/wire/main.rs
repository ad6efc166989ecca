//! Every call of the protocol, made without Terraform: over the real socket, with TLS, against the
//! process of a provider that has one of everything.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod actions;
mod client;
mod ephemeral;
mod functions;
mod identity;
mod process;
mod resources;
mod schemas;
mod states;
