//! What a function of a provider is: parameters, a result, and a computation without side effects.
//! Terraform calls it while evaluating expressions, before any provider is configured.

use crate::value::{Type, Value};

/// One function. The same arguments must always give the same result.
pub trait Function: Send + Sync + 'static {
    /// What it takes and gives.
    fn signature(&self) -> Signature;

    /// Its result. One argument per parameter, then those of the variadic parameter.
    ///
    /// # Errors
    /// What is wrong with which argument.
    fn call(&self, arguments: &[Value]) -> Result<Value, FunctionError>;
}

/// What a function takes and gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Signature {
    /// In the order of the arguments.
    pub parameters: Vec<Parameter>,
    /// What any number of further arguments are.
    pub variadic: Option<Parameter>,
    /// The type of the result.
    pub result: Type,
    /// What it is for, in a few words.
    pub summary: String,
    /// What it does, in Markdown.
    pub description: String,
}

impl Signature {
    /// A function without variadic parameter.
    pub fn new(summary: &str, description: &str, parameters: Vec<Parameter>, result: Type) -> Self {
        let (summary, description) = (summary.to_owned(), description.to_owned());
        Self { parameters, variadic: None, result, summary, description }
    }

    /// It takes any number of further arguments.
    #[must_use]
    pub fn with_variadic(self, parameter: Parameter) -> Self {
        Self { variadic: Some(parameter), ..self }
    }

    /// The parameter that the argument at `index` is for.
    pub fn parameter(&self, index: usize) -> Option<&Parameter> {
        self.parameters.get(index).or(self.variadic.as_ref())
    }
}

/// One parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its name in documentation.
    pub name: String,
    /// The type of its arguments.
    pub ty: Type,
    /// Meaning and unit, in Markdown.
    pub description: String,
    /// Whether an argument may be null. Otherwise Terraform refuses null by itself.
    pub allow_null: bool,
    /// Whether an argument may be unknown, or have unknown parts. Otherwise Terraform does not call the
    /// function, and takes its result for unknown.
    pub allow_unknown: bool,
}

impl Parameter {
    /// A parameter whose arguments are known and not null.
    pub fn new(name: &str, ty: Type, description: &str) -> Self {
        let (name, description) = (name.to_owned(), description.to_owned());
        Self { name, ty, description, allow_null: false, allow_unknown: false }
    }

    /// Its arguments may be null.
    #[must_use]
    pub fn nullable(self) -> Self {
        Self { allow_null: true, ..self }
    }

    /// Its arguments may be unknown.
    #[must_use]
    pub fn with_unknown(self) -> Self {
        Self { allow_unknown: true, ..self }
    }
}

/// Why a function has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct FunctionError {
    /// What is wrong, and what to do.
    pub text: String,
    /// The argument that it is about, counted from 0; those of the variadic parameter count on.
    pub argument: Option<usize>,
}

impl FunctionError {
    /// An error about no argument in particular.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), argument: None }
    }

    /// An error about the argument at `index`.
    pub fn at(index: usize, text: impl Into<String>) -> Self {
        Self { text: text.into(), argument: Some(index) }
    }
}
