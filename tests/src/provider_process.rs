//! The provider's process as Terraform would start it, and the calls that ask what it serves. It configures nothing and
//! changes nothing.

use crate::child::{Child, Outlets, command};
use anyhow::{Context, Result, bail};
use hyper_util::rt::TokioIo;
use proto::provider_client::ProviderClient;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

/// The generated messages and the client.
#[allow(dead_code, reason = "the protocol has more than is asked here")]
#[expect(unreachable_pub, clippy::all, clippy::restriction, clippy::pedantic, clippy::nursery, reason = "generated")]
pub(crate) mod proto {
    tonic::include_proto!("tfplugin6");
}

/// A provider starts within milliseconds; on a busy machine perhaps a second.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Largest schema that Terraform itself accepts.
const SCHEMA_BYTES_MAX: usize = 64 << 20;

/// What Terraform sets so that a provider knows who starts it.
pub(crate) const MAGIC_COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// A running provider, without TLS: nobody else can reach its socket.
pub(crate) struct ProviderProcess {
    client: ProviderClient<Channel>,
    /// Ends the process when it is dropped.
    _child: Child,
    _folder: TempDir,
}

impl ProviderProcess {
    /// Starts `program` and connects to it.
    pub(crate) async fn start(program: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("provider-").tempdir()?;
        let outlets = Outlets { stdout: folder.path().join("stdout"), stderr: folder.path().join("stderr") };
        let mut command = command(program);
        command.env(MAGIC_COOKIE.0, MAGIC_COOKIE.1).env("PLUGIN_PROTOCOL_VERSIONS", "6");
        command.env("PLUGIN_UNIX_SOCKET_DIR", folder.path());
        let mut child = Child::start("the provider", &mut command, &outlets)?;
        let line = async || std::fs::read_to_string(&outlets.stdout).is_ok_and(|text| text.ends_with('\n'));
        child.ready(START_TIMEOUT, line).await?;
        let client = connect(socket(&std::fs::read_to_string(&outlets.stdout)?)?).await?;
        Ok(Self { client, _child: child, _folder: folder })
    }

    /// Everything that it serves.
    pub(crate) async fn schema(&mut self) -> Result<proto::get_provider_schema::Response> {
        let request = proto::get_provider_schema::Request::default();
        Ok(self.client.get_provider_schema(request).await.context("asking for the schema")?.into_inner())
    }

    /// By what its resources can be told apart; empty where the provider does not know the call.
    pub(crate) async fn identities(&mut self) -> Result<proto::get_resource_identity_schemas::Response> {
        let request = proto::get_resource_identity_schemas::Request::default();
        match self.client.get_resource_identity_schemas(request).await {
            Ok(response) => Ok(response.into_inner()),
            Err(status) if status.code() == tonic::Code::Unimplemented => Ok(Default::default()),
            Err(status) => Err(status).context("asking for the identities"),
        }
    }
}

/// The socket that a handshake line names.
fn socket(line: &str) -> Result<PathBuf> {
    match line.trim_end().split('|').collect::<Vec<_>>().as_slice() {
        [_core, "6", "unix", path, "grpc", ..] => Ok(PathBuf::from(path)),
        _ => bail!("the provider says {line:?}, which is no handshake of protocol 6"),
    }
}

async fn connect(socket: PathBuf) -> Result<ProviderClient<Channel>> {
    let connect = move |_| {
        let socket = socket.clone();
        async move { UnixStream::connect(socket).await.map(TokioIo::new) }
    };
    // The address is never looked up: the connector above goes to the socket.
    let channel = Endpoint::from_static("http://localhost").connect_with_connector(service_fn(connect)).await;
    let channel = channel.context("connecting to the provider")?;
    Ok(ProviderClient::new(channel).max_decoding_message_size(SCHEMA_BYTES_MAX))
}
