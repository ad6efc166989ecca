//! What a provider serves, as plain data: what its documentation tells of. The wire's messages end here.

use crate::provider_process::{ProviderProcess, proto};
use anyhow::{Context, Result, ensure};
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Everything that has a page.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// The provider block.
    pub provider: Schema,
    /// Managed resources.
    pub resources: BTreeMap<String, Schema>,
    /// Data sources.
    pub data_sources: BTreeMap<String, Schema>,
    /// Ephemeral resources.
    pub ephemeral_resources: BTreeMap<String, Schema>,
    /// Resources that can be listed.
    pub list_resources: BTreeMap<String, Schema>,
    /// Functions.
    pub functions: BTreeMap<String, Function>,
    /// By what resources can be imported, where not by an id alone.
    pub identities: BTreeMap<String, Vec<IdentityAttribute>>,
}

/// The attributes of one type.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    /// What it is, in Markdown.
    pub description: String,
    /// Its attributes.
    pub attributes: Attributes,
}

/// Attributes by name.
pub type Attributes = BTreeMap<String, Attribute>;

/// One attribute.
#[derive(Debug, Clone)]
pub struct Attribute {
    /// What it holds.
    pub content: Content,
    /// Meaning, unit, default and range, in Markdown.
    pub description: String,
    /// Who gives it its value.
    pub group: Group,
    /// Whether the provider gives it a value where the user does not.
    pub computed: bool,
    /// Whether Terraform hides it.
    pub sensitive: bool,
    /// Whether it is never stored.
    pub write_only: bool,
    /// Whether it should no longer be used.
    pub deprecated: bool,
}

/// What an attribute holds.
#[derive(Debug, Clone)]
pub enum Content {
    /// A value; the type in Terraform's JSON form.
    Value(Json),
    /// Attributes of its own; the word says how many of them.
    Nested(&'static str, Attributes),
}

/// Who gives an attribute its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// The user, always.
    Required,
    /// The user, if they like.
    Optional,
    /// The provider.
    ReadOnly,
}

/// One attribute of an identity.
#[derive(Debug, Clone)]
pub struct IdentityAttribute {
    /// Its name.
    pub name: String,
    /// Its type in Terraform's JSON form.
    pub ty: Json,
    /// Meaning, in Markdown.
    pub description: String,
    /// Whether an import must give it.
    pub required: bool,
}

/// One function.
#[derive(Debug, Clone)]
pub struct Function {
    /// What it is for, in a sentence.
    pub summary: String,
    /// The same at length, in Markdown.
    pub description: String,
    /// What it takes.
    pub parameters: Vec<Parameter>,
    /// What it takes any number of, at the end.
    pub variadic: Option<Parameter>,
    /// What it gives.
    pub returns: Json,
}

/// One parameter.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its type in Terraform's JSON form.
    pub ty: Json,
    /// Meaning, in Markdown.
    pub description: String,
    /// Whether it may be null.
    pub nullable: bool,
}

impl Catalog {
    /// Starts the provider `program` and asks it.
    ///
    /// # Errors
    /// When it does not start or answer, or serves something that has no place in these pages.
    pub async fn of(program: &Path) -> Result<Self> {
        let mut process = ProviderProcess::start(program).await?;
        let served = process.schema().await?;
        let identities = process.identities().await?.identity_schemas;
        Ok(Self {
            provider: Schema::of(served.provider.unwrap_or_default()).context("the provider block")?,
            resources: schemas(served.resource_schemas)?,
            data_sources: schemas(served.data_source_schemas)?,
            ephemeral_resources: schemas(served.ephemeral_resource_schemas)?,
            list_resources: schemas(served.list_resource_schemas)?,
            functions: sorted(served.functions)
                .map(|(name, it)| Ok((name, Function::of(it)?)))
                .collect::<Result<_>>()?,
            identities: sorted(identities).map(|(name, it)| Ok((name, identity(it)?))).collect::<Result<_>>()?,
        })
    }
}

fn sorted<T>(by_name: HashMap<String, T>) -> impl Iterator<Item = (String, T)> {
    BTreeMap::from_iter(by_name).into_iter()
}

fn schemas(served: HashMap<String, proto::Schema>) -> Result<BTreeMap<String, Schema>> {
    sorted(served).map(|(name, schema)| Ok((name.clone(), Schema::of(schema).context(name)?))).collect()
}

impl Schema {
    fn of(schema: proto::Schema) -> Result<Self> {
        let block = schema.block.unwrap_or_default();
        ensure!(block.block_types.is_empty(), "it has blocks: use nested attributes, which these pages can show");
        Ok(Self { description: block.description, attributes: attributes(block.attributes)? })
    }
}

fn attributes(served: Vec<proto::schema::Attribute>) -> Result<Attributes> {
    let named = |it: proto::schema::Attribute| {
        let name = it.name.clone();
        let attribute = Attribute::of(it).with_context(|| format!("attribute {name}"))?;
        Ok((name, attribute))
    };
    served.into_iter().map(named).collect()
}

impl Attribute {
    fn of(it: proto::schema::Attribute) -> Result<Self> {
        let content = match it.nested_type {
            None => Content::Value(ty(&it.r#type)?),
            Some(object) => Content::Nested(nesting(&object), attributes(object.attributes)?),
        };
        let group = match (it.required, it.optional) {
            (true, _) => Group::Required,
            (false, true) => Group::Optional,
            (false, false) => Group::ReadOnly,
        };
        Ok(Self {
            content,
            description: it.description,
            group,
            computed: it.computed,
            sensitive: it.sensitive,
            write_only: it.write_only,
            deprecated: it.deprecated,
        })
    }
}

fn nesting(object: &proto::schema::Object) -> &'static str {
    use proto::schema::object::NestingMode;
    match object.nesting() {
        NestingMode::Single | NestingMode::Invalid => "Attributes",
        NestingMode::List => "Attributes List",
        NestingMode::Set => "Attributes Set",
        NestingMode::Map => "Attributes Map",
    }
}

impl Function {
    fn of(it: proto::Function) -> Result<Self> {
        let returns = it.r#return.context("it returns nothing")?;
        Ok(Self {
            summary: it.summary,
            description: it.description,
            parameters: it.parameters.into_iter().map(Parameter::of).collect::<Result<_>>()?,
            variadic: it.variadic_parameter.map(Parameter::of).transpose()?,
            returns: ty(&returns.r#type)?,
        })
    }
}

impl Parameter {
    fn of(it: proto::function::Parameter) -> Result<Self> {
        Ok(Self {
            ty: ty(&it.r#type).with_context(|| format!("parameter {}", it.name))?,
            name: it.name,
            description: it.description,
            nullable: it.allow_null_value,
        })
    }
}

fn identity(schema: proto::ResourceIdentitySchema) -> Result<Vec<IdentityAttribute>> {
    let attribute = |it: proto::resource_identity_schema::IdentityAttribute| {
        Ok(IdentityAttribute {
            ty: ty(&it.r#type)?,
            name: it.name,
            description: it.description,
            required: it.required_for_import,
        })
    };
    schema.identity_attributes.into_iter().map(attribute).collect()
}

fn ty(bytes: &[u8]) -> Result<Json> {
    serde_json::from_slice(bytes).context("its type is not JSON")
}
