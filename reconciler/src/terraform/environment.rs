//! The environment that Terraform gets: a cleaned copy, so that a variable in somebody's shell can
//! neither change what is planned nor leak to modules and providers.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;

/// Variables that are passed on by name. What Terraform, its downloads and its providers need to
/// find their files and the network, and nothing that changes a plan (`TF_CLI_ARGS`, `TF_VAR_…`,
/// `TF_WORKSPACE`, `TF_DATA_DIR`) or writes secrets to a log (`TF_LOG`).
const PASSED_ON: [&str; 17] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "TF_CLI_CONFIG_FILE",
    "TF_PLUGIN_CACHE_DIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSH_AUTH_SOCK",
    "GIT_SSH_COMMAND",
    "KUBECONFIG",
    "XDG_CONFIG_HOME",
];

/// Prefixes of variables by which providers and registries take their settings and credentials.
const PASSED_ON_PREFIXES: [&str; 9] =
    ["AWS_", "GOOGLE_", "CLOUDSDK_", "ARM_", "AZURE_", "OCI_", "DIGITALOCEAN_", "HCLOUD_", "TF_TOKEN_"];

/// Variables that are always set: no phoning home, and messages that do not ask a human to type.
const ALWAYS: [(&str, &str); 2] = [("CHECKPOINT_DISABLE", "1"), ("TF_IN_AUTOMATION", "1")];

/// Variables for a run of Terraform. Values are never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// Keeps of `own` what Terraform may see, then adds `extra` (such as the provider's `SHADOW_…`).
    pub fn cleaned(
        own: impl IntoIterator<Item = (OsString, OsString)>,
        extra: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let mut variables: BTreeMap<OsString, OsString> =
            own.into_iter().filter(|(name, _)| is_passed_on(name)).collect();
        variables.extend(extra.into_iter().map(|(name, value)| (name.into(), value.into())));
        variables.extend(ALWAYS.map(|(name, value)| (name.into(), value.into())));
        Self(variables)
    }

    /// The variables in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

fn is_passed_on(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    PASSED_ON.contains(&name) || PASSED_ON_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_a_plan_or_leaks_is_dropped() {
        let own = [
            ("PATH", "/bin"),
            ("AWS_REGION", "eu-1"),
            ("TF_TOKEN_app_terraform_io", "secret"),
            ("TF_CLI_ARGS", "-target=x"),
            ("TF_CLI_ARGS_apply", "-auto-approve"),
            ("TF_VAR_slots", "{}"),
            ("TF_WORKSPACE", "other"),
            ("TF_DATA_DIR", "/tmp"),
            ("TF_LOG", "trace"),
            ("SHADOW_TOKEN", "of the shell"),
            ("DATABASE_PASSWORD", "secret"),
        ];
        let own = own.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let environment = Environment::cleaned(own, [("SHADOW_TOKEN".to_owned(), "configured".to_owned())]);
        let names: Vec<&str> = environment.iter().filter_map(|(name, _)| name.to_str()).collect();
        let expected = [
            "AWS_REGION",
            "CHECKPOINT_DISABLE",
            "PATH",
            "SHADOW_TOKEN",
            "TF_IN_AUTOMATION",
            "TF_TOKEN_app_terraform_io",
        ];
        assert_eq!(names, expected);
        let shown = format!("{environment:?}");
        assert!(shown.contains("AWS_REGION") && !shown.contains("configured") && !shown.contains("secret"), "{shown}");
    }
}
