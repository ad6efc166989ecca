//! Terraform itself, driven as the reconciler drives it, on modules that need no provider.

mod faults;
mod fixture;
mod foreign_runs;
mod life_of_a_root;
mod modules;
