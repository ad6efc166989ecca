//! The services by which Terraform manages the process, not the provider.

use crate::proto::plugin::grpc_broker_server::{GrpcBroker, GrpcBrokerServer};
use crate::proto::plugin::grpc_controller_server::{GrpcController, GrpcControllerServer};
use crate::proto::plugin::grpc_stdio_server::{GrpcStdio, GrpcStdioServer};
use crate::proto::plugin::{ConnInfo, Empty, StdioData};
use std::sync::Arc;
use tokio::sync::Notify;
use tokio_stream::pending;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, Streaming, async_trait};

/// Notified when Terraform asks the process to end.
pub(super) type Shutdown = Arc<Notify>;

pub(super) struct Services {
    pub(super) controller: GrpcControllerServer<Controller>,
    pub(super) stdio: GrpcStdioServer<Idle>,
    pub(super) broker: GrpcBrokerServer<Idle>,
}

pub(super) fn services() -> (Services, Shutdown) {
    let shutdown = Shutdown::default();
    let services = Services {
        controller: GrpcControllerServer::new(Controller(shutdown.clone())),
        stdio: GrpcStdioServer::new(Idle),
        broker: GrpcBrokerServer::new(Idle),
    };
    (services, shutdown)
}

pub(super) struct Controller(Shutdown);

#[async_trait]
impl GrpcController for Controller {
    async fn shutdown(&self, _request: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.0.notify_one();
        Ok(Response::new(Empty {}))
    }
}

/// Streams that stay open and say nothing: nothing is printed, and nothing is brokered.
pub(super) struct Idle;

#[async_trait]
impl GrpcStdio for Idle {
    async fn stream_stdio(&self, _request: Request<()>) -> Result<Response<BoxStream<StdioData>>, Status> {
        Ok(Response::new(Box::pin(pending())))
    }
}

#[async_trait]
impl GrpcBroker for Idle {
    async fn start_stream(
        &self,
        _request: Request<Streaming<ConnInfo>>,
    ) -> Result<Response<BoxStream<ConnInfo>>, Status> {
        Ok(Response::new(Box::pin(pending())))
    }
}
