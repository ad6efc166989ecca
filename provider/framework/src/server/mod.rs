//! The calls of plugin protocol 6, each handed on to a task of its own. A user's mistake, an unknown
//! type and a panic are answered with diagnostics, never with an error of the transport.

mod calls;
mod data_sources;
mod resources;
mod settings;

use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::log::{Level, log};
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::provider_server;
use crate::provider::Provider;
use crate::wire;
use calls::Calls;
use std::sync::Arc;
use std::time::Instant;
use tokio::task::JoinError;
use tonic::{Request, Response, Status, async_trait};

/// Answers Terraform on behalf of a provider.
pub(crate) struct Server<P: Provider> {
    calls: Arc<Calls<P>>,
    /// Whether every call is logged.
    verbose: bool,
}

impl<P: Provider> Server<P> {
    pub(crate) fn new(provider: P, verbose: bool) -> Self {
        Self { calls: Arc::new(Calls::new(provider)), verbose }
    }

    /// Runs one call as a task of its own, so that a panic ends that call only.
    async fn answer<T: Answer>(
        &self,
        rpc: &str,
        type_name: &str,
        call: impl Future<Output = Result<T, Diagnostics>> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        let began = Instant::now();
        let result = tokio::spawn(call).await.unwrap_or_else(|end| Err(crashed(rpc, type_name, end)));
        if self.verbose {
            let milliseconds = began.elapsed().as_millis().to_string();
            let fields = [("tf_rpc", rpc), ("tf_resource_type", type_name), ("tf_req_duration_ms", &milliseconds)];
            log(Level::Debug, "answered", &fields);
        }
        Ok(Response::new(result.unwrap_or_else(|diagnostics| T::refusal(wire::diagnostics(&diagnostics)))))
    }
}

fn crashed(rpc: &str, type_name: &str, end: JoinError) -> Diagnostics {
    let cause = match end.try_into_panic() {
        Ok(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
        }
        Err(cancelled) => cancelled.to_string(),
    };
    Diagnostic::bug(format!("{rpc} {type_name} ended in a panic: {cause}")).into()
}

/// An answer that can consist of diagnostics alone.
trait Answer: Send + 'static {
    fn refusal(diagnostics: Vec<proto::Diagnostic>) -> Self;
}

macro_rules! answers {
    ($($call:ident),* $(,)?) => {$(
        impl Answer for proto::$call::Response {
            fn refusal(diagnostics: Vec<proto::Diagnostic>) -> Self {
                let mut refusal = Self::default();
                refusal.diagnostics = diagnostics;
                refusal
            }
        }
    )*};
}

answers!(
    validate_provider_config,
    configure_provider,
    validate_resource_config,
    upgrade_resource_state,
    read_resource,
    plan_resource_change,
    apply_resource_change,
    import_resource_state,
    validate_data_resource_config,
    read_data_source,
);

#[async_trait]
impl<P: Provider> provider_server::Provider for Server<P> {
    async fn get_metadata(
        &self,
        _request: Request<proto::get_metadata::Request>,
    ) -> Result<Response<proto::get_metadata::Response>, Status> {
        Ok(Response::new(self.calls.metadata()))
    }

    async fn get_provider_schema(
        &self,
        _request: Request<proto::get_provider_schema::Request>,
    ) -> Result<Response<proto::get_provider_schema::Response>, Status> {
        Ok(Response::new(self.calls.schemas()))
    }

    async fn get_functions(
        &self,
        _request: Request<proto::get_functions::Request>,
    ) -> Result<Response<proto::get_functions::Response>, Status> {
        Ok(Response::new(proto::get_functions::Response::default()))
    }

    async fn validate_provider_config(
        &self,
        request: Request<proto::validate_provider_config::Request>,
    ) -> Result<Response<proto::validate_provider_config::Response>, Status> {
        let calls = self.calls.clone();
        let call = async move { calls.validate_provider_config(request.into_inner()) };
        self.answer("ValidateProviderConfig", "", call).await
    }

