//! The calls of plugin protocol 6, each handed on to a task of its own. A user's mistake, an unknown
//! type and a panic are answered with diagnostics, never with an error of the transport.

mod actions;
mod bounds;
mod calls;
mod data_sources;
mod ephemeral;
mod events;
mod functions;
mod identity;
mod lists;
#[cfg(any(test, feature = "fuzzing"))]
mod probe;
mod resources;
mod settings;
mod states;

use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::log::{self, Level};
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::provider_server;
use crate::provider::Provider;
use crate::wire;
use calls::{Call, Calls};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use probe::Probe;
use std::sync::Arc;
use std::time::Instant;
use tokio::task::JoinError;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, async_trait};

/// Answers Terraform on behalf of a provider.
pub(crate) struct Server<P: Provider> {
    calls: Arc<Calls<P>>,
}

impl<P: Provider> Server<P> {
    pub(crate) fn new(provider: P) -> Self {
        Self { calls: Arc::new(Calls::new(provider)) }
    }
}

/// Runs one call as a task of its own, so that a panic ends that call only.
async fn answer<T: Answer>(
    keys: log::Keys,
    call: impl Future<Output = Result<T, Diagnostics>> + Send + 'static,
) -> Result<Response<T>, Status> {
    let began = Instant::now();
    let result = tokio::spawn(log::CALL.scope(keys.clone(), call)).await;
    let result = result.unwrap_or_else(|end| Err(crashed(&keys, end)));
    if log::is_verbose() {
        let milliseconds = began.elapsed().as_millis().to_string();
        log::CALL.sync_scope(keys, || log::write(Level::Debug, "answered", &[("tf_req_duration_ms", &milliseconds)]));
    }
    Ok(Response::new(result.unwrap_or_else(|diagnostics| T::refusal(&diagnostics))))
}

/// What a call that ended in a panic is answered with.
fn crashed(keys: &log::Keys, end: JoinError) -> Diagnostics {
    let cause = match end.try_into_panic() {
        Ok(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
        }
        Err(cancelled) => cancelled.to_string(),
    };
    let call = format!("{} {}", keys.rpc, keys.type_name);
    Diagnostic::bug(format!("{} ended in a panic: {}", call.trim_end(), log::masked(&cause))).into()
}

/// A request that says which type or function it is about; empty where it is about none.
trait About {
    fn about(&self) -> &str;
}

macro_rules! about {
    ($($request:ident $($field:ident)?;)*) => {$(
        impl About for proto::$request::Request {
            fn about(&self) -> &str {
                about!(self $($field)?)
            }
        }
    )*};
    ($self:ident $field:ident) => { &$self.$field };
    ($self:ident) => { "" };
}

about! {
    validate_provider_config;
    configure_provider;
    validate_resource_config type_name;
    upgrade_resource_state type_name;
    upgrade_resource_identity type_name;
    move_resource_state target_type_name;
    read_resource type_name;
    generate_resource_config type_name;
    plan_resource_change type_name;
    apply_resource_change type_name;
    import_resource_state type_name;
    validate_data_resource_config type_name;
    read_data_source type_name;
    validate_ephemeral_resource_config type_name;
    open_ephemeral_resource type_name;
    renew_ephemeral_resource type_name;
    close_ephemeral_resource type_name;
    validate_list_resource_config type_name;
    validate_action_config type_name;
    plan_action action_type;
    call_function name;
}

/// An answer that can consist of diagnostics alone.
trait Answer: Send + 'static {
    fn refusal(diagnostics: &Diagnostics) -> Self;
}

macro_rules! answers {
    ($($call:ident)*) => {$(
        impl Answer for proto::$call::Response {
            fn refusal(diagnostics: &Diagnostics) -> Self {
                let mut refusal = Self::default();
                refusal.diagnostics = wire::diagnostics(diagnostics);
                refusal
            }
        }
    )*};
}

answers! {
    validate_provider_config configure_provider validate_resource_config upgrade_resource_state
    upgrade_resource_identity move_resource_state read_resource plan_resource_change apply_resource_change
    import_resource_state validate_data_resource_config read_data_source validate_ephemeral_resource_config
    open_ephemeral_resource renew_ephemeral_resource close_ephemeral_resource validate_list_resource_config
    generate_resource_config validate_action_config plan_action
}

