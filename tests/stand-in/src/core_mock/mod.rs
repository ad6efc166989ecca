//! The provider `tfcoremock`: resources of any shape, each kept as a file beside the configuration.

mod files;
mod shapes;

use files::Files;
use shapes::Shape;
use std::collections::BTreeMap;
use terraform_provider_framework::schema::attributes;
use terraform_provider_framework::{
    Change, Context, DataSource, Diagnostic, Diagnostics, Failure, Named, Provider, Resource, Schema, Value,
    async_trait,
};

/// Shapes of further resources, where a configuration has any.
const SHAPES_FILE: &str = "dynamic_resources.json";

/// Where resources are kept, relative to the configuration.
const RESOURCES_FOLDER: &str = "terraform.resource";

pub(crate) struct CoreMock;

impl Provider for CoreMock {
    type Client = Files;

    fn schema(&self) -> Schema {
        Schema::new("Resources of any shape, kept as files.", attributes([]))
    }

    fn configure(&self, _terraform_version: &str, _config: &Value) -> Result<Files, Diagnostics> {
        // What is wrong with the shapes is told here: a schema has nowhere to say it.
        further_shapes()?;
        Ok(Files::new(RESOURCES_FOLDER))
    }

    fn resources(&self) -> Named<dyn Resource<Files>> {
        let mut shapes = further_shapes().unwrap_or_default();
        shapes.insert("tfcoremock_simple_resource".to_owned(), Shape::simple());
        shapes.insert("tfcoremock_complex_resource".to_owned(), Shape::complex());
        shapes.into_iter().map(|(name, shape)| named(name, shape)).collect()
    }

    fn data_sources(&self) -> Named<dyn DataSource<Files>> {
        Vec::new()
    }
}

fn named(name: String, shape: Shape) -> (&'static str, Box<dyn Resource<Files>>) {
    // The names are read once, and needed until the process ends.
    (name.leak(), Box::new(AnyResource(shape)))
}

fn further_shapes() -> Result<BTreeMap<String, Shape>, Diagnostics> {
    let Ok(text) = std::fs::read_to_string(SHAPES_FILE) else { return Ok(BTreeMap::new()) };
    serde_json::from_str(&text)
        .map_err(|error| Diagnostic::error("Shapes cannot be read", format!("{SHAPES_FILE}: {error}")).into())
}

/// A resource of some shape.
struct AnyResource(Shape);

#[async_trait]
impl Resource<Files> for AnyResource {
    fn schema(&self) -> Schema {
        self.0.schema()
    }

    async fn create(&self, context: &Context<Files>, change: Change) -> Result<Value, Failure> {
        let mut state = change.planned;
        if state.get("id").is_unknown() {
            state.put("id", files::new_id().map_err(failed("made"))?);
        }
        context.client.create(&state).map_err(failed("created"))?;
        Ok(state)
    }

    async fn read(&self, context: &Context<Files>, state: Value) -> Result<Option<Value>, Diagnostics> {
        Ok(context.client.read(&state).map_err(failed("read"))?)
    }

    async fn update(&self, context: &Context<Files>, change: Change) -> Result<Value, Failure> {
        context.client.replace(&change.planned).map_err(failed("updated"))?;
        Ok(change.planned)
    }

    async fn delete(&self, context: &Context<Files>, state: Value) -> Result<(), Diagnostics> {
        Ok(context.client.delete(&state).map_err(failed("deleted"))?)
    }

    async fn import(&self, _context: &Context<Files>, id: &str) -> Result<Value, Diagnostics> {
        Ok(Value::object([("id", Value::from(id))]))
    }
}

fn failed(action: &'static str) -> impl Fn(std::io::Error) -> Diagnostic {
    move |error| Diagnostic::error(format!("The resource was not {action}"), error.to_string())
}
