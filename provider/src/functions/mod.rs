//! The functions, one file each: the reconciler's own rules, for users who want to compute with them.

mod parse_criteria;
mod route_weights;
mod size_for_forecast;

use terraform_provider_framework::{Function, FunctionError, Named, Value};

/// Every function by its name.
pub(crate) fn all() -> Named<dyn Function> {
    vec![
        ("parse_criteria", Box::new(parse_criteria::ParseCriteria)),
        ("route_weights", Box::new(route_weights::RouteWeights)),
        ("size_for_forecast", Box::new(size_for_forecast::SizeForForecast)),
    ]
}

/// The text at `index`, which Terraform has checked to be one.
fn text(arguments: &[Value], index: usize) -> Result<&str, FunctionError> {
    arguments.get(index).and_then(Value::as_str).ok_or_else(|| FunctionError::at(index, "Give a text."))
}

/// The number at `index`, which Terraform has checked to be one.
fn number(arguments: &[Value], index: usize) -> Result<f64, FunctionError> {
    let number = arguments.get(index).and_then(Value::as_number);
    number.map(|number| number.as_f64()).ok_or_else(|| FunctionError::at(index, "Give a number."))
}
