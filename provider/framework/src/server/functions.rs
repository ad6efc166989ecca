//! Calls of functions. They come before any configuration, so functions have no client.

use super::calls::Calls;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::function::{FunctionError, Signature};
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;
use crate::value::Value;
use crate::wire;
use std::collections::HashMap;

impl<P: Provider> Calls<P> {
    pub(super) fn signatures(&self) -> proto::get_functions::Response {
        proto::get_functions::Response { functions: self.functions_by_name(), diagnostics: Vec::new() }
    }

    pub(super) fn functions_by_name(&self) -> HashMap<String, proto::Function> {
        let message =
            |(name, (_, signature)): (&&'static str, &(_, Signature))| ((*name).to_owned(), wire::function(signature));
        self.functions.iter().map(message).collect()
    }

    pub(super) fn call_function(
        &self,
        request: proto::call_function::Request,
    ) -> Result<proto::call_function::Response, Diagnostics> {
        let (function, signature) = self.functions.get(request.name.as_str()).ok_or_else(|| {
            let detail =
                format!("This version of the provider has no function {:?}: use one that has it.", request.name);
            Diagnostic::error("Unknown function", detail)
        })?;
        let called = match arguments(signature, request.arguments) {
            Ok(Some(arguments)) => function.call(&arguments),
            Ok(None) => Ok(Value::Unknown),
            Err(error) => Err(error),
        };
        match called {
            Ok(result) => {
                let result = Some(wire::encode(&result, &signature.result)?);
                Ok(proto::call_function::Response { result, error: None })
            }
            Err(error) => {
                Ok(proto::call_function::Response { result: None, error: Some(wire::function_error(&error)) })
            }
        }
    }
}

/// The arguments as values; none when one is unknown that must not be.
fn arguments(signature: &Signature, given: Vec<proto::DynamicValue>) -> Result<Option<Vec<Value>>, FunctionError> {
    if given.len() < signature.parameters.len() {
        let (wanted, given) = (signature.parameters.len(), given.len());
        return Err(FunctionError::new(format!(
            "It takes {wanted} arguments, and {given} were given: give the others."
        )));
    }
    let (mut values, mut known) = (Vec::with_capacity(given.len()), true);
    for (index, argument) in given.into_iter().enumerate() {
        let parameter = signature.parameter(index);
        let parameter =
            parameter.ok_or_else(|| FunctionError::at(index, "It takes fewer arguments: leave this out."))?;
        let value = wire::decode(Some(argument), &parameter.ty).map_err(|told| unreadable(index, &told))?;
        if value.is_null() && !parameter.allow_null {
            return Err(FunctionError::at(index, format!("{} must not be null: give a value.", parameter.name)));
        }
        known &= parameter.allow_unknown || !value.has_unknown();
        values.push(value);
    }
    Ok(known.then_some(values))
}

fn unreadable(index: usize, told: &Diagnostics) -> FunctionError {
    FunctionError::at(index, told.iter().map(|it| it.detail.as_str()).collect::<Vec<_>>().join("\n"))
}
