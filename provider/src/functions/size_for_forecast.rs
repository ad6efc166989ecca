//! `size_for_forecast`: how large a shadow should be for what is forecast.

use super::number;
use shadow_core::sizing::{Demand, SizingError, SizingRule, size_for_forecast};
use std::collections::BTreeMap;
use terraform_provider_framework::value::Type;
use terraform_provider_framework::{Function, FunctionError, Parameter, Signature, Value};

pub(super) struct SizeForForecast;

/// Where the rule stands among the arguments.
const RULE: usize = 3;

const DESCRIPTION: &str = "The size that the reconciler gives to a shadow. A prediction above 1.2 times the present \
    size adds 1.5 times the difference, but no more than up to the upper quantile. A prediction below 0.8 times the \
    present size removes half of the difference, but no more than down to the upper quantile. In between, the size \
    stays. All numbers are of one unit, whichever it is.";

impl Function for SizeForForecast {
    fn signature(&self) -> Signature {
        let rule = "What differs from the defaults, or null: `grow_above` (1.2), `grow_by` (1.5), `shrink_below` \
            (0.8), `shrink_by` (0.5), `min` (0), `max` (none).";
        let parameters = vec![
            Parameter::new("current", Type::Number, "The present size, at least 0."),
            Parameter::new("predicted", Type::Number, "What is most likely needed, at least 0."),
            Parameter::new("upper", Type::Number, "The upper quantile of what is needed; not below `predicted`."),
            Parameter::new("rule", Type::map(Type::Number), rule).nullable(),
        ];
        Signature::new("Size for a forecast", DESCRIPTION, parameters, Type::Number)
    }

    fn call(&self, arguments: &[Value]) -> Result<Value, FunctionError> {
        let rule = rule(arguments.get(RULE).unwrap_or(&Value::Null))?;
        let demand = Demand { predicted: number(arguments, 1)?, upper: number(arguments, 2)? };
        let size = size_for_forecast(&rule, number(arguments, 0)?, demand);
        size.map(Value::from).map_err(|error| FunctionError { text: format!("{error}."), argument: argument(error) })
    }
}

fn rule(given: &Value) -> Result<SizingRule, FunctionError> {
    let Value::Map(given) = given else { return Ok(SizingRule::default()) };
    let known: BTreeMap<&String, f64> =
        given.iter().filter_map(|(name, value)| Some((name, value.as_number()?.as_f64()))).collect();
    let json = serde_json::to_value(known).unwrap_or_default();
    serde_json::from_value(json).map_err(|error| FunctionError::at(RULE, format!("{error}. Correct or leave it out.")))
}

/// The argument that is wrong.
fn argument(error: SizingError) -> Option<usize> {
    match error {
        SizingError::NotAQuantity(name) => {
            Some(["current", "predicted", "upper"].iter().position(|it| *it == name).unwrap_or(RULE))
        }
        SizingError::Crossed => Some(2),
        SizingError::NoSize => Some(RULE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(current: f64, predicted: f64, upper: f64, rule: Value) -> Result<Value, FunctionError> {
        SizeForForecast.call(&[current.into(), predicted.into(), upper.into(), rule])
    }

    fn with(name: &str, value: f64) -> Value {
        Value::Map([(name.to_owned(), Value::from(value))].into())
    }

    #[test]
    fn the_rule_is_the_reconcilers() {
        assert_eq!(size(10.0, 14.0, 20.0, Value::Null), Ok(16.0.into()));
        assert_eq!(size(10.0, 14.0, 20.0, with("max", 12.0)), Ok(12.0.into()));
        assert_eq!(size(10.0, 14.0, 20.0, with("grow_above", 1.5)), Ok(10.0.into()));
    }

    #[test]
    fn what_is_wrong_is_said_at_its_argument() {
        let at = |result: Result<Value, FunctionError>| result.unwrap_err().argument;
        assert_eq!(at(size(-1.0, 1.0, 1.0, Value::Null)), Some(0));
        assert_eq!(at(size(1.0, 2.0, 1.0, Value::Null)), Some(2));
        assert_eq!(at(size(1.0, 1.0, 1.0, with("mxa", 2.0))), Some(RULE));
        assert_eq!(at(size(1.0, 1.0, 1.0, with("max", -2.0))), Some(RULE));
    }
}
