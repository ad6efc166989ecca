//! The gRPC stream to one Envoy: carries what `session` decides. It never decides itself what is sent.

use super::session::Session;
use super::{Connection, ControlPlane, Splits};
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::AggregatedDiscoveryService;
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use futures_util::Stream;
use std::pin::Pin;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Interval;
use tonic::{Request, Response, Status, Streaming};

/// How often a refused resource is offered again. Envoy does not try by itself to bind a port that was
/// busy; a failed attempt costs it a log line.
const REFUSED_RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// The service that Envoy's `ads_config` points at.
pub(super) struct Ads {
    pub(super) control_plane: ControlPlane,
    pub(super) closing: watch::Receiver<bool>,
}

type Responses<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl AggregatedDiscoveryService for Ads {
    type StreamAggregatedResourcesStream = Responses<DiscoveryResponse>;

    async fn stream_aggregated_resources(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamAggregatedResourcesStream>, Status> {
        let mut requests = request.into_inner();
        let first = requests.message().await?.ok_or_else(|| Status::invalid_argument("no request was sent"))?;
        let node = first.node.as_ref().ok_or_else(|| Status::invalid_argument("the first request names no node"))?;
        let mut session = Session::new(node);
        session.receive(first);
        let stream = AdsStream {
            changes: self.control_plane.changes(),
            connection: self.control_plane.connect(session)?,
            requests,
            closing: self.closing.clone(),
            retry: tokio::time::interval(REFUSED_RETRY_INTERVAL),
        };
        Ok(Response::new(Box::pin(stream.responses())))
    }

    type DeltaAggregatedResourcesStream = Responses<DeltaDiscoveryResponse>;

    async fn delta_aggregated_resources(
        &self,
        _request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaAggregatedResourcesStream>, Status> {
        Err(Status::unimplemented("set api_type: GRPC in ads_config; DELTA_GRPC is not served"))
    }
}

/// One stream and everything that can move it.
struct AdsStream {
    connection: Connection,
    requests: Streaming<DiscoveryRequest>,
    changes: watch::Receiver<Splits>,
    closing: watch::Receiver<bool>,
    retry: Interval,
}

impl AdsStream {
    fn responses(mut self) -> impl Stream<Item = Result<DiscoveryResponse, Status>> + Send {
        async_stream::try_stream! {
            loop {
                for response in self.connection.advance() {
                    yield response;
                }
                if !self.wait().await? {
                    break;
                }
            }
        }
    }

    /// Waits for one thing to happen. Whether the stream goes on.
    async fn wait(&mut self) -> Result<bool, Status> {
        tokio::select! {
            request = self.requests.message() => {
                let Some(request) = request? else { return Ok(false) };
                self.connection.receive(request);
            }
            changed = self.changes.changed() => return Ok(changed.is_ok()),
            _ = self.closing.wait_for(|closing| *closing) => return Ok(false),
            _ = self.retry.tick() => self.connection.retry_refused(),
        }
        Ok(true)
    }
}
