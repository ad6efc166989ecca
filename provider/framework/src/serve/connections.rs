//! Connections from Terraform: accepted, authenticated, counted. A caller that fails to
//! authenticate is dropped and does not count.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{io, io::Error};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

/// Terraform gives a provider one minute to start; one that is not called by then never will be.
const FIRST_CONNECTION: Duration = Duration::from_secs(60);

/// Time in which a caller whose connection broke may come back. Terraform that was killed leaves no
/// other trace than closed connections, and its provider must not outlive it.
const RECONNECTION: Duration = Duration::from_secs(1);

/// Time for a TLS handshake with a process on the same machine.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Pause after the system refused to accept, as when file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Connections that wait to be served. Terraform opens one.
const QUEUE: usize = 4;

/// The number of open connections.
#[derive(Debug, Clone, Default)]
pub(super) struct Connections {
    open: watch::Sender<usize>,
}

impl Connections {
    /// Accepts callers; with `tls`, only those that authenticate.
    pub(super) fn accept(
        &self,
        listener: UnixListener,
        tls: Option<TlsAcceptor>,
    ) -> ReceiverStream<io::Result<Connection>> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let connections = self.clone();
        tokio::spawn(async move {
            while !sender.is_closed() {
                let Ok((stream, _address)) = listener.accept().await else {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                };
                tokio::spawn(connections.clone().admit(stream, tls.clone(), sender.clone()));
            }
        });
        ReceiverStream::new(receiver)
    }

    async fn admit(self, stream: UnixStream, tls: Option<TlsAcceptor>, sender: mpsc::Sender<io::Result<Connection>>) {
        let io: Box<dyn Io> = match tls {
            None => Box::new(stream),
            Some(tls) => match timeout(HANDSHAKE, tls.accept(stream)).await {
                Ok(Ok(stream)) => Box::new(stream),
                Ok(Err(_)) | Err(_) => return,
            },
        };
        self.open.send_modify(|open| *open += 1);
        let connection = Connection { io, _counted: Counted(self.open) };
        // Nobody takes it when the server is about to end.
        sender.send(Ok(connection)).await.ok();
    }

    /// Returns when no connection is open.
    pub(super) async fn closed(&self) {
        self.until(|open| *open == 0).await;
    }

    async fn opened(&self) {
        self.until(|open| *open > 0).await;
    }

    /// The value that `wait_for` returns is a lock on the number, so it must not outlive the call.
    async fn until(&self, condition: impl FnMut(&usize) -> bool) {
        self.open.subscribe().wait_for(condition).await.ok();
    }

    /// Returns when Terraform never came, or is gone for good.
    pub(super) async fn abandoned(&self) {
        let mut patience = FIRST_CONNECTION;
        while timeout(patience, self.opened()).await.is_ok() {
            patience = RECONNECTION;
            self.closed().await;
        }
    }
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// One authenticated connection.
pub(super) struct Connection {
    io: Box<dyn Io>,
    _counted: Counted,
}

/// Counts down when its connection ends, however it ends.
struct Counted(watch::Sender<usize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

impl Connected for Connection {
    type ConnectInfo = ();
    fn connect_info(&self) {}
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize, Error>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