    async fn configure_provider(
        &self,
        request: Request<proto::configure_provider::Request>,
    ) -> Result<Response<proto::configure_provider::Response>, Status> {
        let calls = self.calls.clone();
        self.answer("ConfigureProvider", "", async move { calls.configure_provider(request.into_inner()) }).await
    }

    async fn stop_provider(
        &self,
        _request: Request<proto::stop_provider::Request>,
    ) -> Result<Response<proto::stop_provider::Response>, Status> {
        self.calls.cancellation.cancel();
        Ok(Response::new(proto::stop_provider::Response::default()))
    }

    async fn validate_resource_config(
        &self,
        request: Request<proto::validate_resource_config::Request>,
    ) -> Result<Response<proto::validate_resource_config::Response>, Status> {
        let (calls, request) = (self.calls.clone(), request.into_inner());
        let type_name = request.type_name.clone();
        let call = async move { calls.validate_resource_config(request) };
        self.answer("ValidateResourceConfig", &type_name, call).await
    }

    async fn upgrade_resource_state(
        &self,
        request: Request<proto::upgrade_resource_state::Request>,
    ) -> Result<Response<proto::upgrade_resource_state::Response>, Status> {
        let (calls, request) = (self.calls.clone(), request.into_inner());
        let type_name = request.type_name.clone();
        let call = async move { calls.upgrade_resource_state(request) };
        self.answer("UpgradeResourceState", &type_name, call).await
    }

    async fn read_resource(
        &self,
        request: Request<proto::read_resource::Request>,
    ) -> Result<Response<proto::read_resource::Response>, Status> {
        let (calls, request) = (self.calls.clone(), request.into_inner());
        let type_name = request.type_name.clone();
        self.answer("ReadResource", &type_name, async move { calls.read_resource(request).await }).await
    }

    async fn plan_resource_change(
        &self,
        request: Request<proto::plan_resource_change::Request>,
    ) -> Result<Response<proto::plan_resource_change::Response>, Status> {
        let (calls, request) = (self.calls.clone(), request.into_inner());
        let type_name = request.type_name.clone();
        let call = async move { calls.plan_resource_change(request) };
        self.answer("PlanResourceChange", &type_name, call).await
    }

    async fn apply_resource_change(
        &self,
        request: Request<proto::apply_resource_change::Request>,
    ) -> Result<Response<proto::apply_resource_change::Response>, Status> {
        let (calls, request) = (self.calls.clone(), request.into_inner());
        let type_name = request.type_name.clone();
        let call = async move { calls.apply_resource_change(request).await };
        self.answer("ApplyResourceChange", &type_name, call).await
    }

    async fn import_resource_state(
        &self,
        request: Request<proto::import_resource_state::Request>,
    ) -> Result<Response<proto::import_resource_state::Response>, Status> {
        let (calls, request) = (self.calls.clone(), request.into_inner());
        let type_name = request.type_name.clone();
        let call = async move { calls.import_resource_state(request).await };
        self.answer("ImportResourceState", &type_name, call).await
    }

    async fn validate_data_resource_config(
        &self,
        request: Request<proto::validate_data_resource_config::Request>,
    ) -> Result<Response<proto::validate_data_resource_config::Response>, Status> {
        let (calls, request) = (self.calls.clone(), request.into_inner());
        let type_name = request.type_name.clone();
        let call = async move { calls.validate_data_resource_config(request) };
        self.answer("ValidateDataResourceConfig", &type_name, call).await
    }

    async fn read_data_source(
        &self,
        request: Request<proto::read_data_source::Request>,
    ) -> Result<Response<proto::read_data_source::Response>, Status> {
        let (calls, request) = (self.calls.clone(), request.into_inner());
        let type_name = request.type_name.clone();
        self.answer("ReadDataSource", &type_name, async move { calls.read_data_source(request).await }).await
    }
}

#[cfg(test)]
mod tests;
