//! Whether an API may listen where it is told to.

use super::Token;
use std::net::SocketAddr;

/// Other hosts would reach an API that asks nobody who they are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "--listen {listen} can be reached by other hosts, and whoever reaches it can {power}: \
     set SHADOW_TOKEN, or listen on 127.0.0.1"
)]
pub struct OpenToOthers {
    /// Where it was to listen.
    listen: SocketAddr,
    /// What its clients can do.
    power: &'static str,
}

/// Refuses to listen beyond this host without a token. `power` says what clients can do, as in "run
/// commands".
///
/// # Errors
/// [`OpenToOthers`] when there is no token and `listen` is not a loopback address.
pub fn check_reach(listen: SocketAddr, token: Option<&Token>, power: &'static str) -> Result<(), OpenToOthers> {
    if token.is_some() || listen.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    Err(OpenToOthers { listen, power })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_this_host_only_with_a_token() {
        let check = |listen: &str, token: &str| {
            check_reach(listen.parse().unwrap(), Token::new(token).as_ref(), "run commands").is_ok()
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
