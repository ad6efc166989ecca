//! Calls made of bytes, without the transport: for fuzzers.

use super::calls::Calls;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;
use prost::Message;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// How many calls are probed.
const CALLS: u8 = 12;

/// A server without a transport.
pub(crate) struct Probe<P: Provider>(Calls<P>);

impl<P: Provider> Probe<P> {
    /// A server of a provider that was configured.
    pub(crate) fn new(provider: P) -> Self {
        let calls = Calls::new(provider);
        calls.configure_provider(proto::configure_provider::Request::default()).ok();
        Self(calls)
    }

    /// Answers one call, if the frame is one. The answer can always be written.
    pub(crate) fn call(&self, which: u8, frame: &[u8]) {
        match which % CALLS {
            0 => answer(frame, |request| self.0.validate_resource_config(request)),
            1 => answer(frame, |request| {
                let call = self.0.begin("PlanResourceChange", "t");
                at_once(self.0.plan_resource_change(&call, request))
            }),
            2 => answer(frame, |request| self.0.upgrade_resource_state(request)),
            3 => answer(frame, |request| self.0.call_function(request)),
            4 => answer(frame, |request| self.0.move_resource_state(request)),
            5 => answer(frame, |request| self.0.upgrade_resource_identity(request)),
            6 => answer(frame, |request| self.0.generate_resource_config(request)),
            7 => answer(frame, |request| self.0.validate_action_config(request)),
            8 => answer(frame, |request| {
                let call = self.0.begin("ReadResource", "t");
                at_once(self.0.read_resource(&call, request))
            }),
            9 => answer(frame, |request| {
                let call = self.0.begin("ApplyResourceChange", "t");
                at_once(self.0.apply_resource_change(&call, request))
            }),
            10 => answer(frame, |request| {
                let call = self.0.begin("ImportResourceState", "t");
                at_once(self.0.import_resource_state(&call, request))
            }),
            _ => answer(frame, |request| self.0.validate_provider_config(request)),
        }
    }

    /// A call whose frame is well formed, with these values in it.
    #[cfg(test)]
    pub(crate) fn frame(which: u8, type_name: &str, config: Vec<u8>, prior: Vec<u8>) -> Vec<u8> {
        let value = |msgpack: Vec<u8>| Some(proto::DynamicValue { msgpack, json: Vec::new() });
        let type_name = type_name.to_owned();
        let frame = match which % CALLS {
            0 => {
                let config = value(config);
                proto::validate_resource_config::Request { type_name, config, client_capabilities: None }
                    .encode_to_vec()
            }
            1 => proto::plan_resource_change::Request {
                type_name,
                proposed_new_state: value(config.clone()),
                config: value(config),
                prior_state: value(prior),
                ..Default::default()
            }
            .encode_to_vec(),
            3 => {
                let arguments = vec![value(config).unwrap_or_default()];
                proto::call_function::Request { name: "f".to_owned(), arguments }.encode_to_vec()
            }
            6 => {
                let state = value(prior);
                proto::generate_resource_config::Request { type_name, state }.encode_to_vec()
            }
            7 => proto::validate_action_config::Request { type_name, config: value(config) }.encode_to_vec(),
            8 => proto::read_resource::Request { type_name, current_state: value(prior), ..Default::default() }
                .encode_to_vec(),
            9 => proto::apply_resource_change::Request {
                type_name,
                planned_state: value(config.clone()),
                config: value(config),
                prior_state: value(prior),
                ..Default::default()
            }
            .encode_to_vec(),
            _ => proto::validate_provider_config::Request { config: value(config) }.encode_to_vec(),
        };
        [&[which], frame.as_slice()].concat()
    }
}

fn answer<Q: Message + Default, A: Message, E>(frame: &[u8], call: impl FnOnce(Q) -> Result<A, E>) {
    if let Ok(request) = Q::decode(frame)
        && let Ok(answer) = call(request)
    {
        answer.encode_to_vec();
    }
}

/// The answer of a call that waits for nothing: the providers that are probed do not.
fn at_once<A>(call: impl Future<Output = Result<A, Diagnostics>>) -> Result<A, Diagnostics> {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => Err(Diagnostic::bug("A call that is probed waits for something").into()),
    }
}
