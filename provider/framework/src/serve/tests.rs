//! Who is answered and who is not, over the real socket.

use super::*;
use crate::schema::{Attributes, Schema};
use crate::{DataSource, Diagnostics, Named, Resource, Value};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Patience of these tests; everything here is local.
const PATIENCE: Duration = Duration::from_secs(10);

struct Empty;

impl Provider for Empty {
    type Client = ();
    fn schema(&self) -> Schema {
        Schema::new("", Attributes::new())
    }
    fn configure(&self, _version: &str, _config: &Value) -> Result<(), Diagnostics> {
        Ok(())
    }
    fn resources(&self) -> Named<dyn Resource<()>> {
        Vec::new()
    }
    fn data_sources(&self) -> Named<dyn DataSource<()>> {
        Vec::new()
    }
}

struct Keys {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

fn keys() -> Keys {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    Keys { certificate: made.cert.der().clone(), key: PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into()) }
}

/// A server that answers the holder of `client` only.
struct Served {
    folder: TempDir,
    connections: Connections,
    certificate: Option<CertificateDer<'static>>,
}

impl Served {
    async fn start(client: Option<&Keys>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
        let identity = client.map(|keys| Identity::new(keys.certificate.clone()).unwrap());
        let connections = Connections::default();
        let incoming = connections.accept(listener, identity.as_ref().map(|it| TlsAcceptor::from(it.config.clone())));
        let (router, _shutdown) = router(Empty).await;
        tokio::spawn(router.serve_with_incoming(incoming));
        Self { folder, connections, certificate: identity.map(|it| it.certificate) }
    }

    async fn connect(&self) -> UnixStream {
        UnixStream::connect(self.folder.path().join("socket")).await.unwrap()
    }

    /// Whether a caller with these keys is answered.
    async fn answers(&self, client: Option<Keys>) -> bool {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone().unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match client {
            Some(Keys { certificate, key }) => config.with_client_auth_cert(vec![certificate], key).unwrap(),
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let name = ServerName::try_from("localhost").unwrap();
        match TlsConnector::from(Arc::new(config)).connect(name, self.connect().await).await {
            Ok(stream) => speaks_http2(stream).await,
            Err(_refused) => false,
        }
    }
}

/// Whether the other side greets as an HTTP/2 server does.
async fn speaks_http2(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> bool {
    let greeting = async {
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await?;
        let mut frame = [0; 9];
        stream.read_exact(&mut frame).await?;
        Ok::<_, std::io::Error>(frame)
    };
    const SETTINGS: u8 = 4;
    matches!(timeout(PATIENCE, greeting).await.unwrap(), Ok(frame) if frame[3] == SETTINGS)
}

#[tokio::test]
async fn only_the_announced_certificate_is_answered() {
    let (right, foreign) = (keys(), keys());
    let served = Served::start(Some(&right)).await;
    assert!(!served.answers(None).await, "no certificate");
    assert!(!served.answers(Some(foreign)).await, "a foreign certificate");
    assert!(!speaks_http2(served.connect().await).await, "no TLS");
    assert!(served.answers(Some(right)).await, "the right certificate");
}

#[tokio::test]
async fn without_an_announced_certificate_there_is_no_tls() {
    let served = Served::start(None).await;
    assert!(speaks_http2(served.connect().await).await);
}

#[tokio::test]
async fn a_provider_ends_when_its_terraform_is_gone() {
    let served = Served::start(None).await;
    let abandoned = served.connections.abandoned();
    tokio::pin!(abandoned);
    let mut stream = served.connect().await;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    stream.read_exact(&mut [0; 9]).await.unwrap();
    assert!(timeout(RECONNECTION_AND_MORE, &mut abandoned).await.is_err(), "it serves while the connection is open");
    drop(stream);
    timeout(Duration::from_secs(2), abandoned).await.unwrap();
}

/// Longer than a provider waits for a lost caller to come back.
const RECONNECTION_AND_MORE: Duration = Duration::from_millis(1500);
