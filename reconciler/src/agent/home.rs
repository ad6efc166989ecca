//! Where the things of one process are: its folder, its record, its output and its marker.

use super::context::Context;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The place of one process in the agent's data directory.
#[derive(Debug, Clone)]
pub(super) struct Home {
    /// What all processes of the agent share.
    pub context: Arc<Context>,
    /// Name of the process.
    pub name: String,
}

impl Home {
    /// The folder that holds the record and the output, and in which the process starts.
    pub(super) fn folder(&self) -> PathBuf {
        self.context.processes_folder().join(&self.name)
    }

    /// The file that receives what the process prints.
    pub(super) fn output(&self) -> PathBuf {
        self.folder().join("output.log")
    }

    /// The value that marks everything that belongs to the process.
    pub(super) fn marker(&self) -> String {
        self.context.marker(&self.name)
    }

    /// Folder in which the process starts.
    pub(super) fn working_directory(&self, declared: Option<&str>) -> PathBuf {
        declared.map_or_else(|| self.folder(), |declared| Path::new(declared).to_owned())
    }
}
