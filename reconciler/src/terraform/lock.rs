//! The lock of the local backend. Terraform holds it as a lock of the kernel on the state file,
//! which ends with its process; beside it lies a record that says who holds it, and which stays
//! behind when Terraform is killed. Only such a left-over record is ever removed.

use super::error::TerraformError;
use super::state::STATE_FILE;
use rustix::fs::{FlockOperation, fcntl_lock};
use serde::Deserialize;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Who locked a state, and when.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LockRecord {
    /// Unique id of the lock.
    #[serde(rename = "ID")]
    pub id: String,
    /// What it was taken for.
    pub operation: String,
    /// User and host.
    pub who: String,
    /// When, as Terraform writes it.
    pub created: String,
}

/// The lock record of the root in `folder`, if there is one.
pub(super) fn record(folder: &Path) -> Result<Option<LockRecord>, TerraformError> {
    let path = record_path(folder);
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(TerraformError::io("read", &path)(error)),
    };
    serde_json::from_slice(&text).map(Some).map_err(TerraformError::unreadable("lock record", &path))
}

/// Removes the lock record of a holder that is dead, which the kernel proves: the lock itself can
/// be taken. Answers with the record that was removed.
///
/// # Errors
/// `Locked` when somebody holds the lock.
pub(super) fn remove_left_over(folder: &Path) -> Result<Option<LockRecord>, TerraformError> {
    let Some(found) = record(folder)? else { return Ok(None) };
    let state = folder.join(STATE_FILE);
    let file = match OpenOptions::new().read(true).write(true).open(&state) {
        Ok(file) => Some(file),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(TerraformError::io("open", &state)(error)),
    };
    if let Some(file) = &file
        && fcntl_lock(file, FlockOperation::NonBlockingLockExclusive).is_err()
    {
        return Err(TerraformError::Locked { who: found.who, since: found.created });
    }
    // Held until `file` is closed, so no new holder can have written this record meanwhile.
    if record(folder)?.is_none_or(|now| now.id != found.id) {
        return Ok(None);
    }
    let path = record_path(folder);
    std::fs::remove_file(&path).map_err(TerraformError::io("remove", &path))?;
    Ok(Some(found))
}

fn record_path(folder: &Path) -> PathBuf {
    folder.join(format!(".{STATE_FILE}.lock.info"))
}
