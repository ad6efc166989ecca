//! The provider block: where the reconciler, the directory and the agent are. The only place that
//! reads the environment.

use crate::client::{Access, Api, Client, Directory, Reconciler, Setting, Side, Store};
use crate::{data_sources, ephemeral, functions, resources};
use terraform_provider_framework::schema::attributes;
use terraform_provider_framework::{
    Attribute, DataSource, Diagnostic, Diagnostics, EphemeralResource, Function, ListResource, Named, Path, Provider,
    Resource, Schema, Value,
};

/// The provider `shadow`.
pub(crate) struct Shadow;

const DESCRIPTION: &str = "Declares which services deserve a *shadow*: a second instance that the reconciler \
    provisions before the first one fails. Declarations go to a reconciler (`endpoint`), or, in pipelines without a \
    daemon, into a directory of JSON documents (`directory`). One of the two is needed; they exclude each other.";

impl Provider for Shadow {
    type Client = Client;

    fn address(&self) -> &'static str {
        "registry.terraform.io/shadow-failover/shadow"
    }

    fn schema(&self) -> Schema {
        let endpoint = "URL of the reconciler's API, as in `http://127.0.0.1:9580`. Excludes `directory`. Default: \
            the environment variable `SHADOW_ENDPOINT`.";
        let token = "Bearer token of the reconciler's and the agent's API. Default: the environment variable \
            `SHADOW_TOKEN`, else none is sent.";
        let directory = "Folder of declarations: `policies/NAME.json`, `groups/NAME.json` and `calendars/NAME.json`, for pipelines without \
            a daemon. Excludes `endpoint`. Default: the environment variable `SHADOW_DIRECTORY`.";
        let agent = "URL of the agent on the host that runs `shadow_process` resources, as in \
            `http://127.0.0.1:9590`. Default: the environment variable `SHADOW_AGENT`.";
        Schema::new(
            DESCRIPTION,
            attributes([
                ("endpoint", Attribute::string(endpoint)),
                ("token", Attribute::string(token).sensitive()),
                ("directory", Attribute::string(directory)),
                ("agent", Attribute::string(agent)),
            ]),
        )
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        let both = !config.get("endpoint").is_null() && !config.get("directory").is_null();
        both.then(both_given).into_iter().collect()
    }

    fn configure(&self, terraform_version: &str, config: &Value) -> Result<Client, Diagnostics> {
        configure(terraform_version, config, |name| std::env::var(name).ok()).map_err(Diagnostics::from)
    }

    fn resources(&self) -> Named<dyn Resource<Client>> {
        resources::all()
    }

    fn data_sources(&self) -> Named<dyn DataSource<Client>> {
        data_sources::all()
    }

    fn ephemeral_resources(&self) -> Named<dyn EphemeralResource<Client>> {
        ephemeral::all()
    }

    fn list_resources(&self) -> Named<dyn ListResource<Client>> {
        resources::finders()
    }

    fn functions(&self) -> Named<dyn Function> {
        functions::all()
    }
}

