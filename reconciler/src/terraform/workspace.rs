//! The folder of one root: `DATA/groups/GROUP/capacity` or `…/traffic`. Writes the generated files
//! and Terraform's output beside them; never touches the state.

use super::error::TerraformError;
use super::messages::Diagnostics;
use super::process::OutputFiles;
use super::state::{self, STATE_FILE};
use shadow_core::guard::{PlanIdentity, StateIdentity};
use shadow_core::model::GroupName;
use shadow_core::rendering::{HEADER, MAIN_FILE, Rendering, RootKind, VARIABLES_FILE, files_digest, sha256_hex};
use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Folder within a root for what is not Terraform's: plan files, output, copies of the state.
const OWN_FOLDER: &str = ".shadow";

/// The plan file, relative to the root.
pub(super) const PLAN_FILE: &str = ".shadow/plan";

/// Remembers what was installed. It lies in Terraform's folder of installed things, so that it goes
/// when they go.
const INSTALLED_FILE: &str = ".terraform/shadow-installed";

/// Largest generated file, lock file or plan that is read, in bytes. A plan holds the state, the
/// configuration and the change of each resource; those of one group are far below a megabyte.
const FILE_SIZE_MAX: u64 = 64 * 1024 * 1024;

/// Characters shown of what a command printed that speaks no JSON: the end, where the error is.
const MESSAGE_LENGTH_MAX: usize = 4000;

/// The folder of one root of one group.
#[derive(Debug, Clone)]
pub struct Workspace {
    folder: PathBuf,
    root: RootKind,
}

impl Workspace {
    /// Makes the folder unless it is there, readable by this user only: plans and states contain
    /// secrets in clear.
    ///
    /// # Errors
    /// Errors of the operating system.
    pub fn open(data: &Path, group: &GroupName, root: RootKind) -> Result<Self, TerraformError> {
        let folder = data.join("groups").join(group.as_str()).join(root.as_str());
        for path in [&folder, &folder.join(OWN_FOLDER)] {
            DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(TerraformError::io("create", path))?;
            let private = Permissions::from_mode(0o700);
            std::fs::set_permissions(path, private).map_err(TerraformError::io("protect", path))?;
        }
        // Terraform's own record of where it runs is the real path; foreign runs are found by it.
        let folder = folder.canonicalize().map_err(TerraformError::io("open", &folder))?;
        Ok(Self { folder, root })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The root that it is for.
    pub fn root(&self) -> RootKind {
        self.root
    }

    /// Makes the generated files equal to `rendering` and removes generated ones that it does not
    /// contain. A file is either the old or the new one at any time. Answers whether any changed.
    ///
    /// # Errors
    /// Errors of the operating system.
    pub fn write(&self, rendering: &Rendering) -> Result<bool, TerraformError> {
        let present = self.generated_files()?;
        for (name, text) in &rendering.files {
            if present.get(name) != Some(text) {
                self.replace(name, text)?;
            }
        }
        for name in present.keys().filter(|name| !rendering.files.contains_key(*name)) {
            let path = self.folder.join(name);
            std::fs::remove_file(&path).map_err(TerraformError::io("remove", &path))?;
        }
        Ok(present != rendering.files)
    }

    /// Digest of the generated files as they are, comparable with [`Rendering::digest`].
    ///
    /// # Errors
    /// Errors of the operating system.
    pub fn rendering_digest(&self) -> Result<String, TerraformError> {
        Ok(files_digest(&self.generated_files()?))
    }

    /// Lineage and serial of the state as it is.
    ///
    /// # Errors
    /// A state that cannot be read.
    pub fn state_identity(&self) -> Result<StateIdentity, TerraformError> {
        state::identity(&self.folder.join(STATE_FILE))
    }

    /// What a plan made now would rest on.
    pub(super) fn identity(&self, epoch: u64) -> Result<PlanIdentity, TerraformError> {
        let plan = self.folder.join(PLAN_FILE);
        // A plan that is gone equals no plan that was made.
        let plan_file = if plan.exists() { sha256_hex(&read_bounded(&plan)?) } else { String::new() };
        Ok(PlanIdentity { rendering: self.rendering_digest()?, plan_file, state: self.state_identity()?, epoch })
    }

    pub(super) fn back_up_state(&self) -> Result<(), TerraformError> {
        state::back_up(&self.folder.join(STATE_FILE), &self.folder.join(OWN_FOLDER).join("states"))
    }

    /// Plans hold secrets in clear and none is applied twice.
    pub(super) fn remove_plan(&self) {
        remove_if_there(&self.folder.join(PLAN_FILE));
    }

    pub(super) fn output_files(&self, command: &str) -> OutputFiles {
        let path = |stream: &str| self.folder.join(OWN_FOLDER).join(format!("{}.{stream}", command.replace(' ', "-")));
        OutputFiles { stdout: path("out"), stderr: path("err") }
    }

    /// Whether what is installed was installed for these files.
    pub(super) fn is_installed(&self, fingerprint: &str) -> bool {
        std::fs::read_to_string(self.folder.join(INSTALLED_FILE)).is_ok_and(|text| text == fingerprint)
    }

    pub(super) fn remember_installed(&self, fingerprint: &str) -> Result<(), TerraformError> {
        self.replace(INSTALLED_FILE, fingerprint)
    }

    pub(super) fn forget_installed(&self) {
        remove_if_there(&self.folder.join(INSTALLED_FILE));
    }

    /// A file of the folder as text; an absent one is empty.
    pub(super) fn text(&self, name: &str) -> Result<String, TerraformError> {
        let path = self.folder.join(name);
        if !path.exists() {
            return Ok(String::new());
        }
        String::from_utf8(read_bounded(&path)?).map_err(TerraformError::unreadable("text", &path))
    }

    /// A generated file is one of the two that every rendering has, or begins with our header.
    fn generated_files(&self) -> Result<BTreeMap<String, String>, TerraformError> {
        let entries = std::fs::read_dir(&self.folder).map_err(TerraformError::io("list", &self.folder))?;
        let mut files = BTreeMap::new();
        for entry in entries {
            let entry = entry.map_err(TerraformError::io("list", &self.folder))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name != VARIABLES_FILE && !name.ends_with(".tf") {
                continue;
            }
            let text = self.text(&name)?;
            if name == VARIABLES_FILE || name == MAIN_FILE || text.starts_with(HEADER) {
                files.insert(name, text);
            }
        }
        Ok(files)
    }

    /// Written beside and renamed; the name of the first is fixed, so a crash leaves at most one.
    fn replace(&self, name: &str, text: &str) -> Result<(), TerraformError> {
        let (path, new) = (self.folder.join(name), self.folder.join(OWN_FOLDER).join("new"));
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&new, &path)
        };
        write().map_err(TerraformError::io("write", &path))
    }
}

