//! `parse_criteria`: a failover criterion as text, taken apart.

use super::text;
use shadow_core::criteria::Criterion;
use shadow_core::model::check::excerpt;
use terraform_provider_framework::value::Type;
use terraform_provider_framework::{Function, FunctionError, Parameter, Signature, Value};

pub(super) struct ParseCriteria;

const DESCRIPTION: &str = "Takes a failover criterion such as `cpu > 90 % for 5m` apart, as the reconciler reads it. \
    The result has `signal`, `comparison` (`>`, `>=`, `<` or `<=`), `value`, `unit` (null where none is written; \
    `250ms` becomes 0.25 `seconds`, `2 GiB` becomes 2147483648 `bytes`), and `duration_seconds` for which it must hold \
    (null where it need hold at one evaluation only).";

impl Function for ParseCriteria {
    fn signature(&self) -> Signature {
        let text = Parameter::new("text", Type::String, "The criterion, as in `cpu > 90 % for 5m`.");
        let result = [
            ("signal", Type::String),
            ("comparison", Type::String),
            ("value", Type::Number),
            ("unit", Type::String),
            ("duration_seconds", Type::Number),
        ];
        let result = Type::Object(result.into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect());
        Signature::new("Takes a failover criterion apart", DESCRIPTION, vec![text], result)
    }

    fn call(&self, arguments: &[Value]) -> Result<Value, FunctionError> {
        let text = text(arguments, 0)?;
        let refused = |error| FunctionError::at(0, excerpt(format!("{text:?} is no criterion: {error}.")));
        let criterion: Criterion = text.parse().map_err(refused)?;
        Ok(Value::object([
            ("signal", Value::from(criterion.signal)),
            ("comparison", criterion.comparison.to_string().into()),
            ("value", criterion.value.into()),
            ("unit", criterion.unit.into()),
            ("duration_seconds", criterion.duration.map(|duration| Value::from(duration.as_secs_f64())).into()),
        ]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_criterion_is_taken_apart() {
        let parse = |text: &str| ParseCriteria.call(&[text.into()]);
        let cpu = parse("cpu > 90 % for 5m").unwrap().to_json().unwrap();
        let expected = serde_json::json!({"signal": "cpu", "comparison": ">", "value": 90, "unit": "percent",
            "duration_seconds": 300});
        assert_eq!(cpu, expected);
        let queue = parse("queue >= 10").unwrap();
        assert!(queue.get("unit").is_null() && queue.get("duration_seconds").is_null());
        let error = parse("cpu is high").unwrap_err();
        assert_eq!(error.argument, Some(0));
        assert!(error.text.contains("write >"), "{error}");
    }
}
