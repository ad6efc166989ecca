//! The acting half of Shadow: it reads metrics, runs Terraform and moves traffic, as the deciding
//! half (`shadow_core`) says.

pub mod terraform;
