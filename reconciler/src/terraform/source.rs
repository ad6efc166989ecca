//! Where modules may come from. Asked before Terraform fetches anything.

use shadow_core::model::check::excerpt;
use std::path::{Component, Path, PathBuf};

/// A module source that the configuration does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("module source {source_text:?} is not allowed: {reason}; {remedy}")]
pub struct ModuleNotAllowed {
    /// As declared; of a long one the beginning and the end.
    pub source_text: String,
    /// Why not.
    pub reason: String,
    /// What to do.
    pub remedy: &'static str,
}

const EXTEND_THE_LIST: &str = "use an allowed module, or allow a prefix of it with --allow-module";
const WRITE_IT_PLAINLY: &str = "write the source without detours";

/// Whether a module may be fetched from `source`. Entries of the list are absolute paths or
/// prefixes of remote sources that end at a slash; an empty list allows nothing.
///
/// A local path is judged by where it really leads, so a link cannot lead out of an allowed folder.
///
/// # Errors
/// [`ModuleNotAllowed`] says why not.
pub fn allowed(source: &str, allow_list: &[String]) -> Result<(), ModuleNotAllowed> {
    let refuse = |reason: String, remedy| {
        // The reason quotes where the source leads, and the list, which has no limit either.
        Err(ModuleNotAllowed { source_text: excerpt(source), reason: excerpt(reason), remedy })
    };
    if source.chars().any(char::is_control) {
        return refuse("it contains control characters".to_owned(), WRITE_IT_PLAINLY);
    }
    let encoded = source.to_ascii_lowercase().contains("%2e");
    if encoded || source.split(['/', '?', '&', '=']).any(|segment| segment == "..") {
        return refuse("it steps out of its folder with \"..\"".to_owned(), WRITE_IT_PLAINLY);
    }
    let path = Path::new(source);
    let (is_allowed, described) = if path.is_absolute() {
        match path.canonicalize() {
            Ok(real) => (local_is_allowed(&real, allow_list), format!("it leads to {}", real.display())),
            Err(error) => return refuse(format!("the folder cannot be read: {error}"), "name an existing folder"),
        }
    } else {
        (remote_is_allowed(source, allow_list), "it has none of the allowed prefixes".to_owned())
    };
    if is_allowed {
        Ok(())
    } else {
        refuse(format!("{described}, and the list allows {allow_list:?}"), EXTEND_THE_LIST)
    }
}

fn local_is_allowed(real: &Path, allow_list: &[String]) -> bool {
    let folders = allow_list.iter().map(Path::new).filter(|entry| is_plain_absolute(entry));
    folders.filter_map(|folder| folder.canonicalize().ok()).any(|folder: PathBuf| real.starts_with(folder))
}

fn is_plain_absolute(path: &Path) -> bool {
    path.is_absolute() && path.components().all(|part| part != Component::ParentDir)
}

/// A prefix must end where a part of the address ends: `…/acme` does not allow `…/acme-evil`.
fn remote_is_allowed(source: &str, allow_list: &[String]) -> bool {
    let is_prefix = |entry: &String| {
        !entry.is_empty()
            && source
                .strip_prefix(entry.as_str())
                .is_some_and(|rest| entry.ends_with('/') || rest.is_empty() || rest.starts_with(['/', '?']))
    };
    allow_list.iter().any(is_prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&str]) -> Vec<String> {
        entries.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn remote_sources_are_allowed_by_prefix() {
        let list = list(&["git::https://github.com/acme/", "acme/instance", "https://example.com/modules"]);
        for good in [
            "git::https://github.com/acme/shadow.git//modules/x?ref=v1",
            "acme/instance/cloud",
            "acme/instance",
            "https://example.com/modules/x.zip",
        ] {
            assert_eq!(allowed(good, &list), Ok(()), "{good}");
        }
        for bad in [
            "git::https://github.com/acme-evil/shadow.git",
            "git::https://github.com/acme/../evil/x",
            "git::https://github.com/acme/%2E%2e/evil/x",
            "acme/instance-evil/cloud",
            "https://example.com/modules@evil.com/x",
            "https://example.com/modules\n/x",
            "github.com/acme/x",
            "./local",
            "../local",
            "",
        ] {
            assert!(allowed(bad, &list).is_err(), "{bad}");
        }
        assert!(allowed("acme/instance/cloud", &[]).is_err());
        assert!(allowed("acme/instance/cloud", &[String::new()]).is_err());
    }

    #[test]
    fn a_long_source_is_quoted_in_part() {
        for source in [format!("example.com/{}", "a".repeat(1 << 20)), format!("/{}\n", "a/".repeat(1 << 20))] {
            let error = allowed(&source, &list(&["example.org/"])).unwrap_err().to_string();
            assert!(error.len() < 2_000 && error.contains(" … ") && error.contains("is not allowed"), "{error}");
        }
    }

    #[test]
    fn local_paths_are_judged_by_where_they_lead() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        for name in ["allowed/module", "allowed-not/module"] {
            std::fs::create_dir_all(path(name)).unwrap();
        }
        std::os::unix::fs::symlink(path("allowed-not/module"), path("allowed/escape")).unwrap();
        std::os::unix::fs::symlink(path("allowed"), path("alias")).unwrap();
        let list = [path("allowed")];
        assert_eq!(allowed(&path("allowed/module"), &list), Ok(()));
        assert_eq!(allowed(&path("alias/module"), &list), Ok(()));
        assert_eq!(allowed(&path("allowed/module"), &[path("alias")]), Ok(()));
        for bad in ["allowed-not/module", "allowed/escape", "allowed/../allowed/module", "allowed/missing"] {
            assert!(allowed(&path(bad), &list).is_err(), "{bad}");
        }
        let error = allowed(&path("allowed/escape"), &list).unwrap_err().to_string();
        assert!(error.contains("allowed-not/module") && error.contains("--allow-module"), "{error}");
    }
}
