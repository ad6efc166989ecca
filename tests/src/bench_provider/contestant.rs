//! What is compared: the same number of small resources, of three kinds. Only names and configurations.

use serde::Serialize;

/// A kind of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Contestant {
    /// `shadow_policy`, kept by a reconciler.
    Shadow,
    /// `null_resource`, by HashiCorp's provider in Go.
    Null,
    /// `terraform_data`, inside Terraform: no provider process at all.
    Builtin,
}

impl Contestant {
    /// All, each time with another one first, so that none always runs on a warm machine.
    pub(super) fn by_turns(repetition: usize) -> [Self; 3] {
        match repetition % 3 {
            0 => [Self::Shadow, Self::Null, Self::Builtin],
            1 => [Self::Null, Self::Builtin, Self::Shadow],
            _ => [Self::Builtin, Self::Shadow, Self::Null],
        }
    }

    /// A root with so many of them.
    pub(super) fn configuration(self, resources: usize) -> String {
        match self {
            Self::Shadow => format!(
                "terraform {{\n  required_providers {{\n    shadow = {{ source = \"shadow-failover/shadow\" }}\n  }}\n}}\n\
                 resource \"shadow_policy\" \"it\" {{\n  count = {resources}\n  name  = \"p${{count.index}}\"\n}}\n"
            ),
            Self::Null => format!(
                "terraform {{\n  required_providers {{\n    null = {{ source = \"hashicorp/null\" }}\n  }}\n}}\n\
                 resource \"null_resource\" \"it\" {{\n  count    = {resources}\n  triggers = {{ name = \"p${{count.index}}\" }}\n}}\n"
            ),
            Self::Builtin => {
                format!(
                    "resource \"terraform_data\" \"it\" {{\n  count = {resources}\n  input = \"p${{count.index}}\"\n}}\n"
                )
            }
        }
    }
}
