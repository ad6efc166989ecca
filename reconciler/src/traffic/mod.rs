//! The control plane from which Envoy takes its listeners, routes and clusters (xDS version 3 over one
//! aggregated stream), and the read-back of what Envoy really runs.
//!
//! It never makes a decision about traffic: it realises the splits it is given, and refuses those of a
//! leader that has been replaced (a lower epoch). It keeps nothing on disk: the caller gives it the stored
//! splits at the start, and an Envoy goes on with what it has while no control plane is there.

mod admin;
mod ads;
mod bootstrap;
mod cluster;
mod listener;
mod resource;
mod route;
mod session;
mod snapshot;
mod status;

pub use bootstrap::bootstrap;

use crate::http::Token;
use admin::Admin;
use ads::Ads;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::AggregatedDiscoveryServiceServer;
use envoy_types::pb::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};
use session::{Progress, Session};
use shadow_core::model::Problems;
use shadow_core::model::split::{SplitSpec, SplitStatus};
use snapshot::{Snapshot, SplitConfig};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Status};

/// Envoys connected at once. Each holds a few megabytes at most; more than this is a loop of reconnects.
const SESSIONS_MAX: usize = 1024;
/// How often an Envoy is pinged. One whose host vanished counts as connected, and so as not in sync, until it
/// missed a ping: hand-overs wait for that, so it must be seconds.
const PING_INTERVAL: Duration = Duration::from_secs(2);
/// How long an answer to a ping may take: more than a pause of a busy Envoy.
const PING_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a stopping control plane waits for its streams to end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A handle to the control plane; clones are the same control plane.
#[derive(Clone)]
pub struct ControlPlane {
    shared: Arc<Shared>,
}

struct Shared {
    splits: watch::Sender<Splits>,
    sessions: Mutex<Sessions>,
    admin: Admin,
}

type Splits = BTreeMap<String, Arc<SplitConfig>>;

#[derive(Default)]
struct Sessions {
    last_id: u64,
    by_id: BTreeMap<u64, Session>,
}

/// Why a split is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    /// The document is wrong.
    #[error("split {name:?} is not valid:\n{problems}")]
    Invalid {
        /// The split.
        name: String,
        /// What is wrong, by attribute.
        problems: Problems,
    },
    /// A newer leader has written since. Whoever sent this must stop acting.
    #[error(
        "split {name:?} has epoch {in_force}; epoch {given} is older and must not overwrite it; read the group's state again"
    )]
    StaleEpoch {
        /// The split.
        name: String,
        /// The epoch that was sent.
        given: u64,
        /// The epoch in force.
        in_force: u64,
    },
    /// Another split of the same proxy listens there.
    #[error(
        "split {name:?}: listener {address}:{port} is already used by split {other:?} of the same proxy; choose another port"
    )]
    ListenerTaken {
        /// The split.
        name: String,
        /// The address of both.
        address: String,
        /// The port of both.
        port: u16,
        /// The split that was there first.
        other: String,
    },
}

impl ControlPlane {
    /// A control plane that serves `splits`. They are an argument because Envoy removes what it is not
    /// told of: a control plane that served an empty set before its store was read would take down every
    /// listener.
    ///
    /// # Errors
    /// The first split that [`ControlPlane::apply`] would refuse.
    pub fn new(splits: impl IntoIterator<Item = SplitSpec>) -> Result<Self, SplitError> {
        let shared =
            Shared { splits: watch::Sender::new(Splits::new()), sessions: Mutex::default(), admin: Admin::new() };
        let control_plane = Self { shared: Arc::new(shared) };
        splits.into_iter().try_for_each(|split| control_plane.apply(split))?;
        Ok(control_plane)
    }

    /// Declares a split, or changes it. Envoys are told at once; whether they took it is in
    /// [`ControlPlane::status`]. The same split again changes nothing.
    ///
    /// # Errors
    /// The document is wrong, its epoch is lower than the one in force, or its listener is taken.
    pub fn apply(&self, split: SplitSpec) -> Result<(), SplitError> {
        let name = split.name.clone();
        let config = SplitConfig::new(split).map_err(|problems| SplitError::Invalid { name, problems })?;
        let mut outcome = Ok(());
        // Checked under the lock of the change, so that of two racing writers the older epoch loses.
        self.shared.splits.send_if_modified(|splits| {
            outcome = admissible(&config.spec, splits);
            let unchanged = splits.get(&config.spec.name).is_some_and(|present| present.spec == config.spec);
            if outcome.is_err() || unchanged {
                return false;
            }
            splits.insert(config.spec.name.clone(), Arc::new(config));
            true
        });
        outcome
    }

