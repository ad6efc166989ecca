//! Terraform itself, driven as the reconciler drives it, on modules that need no provider.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]
#![allow(clippy::disallowed_methods, reason = "tests start programs and look at the clock")]

mod faults;
mod fixture;
mod foreign_runs;
mod life_of_a_root;
mod modules;
