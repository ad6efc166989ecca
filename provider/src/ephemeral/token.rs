//! `shadow_token`: a token of the reconciler's API that lives for one run and may do one thing. It is
//! in no plan and no state, and closed at the end of the run.

use crate::client::{ANSWER, Client};
use serde::{Deserialize, Serialize};
use terraform_provider_framework::schema::attributes;
use terraform_provider_framework::{
    Attribute, Context, Diagnostics, EphemeralResource, Opened, Schema, Value, async_trait,
};

pub(super) struct ApiToken;

/// Life of a token whose user names none: an hour, as long as most runs take at most.
const LIFETIME_SECONDS: u32 = 3600;

/// Longest life that the reconciler grants: a day.
const LIFETIME_SECONDS_MAX: u64 = 86_400;

const DESCRIPTION: &str = "A token of the reconciler's API for one run of Terraform, good for one scope, such as for \
    a script or another provider. It is revoked at the end of the run, and expires by itself if that fails. It is never \
    stored in a plan or a state. The provider needs the reconciler's main token to make it.";

/// What the reconciler is asked for.
#[derive(Serialize)]
struct Wanted<'a> {
    scope: &'a str,
    lifetime_seconds: u64,
}

/// What it gives.
#[derive(Deserialize)]
struct Issued {
    id: String,
    token: String,
    expires: String,
}

#[async_trait]
impl EphemeralResource<Client> for ApiToken {
    fn schema(&self) -> Schema {
        let lifetime = format!("Seconds until it expires, if it is not revoked before. Default: `{LIFETIME_SECONDS}`.");
        let scope = "What its holder may do: `read` reads; `declare` also writes policies, groups and calendars; \
            `operate` also moves traffic.";
        Schema::new(
            DESCRIPTION,
            attributes([
                ("scope", Attribute::string(scope).required().one_of(&["read", "declare", "operate"])),
                ("lifetime_seconds", Attribute::number(&lifetime).integer(1, LIFETIME_SECONDS_MAX)),
                ("id", Attribute::string("By which the reconciler's log names it.").computed()),
                ("token", Attribute::string("To be shown as bearer token.").computed().sensitive()),
                ("expires", Attribute::string("When it expires, in RFC 3339.").computed()),
            ]),
        )
    }

    async fn open(&self, context: &Context<Client>, mut config: Value) -> Result<Opened, Diagnostics> {
        let lifetime = config.get("lifetime_seconds").as_number().and_then(|number| number.as_u64());
        let wanted = Wanted {
            scope: config.get("scope").as_str().unwrap_or_default(),
            lifetime_seconds: lifetime.unwrap_or(LIFETIME_SECONDS.into()),
        };
        let api = context.client.reconciler()?;
        let issued: Issued = api.post("/v1/tokens", &wanted, ANSWER, &context.cancellation).await?;
        config.put("id", issued.id.as_str());
        config.put("token", issued.token);
        config.put("expires", issued.expires);
        Ok(Opened { result: config, renew_at: None, private: issued.id.into_bytes() })
    }

    async fn close(&self, context: &Context<Client>, private: Vec<u8>) -> Result<(), Diagnostics> {
        let id = String::from_utf8_lossy(&private);
        let api = context.client.reconciler()?;
        Ok(api.delete(&format!("/v1/tokens/{id}"), ANSWER, &context.cancellation).await?)
    }
}
