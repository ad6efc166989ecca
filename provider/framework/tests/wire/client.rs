//! Stands in for Terraform: starts a provider as Terraform does, authenticates, and calls it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::Uri;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value as Json, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use tonic::body::Body;
use tower_service::Service;

#[allow(dead_code, unreachable_pub, clippy::all, clippy::restriction, clippy::pedantic, reason = "generated")]
pub(crate) mod proto {
    include!(concat!(env!("OUT_DIR"), "/client/tfplugin6.rs"));
}

#[allow(dead_code, unreachable_pub, clippy::all, clippy::restriction, clippy::pedantic, reason = "generated")]
pub(crate) mod plugin {
    include!(concat!(env!("OUT_DIR"), "/client/plugin.rs"));
}

/// Patience with anything that happens on this machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) type Provider = proto::provider_client::ProviderClient<Wire>;
pub(crate) type Controller = plugin::grpc_controller_client::GrpcControllerClient<Wire>;

/// A provider of this package's examples. Cargo builds them with the tests, into the folder beside.
pub(crate) fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is missing: run `cargo build --workspace --examples` first", path.display());
    path
}

/// A process, killed when a test ends however it ends.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Process {
    /// Whether it ends by itself within that time.
    pub(crate) fn ends_within(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if self.0.try_wait().unwrap().is_some() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

pub(crate) struct Keys {
    pub(crate) certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    pem: String,
}

pub(crate) fn keys() -> Keys {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    Keys {
        certificate: made.cert.der().clone(),
        key: PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into()),
        pem: made.cert.pem(),
    }
}

/// A provider's process that has said where it is.
pub(crate) struct Started {
    pub(crate) process: Process,
    pub(crate) stdout: BufReader<ChildStdout>,
    pub(crate) socket: PathBuf,
    certificate: CertificateDer<'static>,
    pub(crate) folder: TempDir,
}

#[expect(clippy::disallowed_methods, reason = "a provider is what these tests drive")]
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Started {
    /// Starts a provider for the holder of these keys.
    pub(crate) fn new(program: &str, keys: &Keys, variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = command(&example(program));
        command
            .env("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2")
            .env("PLUGIN_PROTOCOL_VERSIONS", "5,6")
            .env("PLUGIN_UNIX_SOCKET_DIR", folder.path())
            .env("PLUGIN_CLIENT_CERT", &keys.pem)
            .envs(variables.iter().copied());
        let mut process = Process(command.spawn().unwrap());
        let mut stdout = BufReader::new(process.0.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let fields: Vec<&str> = line.trim_end().split('|').collect();
        assert_eq!((fields[0], fields[1], fields[2], fields[4]), ("1", "6", "unix", "grpc"), "{line}");
        let certificate = CertificateDer::from(STANDARD_NO_PAD.decode(fields[5]).unwrap());
        Self { process, stdout, socket: fields[3].into(), certificate, folder }
    }

    /// A connection of a caller with these keys, or none if it is refused.
    pub(crate) async fn connect(&self, keys: Option<Keys>) -> Option<Wire> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match keys {
            Some(Keys { certificate, key, .. }) => config.with_client_auth_cert(vec![certificate], key).unwrap(),
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let stream = UnixStream::connect(&self.socket).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()?;
        Wire::over(stream).await
    }
}

/// A provider that was started, and the right caller of it, configured with a folder.
pub(crate) struct Session {
    pub(crate) started: Started,
    pub(crate) provider: Provider,
    pub(crate) controller: Controller,
    pub(crate) wire: Wire,
}

impl Session {
    /// The provider of these tests, with its things in its folder.
    pub(crate) async fn new(variables: &[(&str, &str)]) -> Self {
        let keys = keys();
        let started = Started::new("trial", &keys, variables);
        let wire = started.connect(Some(keys)).await.unwrap();
        let mut provider = provider(&wire);
        let config = pack(&json!({"folder": started.folder.path().join("things"), "token": "token-of-the-test"}));
        let request = proto::configure_provider::Request { config, ..Default::default() };
        assert_eq!(provider.configure_provider(request).await.unwrap().into_inner().diagnostics, []);
        let controller = Controller::with_origin(wire.clone(), Uri::from_static("http://localhost"));
        Self { started, provider, controller, wire }
    }

    /// A file among the things.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.started.folder.path().join("things").join(name)
    }

    /// Another caller over the same connection.
    pub(crate) fn caller(&self) -> Provider {
        provider(&self.wire)
    }
}

