//! The output of a process: one file that is only appended to, and the one before it. Bounded in
//! size; never read as a whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// Size above which the output is set aside: enough for hours of a talkative service, little
/// enough that a hundred processes fit on a small disk.
const SIZE_MAX: u64 = 8 << 20;

/// Bytes shown in an error: a screenful.
const TAIL: u64 = 2 << 10;

/// Opens the file for a new run.
pub(super) fn open(path: &Path) -> io::Result<File> {
    bound(path)?;
    OpenOptions::new().create(true).append(true).open(path)
}

/// Moves the content to `<path>.1` if there is too much of it. The file itself stays in place,
/// because the process holds it open; what is written during the copy may be lost.
pub(super) fn bound(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.len() > SIZE_MAX => {
            fs::copy(path, previous(path))?;
            OpenOptions::new().write(true).open(path)?.set_len(0)
        }
        Ok(_small) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// The newest output, for people; empty where there is none.
pub(super) fn tail(path: &Path) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let start = file.metadata()?.len().saturating_sub(TAIL);
        file.seek(SeekFrom::Start(start))?;
        let mut text = Vec::new();
        file.take(TAIL).read_to_end(&mut text)?;
        Ok(text)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).trim().to_owned()
}

fn previous(path: &Path) -> PathBuf {
    path.with_added_extension("1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn output_is_bounded_while_the_process_holds_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("output.log");
        let mut held = open(&path).unwrap();
        held.write_all(&vec![b'x'; usize::try_from(SIZE_MAX).unwrap() + 1]).unwrap();
        bound(&path).unwrap();
        held.write_all(b"after").unwrap();
        assert_eq!(tail(&path), "after");
        assert_eq!(fs::metadata(&path).unwrap().len(), 5);
        assert_eq!(fs::metadata(previous(&path)).unwrap().len(), SIZE_MAX + 1);
    }
}
