//! A value as the document that its schema stands for; where it is not one, the attribute that is to
//! blame.

use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use serde_path_to_error::Segment;
use shadow_core::model::check::excerpt;
use terraform_provider_framework::path::Step;
use terraform_provider_framework::schema::{Attributes, Kind, Nesting};
use terraform_provider_framework::value::NotJson;
use terraform_provider_framework::{Diagnostic, Path, Schema, Value};

/// Why a value is not the document that its schema stands for.
pub(super) struct Unfit {
    /// The attribute to blame.
    pub(super) path: Path,
    /// What is wrong with it.
    pub(super) problem: String,
}

impl Unfit {
    /// It, as an error at its attribute.
    pub(super) fn diagnostic(&self) -> Diagnostic {
        let Self { path, problem } = self;
        let detail = format!("{path}: {problem}. Give it a value of the form that its description tells.");
        Diagnostic::error(format!("Invalid {path}"), detail).at(path.clone())
    }
}

/// Reads a value as a document.
pub(super) fn decode<T: DeserializeOwned>(value: &Value, schema: &Schema) -> Result<T, Unfit> {
    let json = value.to_json().map_err(|error| match error {
        NotJson::Unknown(path) => Unfit { path, problem: "it is not known yet".to_owned() },
        NotJson::TooLarge(path) => Unfit { path, problem: "the number is too large".to_owned() },
        NotJson::Shape(problem) => Unfit { path: Path::root(), problem },
    })?;
    read(json, schema)
}

/// Reads a document. Stored ones as well: the code that reads a kind of document is large, and so there is one.
pub(super) fn read<T: DeserializeOwned>(json: Json, schema: &Schema) -> Result<T, Unfit> {
    serde_path_to_error::deserialize(json).map_err(|error| {
        let path = located(error.path().iter(), &schema.attributes);
        Unfit { path, problem: excerpt(error.into_inner().to_string()) }
    })
}

/// A path of a document as one of the schema: only the schema tells attributes from keys of maps.
fn located<'a>(segments: impl Iterator<Item = &'a Segment>, attributes: &Attributes) -> Path {
    let mut path = Path::root();
    let mut within = Within::Object(attributes);
    for segment in segments {
        let step = match (segment, &within) {
            (Segment::Seq { index }, _) => Step::Index(*index),
            (Segment::Map { key }, Within::Object(_)) => Step::Attribute(key.clone()),
            (Segment::Map { key }, Within::Elements(_) | Within::Plain) => Step::Key(key.clone()),
            (Segment::Enum { .. } | Segment::Unknown, _) => break,
        };
        within = within.at(&step);
        path = path.join(step);
    }
    path
}

/// What a path leads into.
enum Within<'a> {
    /// An object of these attributes.
    Object(&'a Attributes),
    /// Objects of these attributes, by key or index.
    Elements(&'a Attributes),
    /// A value without attributes.
    Plain,
}

impl<'a> Within<'a> {
    fn at(&self, step: &Step) -> Self {
        match (self, step) {
            (Self::Object(attributes), Step::Attribute(name)) => Self::of(attributes, name),
            (Self::Elements(attributes), _) => Self::Object(attributes),
            (Self::Object(_) | Self::Plain, _) => Self::Plain,
        }
    }

    fn of(attributes: &'a Attributes, name: &str) -> Self {
        match attributes.get(name).map(|attribute| &attribute.kind) {
            Some(Kind::Nested(Nesting::Single, attributes)) => Self::Object(attributes),
            Some(Kind::Nested(_, attributes)) => Self::Elements(attributes),
            Some(Kind::Value(_)) | None => Self::Plain,
        }
    }
}
