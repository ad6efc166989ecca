//! A service that offers to keep a connection and then closes it on the second request, unanswered: what a
//! request meets when the service closes an idle connection at the same time.

use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub(crate) struct OneShot {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for OneShot {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) async fn start() -> OneShot {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let task = tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(serve(connection));
        }
    });
    OneShot { address, task }
}

async fn serve(mut connection: TcpStream) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    if connection.read(&mut buffer).await? > 0 {
        connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nonce").await?;
        let _second_request = connection.read(&mut buffer).await?;
    }
    Ok(())
}
