//! The files of a world: the provider's mirror, Terraform's settings, copies of examples. It never writes outside the
//! world's folder.

use crate::mirror::Mirror;
use crate::orphans;
use crate::tools;
use anyhow::{Context, Result, bail};
use std::io::Read;
use std::path::{Path, PathBuf};

/// File that tells a world's folder from any other, so that only worlds are emptied.
const MARKER: &str = ".shadow-world";

/// Deepest folder of examples and modules; more is a loop of links.
pub(crate) const COPY_DEPTH_MAX: u32 = 8;

/// Where things are in a world.
pub(super) struct Layout {
    pub(super) folder: PathBuf,
    pub(super) logs: PathBuf,
    pub(super) cli_config: PathBuf,
    config: PathBuf,
}

impl Layout {
    /// Fills `folder`.
    pub(super) fn create(folder: &Path, provider: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        // Terraform and /proc show paths without links; comparisons need the same.
        let folder = folder.canonicalize()?;
        std::fs::write(folder.join(MARKER), "")?;
        let logs = folder.join("logs");
        std::fs::create_dir_all(&logs)?;
        let mut mirror = Mirror::new(&folder.join("provider-mirror"));
        mirror.add_shadow(provider)?;
        let cli_config = folder.join("terraform.tfrc");
        mirror.write_settings(&cli_config)?;
        let config = folder.join("config");
        let layout = Self { folder, logs, cli_config, config };
        layout.copy("modules")?;
        Ok(layout)
    }

    /// The modules that the reconciler may run.
    pub(super) fn modules(&self) -> PathBuf {
        self.config.join("modules")
    }

    /// Copies an example; the modules are beside it as in the repository. Terraform writes next to what it applies, so
    /// the repository's own folder stays clean.
    pub(super) fn copy_example(&self, name: &str) -> Result<PathBuf> {
        let relative = Path::new("examples").join(name);
        anyhow::ensure!(tools::repository().join(&relative).is_dir(), "there is no example {name}");
        self.copy(&relative)?;
        Ok(self.config.join(relative))
    }

    fn copy(&self, relative: impl AsRef<Path>) -> Result<()> {
        let (from, to) = (tools::repository().join(&relative), self.config.join(&relative));
        if from.is_dir() { copy_folder(&from, &to, COPY_DEPTH_MAX) } else { Ok(()) }
    }
}

/// Ends what an earlier world in `folder` left running and empties it.
pub(super) fn clear(folder: &Path) -> Result<()> {
    let Ok(entries) = folder.read_dir() else { return Ok(()) };
    let is_world = folder.join(MARKER).exists();
    if !is_world && entries.count() > 0 {
        bail!("{} is not a folder of this harness: empty it or name another", folder.display());
    }
    orphans::end_all(&folder.canonicalize()?);
    std::fs::remove_dir_all(folder).with_context(|| format!("emptying {}", folder.display()))
}

/// A secret for one world: 128 bits, as much as can be guessed by nobody.
pub(super) fn random_token() -> Result<String> {
    let mut bytes = [0_u8; 16];
    std::fs::File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Copies a folder, but not what Terraform has written there.
pub(crate) fn copy_folder(from: &Path, to: &Path, depth: u32) -> Result<()> {
    if depth == 0 {
        bail!("{} is too deep", from.display());
    }
    std::fs::create_dir_all(to)?;
    for entry in from.read_dir().with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        // What Terraform left from runs by hand is no part of an example.
        if name.to_string_lossy().starts_with(".terraform") || name.to_string_lossy().contains(".tfstate") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to.join(name), depth - 1)?;
        } else {
            std::fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_worlds_are_emptied() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("precious"), "").unwrap();
        assert!(clear(folder.path()).is_err());
        std::fs::write(folder.path().join(MARKER), "").unwrap();
        clear(folder.path()).unwrap();
        assert!(!folder.path().exists());
        clear(folder.path()).unwrap();
    }

    #[test]
    fn a_copy_leaves_out_what_terraform_wrote() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for name in ["main.tf", ".terraform.lock.hcl", "terraform.tfstate.backup"] {
            std::fs::write(from.path().join(name), "").unwrap();
        }
        copy_folder(from.path(), to.path(), 1).unwrap();
        let names: Vec<_> = to.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["main.tf"]);
    }

    #[tokio::test]
    async fn terraform_finds_the_provider_in_the_mirror() {
        use crate::terraform::Terraform;
        let folder = tempfile::tempdir().unwrap();
        // `terraform init` looks at where a provider is, not at what it does.
        let layout = Layout::create(folder.path(), Path::new("/bin/true")).unwrap();
        let text =
            "terraform {\n  required_providers {\n    shadow = { source = \"shadow-failover/shadow\" }\n  }\n}\n";
        std::fs::write(layout.folder.join("main.tf"), text).unwrap();
        let settings = [("TF_CLI_CONFIG_FILE", layout.cli_config.display().to_string())];
        let environment = settings.map(|(name, value)| (name.to_owned(), value)).to_vec();
        let terraform = Terraform { program: tools::terraform().unwrap(), environment, logs: layout.logs };
        let output = terraform.run(&layout.folder, &["init", "-no-color"]).await.unwrap().success().unwrap();
        assert!(output.stdout.contains("Installed shadow-failover/shadow v0.1.0"), "{}", output.stdout);
    }
}
