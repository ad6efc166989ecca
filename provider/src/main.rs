//! The Terraform provider of Shadow. Terraform starts it; it declares policies and groups to the
//! reconciler, and runs processes and traffic splits for the reconciler's own roots. It never
//! decides when a shadow is made.

mod client;
mod data_sources;
mod documents;
mod ephemeral;
mod functions;
mod resources;
mod settings;

use std::process::ExitCode;

fn main() -> ExitCode {
    terraform_provider_framework::serve(settings::Shadow)
}
