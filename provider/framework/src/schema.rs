//! What a resource, data source or provider accepts, as data: types, defaults, checks, plan rules.

use crate::value::{DynamicForm, Number, Type, Value};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Attributes by name.
pub type Attributes = BTreeMap<String, Attribute>;

/// The attributes of a resource, data source or provider.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// Raised when states written by an older schema must be upgraded.
    pub version: i64,
    /// What it is for, in Markdown.
    pub description: String,
    /// Its attributes.
    pub attributes: Attributes,
    /// What plan and state hold for a default.
    pub defaults: Defaults,
}

/// What plan and state hold where the user gives nothing and the attribute has a default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Defaults {
    /// The default.
    #[default]
    Planned,
    /// Null, which the resource's code takes for the default. Terraform's own work on a resource grows with each value
    /// that is not null, above all with fractions. A resource may return defaults when it is read: where the state had
    /// null, they become null again.
    Implied,
}

impl Schema {
    /// A schema of version 0.
    pub fn new(description: &str, attributes: Attributes) -> Self {
        Self { version: 0, description: description.to_owned(), attributes, defaults: Defaults::Planned }
    }

    /// Null stands for defaults in plan and state.
    #[must_use]
    pub fn with_implied_defaults(self) -> Self {
        Self { defaults: Defaults::Implied, ..self }
    }

    /// The type of the whole.
    pub fn object_type(&self) -> Type {
        object_type(&self.attributes)
    }
}

/// One attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// What it holds.
    pub kind: Kind,
    /// Who gives it its value.
    pub source: Source,
    /// Meaning and unit, in Markdown. Default and checks are appended from the data.
    pub description: String,
    /// Whether Terraform hides it from its output.
    pub sensitive: bool,
    /// Whether users write nested attributes as blocks, `name { … }`. An absent block list is empty, never null.
    pub as_blocks: bool,
    /// Whether it is only in the configuration, never in a plan or state: for secrets.
    pub write_only: bool,
    /// What to use instead, where it is deprecated.
    pub deprecation: Option<String>,
    /// The value that it has when the user gives none.
    pub default: Option<Value>,
    /// What its value must satisfy.
    pub checks: Vec<Check>,
    /// How a plan treats it.
    pub modifiers: Vec<Modifier>,
}

/// What an attribute holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A value of a type.
    Value(Type),
    /// Attributes of its own.
    Nested(Nesting, Attributes),
}

/// How many objects a nested attribute holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nesting {
    /// One.
    Single,
    /// Any number, ordered.
    List,
    /// Any number, unordered.
    Set,
    /// Any number by key.
    Map,
}

/// Who gives an attribute its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The user, always.
    Required,
    /// The user, or nobody.
    Optional,
    /// The provider, always.
    Computed,
    /// The user, or else the provider.
    OptionalComputed,
}

impl Source {
    /// Whether the provider may give the value.
    pub fn is_computed(self) -> bool {
        matches!(self, Self::Computed | Self::OptionalComputed)
    }
}

/// What a value must satisfy.
#[derive(Debug, Clone, PartialEq)]
pub enum Check {
    /// It is one of these texts.
    OneOf(Vec<String>),
    /// It is a whole number within these bounds.
    Integer {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// It is a number within these bounds.
    Range {
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
    },
}

/// How a plan treats an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modifier {
    /// A computed value that never changes by an update: what the state has stays known in a plan.
    UseStateForUnknown,
    /// A change of it destroys and creates the resource.
    RequiresReplace,
}

impl Attribute {
    /// An optional attribute of that type.
    pub fn new(ty: Type, description: &str) -> Self {
        Self::of_kind(Kind::Value(ty), description)
    }

    /// Optional text.
    pub fn string(description: &str) -> Self {
        Self::new(Type::String, description)
    }

    /// An optional number.
    pub fn number(description: &str) -> Self {
        Self::new(Type::Number, description)
    }

    /// An optional switch.
    pub fn bool(description: &str) -> Self {
        Self::new(Type::Bool, description)
    }

    /// Optional attributes of its own.
    pub fn nested(nesting: Nesting, attributes: Attributes, description: &str) -> Self {
        Self::of_kind(Kind::Nested(nesting, attributes), description)
    }

    fn of_kind(kind: Kind, description: &str) -> Self {
        Self {
            kind,
            source: Source::Optional,
            description: description.to_owned(),
            sensitive: false,
            as_blocks: false,
            write_only: false,
            deprecation: None,
            default: None,
            checks: Vec::new(),
            modifiers: Vec::new(),
        }
    }

    /// The user must give it.
    #[must_use]
    pub fn required(self) -> Self {
        Self { source: Source::Required, ..self }
    }

    /// Only the provider gives it.
    #[must_use]
    pub fn computed(self) -> Self {
        Self { source: Source::Computed, ..self }
    }

    /// The provider gives it where the user does not.
    #[must_use]
    pub fn optional_computed(self) -> Self {
        Self { source: Source::OptionalComputed, ..self }
    }

    /// It has this value where the user gives none.
    #[must_use]
    pub fn with_default(self, default: impl Into<Value>) -> Self {
        Self { default: Some(default.into()), ..self.optional_computed() }
    }

    /// Its default is the one that a document has; none where the document has null there, or
    /// something of another type.
    #[must_use]
    pub fn with_default_of(self, document: &Json) -> Self {
        match Value::from_json(document, &self.value_type(), DynamicForm::Plain) {
            Ok(Value::Null) | Err(_) => self,
            Ok(default) => self.with_default(default),
        }
    }

    /// Terraform hides it from its output.
    #[must_use]
    pub fn sensitive(self) -> Self {
        Self { sensitive: true, ..self }
    }