/// Reads a file that must not be larger than any that belongs here.
pub(super) fn read_bounded(path: &Path) -> Result<Vec<u8>, TerraformError> {
    let file = File::open(path).map_err(TerraformError::io("read", path))?;
    let mut bytes = Vec::new();
    let read = file.take(FILE_SIZE_MAX + 1).read_to_end(&mut bytes).map_err(TerraformError::io("read", path))?;
    if u64::try_from(read).is_ok_and(|read| read <= FILE_SIZE_MAX) {
        return Ok(bytes);
    }
    let reason = format!("it is larger than {FILE_SIZE_MAX} bytes");
    Err(TerraformError::Unreadable { path: path.to_owned(), what: "file of a root", reason })
}

/// The end of what a command printed as plain text.
pub(super) fn plain_message(output: &OutputFiles) -> Diagnostics {
    let text = |path: &Path| read_bounded(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let both = [&output.stdout, &output.stderr].map(|path| text(path).unwrap_or_default());
    let said = if both[1].trim().is_empty() { &both[0] } else { &both[1] };
    let skipped = said.chars().count().saturating_sub(MESSAGE_LENGTH_MAX);
    Diagnostics::plain(&said.chars().skip(skipped).collect::<String>())
}

pub(super) fn remove_if_there(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %path.display(), "a file that is no longer needed cannot be removed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendering(files: &[(&str, &str)]) -> Rendering {
        let files: BTreeMap<String, String> =
            files.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
        Rendering { digest: files_digest(&files), files }
    }

    fn workspace() -> (tempfile::TempDir, Workspace) {
        let data = tempfile::tempdir().unwrap();
        let workspace = Workspace::open(data.path(), &GroupName::new("checkout").unwrap(), RootKind::Traffic).unwrap();
        (data, workspace)
    }

    #[test]
    fn the_folder_is_private() {
        let (data, workspace) = workspace();
        assert!(workspace.folder().ends_with("groups/checkout/traffic"));
        for path in [workspace.folder().to_owned(), workspace.folder().join(OWN_FOLDER), data.path().join("groups")] {
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o077, 0, "{path:?}");
        }
    }

    #[test]
    fn files_follow_the_rendering_and_users_files_and_state_stay() {
        let (_data, workspace) = workspace();
        let main = format!("{HEADER}\nmain");
        let old = format!("{HEADER}\nold");
        let first = rendering(&[(MAIN_FILE, &main), ("old.tf", &old), (VARIABLES_FILE, "{}")]);
        let second = rendering(&[(MAIN_FILE, &main), (VARIABLES_FILE, "{\"a\": 1}")]);
        let path = |name: &str| workspace.folder().join(name);
        std::fs::write(path(STATE_FILE), "{}").unwrap();
        std::fs::write(path("mine.tf"), "# mine").unwrap();
        assert!(workspace.write(&first).unwrap());
        assert!(!workspace.write(&first).unwrap());
        assert_eq!(workspace.rendering_digest().unwrap(), first.digest);
        assert!(workspace.write(&second).unwrap());
        assert_eq!(workspace.rendering_digest().unwrap(), second.digest);
        assert!(!path("old.tf").exists());
        assert!(path("mine.tf").exists() && path(STATE_FILE).exists());
    }

    #[test]
    fn a_change_by_hand_changes_the_digest_and_is_overwritten() {
        let (_data, workspace) = workspace();
        let wanted = rendering(&[(MAIN_FILE, "a"), (VARIABLES_FILE, "{}")]);
        workspace.write(&wanted).unwrap();
        std::fs::write(workspace.folder().join(MAIN_FILE), "by hand").unwrap();
        assert_ne!(workspace.rendering_digest().unwrap(), wanted.digest);
        assert!(workspace.write(&wanted).unwrap());
        assert_eq!(workspace.rendering_digest().unwrap(), wanted.digest);
    }
}
