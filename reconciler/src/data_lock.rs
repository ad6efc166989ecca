//! The lock of a data directory: two processes on one directory would both act. It never waits.

use anyhow::{Context, bail};
use std::fs::{File, TryLockError};
use std::path::Path;

/// Takes the lock of a data directory for a `kind` of program, for as long as the file is kept. The kernel gives it
/// back however the process ends.
///
/// # Errors
/// When another process has it, or the lock file cannot be opened.
pub fn lock(data: &Path, kind: &str) -> anyhow::Result<File> {
    let path = data.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.with_context(|| format!("{} cannot be opened", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!("another {kind} runs on data directory {}: stop it, or choose another with --data", data.display())
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("{} cannot be locked", path.display())),
    }
}
