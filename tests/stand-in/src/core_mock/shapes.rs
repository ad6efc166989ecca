//! Shapes of resources: the two that are always there, and those that a configuration brings as JSON. Only data.

use serde::Deserialize;
use std::collections::BTreeMap;
use terraform_provider_framework::schema::{Attributes, Modifier, Nesting};
use terraform_provider_framework::value::Type;
use terraform_provider_framework::{Attribute, Schema};

/// How often the complex resource contains itself.
const COMPLEX_DEPTH: u32 = 3;

/// What a resource or a block consists of.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Shape {
    attributes: BTreeMap<String, Part>,
    blocks: BTreeMap<String, Block>,
}

/// Repeated blocks.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Block {
    #[serde(default)]
    attributes: BTreeMap<String, Part>,
    #[serde(default)]
    blocks: BTreeMap<String, Self>,
    #[serde(default)]
    mode: Mode,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    List,
    Set,
}

/// One attribute, or the elements of one. What is not required is optional.
#[derive(Debug, Clone, Deserialize)]
struct Part {
    #[serde(flatten)]
    content: Content,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    replace: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Content {
    Boolean,
    Float,
    Integer,
    Number,
    String,
    List { list: Box<Part> },
    Set { set: Box<Part> },
    Map { map: Box<Part> },
    Object { object: BTreeMap<String, Part> },
}

impl Shape {
    /// One attribute of each simple type.
    pub(super) fn simple() -> Self {
        let simple = [
            ("bool", Content::Boolean),
            ("float", Content::Float),
            ("integer", Content::Integer),
            ("number", Content::Number),
            ("string", Content::String),
        ];
        let attributes = simple.map(|(name, content)| (name.to_owned(), Part::optional(content)));
        Self { attributes: attributes.into(), blocks: BTreeMap::new() }
    }

    /// The simple one, and collections and blocks of itself.
    pub(super) fn complex() -> Self {
        Self::complex_to(COMPLEX_DEPTH)
    }

    fn complex_to(depth: u32) -> Self {
        let mut shape = Self::simple();
        let Some(depth) = depth.checked_sub(1) else { return shape };
        let inner = Self::complex_to(depth);
        let object = || Content::Object { object: inner.attributes.clone() };
        let element = || Box::new(Part::optional(object()));
        let collections = [
            ("list", Content::List { list: element() }),
            ("set", Content::Set { set: element() }),
            ("map", Content::Map { map: element() }),
            ("object", object()),
        ];
        shape.attributes.extend(collections.map(|(name, content)| (name.to_owned(), Part::optional(content))));
        let block = |mode| Block { attributes: inner.attributes.clone(), blocks: inner.blocks.clone(), mode };
        shape.blocks = [("list_block", Mode::List), ("set_block", Mode::Set)]
            .map(|(name, mode)| (name.to_owned(), block(mode)))
            .into();
        shape
    }

    /// The schema of a resource of this shape. Every resource has an id, which the user may choose.
    pub(super) fn schema(&self) -> Schema {
        let id = Attribute::string("").optional_computed();
        let id = id.modified(Modifier::UseStateForUnknown).modified(Modifier::RequiresReplace);
        let mut attributes = attributes(&self.attributes, &self.blocks);
        attributes.insert("id".to_owned(), id);
        Schema::new("", attributes)
    }
}

impl Part {
    fn optional(content: Content) -> Self {
        Self { content, required: false, replace: false }
    }

    fn attribute(&self) -> Attribute {
        let attribute = self.content.attribute();
        let attribute = if self.required { attribute.required() } else { attribute };
        if self.replace { attribute.modified(Modifier::RequiresReplace) } else { attribute }
    }

    /// A collection of such elements.
    fn elements(&self, nesting: Nesting, of: fn(Type) -> Type) -> Attribute {
        if let Content::Object { object } = &self.content {
            nested(nesting, object, &BTreeMap::new())
        } else {
            Attribute::new(of(self.attribute().value_type()), "")
        }
    }
}

impl Content {
    fn attribute(&self) -> Attribute {
        match self {
            Self::Boolean => Attribute::bool(""),
            Self::Float | Self::Integer | Self::Number => Attribute::number(""),
            Self::String => Attribute::string(""),
            Self::List { list } => list.elements(Nesting::List, Type::list),
            Self::Set { set } => set.elements(Nesting::Set, Type::set),
            Self::Map { map } => map.elements(Nesting::Map, Type::map),
            Self::Object { object } => nested(Nesting::Single, object, &BTreeMap::new()),
        }
    }
}

impl Block {
    fn attribute(&self) -> Attribute {
        let nesting = match self.mode {
            Mode::List => Nesting::List,
            Mode::Set => Nesting::Set,
        };
        nested(nesting, &self.attributes, &self.blocks).as_blocks()
    }
}

fn nested(nesting: Nesting, parts: &BTreeMap<String, Part>, blocks: &BTreeMap<String, Block>) -> Attribute {
    Attribute::nested(nesting, attributes(parts, blocks), "")
}

fn attributes(parts: &BTreeMap<String, Part>, blocks: &BTreeMap<String, Block>) -> Attributes {
    let parts = parts.iter().map(|(name, part)| (name.clone(), part.attribute()));
    parts.chain(blocks.iter().map(|(name, block)| (name.clone(), block.attribute()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_read_from_json() {
        let text = r#"{
            "attributes": {"words": {"type": "list", "required": true, "list": {"type": "string"}}},
            "blocks": {"part": {"mode": "set", "attributes": {"size": {"type": "number", "replace": true}}}}
        }"#;
        let schema = serde_json::from_str::<Shape>(text).unwrap().schema();
        assert_eq!(schema.attributes.keys().collect::<Vec<_>>(), ["id", "part", "words"]);
        assert_eq!(schema.attributes["words"], Attribute::new(Type::list(Type::String), "").required());
        assert!(schema.attributes["part"].as_blocks);
    }

    #[test]
    fn the_complex_resource_ends() {
        let mut attributes = Shape::complex().schema().attributes;
        let mut depth = 0;
        while let Some(list) = attributes.get("list") {
            let terraform_provider_framework::schema::Kind::Nested(_, inner) = &list.kind else { panic!() };
            attributes = inner.clone();
            depth += 1;
        }
        assert_eq!(depth, COMPLEX_DEPTH);
    }
}