    /// Forgets a split; Envoys drain its listener. Whether there was one. Its epoch is forgotten as well:
    /// a group that is declared anew under the same name begins at epoch 1.
    pub fn remove(&self, name: &str) -> bool {
        self.shared.splits.send_if_modified(|splits| splits.remove(name).is_some())
    }

    /// Serves Envoys on `listener` until `shutdown` completes; with a `token` only those that show it. Whoever gets in
    /// can name the admin interface that weights are read back from.
    ///
    /// # Errors
    /// The listener failed.
    pub async fn serve(
        &self,
        listener: TcpListener,
        token: Option<Token>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), tonic::transport::Error> {
        let (close, closing) = watch::channel(false);
        let mut stopped = closing.clone();
        let ads = Ads { control_plane: self.clone(), closing };
        let serving = Server::builder()
            .http2_keepalive_interval(Some(PING_INTERVAL))
            .http2_keepalive_timeout(Some(PING_TIMEOUT))
            .add_service(AggregatedDiscoveryServiceServer::with_interceptor(ads, move |request| {
                admit(token.as_ref(), request)
            }))
            .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), async move {
                // An error means that the sender is gone, which is the end as well.
                stopped.wait_for(|stopped| *stopped).await.ok();
            });
        tokio::pin!(serving);
        tokio::select! {
            result = &mut serving => return result,
            () = shutdown => close.send_replace(true),
        };
        tokio::time::timeout(CLOSE_TIMEOUT, serving).await.unwrap_or(Ok(()))
    }

    /// What the connected Envoys make of `split`: asks each for what it runs.
    pub async fn status(&self, split: &SplitSpec) -> SplitStatus {
        let config = match SplitConfig::new(split.clone()) {
            Ok(config) => config,
            Err(problems) => return SplitStatus { rejected: Some(problems.to_string()), ..SplitStatus::default() },
        };
        let asked = self.progress(&config).into_iter().map(|progress| async {
            let reading = match &progress.admin {
                Some(admin) => Some(self.shared.admin.read(admin, split).await),
                None => None,
            };
            status::Proxy { progress, reading }
        });
        let proxies = futures_util::future::join_all(asked).await;
        status::combine(&config, &proxies)
    }

    fn progress(&self, split: &SplitConfig) -> Vec<Progress> {
        let sessions = self.sessions();
        let of_proxy = sessions.by_id.values().filter(|session| session.proxy == split.spec.proxy);
        of_proxy.map(|session| session.progress(split)).collect()
    }

    fn changes(&self) -> watch::Receiver<Splits> {
        self.shared.splits.subscribe()
    }

    fn connect(&self, session: Session) -> Result<Connection, Status> {
        let mut sessions = self.sessions();
        if sessions.by_id.len() >= SESSIONS_MAX {
            return Err(Status::resource_exhausted(format!("{SESSIONS_MAX} Envoys are connected already")));
        }
        tracing::info!(node = session.node, proxy = session.proxy, "an Envoy connected");
        sessions.last_id += 1;
        let id = sessions.last_id;
        sessions.by_id.insert(id, session);
        Ok(Connection { control_plane: self.clone(), id })
    }

    fn snapshot(&self, proxy: &str) -> Snapshot {
        let splits = self.shared.splits.borrow();
        Snapshot::of(splits.values().filter(|split| split.spec.proxy == proxy).map(Arc::as_ref))
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        // Sessions are consistent between any two statements; a panic elsewhere does not change that.
        self.shared.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a split may take the place of what is there.
fn admissible(split: &SplitSpec, splits: &Splits) -> Result<(), SplitError> {
    let name = || split.name.clone();
    if let Some(present) = splits.get(&split.name).filter(|present| present.spec.epoch > split.epoch) {
        return Err(SplitError::StaleEpoch { name: name(), given: split.epoch, in_force: present.spec.epoch });
    }
    let taken = splits
        .values()
        .map(|other| &other.spec)
        .find(|other| other.name != split.name && other.proxy == split.proxy && other.listener == split.listener);
    match taken {
        Some(other) => Err(SplitError::ListenerTaken {
            name: name(),
            address: split.listener.address.clone(),
            port: split.listener.port,
            other: other.name.clone(),
        }),
        None => Ok(()),
    }
}

/// One registered session; dropping it means that the Envoy is gone.
struct Connection {
    control_plane: ControlPlane,
    id: u64,
}

impl Connection {
    fn receive(&self, request: DiscoveryRequest) {
        if let Some(error) = &request.error_detail {
            tracing::warn!(session = self.id, kind = request.type_url, "Envoy refused: {}", error.message);
        }
        self.with(|session| session.receive(request));
    }

    fn retry_refused(&self) {
        self.with(Session::retry_refused);
    }

    fn advance(&self) -> Vec<DiscoveryResponse> {
        self.with(|session| session.advance(&self.control_plane.snapshot(&session.proxy)))
    }

    fn with<T: Default>(&self, act: impl FnOnce(&mut Session) -> T) -> T {
        self.control_plane.sessions().by_id.get_mut(&self.id).map(act).unwrap_or_default()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(session) = self.control_plane.sessions().by_id.remove(&self.id) {
            tracing::info!(node = session.node, proxy = session.proxy, "an Envoy disconnected");
        }
    }
}

/// Lets an Envoy in when no token is wanted or when it shows the right one.
fn admit(token: Option<&Token>, request: Request<()>) -> Result<Request<()>, Status> {
    let headers = request.metadata().clone().into_headers();
    if token.is_none_or(|token| token.is_shown_in(&headers)) {
        return Ok(request);
    }
    Err(Status::unauthenticated(
        "the token is missing or wrong: make Envoy's bootstrap again with the SHADOW_XDS_TOKEN that the reconciler has",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn split(name: &str, epoch: u64, port: u16) -> SplitSpec {
        let backend = json!({ "address": "10.0.0.1", "port": 80, "weight": 1 });
        let listener = json!({ "address": "127.0.0.1", "port": port });
        let spec = json!({ "name": name, "epoch": epoch, "listener": listener, "backends": { "a": backend } });
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn an_older_epoch_is_refused() {
        let control_plane = ControlPlane::new([split("s", 5, 80)]).unwrap();
        control_plane.apply(split("s", 5, 81)).unwrap();
        control_plane.apply(split("s", 6, 81)).unwrap();
        let error = control_plane.apply(split("s", 5, 80)).unwrap_err();
        assert!(matches!(&error, SplitError::StaleEpoch { given: 5, in_force: 6, .. }), "{error}");
        assert_eq!(control_plane.shared.splits.borrow()["s"].spec, split("s", 6, 81));
    }

    #[test]
    fn the_same_split_again_wakes_nobody() {
        let control_plane = ControlPlane::new([split("s", 1, 80)]).unwrap();
        let mut changes = control_plane.changes();
        changes.mark_unchanged();
        control_plane.apply(split("s", 1, 80)).unwrap();
        assert!(!changes.has_changed().unwrap());
        control_plane.apply(split("s", 2, 80)).unwrap();
        assert!(changes.has_changed().unwrap());
    }

    #[test]
    fn one_listener_is_for_one_split_of_a_proxy() {
        let control_plane = ControlPlane::new([split("s", 1, 80)]).unwrap();
        let error = control_plane.apply(split("t", 1, 80)).unwrap_err();
        assert!(error.to_string().contains("127.0.0.1:80 is already used by split \"s\""), "{error}");
        let elsewhere = SplitSpec { proxy: "other".to_owned(), ..split("t", 1, 80) };
        control_plane.apply(elsewhere).unwrap();
    }

    #[test]
    fn a_document_that_is_wrong_is_refused_by_attribute() {
        let wrong = SplitSpec { writer: Some("b".to_owned()), ..split("s", 1, 80) };
        let error = ControlPlane::new([wrong]).err().unwrap();
        assert!(error.to_string().contains("writer: \"b\" is not a backend"), "{error}");
    }
}
