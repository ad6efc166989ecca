//! Functions: one with any number of arguments, one that takes whatever there is.

use terraform_provider_framework::value::Type;
use terraform_provider_framework::{Function, FunctionError, Parameter, Signature, Value};

/// Joins texts; refuses empty ones.
pub(crate) struct Join;

impl Function for Join {
    fn signature(&self) -> Signature {
        let separator = Parameter::new("separator", Type::String, "Stands between; null for nothing.").nullable();
        Signature::new("Joins texts", "Joins texts.", vec![separator], Type::String).with_variadic(Parameter::new(
            "texts",
            Type::String,
            "What to join.",
        ))
    }

    fn call(&self, arguments: &[Value]) -> Result<Value, FunctionError> {
        let (separator, texts) = arguments.split_first().ok_or_else(|| FunctionError::new("Nothing to join."))?;
        let mut joined = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            match text.as_str() {
                Some("") | None => return Err(FunctionError::at(index + 1, "It is empty: leave it out.")),
                Some("panic") => panic!("on demand"),
                Some(text) => joined.push(text),
            }
        }
        Ok(joined.join(separator.as_str().unwrap_or_default()).into())
    }
}

/// Says what it was given.
pub(crate) struct Describe;

impl Function for Describe {
    fn signature(&self) -> Signature {
        let value = Parameter::new("value", Type::Dynamic, "Anything.").nullable().with_unknown();
        Signature::new("Describes", "Says whether a value is null, unknown or known.", vec![value], Type::String)
    }

    fn call(&self, arguments: &[Value]) -> Result<Value, FunctionError> {
        let value = arguments.first().unwrap_or(&Value::Null);
        let word = if value.is_null() {
            "null"
        } else if value.has_unknown() {
            "unknown"
        } else {
            "known"
        };
        Ok(word.into())
    }
}