pub(crate) fn provider(wire: &Wire) -> Provider {
    Provider::with_origin(wire.clone(), Uri::from_static("http://localhost"))
        .max_decoding_message_size(256 << 20)
        .max_encoding_message_size(256 << 20)
}

/// An HTTP/2 connection.
#[derive(Clone)]
pub(crate) struct Wire(SendRequest<Body>);

impl Wire {
    /// A connection over a stream; none if the other side refuses, which it may do after TLS' greeting.
    pub(crate) async fn over(
        stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    ) -> Option<Self> {
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (sender, connection) = handshake.await.ok()?;
        tokio::spawn(connection);
        Some(Self(sender))
    }
}

impl Service<http::Request<Body>> for Wire {
    type Response = http::Response<hyper::body::Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

/// Stands for unknown where tests write values as JSON.
pub(crate) const UNKNOWN: &str = "<unknown>";

/// A value as a message.
pub(crate) fn pack(json: &Json) -> Option<proto::DynamicValue> {
    let mut msgpack = Vec::new();
    rmpv::encode::write_value(&mut msgpack, &to_pack(json)).unwrap();
    Some(proto::DynamicValue { msgpack, json: Vec::new() })
}

fn to_pack(json: &Json) -> rmpv::Value {
    match json {
        Json::Null => rmpv::Value::Nil,
        Json::Bool(value) => (*value).into(),
        Json::Number(number) if number.is_u64() => number.as_u64().unwrap().into(),
        Json::Number(number) if number.is_i64() => number.as_i64().unwrap().into(),
        Json::Number(number) => number.to_string().into(),
        Json::String(text) if text == UNKNOWN => rmpv::Value::Ext(0, vec![0]),
        Json::String(text) => text.as_str().into(),
        Json::Array(parts) => parts.iter().map(to_pack).collect::<Vec<_>>().into(),
        Json::Object(parts) => {
            rmpv::Value::Map(parts.iter().map(|(name, part)| (name.as_str().into(), to_pack(part))).collect())
        }
    }
}

/// A message's value; null where there is none.
pub(crate) fn unpack(message: Option<proto::DynamicValue>) -> Json {
    let bytes = message.unwrap_or_default().msgpack;
    if bytes.is_empty() {
        return Json::Null;
    }
    to_json(&rmpv::decode::read_value(&mut bytes.as_slice()).unwrap())
}

fn to_json(pack: &rmpv::Value) -> Json {
    match pack {
        rmpv::Value::Nil => Json::Null,
        rmpv::Value::Boolean(value) => json!(value),
        rmpv::Value::Integer(number) => number.as_u64().map_or_else(|| json!(number.as_i64()), |number| json!(number)),
        rmpv::Value::F32(number) => json!(number),
        rmpv::Value::F64(number) => json!(number),
        rmpv::Value::String(text) => json!(text.as_str()),
        rmpv::Value::Binary(bytes) => json!(String::from_utf8_lossy(bytes)),
        rmpv::Value::Array(parts) => parts.iter().map(to_json).collect(),
        rmpv::Value::Map(parts) => {
            parts.iter().map(|(name, part)| (name.as_str().unwrap().to_owned(), to_json(part))).collect()
        }
        rmpv::Value::Ext(..) => json!(UNKNOWN),
    }
}

/// What diagnostics say, each as `summary: detail`.
pub(crate) fn told(diagnostics: &[proto::Diagnostic]) -> Vec<String> {
    diagnostics.iter().map(|it| format!("{}: {}", it.summary, it.detail)).collect()
}

/// A thing, with null for what is not given.
pub(crate) fn thing(given: &Json) -> Json {
    let mut thing = json!({"id": null, "name": null, "note": null, "size": null, "behaviour": null, "secret_wo": null,
        "secret_length": null, "revision": null, "timeouts": null});
    for (name, value) in given.as_object().unwrap() {
        thing[name] = value.clone();
    }
    thing
}
