//! A reconciler of its own for one measurement: without groups, so that it does nothing but keep policies.

use crate::child::{Child, Outlets, command};
use crate::{http, ports, tools};
use anyhow::Result;
use std::time::Duration;
use tempfile::TempDir;

/// It is up within a second; a machine that builds at the same time may need many.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// It has nothing to wait for.
const STOP_GRACE: Duration = Duration::from_secs(15);

/// A running reconciler; ended when it is dropped.
pub(super) struct Reconciler {
    /// Where its API is.
    pub(super) url: String,
    child: Child,
    _folder: TempDir,
}

impl Reconciler {
    pub(super) async fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("shadow-bench-").tempdir()?;
        let address = format!("127.0.0.1:{}", ports::free()?);
        let mut command = command(tools::built("shadow-reconciler")?);
        command.args(["serve", "--listen", &address, "--xds-listen", &format!("127.0.0.1:{}", ports::free()?)]);
        // Nobody answers there, and nobody asks: there is no group.
        command.args(["--prometheus", &format!("http://127.0.0.1:{}", ports::free()?)]);
        command.arg("--data").arg(folder.path().join("data")).arg("--allow-module").arg(folder.path());
        command.arg("--terraform").arg(tools::terraform()?);
        let log = Outlets::merged(&folder.path().join("reconciler.log"));
        let mut child = Child::start("reconciler", &mut command, &log)?;
        let (http, url) = (http::client()?, format!("http://{address}"));
        let ready = format!("{url}/healthz");
        let answers = async || http.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success());
        child.ready(START_TIMEOUT, answers).await?;
        Ok(Self { url, child, _folder: folder })
    }

    pub(super) async fn stop(self) -> Result<()> {
        self.child.stop(STOP_GRACE).await
    }
}
