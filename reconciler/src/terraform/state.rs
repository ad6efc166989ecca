//! The state file of a root: which version it is, copies of it, and one that could not be written.
//! Never writes a state itself: Terraform does.

use super::error::TerraformError;
use serde::Deserialize;
use shadow_core::guard::StateIdentity;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// Name of the state of the local backend.
pub(super) const STATE_FILE: &str = "terraform.tfstate";

/// Name of the state that Terraform leaves behind when it could not write it where it belongs.
pub(super) const ERRORED_STATE_FILE: &str = "errored.tfstate";

/// Copies kept of earlier states: enough to look back over one failover, step by step.
const BACKUPS_MAX: usize = 20;

/// What became of a state that an earlier run could not write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovery {
    /// There was none.
    Nothing,
    /// It was newer than the state and of the same lineage, and is the state now.
    Pushed(StateIdentity),
    /// It did not follow from the state. It was set aside for a human to look at.
    SetAside {
        /// Where it is now.
        path: PathBuf,
        /// The state that it contains.
        errored: StateIdentity,
        /// The state in force.
        current: StateIdentity,
    },
}

/// Lineage and serial of a state file. A missing file is no state; an empty one is what Terraform
/// makes when it takes the lock before the first apply.
pub(super) fn identity(path: &Path) -> Result<StateIdentity, TerraformError> {
    #[derive(Deserialize)]
    struct Head {
        lineage: String,
        serial: u64,
    }
    let size = match path.metadata() {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
        Err(error) => return Err(TerraformError::io("read", path)(error)),
    };
    if size == 0 {
        return Ok(StateIdentity::default());
    }
    let file = File::open(path).map_err(TerraformError::io("read", path))?;
    let head: Head =
        serde_json::from_reader(BufReader::new(file)).map_err(TerraformError::unreadable("Terraform state", path))?;
    Ok(StateIdentity { lineage: Some(head.lineage), serial: head.serial })
}

/// Copies the state of a root to `backups`, named by its serial, and drops the oldest copies.
pub(super) fn back_up(state: &Path, backups: &Path) -> Result<(), TerraformError> {
    let identity = identity(state)?;
    if identity.lineage.is_none() {
        return Ok(());
    }
    std::fs::create_dir_all(backups).map_err(TerraformError::io("create", backups))?;
    // Padded, so that the order of names is the order of serials.
    let copy = backups.join(format!("{:020}.tfstate", identity.serial));
    std::fs::copy(state, &copy).map_err(TerraformError::io("write", &copy))?;
    drop_oldest(backups)
}

fn drop_oldest(backups: &Path) -> Result<(), TerraformError> {
    let entries = std::fs::read_dir(backups).map_err(TerraformError::io("list", backups))?;
    let mut copies: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    copies.sort();
    let surplus = copies.len().saturating_sub(BACKUPS_MAX);
    for copy in copies.iter().take(surplus) {
        std::fs::remove_file(copy).map_err(TerraformError::io("remove", copy))?;
    }
    Ok(())
}

/// Whether `errored` follows from `current`, so that pushing it loses nothing.
pub(super) fn follows(errored: &StateIdentity, current: &StateIdentity) -> bool {
    let same_lineage = errored.lineage == current.lineage || current.lineage.is_none();
    errored.lineage.is_some() && same_lineage && errored.serial > current.serial
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(lineage: &str, serial: u64) -> StateIdentity {
        StateIdentity { lineage: Some(lineage.to_owned()), serial }
    }

    #[test]
    fn missing_empty_written_and_corrupt_states() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(STATE_FILE);
        assert_eq!(identity(&path).unwrap(), StateIdentity::default());
        std::fs::write(&path, "").unwrap();
        assert_eq!(identity(&path).unwrap(), StateIdentity::default());
        std::fs::write(&path, r#"{"version": 4, "serial": 3, "lineage": "l", "resources": []}"#).unwrap();
        assert_eq!(identity(&path).unwrap(), state("l", 3));
        std::fs::write(&path, r#"{"version": 4, "ser"#).unwrap();
        let error = identity(&path).unwrap_err().to_string();
        assert!(error.contains(STATE_FILE) && error.contains("not a readable Terraform state"), "{error}");
    }

    #[test]
    fn backups_are_bounded_and_the_newest_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (path, backups) = (folder.path().join(STATE_FILE), folder.path().join("states"));
        for serial in 1..=30 {
            std::fs::write(&path, format!(r#"{{"serial": {serial}, "lineage": "l"}}"#)).unwrap();
            back_up(&path, &backups).unwrap();
        }
        let mut kept: Vec<_> = backups.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
        kept.sort();
        assert_eq!(kept.len(), BACKUPS_MAX);
        assert_eq!(identity(kept.last().unwrap()).unwrap(), state("l", 30));
        assert_eq!(identity(kept.first().unwrap()).unwrap(), state("l", 11));
    }

    #[test]
    fn only_a_newer_state_of_the_same_lineage_follows() {
        assert!(follows(&state("l", 3), &state("l", 2)));
        assert!(follows(&state("l", 1), &StateIdentity::default()));
        assert!(!follows(&state("l", 2), &state("l", 2)));
        assert!(!follows(&state("other", 9), &state("l", 2)));
        assert!(!follows(&StateIdentity::default(), &StateIdentity::default()));
    }
}
