//! Stands in for the providers that Terraform's own equivalence tests use, on this framework. It shows that Terraform
//! behaves with the framework exactly as with theirs; it is part of no product, and does only what those tests need.

mod core_mock;
mod null;

use std::io::Write;
use std::process::ExitCode;

/// Which provider it is follows from the name under which it is installed.
fn main() -> ExitCode {
    let program = std::env::args().next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    if name.starts_with("terraform-provider-tfcoremock") {
        terraform_provider_framework::serve(core_mock::CoreMock)
    } else if name.starts_with("terraform-provider-null") {
        terraform_provider_framework::serve(null::Null)
    } else {
        // Nobody to read it is no reason to panic.
        writeln!(std::io::stderr(), "{program} stands in for no provider: `make equivalence` installs it by name").ok();
        ExitCode::FAILURE
    }
}
