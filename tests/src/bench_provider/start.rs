//! One start of a provider as Terraform does it: from the start of the process to its handshake line, with TLS. The
//! process is killed at once; it is never connected to.

use crate::child::command;
use crate::provider_process::MAGIC_COOKIE;
use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A certificate like those that Terraform makes: a self-signed CA of P-521. Its key was thrown away.
const CLIENT_CERTIFICATE: &str = include_str!("client.pem");

/// What one start took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    pub(super) time: Duration,
    /// Memory in use when the line was there.
    pub(super) resident_bytes: u64,
}

impl Start {
    pub(super) fn of(program: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut command = command(program);
        command
            .env(MAGIC_COOKIE.0, MAGIC_COOKIE.1)
            .env("PLUGIN_PROTOCOL_VERSIONS", "5,6")
            .env("PLUGIN_CLIENT_CERT", CLIENT_CERTIFICATE)
            .env("PLUGIN_MIN_PORT", "10000")
            .env("PLUGIN_MAX_PORT", "25000")
            .env("PLUGIN_UNIX_SOCKET_DIR", folder.path())
            .env("TMPDIR", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let began = Instant::now();
        let child = command.spawn().with_context(|| format!("starting {}", program.display()))?;
        let mut running = Running(child);
        let mut line = String::new();
        BufReader::new(running.0.stdout.take().context("it has no output")?).read_line(&mut line)?;
        let time = began.elapsed();
        // The sixth field is the server's certificate.
        let has_certificate = line.trim_end().split('|').nth(5).is_some_and(|certificate| !certificate.is_empty());
        ensure!(has_certificate, "{} says {line:?} in place of a handshake with TLS", program.display());
        Ok(Self { time, resident_bytes: running.resident_bytes()? })
    }
}

/// Killed when it is dropped.
struct Running(Child);

impl Running {
    fn resident_bytes(&self) -> Result<u64> {
        let process = procfs::process::Process::new(i32::try_from(self.0.id())?)?;
        Ok(process.status()?.vmrss.context("the kernel does not tell its memory")? << 10)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Errors mean that there is nothing left to kill.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
