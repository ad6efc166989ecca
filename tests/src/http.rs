//! HTTP clients for loopback. They never use a proxy and trust no certificate, so nothing that they send leaves the
//! machine by accident.

use anyhow::{Context, Result};
use rustls::RootCertStore;
use std::sync::Arc;
use std::time::Duration;

/// The parts answer within milliseconds; a call that takes this long has hung.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// A client for the parts' APIs.
///
/// # Errors
/// When the client cannot be set up.
pub fn client() -> Result<reqwest::Client> {
    builder()?.timeout(CALL_TIMEOUT).build().context("setting up an HTTP client")
}

/// What every client here has in common.
///
/// # Errors
/// When the TLS settings cannot be made.
pub fn builder() -> Result<reqwest::ClientBuilder> {
    // Plain HTTP is all that is spoken; an empty trust store spares each client the reading of the system's.
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .context("choosing TLS versions")?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Ok(reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls))
}
