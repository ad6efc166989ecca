//! Finds the programs that a world is made of, and their versions. It never installs anything: `make tools` does.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// A program prints its version in milliseconds; Terraform may take a second on a busy machine.
const VERSION_TIMEOUT: Duration = Duration::from_secs(20);

/// Where every program is.
#[derive(Debug, Clone)]
pub struct Tools {
    /// Terraform.
    pub terraform: PathBuf,
    /// Prometheus.
    pub prometheus: PathBuf,
    /// Envoy.
    pub envoy: PathBuf,
    /// The reconciler, which is also the agent.
    pub reconciler: PathBuf,
    /// The provider that Terraform starts.
    pub provider: PathBuf,
    /// The HTTP service whose instances are watched.
    pub service: PathBuf,
}

/// A program that is nowhere to be found.
#[derive(Debug, thiserror::Error)]
#[error("{program} was found neither in ${variable} nor on the PATH nor in {}: {remedy}", folder.display())]
pub struct ToolMissing {
    program: &'static str,
    variable: &'static str,
    folder: PathBuf,
    remedy: &'static str,
}

impl Tools {
    /// Looks for every program.
    ///
    /// # Errors
    /// [`ToolMissing`] for the first that is missing, or that a binary of this workspace is not built.
    pub fn find() -> Result<Self> {
        let built = profile_folder()?;
        Ok(Self {
            terraform: terraform()?,
            prometheus: prometheus()?,
            envoy: envoy()?,
            reconciler: built_program(&built, "shadow-reconciler")?,
            provider: built_program(&built, "terraform-provider-shadow")?,
            service: built_program(&built, "session-service")?,
        })
    }

    /// The version of every part, by name.
    pub async fn versions(&self) -> BTreeMap<String, String> {
        let mut versions = BTreeMap::new();
        for (name, program, argument) in [
            ("terraform", &self.terraform, "version"),
            ("prometheus", &self.prometheus, "--version"),
            ("envoy", &self.envoy, "--version"),
        ] {
            versions.insert(name.to_owned(), version_of(program, argument).await);
        }
        for name in ["shadow-reconciler", "terraform-provider-shadow", "session-service"] {
            versions.insert(name.to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        }
        versions
    }
}

/// Terraform.
///
/// # Errors
/// [`ToolMissing`].
pub fn terraform() -> Result<PathBuf, ToolMissing> {
    Search::from_environment().find("terraform", "TERRAFORM", "install Terraform 1.5 or newer")
}

/// A binary of this workspace, of the same build as the running program.
///
/// # Errors
/// When it is not built.
pub fn built(name: &str) -> Result<PathBuf> {
    built_program(&profile_folder()?, name)
}

/// Prometheus.
///
/// # Errors
/// [`ToolMissing`].
pub fn prometheus() -> Result<PathBuf, ToolMissing> {
    Search::from_environment().find("prometheus", "PROMETHEUS", "run `make tools`")
}

/// Envoy.
///
/// # Errors
/// [`ToolMissing`].
pub fn envoy() -> Result<PathBuf, ToolMissing> {
    Search::from_environment().find("envoy", "ENVOY", "run `make tools`")
}

/// Where programs of others are looked for.
struct Search {
    variable: fn(&str) -> Option<OsString>,
    path: OsString,
    folder: PathBuf,
}

impl Search {
    fn from_environment() -> Self {
        Self {
            variable: |name| std::env::var_os(name).filter(|value| !value.is_empty()),
            path: std::env::var_os("PATH").unwrap_or_default(),
            folder: repository().join("target/tools"),
        }
    }

    fn find(
        &self,
        program: &'static str,
        variable: &'static str,
        remedy: &'static str,
    ) -> Result<PathBuf, ToolMissing> {
        if let Some(path) = (self.variable)(variable).map(PathBuf::from)
            && is_program(&path)
        {
            return Ok(path);
        }
        std::env::split_paths(&self.path)
            .chain([self.folder.clone()])
            .map(|folder| folder.join(program))
            .find(|candidate| is_program(candidate))
            .ok_or_else(|| ToolMissing { program, variable, folder: self.folder.clone(), remedy })
    }
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.is_absolute() && path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// The folder of the repository that this was built from.
pub fn repository() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_owned()
}

/// The folder with this build's binaries: that of the running program, or its parent for a test.
fn profile_folder() -> Result<PathBuf> {
    let program = std::env::current_exe().context("finding the running program")?;
    let folder = program.parent().context("the running program has no folder")?;
    let inner = folder.ends_with("deps");
    Ok(if inner { folder.parent().unwrap_or(folder) } else { folder }.to_owned())
}

fn built_program(folder: &Path, name: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    anyhow::ensure!(is_program(&path), "{} is not built: run `make build`", path.display());
    Ok(path)
}

/// The first line that the program prints, or why there is none.
async fn version_of(program: &Path, argument: &str) -> String {
    let mut command = tokio::process::Command::new(program);
    command.arg(argument).env("CHECKPOINT_DISABLE", "1").stdin(Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(VERSION_TIMEOUT, command.output()).await {
        Ok(Ok(output)) => {
            let text = String::from_utf8_lossy(&output.stdout);
            let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("unknown");
            // Some programs say where they are before what they are.
            line.trim_start_matches(&*program.to_string_lossy()).trim().to_owned()
        }
        Ok(Err(error)) => format!("unknown: {error}"),
        Err(_) => "unknown: no answer".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn program(folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn the_path_is_searched_before_the_tools_folder() {
        let (path, tools) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let on_path = program(path.path(), "envoy");
        program(tools.path(), "envoy");
        let in_tools = program(tools.path(), "prometheus");
        let search =
            Search { variable: |_| None, path: path.path().as_os_str().to_owned(), folder: tools.path().to_owned() };
        assert_eq!(search.find("envoy", "ENVOY", "").unwrap(), on_path);
        assert_eq!(search.find("prometheus", "PROMETHEUS", "").unwrap(), in_tools);
    }

    #[test]
    fn a_variable_goes_first() {
        let path = tempfile::tempdir().unwrap();
        program(path.path(), "sh");
        let search = Search {
            variable: |_| Some("/bin/sh".into()),
            path: path.path().as_os_str().to_owned(),
            folder: PathBuf::new(),
        };
        assert_eq!(search.find("sh", "SHELL_PROGRAM", "").unwrap(), Path::new("/bin/sh"));
    }

    #[test]
    fn a_missing_program_is_named_with_what_to_do() {
        let search = Search { variable: |_| None, path: OsString::new(), folder: "/nowhere".into() };
        let message = search.find("envoy", "ENVOY", "run `make tools`").unwrap_err().to_string();
        assert_eq!(message, "envoy was found neither in $ENVOY nor on the PATH nor in /nowhere: run `make tools`");
    }

    #[tokio::test]
    async fn a_version_is_the_first_line_with_text() {
        assert_eq!(version_of(Path::new("/bin/echo"), "\n tool 1.2.3\nmore").await, "tool 1.2.3");
        assert!(version_of(Path::new("/nowhere"), "").await.starts_with("unknown: "));
    }
}
