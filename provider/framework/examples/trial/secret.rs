//! A secret that is there for one run: an empty file while it is open.

use crate::Client;
use std::time::{Duration, SystemTime};
use terraform_provider_framework::schema::attributes;
use terraform_provider_framework::{
    Attribute, Context, Diagnostic, Diagnostics, EphemeralResource, Opened, Path, Renewed, Schema, Value, async_trait,
};

pub(crate) struct Secret;

/// The first moment at which it asks to be renewed, in seconds since 1970: fixed, so that tests know it.
const RENEW_AT: Duration = Duration::from_secs(4_000_000_000);

#[async_trait]
impl EphemeralResource<Client> for Secret {
    fn schema(&self) -> Schema {
        let value = Attribute::string("The secret.").computed().sensitive();
        Schema::new("A secret.", attributes([("name", Attribute::string("").required()), ("value", value)]))
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        let empty = config.get("name").as_str() == Some("");
        let told = || Diagnostic::error("It has no name", "Give it one.").at(Path::attribute("name"));
        empty.then(told).into_iter().collect()
    }

    async fn open(&self, context: &Context<Client>, mut config: Value) -> Result<Opened, Diagnostics> {
        let name = config.get("name").as_str().unwrap_or_default().to_owned();
        let folder = context.client.folder()?;
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(folder.join(format!("{name}.open")), ""))
            .map_err(|error| Diagnostic::error("Not opened", error.to_string()))?;
        config.put("value", format!("secret of {name}"));
        Ok(Opened { result: config, renew_at: Some(SystemTime::UNIX_EPOCH + RENEW_AT), private: name.into_bytes() })
    }

    async fn renew(&self, _context: &Context<Client>, private: Vec<u8>) -> Result<Renewed, Diagnostics> {
        Ok(Renewed { renew_at: None, private })
    }

    async fn close(&self, context: &Context<Client>, private: Vec<u8>) -> Result<(), Diagnostics> {
        let name = String::from_utf8_lossy(&private).into_owned();
        std::fs::remove_file(context.client.folder()?.join(format!("{name}.open")))
            .map_err(|error| Diagnostic::error("Not closed", error.to_string()).into())
    }
}
