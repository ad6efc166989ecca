//! Whether an API may listen where it is told to.

use super::Token;
use std::net::SocketAddr;

/// Other hosts would reach an API that asks nobody who they are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} {listen} can be reached by other hosts, and whoever reaches it can {}: set {}, or listen on 127.0.0.1",
    service.flag, service.power, service.token_variable
)]
pub struct OpenToOthers {
    /// Where it was to listen.
    listen: SocketAddr,
    /// What listens.
    service: Service,
}

/// What listens, as far as a refusal tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// Option that says where.
    pub flag: &'static str,
    /// What its clients can do, as in "run commands".
    pub power: &'static str,
    /// Environment variable that a token is given in.
    pub token_variable: &'static str,
}

/// Refuses to listen beyond this host without a token.
///
/// # Errors
/// [`OpenToOthers`] when there is no token and `listen` is not a loopback address.
pub fn check_reach(listen: SocketAddr, token: Option<&Token>, service: Service) -> Result<(), OpenToOthers> {
    if token.is_some() || listen.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    Err(OpenToOthers { listen, service })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_this_host_only_with_a_token() {
        let service = Service { flag: "--listen", power: "run commands", token_variable: "SHADOW_TOKEN" };
        let check = |listen: &str, token: &str| {
            check_reach(listen.parse().unwrap(), Token::new(token).as_ref(), service).is_ok()
        };
        for here in ["127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(check(here, ""), "{here}");
        }
        for beyond in ["0.0.0.0:1", "10.0.0.1:1", "[::]:1", "[::ffff:10.0.0.1]:1"] {
            assert!(!check(beyond, ""), "{beyond}");
            assert!(check(beyond, "secret"), "{beyond}");
        }
    }
}
