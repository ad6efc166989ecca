//! Log lines on standard error, in the JSON form that Terraform merges into its own log under
//! `TF_LOG`. Never anything on standard output, and never a secret.
//!
//! Lines of a call carry the call's keys by themselves. Texts that were given to [`mask`], among them
//! every sensitive value of a configuration, show as `***`.

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{OnceLock, PoisonError, RwLock};

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every step; of use to nobody but its author.
    Trace,
    /// Of use to developers.
    Debug,
    /// Of use to users.
    Info,
    /// Something is odd.
    Warn,
    /// Something did not go well, and the user is told otherwise too.
    Error,
}

/// Longest text of a field: Terraform does not parse lines over 64 KiB.
const FIELD_LENGTH_MAX: usize = 8 * 1024;

/// Shortest text that is masked: masking less would blot out half the log, and protect nothing.
const SECRET_LENGTH_MIN: usize = 4;

/// Most texts that are masked, so that neither memory nor the time for a line grows without bound.
const SECRETS_MAX: usize = 1000;

static SECRETS: RwLock<BTreeSet<String>> = RwLock::new(BTreeSet::new());
static LEAST: OnceLock<Level> = OnceLock::new();

/// The keys of a call, as Terraform's own plugin libraries name them.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) rpc: &'static str,
    pub(crate) request: String,
    pub(crate) type_name: String,
    pub(crate) provider: &'static str,
}

tokio::task_local! {
    /// The call that a line belongs to.
    pub(crate) static CALL: Keys;
}

/// Writes one line, if lines of that level are wanted. A line that cannot be written is lost: there is
/// nowhere else to say so.
pub fn write(level: Level, message: &str, fields: &[(&str, &str)]) {
    if level < least() {
        return;
    }
    #[expect(clippy::disallowed_methods, reason = "a log line tells when it was written")]
    let now = Timestamp::now();
    let keys = CALL.try_with(Clone::clone).ok();
    let line = line(now, level, message, keys.as_ref(), fields);
    writeln!(std::io::stderr().lock(), "{line}").ok();
}

/// From now on shows this text as `***`.
pub fn mask(secret: &str) {
    let mut secrets = SECRETS.write().unwrap_or_else(PoisonError::into_inner);
    if secret.len() >= SECRET_LENGTH_MIN && secrets.len() < SECRETS_MAX && !secrets.contains(secret) {
        secrets.insert(secret.to_owned());
    }
}

/// The same text with every known secret masked.
pub(crate) fn masked(text: &str) -> Cow<'_, str> {
    let mut shown = Cow::Borrowed(text);
    for secret in SECRETS.read().unwrap_or_else(PoisonError::into_inner).iter() {
        if shown.contains(secret.as_str()) {
            shown = Cow::Owned(shown.replace(secret.as_str(), "***"));
        }
    }
    shown
}

/// Sets the least level that is wanted, by the variables with which Terraform is told.
pub(crate) fn set_least(variable: impl Fn(&str) -> Option<String>) {
    LEAST.set(wanted(variable)).ok();
}

/// Whether anybody reads the lines of single calls.
pub(crate) fn is_verbose() -> bool {
    least() <= Level::Debug
}

fn least() -> Level {
    LEAST.get().copied().unwrap_or(Level::Error)
}

fn wanted(variable: impl Fn(&str) -> Option<String>) -> Level {
    let set = ["TF_LOG_PROVIDER", "TF_LOG"].into_iter().find_map(|name| variable(name).filter(|it| !it.is_empty()));
    match set.unwrap_or_default().to_uppercase().as_str() {
        // JSON asks for everything, in another form; Terraform itself does the forming.
        "TRACE" | "JSON" => Level::Trace,
        "DEBUG" => Level::Debug,
        "INFO" => Level::Info,
        "WARN" => Level::Warn,
        _error_off_or_unset => Level::Error,
    }
}

fn line(now: Timestamp, level: Level, message: &str, keys: Option<&Keys>, fields: &[(&str, &str)]) -> Json {
    let level = match level {
        Level::Trace => "trace",
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    };
    let mut line = json!({
        "@level": level,
        "@message": shown(message),
        "@module": "provider",
        "@timestamp": now.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
    });
    if let Some(keys) = keys {
        line["tf_provider_addr"] = json!(keys.provider);
        line["tf_req_id"] = json!(keys.request);
        line["tf_rpc"] = json!(keys.rpc);
        if !keys.type_name.is_empty() {
            line["tf_resource_type"] = json!(shown(&keys.type_name));
        }
    }
    for (name, value) in fields {
        line[*name] = json!(shown(value));
    }
    line
}

/// Masked before it is cut, so that no half of a secret is left at the end.
fn shown(text: &str) -> String {
    let text = masked(text);
    text.get(..text.floor_char_boundary(FIELD_LENGTH_MAX)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_terraform_parses() {
        let now: Timestamp = "2026-01-02T03:04:05.5Z".parse().unwrap();
        let keys = Keys {
            rpc: "ReadResource",
            request: "7-1".to_owned(),
            type_name: "a_b".to_owned(),
            provider: "registry.example/a/a",
        };
        let line = line(now, Level::Error, &"x".repeat(100_000), Some(&keys), &[("tf_req_duration_ms", "3")]);
        assert_eq!(line["@timestamp"], "2026-01-02T03:04:05.500000Z");
        assert_eq!(line["@level"], "error");
        assert_eq!(line["tf_rpc"], "ReadResource");
        assert_eq!(line["tf_req_id"], "7-1");
        assert_eq!(line["tf_resource_type"], "a_b");
        assert_eq!(line["tf_provider_addr"], "registry.example/a/a");
        assert_eq!(line["tf_req_duration_ms"], "3");
        assert!(line.to_string().len() < 64 * 1024);
    }

    #[test]
    fn secrets_are_masked_even_where_the_text_is_cut() {
        mask("hunter-22");
        mask("abc");
        assert_eq!(masked("token hunter-22 of abc"), "token *** of abc");
        let text = format!("{}hunter-22", "x".repeat(FIELD_LENGTH_MAX - 4));
        assert!(shown(&text).ends_with("x***"));
    }

    #[test]
    fn the_level_is_the_one_that_terraform_was_told() {
        let level = |name: &'static str, value: &'static str| wanted(move |it| (it == name).then(|| value.to_owned()));
        assert_eq!(level("TF_LOG", "trace"), Level::Trace);
        assert_eq!(level("TF_LOG", "JSON"), Level::Trace);
        assert_eq!(level("TF_LOG_PROVIDER", "Info"), Level::Info);
        assert_eq!(level("TF_LOG", ""), Level::Error);
        assert_eq!(level("ELSE", "TRACE"), Level::Error);
    }
}
