//! A folder from which Terraform installs providers, so that it asks no registry. It only writes below that folder.

use crate::terraform::Terraform;
use crate::tools;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Where providers of no other registry live.
const REGISTRY: &str = "registry.terraform.io";

/// Address of the product's provider, as `required_providers` names it.
pub const SHADOW: &str = "shadow-failover/shadow";

/// A filesystem mirror with unpacked packages.
#[derive(Debug)]
pub struct Mirror {
    folder: PathBuf,
    addresses: Vec<String>,
}

impl Mirror {
    /// An empty mirror in `folder`.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), addresses: Vec::new() }
    }

    /// The product's provider at the version of this workspace.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn add_shadow(&mut self, program: &Path) -> Result<()> {
        self.add(SHADOW, env!("CARGO_PKG_VERSION"), program)
    }

    /// Adds a provider by its address, such as `hashicorp/null`.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn add(&mut self, address: &str, version: &str, program: &Path) -> Result<()> {
        let name = address.rsplit('/').next().unwrap_or(address);
        let package = self.folder.join(REGISTRY).join(address).join(version).join(platform());
        std::fs::create_dir_all(&package).with_context(|| format!("creating {}", package.display()))?;
        let target = package.join(format!("terraform-provider-{name}_v{version}"));
        // A copy: a later build must not change what a lock file has recorded.
        std::fs::copy(program, &target).with_context(|| format!("copying {}", program.display()))?;
        self.addresses.push(address.to_owned());
        Ok(())
    }

    /// The real Terraform, installing from this mirror alone. Settings and logs go to `folder`.
    ///
    /// # Errors
    /// When Terraform is missing or the settings cannot be written.
    pub fn terraform(&self, folder: &Path) -> Result<Terraform> {
        let settings = folder.join("terraform.tfrc");
        self.write_settings(&settings)?;
        let environment = [("TF_CLI_CONFIG_FILE", settings.display().to_string()), ("CHECKPOINT_DISABLE", "1".into())];
        let environment = environment.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Ok(Terraform { program: tools::terraform()?, environment, logs: folder.to_owned() })
    }

    /// Terraform's settings for this mirror, written to `file`. Without a `direct` block it asks no registry for
    /// anything.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_settings(&self, file: &Path) -> Result<()> {
        let addresses: Vec<String> = self.addresses.iter().map(|address| format!("\"{REGISTRY}/{address}\"")).collect();
        let text = format!(
            "provider_installation {{\n  filesystem_mirror {{\n    path    = \"{}\"\n    include = [{}]\n  }}\n}}\n",
            self.folder.display(),
            addresses.join(", ")
        );
        std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))
    }
}

/// The platform in Go's words, which Terraform uses.
pub fn platform() -> String {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let system = if std::env::consts::OS == "macos" { "darwin" } else { std::env::consts::OS };
    format!("{system}_{architecture}")
}