fn configure(
    terraform_version: &str,
    config: &Value,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Client, Diagnostic> {
    let in_block = |name: &str| !config.get(name).is_null();
    let setting = |name: &str| Setting::of(config.get(name), variable(&variable_of(name)));
    // What the block says is meant; a variable for the other one is not.
    let unless = |other: &str, name: &str| {
        if in_block(other) && !in_block(name) { Setting::Absent } else { setting(name) }
    };
    let (mut endpoint, directory) = (unless("directory", "endpoint"), unless("endpoint", "directory"));
    let (mut agent, token) = (setting("agent"), setting("token"));
    if matches!(token, Setting::Unknown) {
        // Without its token nobody can be asked.
        endpoint = endpoint.not_yet();
        agent = agent.not_yet();
    }
    let access = Access::new(token.known().as_deref(), &user_agent(terraform_version))
        .map_err(|error| Diagnostic::error("HTTP cannot be set up", format!("{error}. Check the token.")))?;
    if let Setting::Known(url) = &agent {
        Api::new(Side::Agent, url, &access).map_err(|problem| bad_url("agent", &problem))?;
    }
    Ok(Client::new(store(endpoint, directory, &access)?, agent, access))
}

fn store(endpoint: Setting<String>, directory: Setting<String>, access: &Access) -> Result<Setting<Store>, Diagnostic> {
    Ok(match (endpoint, directory) {
        (Setting::Absent, Setting::Absent) => Setting::Absent,
        (Setting::Unknown, Setting::Absent) | (Setting::Absent, Setting::Unknown) => Setting::Unknown,
        (Setting::Absent, Setting::Known(path)) => Setting::Known(Store::Directory(Directory::new(path.into()))),
        (Setting::Known(url), Setting::Absent) => {
            let api = Api::new(Side::Reconciler, &url, access).map_err(|problem| bad_url("endpoint", &problem))?;
            Setting::Known(Store::Reconciler(Box::new(Reconciler::new(api))))
        }
        (Setting::Known(_) | Setting::Unknown, Setting::Known(_) | Setting::Unknown) => return Err(both_given()),
    })
}

fn user_agent(terraform_version: &str) -> String {
    let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    format!("Terraform/{terraform_version} (+https://www.terraform.io) {name}/{version}")
}

fn variable_of(setting: &str) -> String {
    format!("SHADOW_{}", setting.to_uppercase())
}

fn both_given() -> Diagnostic {
    let detail = "Declarations go either to a reconciler or into a directory. Remove endpoint or directory \
        (and SHADOW_ENDPOINT or SHADOW_DIRECTORY).";
    Diagnostic::error("endpoint and directory exclude each other", detail).at(Path::attribute("directory"))
}

fn bad_url(setting: &str, problem: &str) -> Diagnostic {
    let detail = format!("{problem}. Write it as in \"http://127.0.0.1:9580\".");
    Diagnostic::error(format!("Invalid {setting}"), detail).at(Path::attribute(setting))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Missing;

    fn configured(block: &[(&str, Value)], variables: &[(&str, &str)]) -> Result<Client, Diagnostic> {
        let config = Value::object(block.iter().cloned());
        configure("1.11.4", &config, |name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_block_wins_over_the_environment() {
        let both = [("SHADOW_ENDPOINT", "http://r:1"), ("SHADOW_DIRECTORY", "/d")];
        let client = configured(&[("directory", "/mine".into())], &both).unwrap();
        assert!(matches!(client.store(), Ok(Store::Directory(_))));
        let client = configured(&[("endpoint", "http://r:2".into())], &both).unwrap();
        assert!(matches!(client.store(), Ok(Store::Reconciler(_))));
        assert!(configured(&[], &both).is_err(), "neither is meant more than the other");
        assert!(matches!(configured(&[], &[]).unwrap().store(), Err(Missing::Absent(_))));
    }

    #[test]
    fn what_is_unknown_while_planning_is_no_error() {
        let client = configured(&[("endpoint", Value::Unknown)], &[]).unwrap();
        assert!(matches!(client.store(), Err(Missing::Unknown(_))));
        let client = configured(&[("token", Value::Unknown)], &[("SHADOW_ENDPOINT", "http://r:1")]).unwrap();
        assert!(matches!(client.store(), Err(Missing::Unknown(_))));
        let client = configured(&[("token", Value::Unknown)], &[("SHADOW_DIRECTORY", "/d")]).unwrap();
        assert!(client.store().is_ok());
    }

    #[test]
    fn a_bad_url_is_refused_at_its_setting() {
        let bad = ["reconciler:7070", "ftp://x", "http://", "http://:1", "http://h:65536", "http://h:x", "http://h/?a"];
        for bad in bad.into_iter().chain(["http://user:secret@host", "http://secret@host", "http://h/#a", "http://a b"])
        {
            let refused = configured(&[("endpoint", bad.into())], &[]).err().unwrap();
            assert_eq!(refused.path, Path::attribute("endpoint"), "{bad}");
            assert!(!refused.detail.contains("secret"));
        }
        for good in
            ["http://h", "http://h:1/", "http://[::1]", "http://[::1]:65535/behind/a/proxy", "http://127.0.0.1:9580"]
        {
            assert!(configured(&[("endpoint", good.into())], &[]).is_ok(), "{good}");
        }
    }
}
