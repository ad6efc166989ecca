//! The provider `null`: a resource that is nothing but its state.

use terraform_provider_framework::schema::{Modifier, attributes};
use terraform_provider_framework::value::Type;
use terraform_provider_framework::{
    Attribute, Change, Context, DataSource, Diagnostics, Failure, Named, Provider, Resource, Schema, Value, async_trait,
};

pub(crate) struct Null;

impl Provider for Null {
    type Client = ();

    fn schema(&self) -> Schema {
        Schema::new("Resources that do nothing.", attributes([]))
    }

    fn configure(&self, _terraform_version: &str, _config: &Value) -> Result<(), Diagnostics> {
        Ok(())
    }

    fn resources(&self) -> Named<dyn Resource<()>> {
        vec![("null_resource", Box::new(NullResource))]
    }

    fn data_sources(&self) -> Named<dyn DataSource<()>> {
        Vec::new()
    }
}

struct NullResource;

/// One fixed id serves: the tests make no two of them.
const ID: &str = "1";

#[async_trait]
impl Resource<()> for NullResource {
    fn schema(&self) -> Schema {
        let triggers = Attribute::new(Type::map(Type::String), "Values whose change replaces the resource.");
        let id = Attribute::string("Given by the provider.").computed();
        Schema::new(
            "Does nothing.",
            attributes([
                ("id", id.modified(Modifier::UseStateForUnknown)),
                ("triggers", triggers.modified(Modifier::RequiresReplace)),
            ]),
        )
    }

    async fn create(&self, _context: &Context<()>, change: Change) -> Result<Value, Failure> {
        let mut state = change.planned;
        state.put("id", ID);
        Ok(state)
    }

    async fn read(&self, _context: &Context<()>, state: Value) -> Result<Option<Value>, Diagnostics> {
        Ok(Some(state))
    }

    async fn update(&self, _context: &Context<()>, change: Change) -> Result<Value, Failure> {
        Ok(change.planned)
    }

    async fn delete(&self, _context: &Context<()>, _state: Value) -> Result<(), Diagnostics> {
        Ok(())
    }

    async fn import(&self, _context: &Context<()>, id: &str) -> Result<Value, Diagnostics> {
        Ok(Value::object([("id", id)].map(|(name, value)| (name, Value::from(value)))))
    }
}
