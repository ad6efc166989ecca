//! What the agent remembers of one process beyond its own death, as one JSON file that is
//! replaced as a whole and that only the agent's user reads. Written before and after every change; never edited in place.

use super::identity::Identity;
use anyhow::{Context as _, bail};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shadow_core::model::process::{ProcessGoal, ProcessSpec};
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// File name of the record in the folder of its process.
pub(super) const FILE: &str = "record.json";
const CORRUPT_FILE: &str = "record.json.corrupt";

/// Largest record that is read: declarations arrive in requests of at most 256 KiB.
const SIZE_MAX: u64 = 1 << 20;

/// A process as the agent last knew it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The declaration in force.
    pub spec: ProcessSpec,
    /// The port it was given.
    pub port: u16,
    /// Where it was in its life.
    pub life: Life,
    /// When the present or last run began.
    pub started_at: Option<Timestamp>,
    /// How the last run ended.
    pub exit: Exit,
    /// Times it was started again after it ended by itself.
    pub restarts: u32,
}

/// Where a process is in its life, as needed to go on after the agent was killed anywhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(super) enum Life {
    /// It is about to be spawned. It may run already; then it is found by its marker.
    Starting,
    /// It runs.
    Running {
        /// The main process.
        run: Identity,
    },
    /// It is to end, whatever the declaration says, which applies afterwards.
    Stopping {
        /// The main process.
        run: Identity,
    },
    /// It was stopped because the declaration said so.
    Stopped,
    /// It ended by itself.
    Ended,
}

/// How a run ended; both absent where nobody saw it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Exit {
    /// Exit code, if it exited.
    pub code: Option<i32>,
    /// Signal that ended it, if one did.
    pub signal: Option<i32>,
}

impl Exit {
    /// An end that nobody saw counts as a failure: a service is not expected to end.
    pub(super) fn is_failure(self) -> bool {
        self.code != Some(0)
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "exit code {code}"),
            (None, Some(signal)) => write!(f, "signal {signal}"),
            (None, None) => f.write_str("an unknown exit code"),
        }
    }
}

impl Record {
    /// A process that is about to begin its first run, or that shall not run.
    pub(super) fn new(spec: ProcessSpec, port: u16) -> Self {
        let life = match spec.desired_state {
            ProcessGoal::Running => Life::Starting,
            ProcessGoal::Stopped => Life::Stopped,
        };
        Self { spec, port, life, started_at: None, exit: Exit::default(), restarts: 0 }
    }

    /// Replaces the record in `folder`; a reader sees the old or the new one, also after a power cut.
    ///
    /// # Errors
    /// The file cannot be written; the former one is then unharmed.
    pub(super) fn save(&self, folder: &Path) -> anyhow::Result<()> {
        let write = || -> io::Result<()> {
            fs::create_dir_all(folder)?;
            // It holds the secret variables, by which the process is started again.
            let own = fs::Permissions::from_mode(0o600);
            let mut file = tempfile::Builder::new().prefix(".record").permissions(own).tempfile_in(folder)?;
            serde_json::to_writer_pretty(&mut file, self)?;
            file.flush()?;
            file.as_file().sync_all()?;
            file.persist(folder.join(FILE))?;
            fs::File::open(folder)?.sync_all()
        };
        write().with_context(|| {
            format!("cannot write {}: free the disk or grant the agent access", folder.join(FILE).display())
        })
    }

    /// Reads the record in `folder`; `None` where there is none.
    ///
    /// # Errors
    /// The file cannot be read or is not a record.
    pub(super) fn load(folder: &Path) -> anyhow::Result<Option<Self>> {
        let path = folder.join(FILE);
        let size = match fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).context(format!("cannot read {}", path.display())),
        };
        if size > SIZE_MAX {
            bail!("{} has {size} bytes; no record is that large", path.display());
        }
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is not a record", path.display())).map(Some)
    }
}

/// Puts an unreadable record aside so that a human may look at it.
///
/// # Errors
/// The file cannot be renamed.
pub(super) fn quarantine(folder: &Path) -> io::Result<()> {
    fs::rename(folder.join(FILE), folder.join(CORRUPT_FILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let spec = serde_json::from_value(serde_json::json!({"name": "web", "command": ["web"]})).unwrap();
        let run = Identity { pid: 7, start_ticks: 11, boot_id: "boot".to_owned() };
        Record { life: Life::Running { run }, ..Record::new(spec, 8080) }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Record::load(folder.path()).unwrap(), None);
        record().save(folder.path()).unwrap();
        assert_eq!(Record::load(folder.path()).unwrap(), Some(record()));
    }

    #[test]
    fn a_failed_write_leaves_the_former_record() {
        let folder = tempfile::tempdir().unwrap();
        record().save(folder.path()).unwrap();
        // A folder in the place of the record makes the last step, the rename, fail for every user.
        let blocked = folder.path().join("blocked");
        fs::create_dir_all(blocked.join(FILE)).unwrap();
        assert!(record().save(&blocked).is_err());
        assert_eq!(fs::read_dir(&blocked).unwrap().count(), 1, "the temporary file is removed");
        assert_eq!(Record::load(folder.path()).unwrap(), Some(record()));
    }

    #[test]
    fn an_unseen_end_counts_as_a_failure() {
        assert!(Exit::default().is_failure());
        assert!(Exit { code: None, signal: Some(9) }.is_failure());
        assert!(!Exit { code: Some(0), signal: None }.is_failure());
    }
}