impl Answer for proto::call_function::Response {
    fn refusal(diagnostics: &Diagnostics) -> Self {
        let text: Vec<String> = diagnostics.iter().map(|it| format!("{}: {}", it.summary, it.detail)).collect();
        let error = proto::FunctionError { text: text.join("\n"), function_argument: None };
        Self { result: None, error: Some(error) }
    }
}

/// The service: each call is begun, so that it has keys for the log and can be stopped, and handed on
/// to the method of the same name of [`Calls`].
macro_rules! service {
    (at once { $($now:ident $now_rpc:literal)* } waiting { $($later:ident $later_rpc:literal)* }) => {
        #[async_trait]
        impl<P: Provider> provider_server::Provider for Server<P> {
            $(async fn $now(
                &self,
                request: Request<proto::$now::Request>,
            ) -> Result<Response<proto::$now::Response>, Status> {
                let (calls, request) = (self.calls.clone(), request.into_inner());
                let Call { keys, .. } = calls.begin($now_rpc, request.about());
                answer(keys, async move { calls.$now(request) }).await
            })*

            $(async fn $later(
                &self,
                request: Request<proto::$later::Request>,
            ) -> Result<Response<proto::$later::Response>, Status> {
                let (calls, request) = (self.calls.clone(), request.into_inner());
                let call = calls.begin($later_rpc, request.about());
                answer(call.keys.clone(), async move { calls.$later(&call, request).await }).await
            })*

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

            async fn get_resource_identity_schemas(
                &self,
                _request: Request<proto::get_resource_identity_schemas::Request>,
            ) -> Result<Response<proto::get_resource_identity_schemas::Response>, Status> {
                Ok(Response::new(self.calls.identity_schemas()))
            }

            async fn get_functions(
                &self,
                _request: Request<proto::get_functions::Request>,
            ) -> Result<Response<proto::get_functions::Response>, Status> {
                Ok(Response::new(self.calls.signatures()))
            }

            async fn stop_provider(
                &self,
                _request: Request<proto::stop_provider::Request>,
            ) -> Result<Response<proto::stop_provider::Response>, Status> {
                self.calls.stop();
                Ok(Response::new(proto::stop_provider::Response::default()))
            }

            async fn list_resource(
                &self,
                request: Request<proto::list_resource::Request>,
            ) -> Result<Response<BoxStream<proto::list_resource::Event>>, Status> {
                Ok(Response::new(lists::stream(self.calls.clone(), request.into_inner())))
            }

            async fn invoke_action(
                &self,
                request: Request<proto::invoke_action::Request>,
            ) -> Result<Response<BoxStream<proto::invoke_action::Event>>, Status> {
                Ok(Response::new(actions::stream(self.calls.clone(), request.into_inner())))
            }
        }
    };
}

service! {
    at once {
        validate_provider_config "ValidateProviderConfig"
        configure_provider "ConfigureProvider"
        validate_resource_config "ValidateResourceConfig"
        upgrade_resource_state "UpgradeResourceState"
        upgrade_resource_identity "UpgradeResourceIdentity"
        move_resource_state "MoveResourceState"
        validate_data_resource_config "ValidateDataResourceConfig"
        validate_ephemeral_resource_config "ValidateEphemeralResourceConfig"
        validate_list_resource_config "ValidateListResourceConfig"
        generate_resource_config "GenerateResourceConfig"
        validate_action_config "ValidateActionConfig"
        call_function "CallFunction"
    }
    waiting {
        read_resource "ReadResource"
        plan_resource_change "PlanResourceChange"
        apply_resource_change "ApplyResourceChange"
        import_resource_state "ImportResourceState"
        read_data_source "ReadDataSource"
        plan_action "PlanAction"
        open_ephemeral_resource "OpenEphemeralResource"
        renew_ephemeral_resource "RenewEphemeralResource"
        close_ephemeral_resource "CloseEphemeralResource"
    }
}

#[cfg(test)]
mod tests;
