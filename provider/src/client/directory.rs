//! Declarations as JSON documents in a folder, for pipelines without a daemon. A document is either
//! the old one or the new one, never half of it.

use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use terraform_provider_framework::{Diagnostic, Diagnostics};

/// A folder of declarations.
#[derive(Debug, Clone)]
pub(crate) struct Directory {
    root: PathBuf,
}

/// Largest document read. A declaration is a few KiB.
const DOCUMENT_BYTES_MAX: u64 = 4 << 20;

impl Directory {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The document `folder/name.json`; `None` when there is none.
    pub(super) fn read(&self, folder: &str, name: &str) -> Result<Option<Json>, Diagnostics> {
        let path = self.path(folder, name);
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.len() > DOCUMENT_BYTES_MAX => return Err(unreadable(&path, "it is too large")),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(&path, &error.to_string())),
        }
        let text = std::fs::read(&path).map_err(|error| unreadable(&path, &error.to_string()))?;
        serde_json::from_slice(&text).map(Some).map_err(|error| unreadable(&path, &error.to_string()))
    }

    /// Every document of a folder by its name.
    pub(super) fn all(&self, folder: &str) -> Result<BTreeMap<String, Json>, Diagnostics> {
        let path = self.root.join(folder);
        let entries = match std::fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            entries => entries.map_err(|error| unreadable(&path, &error.to_string()))?,
        };
        let name = |entry: std::fs::DirEntry| Some(entry.file_name().to_str()?.strip_suffix(".json")?.to_owned());
        let document = |name: String| Ok(self.read(folder, &name)?.map(|document| (name, document)));
        let names: BTreeSet<String> = entries.flatten().filter_map(name).collect();
        names.into_iter().filter_map(|name| document(name).transpose()).collect()
    }

    /// Writes the document `folder/name.json`.
    pub(super) fn write(&self, folder: &str, name: &str, document: &Json) -> Result<(), Diagnostics> {
        let path = self.path(folder, name);
        replace(&path, document).map_err(|error| {
            let detail = format!("{}: {error}. Check the folder, its permissions and its space.", path.display());
            Diagnostic::error("The declaration cannot be written", detail).into()
        })
    }

    /// Removes the document `folder/name.json`. One that is gone already is removed.
    pub(super) fn remove(&self, folder: &str, name: &str) -> Result<(), Diagnostics> {
        let path = self.path(folder, name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let detail = format!("{}: {error}. Check the folder's permissions.", path.display());
                Err(Diagnostic::error("The declaration cannot be removed", detail).into())
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Where a document is. Names are checked before they come here: they have no slash.
    pub(super) fn path(&self, folder: &str, name: &str) -> PathBuf {
        self.root.join(folder).join(format!("{name}.json"))
    }
}

/// Writes beside the old document, then puts it in its place in one step.
fn replace(path: &Path, document: &Json) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(".writing-").tempfile_in(folder)?;
    serde_json::to_writer_pretty(&mut file, document)?;
    file.write_all(b"\n")?;
    // Declarations are read by other users, such as a reconciler's.
    let mut permissions = file.as_file().metadata()?.permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
    file.as_file().set_permissions(permissions)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    std::fs::File::open(folder)?.sync_all()
}

fn unreadable(path: &Path, problem: &str) -> Diagnostics {
    let detail = format!("{}: {problem}. Mend or delete the file, then apply again.", path.display());
    Diagnostic::error("The declaration cannot be read", detail).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn documents_are_written_whole_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::new(folder.path().join("not/yet"));
        assert_eq!(directory.read("policies", "p").unwrap(), None);
        for document in [json!({"name": "p"}), json!({"name": "p", "mode": "full"})] {
            directory.write("policies", "p", &document).unwrap();
            assert_eq!(directory.read("policies", "p").unwrap(), Some(document));
        }
        assert_eq!(std::fs::read_dir(folder.path().join("not/yet/policies")).unwrap().count(), 1);
        directory.remove("policies", "p").unwrap();
        directory.remove("policies", "p").unwrap();
        assert_eq!(directory.read("policies", "p").unwrap(), None);
    }

    #[test]
    fn a_broken_document_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::new(folder.path().to_owned());
        std::fs::create_dir(folder.path().join("groups")).unwrap();
        std::fs::write(directory.path("groups", "g"), "{").unwrap();
        let told = directory.read("groups", "g").unwrap_err();
        assert!(told.iter().all(|it| it.detail.contains("groups/g.json")), "{told:?}");
        std::fs::write(folder.path().join("policies"), "in the way").unwrap();
        assert!(directory.write("policies", "p", &json!({})).is_err());
    }
}
