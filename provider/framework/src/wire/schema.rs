//! Schemas, identities and signatures as messages.

use crate::function::{Parameter, Signature};
use crate::identity::{IdentityAttribute, IdentitySchema};
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::schema as message;
use crate::schema::{Attribute, Attributes, Kind, Nesting, Schema, Source};
use crate::value::Type;

pub(crate) fn schema(schema: &Schema) -> proto::Schema {
    let block = message::Block { version: schema.version, ..block(&schema.attributes, &schema.description) };
    proto::Schema { version: schema.version, block: Some(block) }
}

fn block(attributes: &Attributes, description: &str) -> message::Block {
    message::Block {
        attributes: self::attributes(attributes),
        block_types: attributes.iter().filter_map(|(name, attribute)| nested_block(name, attribute)).collect(),
        description: description.to_owned(),
        description_kind: proto::StringKind::Markdown.into(),
        ..message::Block::default()
    }
}

fn nested_block(name: &str, attribute: &Attribute) -> Option<message::NestedBlock> {
    use message::nested_block::NestingMode;
    let Kind::Nested(nesting, attributes) = &attribute.kind else { return None };
    let nesting = match nesting {
        Nesting::Single => NestingMode::Single,
        Nesting::List => NestingMode::List,
        Nesting::Set => NestingMode::Set,
        Nesting::Map => NestingMode::Map,
    };
    attribute.as_blocks.then(|| message::NestedBlock {
        type_name: name.to_owned(),
        block: Some(block(attributes, &attribute.full_description())),
        nesting: nesting.into(),
        ..message::NestedBlock::default()
    })
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
    let arguments = attributes.iter().filter(|(_, attribute)| !attribute.as_blocks);
    arguments.map(|(name, attribute)| self::attribute(name, attribute)).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::attributes;

    #[test]
    fn blocks_stand_apart_from_attributes_at_every_depth() {
        let word = || ("word", Attribute::string("").required());
        let inner = Attribute::nested(Nesting::Set, attributes([word()]), "").as_blocks();
        let outer = Attribute::nested(Nesting::List, attributes([word(), ("inner", inner)]), "").as_blocks();
        let nested = Attribute::nested(Nesting::List, attributes([word()]), "");
        let schema = Schema::new("", attributes([("nested", nested), ("outer", outer)]));
        let top = super::schema(&schema).block.unwrap();
        assert_eq!(top.attributes.iter().map(|attribute| attribute.name.as_str()).collect::<Vec<_>>(), ["nested"]);
        let [outer] = top.block_types.as_slice() else { panic!("{:?}", top.block_types) };
        let block = outer.block.as_ref().unwrap();
        assert_eq!((outer.type_name.as_str(), block.attributes.len()), ("outer", 1));
        assert_eq!(block.block_types[0].nesting(), message::nested_block::NestingMode::Set);
    }
}
