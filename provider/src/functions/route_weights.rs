//! `route_weights`: who gets which share of a route's traffic.

use super::text;
use shadow_core::shares::{ALL, route_weights};
use terraform_provider_framework::value::Type;
use terraform_provider_framework::{Function, FunctionError, Parameter, Signature, Value};

pub(super) struct RouteWeights;

const DESCRIPTION: &str = "The weights in percent that the reconciler gives to the slots of a route: `percent` for \
    `target`, the rest for `primary`, 0 for all `others`. They sum to 100.";

impl Function for RouteWeights {
    fn signature(&self) -> Signature {
        let parameters = vec![
            Parameter::new("primary", Type::String, "Key of the slot that serves."),
            Parameter::new("target", Type::String, "Key of the slot that gets a share."),
            Parameter::new("percent", Type::Number, "Its share: a whole number from 0 to 100."),
        ];
        Signature::new("Weights of a route", DESCRIPTION, parameters, Type::map(Type::Number))
            .with_variadic(Parameter::new("others", Type::String, "Keys of slots that get nothing."))
    }

    fn call(&self, arguments: &[Value]) -> Result<Value, FunctionError> {
        let percent = arguments.get(2).and_then(Value::as_number).and_then(|number| number.as_u64());
        let percent = percent.and_then(|percent| u32::try_from(percent).ok()).filter(|percent| *percent <= ALL);
        let percent = percent.ok_or_else(|| FunctionError::at(2, "Give a whole number from 0 to 100."))?;
        let others = arguments.iter().skip(3).filter_map(|other| other.as_str().map(str::to_owned));
        let (primary, target) = (text(arguments, 0)?.to_owned(), text(arguments, 1)?.to_owned());
        let weights = route_weights(primary, target, percent, others);
        Ok(Value::Map(weights.into_iter().map(|(slot, weight)| (slot, weight.into())).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn weights_sum_to_a_hundred() {
        let weights = |percent: u32| RouteWeights.call(&["a".into(), "b".into(), percent.into(), "c".into()]);
        assert_eq!(weights(25).unwrap().to_json().unwrap(), json!({"a": 75, "b": 25, "c": 0}));
        assert_eq!(weights(101).unwrap_err().argument, Some(2));
        assert_eq!(RouteWeights.call(&["a".into(), "b".into(), 0.5.into()]).unwrap_err().argument, Some(2));
    }
}
