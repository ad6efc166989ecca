//! Installs what a root needs: modules and providers. Nothing is fetched from where nothing may
//! come from, and nothing is run that does not keep the contract.

use super::command::Invocation;
use super::contract::{called_sources, check_module, module_files};
use super::error::TerraformError;
use super::run::Terraform;
use super::source::allowed;
use super::workspace::Workspace;
use serde::Deserialize;
use shadow_core::model::group::ModuleSpec;
use shadow_core::rendering::{MAIN_FILE, RootKind, files_digest};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Versions of locked providers, written by Terraform.
const LOCK_FILE: &str = ".terraform.lock.hcl";

/// Where Terraform says which modules it installed.
const MODULES_FILE: &str = ".terraform/modules/modules.json";

/// Terraform shares its cache of providers between roots, but not between runs at one time.
static INSTALLING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A module that was installed, as Terraform records it.
#[derive(Deserialize)]
struct InstalledModule {
    #[serde(rename = "Key")]
    key: String,
    #[serde(rename = "Dir")]
    folder: PathBuf,
}

impl Terraform {
    /// Installs the modules and providers of a root whose files were written, and checks them.
    /// Runs Terraform only if what is installed was installed for other files.
    ///
    /// # Errors
    /// `ModuleNotAllowed` before the module is fetched (a module that a remote module calls is
    /// fetched with it, then refused before it is run), `ContractBroken`, `Init` and others.
    pub async fn init(&self, workspace: &Workspace, module: &ModuleSpec) -> Result<(), TerraformError> {
        allowed(&module.source, &self.settings.module_sources)?;
        let local = Path::new(&module.source);
        if local.is_absolute() {
            self.check(local, workspace.root())?;
        }
        if workspace.is_installed(&fingerprint(workspace, local)?) {
            return Ok(());
        }
        self.install(workspace).await?;
        self.check_installed(workspace)?;
        workspace.remember_installed(&fingerprint(workspace, local)?)
    }

    async fn install(&self, workspace: &Workspace) -> Result<(), TerraformError> {
        let _one_at_a_time = INSTALLING.lock().await;
        let invocation = Invocation::Init { lock_timeout: self.settings.lock_timeout };
        workspace.forget_installed();
        self.capture(workspace.folder(), &workspace.output_files(invocation.name()), &invocation).await.map(drop)
    }

    fn check_installed(&self, workspace: &Workspace) -> Result<(), TerraformError> {
        for module in installed_modules(workspace)? {
            let folder = workspace.folder().join(&module.folder);
            if module.key == block_name(workspace.root()) {
                self.check(&folder, workspace.root())?;
            } else if !module.key.is_empty() {
                self.check_calls(&folder)?;
            }
        }
        Ok(())
    }

    fn check(&self, folder: &Path, kind: RootKind) -> Result<(), TerraformError> {
        check_module(folder, kind)?;
        self.check_calls(folder)
    }

    /// Terraform itself refuses a relative source that leads out of the package of its caller.
    fn check_calls(&self, folder: &Path) -> Result<(), TerraformError> {
        let is_part_of_caller = |source: &str| source.starts_with("./") || source.starts_with("../");
        for source in called_sources(folder)?.iter().filter(|source| !is_part_of_caller(source)) {
            allowed(source, &self.settings.module_sources)?;
        }
        Ok(())
    }
}

/// Changes with everything that makes a new installation necessary: the module's address, the
/// locked providers, and, for a local module, which is used where it lies, its own requirements.
fn fingerprint(workspace: &Workspace, local: &Path) -> Result<String, TerraformError> {
    let mut files = BTreeMap::new();
    for name in [MAIN_FILE, LOCK_FILE] {
        files.insert(name.to_owned(), workspace.text(name)?);
    }
    if local.is_absolute() {
        files.extend(module_files(local)?.into_iter().map(|(name, text)| (format!("module/{name}"), text)));
    }
    Ok(files_digest(&files))
}

fn installed_modules(workspace: &Workspace) -> Result<Vec<InstalledModule>, TerraformError> {
    #[derive(Deserialize)]
    struct Record {
        #[serde(rename = "Modules")]
        modules: Vec<InstalledModule>,
    }
    let text = workspace.text(MODULES_FILE)?;
    let unreadable = TerraformError::unreadable("record of installed modules", Path::new(MODULES_FILE));
    let record: Record = serde_json::from_str(&text).map_err(unreadable)?;
    Ok(record.modules)
}

/// The name of the root's one module block.
fn block_name(root: RootKind) -> &'static str {
    match root {
        RootKind::Capacity => "slot",
        RootKind::Traffic => "traffic",
    }
}
