//! The life of the process: answer Terraform's handshake, serve it over one private socket, and
//! end when Terraform says so or is gone. Standard output carries one line only.

mod connections;
mod plugin;
mod reattach;

use crate::handshake::Handshake;
use crate::log::{self, Level};
use crate::proto::tfplugin6::provider_server::ProviderServer;
use crate::provider::Provider;
use crate::server::Server;
use crate::tls::Identity;
use connections::Connections;
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tonic::transport::server::Router;
use tonic_health::ServingStatus;

/// Largest message in either direction. Terraform itself sends states of tens of MiB.
const MESSAGE_BYTES_MAX: usize = 256 << 20;

/// How long a farewell may take: the answer to Shutdown has to reach Terraform, whose streams stay
/// open for ever.
const FAREWELL: Duration = Duration::from_millis(100);

/// The name under which Terraform's plugin host asks for the health of a plugin.
const HEALTH_SERVICE: &str = "plugin";

/// Serves `provider` to the Terraform that started this process, until that ends.
///
/// Started with `--debug`, it serves every Terraform that is told of it by the variable that it
/// prints, until it is interrupted.
pub fn serve<P: Provider>(provider: P) -> ExitCode {
    match run(provider) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Terraform shows what a plugin says before the handshake.
            writeln!(std::io::stderr().lock(), "{error}").ok();
            ExitCode::FAILURE
        }
    }
}

fn run<P: Provider>(provider: P) -> Result<(), Box<dyn Error>> {
    let variable = |name: &str| std::env::var(name).ok();
    log::set_least(variable);
    let debug = std::env::args().skip(1).any(|argument| argument == "--debug" || argument == "-debug");
    let handshake = if debug { None } else { Some(Handshake::read(variable)?) };
    log_panics();
    // One thread suffices: calls wait for the network, and a process starts faster with one.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        match handshake {
            Some(handshake) => serve_one(provider, &handshake).await,
            None => reattach::serve_many(provider).await,
        }
    });
    // A name look-up that still blocks must not keep the process alive.
    runtime.shutdown_background();
    result
}

/// Serves the Terraform that started this process.
async fn serve_one<P: Provider>(provider: P, handshake: &Handshake) -> Result<(), Box<dyn Error>> {
    // Ctrl-C reaches the whole process group. Terraform asks by a call to stop; a provider that died
    // of the signal would lose what it is just creating.
    let _interrupts_go_unheard = signal(SignalKind::interrupt())?;
    let mut termination = signal(SignalKind::terminate())?;
    let socket = Socket::new(handshake.socket_folder.as_deref())?;
    let identity = handshake.client_certificate.clone().map(Identity::new).transpose()?;
    let connections = Connections::default();
    let acceptor = identity.as_ref().map(|identity| TlsAcceptor::from(identity.config.clone()));
    let incoming = connections.accept(socket.listen()?, acceptor);
    let (router, shutdown) = router(provider).await;

    let certificate = identity.as_ref().map(|identity| &identity.certificate);
    announce(&handshake.answer(&socket.path, certificate))?;
    tokio::select! {
        served = router.serve_with_incoming(incoming) => served?,
        () = connections.abandoned() => {}
        () = shutdown.notified() => { tokio::time::timeout(FAREWELL, connections.closed()).await.ok(); }
        _signal = termination.recv() => {}
    }
    Ok(())
}

/// A place for a socket that nobody else can reach, removed with it.
struct Socket {
    path: PathBuf,
    _folder: TempDir,
}

impl Socket {
    fn new(parent: Option<&Path>) -> std::io::Result<Self> {
        let mut folder = tempfile::Builder::new();
        folder.prefix("provider-");
        let folder = match parent {
            Some(parent) => folder.tempdir_in(parent)?,
            None => folder.tempdir()?,
        };
        Ok(Self { path: folder.path().join("socket"), _folder: folder })
    }

    fn listen(&self) -> std::io::Result<UnixListener> {
        UnixListener::bind(&self.path)
    }
}

/// Everything that Terraform calls.
async fn router<P: Provider>(provider: P) -> (Router, plugin::Shutdown) {
    let server = ProviderServer::new(Server::new(provider))
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let (services, shutdown) = plugin::services();
    let (health, health_server) = tonic_health::server::health_reporter();
    health.set_service_status(HEALTH_SERVICE, ServingStatus::Serving).await;
    let router = tonic::transport::Server::builder()
        .add_service(server)
        .add_service(services.controller)
        .add_service(services.stdio)
        .add_service(services.broker)
        .add_service(health_server);
    (router, shutdown)
}

/// Written at once, for readers that close the pipe as soon as they have what they want.
fn announce(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(format!("{text}\n").as_bytes())?;
    stdout.flush()
}

/// A panic becomes a diagnostic of its call; its place goes to the log.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        log::write(Level::Error, "panic in the provider", &[("panic", &panic.to_string()), ("place", &place)]);
    }));
}

#[cfg(test)]
mod tests;
