//! Schemas as messages.

use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::schema as message;
use crate::schema::{Attribute, Attributes, Kind, Nesting, Schema, Source};
use crate::value::Type;

pub(crate) fn schema(schema: &Schema) -> proto::Schema {
    let block = message::Block {
        version: schema.version,
        attributes: attributes(&schema.attributes),
        description: schema.description.clone(),
        description_kind: proto::StringKind::Markdown.into(),
        ..message::Block::default()
    };
    proto::Schema { version: schema.version, block: Some(block) }
}

fn attributes(attributes: &Attributes) -> Vec<message::Attribute> {
    attributes.iter().map(|(name, attribute)| self::attribute(name, attribute)).collect()
}

fn attribute(name: &str, attribute: &Attribute) -> message::Attribute {
    let (ty, nested_type) = match &attribute.kind {
        Kind::Value(ty) => (type_bytes(ty), None),
        Kind::Nested(nesting, attributes) => (Vec::new(), Some(object(*nesting, attributes))),
    };
    message::Attribute {
        name: name.to_owned(),
        r#type: ty,
        nested_type,
        description: attribute.full_description(),
        description_kind: proto::StringKind::Markdown.into(),
        required: attribute.source == Source::Required,
        optional: matches!(attribute.source, Source::Optional | Source::OptionalComputed),
        computed: attribute.source.is_computed(),
        sensitive: attribute.sensitive,
        ..message::Attribute::default()
    }
}

fn object(nesting: Nesting, nested: &Attributes) -> message::Object {
    use message::object::NestingMode;
    let nesting = match nesting {
        Nesting::Single => NestingMode::Single,
        Nesting::List => NestingMode::List,
        Nesting::Set => NestingMode::Set,
        Nesting::Map => NestingMode::Map,
    };
    message::Object { attributes: attributes(nested), nesting: nesting.into(), ..message::Object::default() }
}

fn type_bytes(ty: &Type) -> Vec<u8> {
    ty.to_json().to_string().into_bytes()
}