    /// Users write it as blocks. For nested attributes at the top or within blocks; new schemas do without.
    #[must_use]
    pub fn as_blocks(self) -> Self {
        Self { as_blocks: true, ..self }
    }

    /// It is only in the configuration, never in a plan or state: the resource finds it in
    /// [`Change::config`](crate::Change::config). Needs Terraform 1.11 or newer of those who use it.
    #[must_use]
    pub fn write_only(self) -> Self {
        Self { write_only: true, ..self }
    }

    /// Its users are warned, and told what to use instead.
    #[must_use]
    pub fn deprecated(self, instead: &str) -> Self {
        Self { deprecation: Some(instead.to_owned()), ..self }
    }

    /// Its value must satisfy `check`.
    #[must_use]
    pub fn checked(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// It is one of these texts.
    #[must_use]
    pub fn one_of(self, texts: &[&str]) -> Self {
        self.checked(Check::OneOf(texts.iter().map(|text| (*text).to_owned()).collect()))
    }

    /// It is a whole number from `min` to `max`.
    #[must_use]
    pub fn integer(self, min: u64, max: u64) -> Self {
        self.checked(Check::Integer { min, max })
    }

    /// It is a number from `min` to `max`.
    #[must_use]
    pub fn range(self, min: f64, max: f64) -> Self {
        self.checked(Check::Range { min, max })
    }

    /// A plan treats it so.
    #[must_use]
    pub fn modified(mut self, modifier: Modifier) -> Self {
        self.modifiers.push(modifier);
        self
    }

    /// Whether a plan treats it so.
    pub fn has(&self, modifier: Modifier) -> bool {
        self.modifiers.contains(&modifier)
    }

    /// The type of its value.
    pub fn value_type(&self) -> Type {
        match &self.kind {
            Kind::Value(ty) => ty.clone(),
            Kind::Nested(nesting, attributes) => {
                let object = object_type(attributes);
                match nesting {
                    Nesting::Single => object,
                    Nesting::List => Type::list(object),
                    Nesting::Set => Type::set(object),
                    Nesting::Map => Type::map(object),
                }
            }
        }
    }

    /// Its description, with default and checks told.
    pub fn full_description(&self) -> String {
        let mut sentences = vec![self.description.clone()];
        sentences.extend(self.checks.iter().map(Check::sentence));
        sentences.extend(self.default.as_ref().and_then(default_sentence));
        sentences.join(" ")
    }
}

fn default_sentence(default: &Value) -> Option<String> {
    // The parts of an object tell their own; a map has none that could.
    let told_by_parts = matches!(default, Value::Object(_));
    let json = default.to_json().ok().filter(|_| !told_by_parts)?;
    Some(format!("Default: `{json}`."))
}

impl Check {
    fn sentence(&self) -> String {
        match self {
            Self::OneOf(texts) => {
                let texts: Vec<String> = texts.iter().map(|text| format!("`{text}`")).collect();
                format!("One of {}.", texts.join(", "))
            }
            Self::Integer { min, max } => format!("A whole number from {min} to {max}."),
            Self::Range { min, max } => format!("A number from {min} to {max}."),
        }
    }

    /// What to do about `value`, if it does not satisfy this.
    pub fn remedy(&self, value: &Value) -> Option<String> {
        let (satisfied, remedy) = match (self, value) {
            (Self::OneOf(texts), Value::String(text)) => {
                (texts.contains(text), format!("use one of {}", texts.join(", ")))
            }
            (Self::Integer { min, max }, Value::Number(number)) => {
                let within = number.as_u64().is_some_and(|n| (*min..=*max).contains(&n));
                (within, format!("choose a whole number from {min} to {max}"))
            }
            (Self::Range { min, max }, Value::Number(number)) => {
                ((*min..=*max).contains(&number.as_f64()), format!("choose a number from {min} to {max}"))
            }
            _other_types_are_terraforms_business => return None,
        };
        (!satisfied).then_some(remedy)
    }
}

/// Attributes by name, as a literal.
pub fn attributes<const N: usize>(attributes: [(&str, Attribute); N]) -> Attributes {
    // A loop: to collect them, the program would have the code to sort them once more for each number of attributes.
    let mut named = Attributes::new();
    for (name, attribute) in attributes {
        named.insert(name.to_owned(), attribute);
    }
    named
}

/// The object type of these attributes.
pub fn object_type(attributes: &Attributes) -> Type {
    Type::Object(attributes.iter().map(|(name, attribute)| (name.clone(), attribute.value_type())).collect())
}

impl From<f64> for Value {
    /// The number, or null if it is not finite.
    fn from(value: f64) -> Self {
        Number::from_f64(value).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_tell_default_and_bounds() {
        let attribute = Attribute::number("How many.").integer(1, 100).with_default(3_u32);
        assert_eq!(attribute.full_description(), "How many. A whole number from 1 to 100. Default: `3`.");
        let attribute = Attribute::string("How.").one_of(&["a", "b"]);
        assert_eq!(attribute.full_description(), "How. One of `a`, `b`.");
    }

    #[test]
    fn checks_say_what_to_do() {
        let integer = Check::Integer { min: 1, max: 9 };
        let number = |text| Value::from(Number::parse(text));
        assert_eq!(integer.remedy(&number("9")), None);
        assert!(integer.remedy(&number("9.5")).is_some());
        assert!(integer.remedy(&number("-1")).is_some());
        assert_eq!(integer.remedy(&Value::Unknown), None);
        assert_eq!(Check::Range { min: 0.0, max: 1.0 }.remedy(&number("0.5")), None);
        assert_eq!(Check::OneOf(vec!["a".into()]).remedy(&"b".into()).as_deref(), Some("use one of a"));
    }
}
