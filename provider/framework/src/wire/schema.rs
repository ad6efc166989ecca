//! Schemas, identities and signatures as messages.

use crate::function::{Parameter, Signature};
use crate::identity::{IdentityAttribute, IdentitySchema};
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

pub(crate) fn identity(schema: &IdentitySchema) -> proto::ResourceIdentitySchema {
    let attribute = |(name, it): (&String, &IdentityAttribute)| proto::resource_identity_schema::IdentityAttribute {
        name: name.clone(),
        r#type: type_bytes(&it.ty),
        required_for_import: it.required,
        optional_for_import: !it.required,
        description: it.description.clone(),
    };
    let identity_attributes = schema.attributes.iter().map(attribute).collect();
    proto::ResourceIdentitySchema { version: schema.version, identity_attributes }
}

pub(crate) fn function(signature: &Signature) -> proto::Function {
    proto::Function {
        parameters: signature.parameters.iter().map(parameter).collect(),
        variadic_parameter: signature.variadic.as_ref().map(parameter),
        r#return: Some(proto::function::Return { r#type: type_bytes(&signature.result) }),
        summary: signature.summary.clone(),
        description: signature.description.clone(),
        description_kind: proto::StringKind::Markdown.into(),
        deprecation_message: String::new(),
    }
}

fn parameter(parameter: &Parameter) -> proto::function::Parameter {
    proto::function::Parameter {
        name: parameter.name.clone(),
        r#type: type_bytes(&parameter.ty),
        allow_null_value: parameter.allow_null,
        allow_unknown_values: parameter.allow_unknown,
        description: parameter.description.clone(),
        description_kind: proto::StringKind::Markdown.into(),
    }
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
        write_only: attribute.write_only,
        deprecated: attribute.deprecation.is_some(),
        deprecation_message: attribute.deprecation.clone().unwrap_or_default(),
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
