//! What Terraform tells a provider it starts, and the one line that it expects in return.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::{Path, PathBuf};

/// What Terraform sets so that a provider started by hand can say that it is none.
const MAGIC_COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// Version of the plugin protocol that this framework speaks.
const PROTOCOL: &str = "6";

/// What Terraform told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Handshake {
    /// The only certificate that a caller may have; none when TLS is turned off.
    pub(crate) client_certificate: Option<CertificateDer<'static>>,
    /// Folder for the socket, if Terraform wants a certain one.
    pub(crate) socket_folder: Option<PathBuf>,
    /// Whether Terraform asks if connections can be multiplexed.
    pub(crate) multiplex_asked: bool,
}

/// Why there is nothing to serve.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("This program is a Terraform provider. Terraform starts it; it does nothing by itself.")]
    NotStartedByTerraform,
    #[error("Terraform offers plugin protocols {0}, this provider speaks {PROTOCOL}. Use Terraform 1.0 or newer.")]
    Protocol(String),
    #[error("PLUGIN_CLIENT_CERT is not a PEM certificate: {0}")]
    Certificate(String),
}

impl Handshake {
    /// Reads what Terraform set in the environment.
    pub(crate) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Refused> {
        if variable(MAGIC_COOKIE.0).as_deref() != Some(MAGIC_COOKIE.1) {
            return Err(Refused::NotStartedByTerraform);
        }
        let versions = variable("PLUGIN_PROTOCOL_VERSIONS").unwrap_or_else(|| PROTOCOL.to_owned());
        if !versions.split(',').any(|version| version.trim() == PROTOCOL) {
            return Err(Refused::Protocol(versions));
        }
        let present = |name: &str| variable(name).filter(|text| !text.is_empty());
        let certificate = present("PLUGIN_CLIENT_CERT").map(|pem| CertificateDer::from_pem_slice(pem.as_bytes()));
        Ok(Self {
            client_certificate: certificate.transpose().map_err(|error| Refused::Certificate(error.to_string()))?,
            socket_folder: present("PLUGIN_UNIX_SOCKET_DIR").map(PathBuf::from),
            multiplex_asked: present("PLUGIN_MULTIPLEX_GRPC").is_some(),
        })
    }

    /// The line that tells Terraform where to connect and which certificate to expect there.
    pub(crate) fn answer(&self, socket: &Path, server_certificate: Option<&CertificateDer<'_>>) -> String {
        let certificate = server_certificate.map(|der| STANDARD_NO_PAD.encode(der)).unwrap_or_default();
        let multiplex = if self.multiplex_asked { "|false" } else { "" };
        format!("1|{PROTOCOL}|unix|{}|grpc|{certificate}{multiplex}", socket.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Handshake, Refused> {
        let cookie = [MAGIC_COOKIE];
        let all: Vec<_> = cookie.iter().chain(variables).copied().collect();
        Handshake::read(|name| all.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn who_may_start_a_provider() {
        assert_eq!(read(&[(MAGIC_COOKIE.0, "wrong")]), Err(Refused::NotStartedByTerraform));
        assert_eq!(read(&[("PLUGIN_PROTOCOL_VERSIONS", "4,5")]), Err(Refused::Protocol("4,5".to_owned())));
        assert!(matches!(read(&[("PLUGIN_CLIENT_CERT", "nonsense")]), Err(Refused::Certificate(_))));
        assert!(read(&[("PLUGIN_PROTOCOL_VERSIONS", "6,5"), ("PLUGIN_CLIENT_CERT", "")]).is_ok());
    }

    #[test]
    fn the_answer_has_six_fields_or_seven() {
        let certificate = CertificateDer::from(vec![0xfb, 0xff, 1, 2]);
        let answer = |variables: &[_], certificate| {
            read(variables).unwrap().answer(Path::new("/tmp/x/provider.sock"), certificate)
        };
        assert_eq!(answer(&[], None), "1|6|unix|/tmp/x/provider.sock|grpc|");
        assert_eq!(answer(&[], Some(&certificate)), "1|6|unix|/tmp/x/provider.sock|grpc|+/8BAg");
        assert_eq!(answer(&[("PLUGIN_MULTIPLEX_GRPC", "true")], None), "1|6|unix|/tmp/x/provider.sock|grpc||false");
    }
}
