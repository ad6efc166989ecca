//! The life of the process: answer Terraform's handshake, serve it over one private socket, and
//! end when Terraform says so or is gone. Standard output carries one line only.

mod connections;
mod plugin;

use crate::handshake::Handshake;
use crate::log::{Level, log};
use crate::proto::tfplugin6::provider_server::ProviderServer;
use crate::provider::Provider;
use crate::server::Server;
use crate::tls::Identity;
use connections::Connections;
use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tonic::transport::server::Router;

/// Largest message in either direction. Terraform itself sends states of tens of MiB.
const MESSAGE_BYTES_MAX: usize = 256 << 20;

/// How long a farewell may take: the answer to Shutdown has to reach Terraform, whose streams stay
/// open for ever.
const FAREWELL: Duration = Duration::from_millis(100);

/// Serves `provider` to the Terraform that started this process, until that ends.
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
    let handshake = Handshake::read(|name| std::env::var(name).ok())?;
    log_panics();
    // One thread suffices: calls wait for the network, and a process starts faster with one.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(until_done(provider, &handshake));
    // A name look-up that still blocks must not keep the process alive.
    runtime.shutdown_background();
    result
}

async fn until_done<P: Provider>(provider: P, handshake: &Handshake) -> Result<(), Box<dyn Error>> {
    // Ctrl-C reaches the whole process group. Terraform asks by a call to stop; a provider that died
    // of the signal would lose what it is just creating.
    let _interrupts_go_unheard = signal(SignalKind::interrupt())?;
    let mut termination = signal(SignalKind::terminate())?;

    let mut folder = tempfile::Builder::new();
    folder.prefix("provider-");
    let folder = match &handshake.socket_folder {
        Some(parent) => folder.tempdir_in(parent)?,
        None => folder.tempdir()?,
    };
    let socket = folder.path().join("socket");
    let listener = UnixListener::bind(&socket)?;
    let identity = handshake.client_certificate.clone().map(Identity::new).transpose()?;
    let connections = Connections::default();
    let acceptor = identity.as_ref().map(|identity| TlsAcceptor::from(identity.config.clone()));
    let incoming = connections.accept(listener, acceptor);
    let (router, shutdown) = router(provider, handshake.verbose);

    let line = handshake.answer(&socket, identity.as_ref().map(|identity| &identity.certificate));
    announce(&line)?;
    tokio::select! {
        served = router.serve_with_incoming(incoming) => served?,
        () = connections.abandoned() => {}
        () = shutdown.notified() => { tokio::time::timeout(FAREWELL, connections.closed()).await.ok(); }
        _signal = termination.recv() => {}
    }
    Ok(())
}

/// Everything that Terraform calls.
fn router<P: Provider>(provider: P, verbose: bool) -> (Router, plugin::Shutdown) {
    let server = ProviderServer::new(Server::new(provider, verbose))
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let (services, shutdown) = plugin::services();
    let router = tonic::transport::Server::builder()
        .add_service(server)
        .add_service(services.controller)
        .add_service(services.stdio)
        .add_service(services.broker);
    (router, shutdown)
}

fn announce(line: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

/// A panic becomes a diagnostic of its call; its place goes to the log.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        log(Level::Error, "panic in the provider", &[("panic", &panic.to_string()), ("place", &place)]);
    }));
}

#[cfg(test)]
mod tests;
