//! The examples that pages show, read from the folders in which the registry's tool looks for them.

use std::path::{Path, PathBuf};

/// The examples, and which of them are missing.
pub(super) struct Examples {
    folder: PathBuf,
    missing: Vec<PathBuf>,
}

/// How a resource is imported.
pub(super) struct Import {
    /// The command.
    pub(super) command: String,
    /// The block with an id.
    pub(super) by_id: String,
    /// The block with an identity, for resources that have one.
    pub(super) by_identity: Option<String>,
}

impl Examples {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), missing: Vec::new() }
    }

    /// The example at a path below the folder; empty, and noted, when there is none.
    pub(super) fn read(&mut self, path: impl AsRef<Path>) -> String {
        std::fs::read_to_string(self.folder.join(&path)).unwrap_or_else(|_absent| {
            self.missing.push(path.as_ref().to_owned());
            String::new()
        })
    }

    pub(super) fn import(&mut self, resource: &str, has_identity: bool) -> Import {
        let folder = Path::new("resources").join(resource);
        Import {
            command: self.read(folder.join("import.sh")),
            by_id: self.read(folder.join("import-by-string-id.tf")),
            by_identity: has_identity.then(|| self.read(folder.join("import-by-identity.tf"))),
        }
    }

    /// What was looked for and is not there.
    pub(super) fn missing(self) -> Vec<PathBuf> {
        self.missing
    }
}
