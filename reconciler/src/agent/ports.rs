//! Which ports the processes of this host were given. It looks whether a port is free, and never
//! keeps one open.

use shadow_core::model::check::Problems;
use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;

/// Ports to choose from: above those of well-known services, below the range (32768 and up on
/// Linux) from which the kernel takes ports of outgoing connections. One from that range could be
/// in use when a process is started again.
const CHOICE: std::ops::Range<u16> = 20_000..32_000;

/// Ports looked at before giving up: with that many neighbours in use the host needs a human.
const LOOKS_MAX: usize = 1_000;

/// Name of each process, and the address and port kept for it.
type Kept = BTreeMap<String, (String, u16)>;

/// The ports of one agent.
#[derive(Debug)]
pub(super) struct Ports {
    kept: Mutex<Kept>,
    seed: String,
}

impl Ports {
    /// No port yet. Agents with different seeds try ports in different orders, so that two of one
    /// host that choose at the same time seldom meet.
    pub(super) fn new(seed: String) -> Self {
        Self { kept: Mutex::default(), seed }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the port that a record names.
    pub(super) fn keep(&self, name: &str, address: &str, port: u16) {
        self.kept().insert(name.to_owned(), (address.to_owned(), port));
    }

    /// Gives up the port of a process.
    pub(super) fn release(&self, name: &str) {
        self.kept().remove(name);
    }

    /// Keeps `port`, or a free one where it is 0, in place of the one that the process had.
    ///
    /// # Errors
    /// The port is in use or kept for another process, or the address is not one of this host. The
    /// process keeps the port that it had.
    pub(super) async fn take(&self, name: &str, address: &str, port: u16) -> Result<u16, Problems> {
        let before = self.kept().get(name).cloned();
        let taken = if port == 0 {
            self.take_any(name, address).await
        } else {
            self.take_one(name, address, port).await.map(|()| port)
        };
        if taken.is_err() {
            match before {
                Some((address, port)) => self.keep(name, &address, port),
                None => self.release(name),
            }
        }
        taken
    }

    async fn take_any(&self, name: &str, address: &str) -> Result<u16, Problems> {
        for port in candidates(&self.seed, name) {
            match self.take_one(name, address, port).await {
                Ok(()) => return Ok(port),
                Err(problems) if problems.0.iter().any(|problem| problem.path == "address") => return Err(problems),
                Err(_in_use) => {}
            }
        }
        Err(problem("port", "no free port was found".to_owned(), "free some, or name one that is free"))
    }

    async fn take_one(&self, name: &str, address: &str, port: u16) -> Result<(), Problems> {
        self.reserve(name, address, port)?;
        ensure_free(address, port).await
    }

    fn reserve(&self, name: &str, address: &str, port: u16) -> Result<(), Problems> {
        let mut kept = self.kept();
        let holder = kept.iter().find(|(other, taken)| *other != name && **taken == (address.to_owned(), port));
        if let Some((holder, _)) = holder {
            return Err(problem("port", format!("port {port} is kept for process {holder:?}"), USE_ANOTHER));
        }
        kept.insert(name.to_owned(), (address.to_owned(), port));
        Ok(())
    }
}

const USE_ANOTHER: &str = "choose another, or 0 to let the agent choose";

/// Looks whether a process could listen there.
///
/// # Errors
/// The port is in use, or the address is not one of this host.
pub(super) async fn ensure_free(address: &str, port: u16) -> Result<(), Problems> {
    match TcpListener::bind((address, port)).await {
        Ok(_free) => Ok(()),
        Err(error) => Err(unusable(address, port, &error)),
    }
}

fn unusable(address: &str, port: u16, error: &io::Error) -> Problems {
    if error.kind() == io::ErrorKind::AddrInUse {
        return problem("port", format!("port {port} of {address} is in use"), USE_ANOTHER);
    }
    if error.kind() == io::ErrorKind::PermissionDenied {
        return problem("port", format!("port {port} of {address} is not allowed"), "choose one above 1023");
    }
    let summary = format!("{address:?} cannot be listened on: {error}");
    problem("address", summary, "use an address of the agent's host")
}

fn problem(path: &str, summary: String, remedy: &str) -> Problems {
    let mut problems = Problems::default();
    problems.add(path, summary, remedy);
    problems
}

/// Ports in the order in which they are tried.
fn candidates(seed: &str, name: &str) -> impl Iterator<Item = u16> + use<> {
    let mut hasher = DefaultHasher::new();
    (seed, name).hash(&mut hasher);
    let offset = usize::try_from(hasher.finish() % CHOICE.len() as u64).unwrap_or_default();
    CHOICE.cycle().skip(offset).take(LOOKS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_is_kept_for_its_process() {
        let ports = Ports::new(String::new());
        let first = ports.take("one", "127.0.0.1", 0).await.unwrap();
        let problems = ports.take("two", "127.0.0.1", first).await.unwrap_err();
        assert!(problems.to_string().contains("kept for process \"one\""), "{problems}");
        ports.release("one");
        assert_eq!(ports.take("two", "127.0.0.1", first).await, Ok(first));
    }

    #[tokio::test]
    async fn a_busy_port_is_named() {
        let busy = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = busy.local_addr().unwrap().port();
        let problems = Ports::new(String::new()).take("one", "127.0.0.1", port).await.unwrap_err();
        assert!(problems.to_string().contains(&format!("port: port {port} of 127.0.0.1 is in use")), "{problems}");
    }

    #[tokio::test]
    async fn an_address_of_another_host_is_named() {
        let problems = Ports::new(String::new()).take("one", "192.0.2.1", 0).await.unwrap_err();
        assert!(problems.to_string().starts_with("address: \"192.0.2.1\" cannot"), "{problems}");
    }
}
