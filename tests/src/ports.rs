//! Finds ports for the parts of a world. It never hands out the same one twice in a process.

use anyhow::{Result, bail};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Ports that nobody else picks: below those that the agent gives to processes (20000 up) and below those that Linux
/// gives to the client side of connections (32768 up), of which the load opens a hundred per second. A port is picked
/// some time before it is listened on.
const FIRST: u16 = 12_000;
const LAST: u16 = 20_000;

/// Ports between the starts of programs with neighbouring ids: several worlds' worth, and prime, so that every start
/// in the range comes up.
const STRIDE: u32 = 67;

static HANDED_OUT: AtomicU16 = AtomicU16::new(0);

/// A loopback port on which nobody listens.
///
/// # Errors
/// When every port of the range is taken.
pub fn free() -> Result<u16> {
    let span = LAST - FIRST;
    // Test binaries may run side by side: each starts elsewhere in the range.
    let offset = u16::try_from(std::process::id().wrapping_mul(STRIDE) % u32::from(span))?;
    for _ in 0..span {
        let step = HANDED_OUT.fetch_add(1, Ordering::Relaxed) % span;
        let port = FIRST + (offset + step) % span;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("every port from {FIRST} to {LAST} is taken: end what listens there");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_handed_out_twice_nor_while_it_is_taken() {
        let first = free().unwrap();
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
        let others: Vec<u16> = (0..20).map(|_| free().unwrap()).collect();
        assert!(!others.contains(&first));
        let mut unique = others.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), others.len());
    }
}
