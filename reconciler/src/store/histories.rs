//! Histories of signals, one file for each group beside the store. They are a copy of what Prometheus has or had: a file
//! that is lost or damaged is pulled again, which is why they are not in the store, whose damage stops everything.
//!
//! A file has the digest of the rest on its first line, what follows as JSON on the second, and then the histories.

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

/// Version of the format. A file of another one is pulled again.
const FORMAT: u32 = 1;

/// Largest file: two thousand signals of the longest history.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The folder of all files.
#[derive(Debug, Clone)]
pub struct Histories {
    folder: PathBuf,
}

/// One history with what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The slot.
    pub slot: String,
    /// Key of the signal in the group.
    pub signal: String,
    /// What was asked.
    pub query: String,
    /// Ends of the first and the last step that were answered for, in milliseconds since 1970.
    pub answered: Option<(i64, i64)>,
    /// As `History::to_bytes` made it.
    pub history: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    format: u32,
    entries: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    slot: String,
    signal: String,
    query: String,
    answered: Option<(i64, i64)>,
    bytes: usize,
}

impl Histories {
    /// In that folder, which is made when something is kept.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Keeps these histories of a group in place of what was kept of it. A file that a power cut leaves half-written
    /// fails its digest.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&self, group: &str, kept: &[Kept]) -> anyhow::Result<()> {
        let entry = |it: &Kept| Entry {
            slot: it.slot.clone(),
            signal: it.signal.clone(),
            query: it.query.clone(),
            answered: it.answered,
            bytes: it.history.len(),
        };
        let mut body = serde_json::to_vec(&Contents { format: FORMAT, entries: kept.iter().map(entry).collect() })?;
        body.push(b'\n');
        kept.iter().for_each(|it| body.extend(&it.history));
        let (path, new) = (self.path(group), self.folder.join(format!("{group}.new")));
        let written = fs::create_dir_all(&self.folder)
            .and_then(|()| fs::write(&new, [digest(&body).as_bytes(), b"\n", &body].concat()))
            .and_then(|()| fs::rename(&new, &path));
        written.with_context(|| format!("histories cannot be kept in {}: make space on its disk", path.display()))
    }

    /// What was kept of a group; nothing if there is no file.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged. It may be overwritten.
    pub fn kept(&self, group: &str) -> anyhow::Result<Vec<Kept>> {
        let path = self.path(group);
        self.read(group).with_context(|| format!("histories in {} are pulled again", path.display()))
    }

    fn read(&self, group: &str) -> anyhow::Result<Vec<Kept>> {
        let path = self.path(group);
        let length = match fs::metadata(&path) {
            Ok(file) => file.len(),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        ensure!(length <= FILE_BYTES_MAX, "the file is longer than {FILE_BYTES_MAX} bytes");
        let file = fs::read(&path)?;
        let (stated, body) = line(&file).context("it is not one of ours")?;
        ensure!(stated == digest(body).as_bytes(), "it is damaged: its digest does not match");
        let (contents, mut rest) = line(body).context("it has no contents")?;
        let contents: Contents = serde_json::from_slice(contents).context("its contents cannot be read")?;
        ensure!(contents.format == FORMAT, "it has format {}, this reconciler knows {FORMAT}", contents.format);
        let mut kept = Vec::with_capacity(contents.entries.len());
        for Entry { slot, signal, query, answered, bytes } in contents.entries {
            let (history, after) = rest.split_at_checked(bytes).context("it ends too early")?;
            kept.push(Kept { slot, signal, query, answered, history: history.to_vec() });
            rest = after;
        }
        Ok(kept)
    }

    /// Forgets a group.
    pub fn forget(&self, group: &str) {
        // What is left behind is found damaged or about other queries, and overwritten.
        fs::remove_file(self.path(group)).ok();
    }

    fn path(&self, group: &str) -> PathBuf {
        self.folder.join(group)
    }
}

/// A first line and what comes after it.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
