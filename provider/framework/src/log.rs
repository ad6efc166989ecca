//! Log lines on standard error, in the JSON form that Terraform merges into its own log.
//! Never anything on standard output, and never a configuration's values.

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use std::io::Write;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// Of use to developers.
    Debug,
    /// Something did not go well, and the user is told otherwise too.
    Error,
}

/// Longest text of a field: Terraform does not parse lines over 64 KiB.
const FIELD_LENGTH_MAX: usize = 8 * 1024;

/// Writes one line. A line that cannot be written is lost: there is nowhere else to say so.
pub(crate) fn log(level: Level, message: &str, fields: &[(&str, &str)]) {
    #[expect(clippy::disallowed_methods, reason = "a log line tells when it was written")]
    let now = Timestamp::now();
    let line = line(now, level, message, fields);
    writeln!(std::io::stderr().lock(), "{line}").ok();
}

fn line(now: Timestamp, level: Level, message: &str, fields: &[(&str, &str)]) -> Json {
    let level = match level {
        Level::Debug => "debug",
        Level::Error => "error",
    };
    let mut line = json!({
        "@level": level,
        "@message": cut(message),
        "@module": "provider",
        "@timestamp": now.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
    });
    for (name, value) in fields {
        line[*name] = json!(cut(value));
    }
    line
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(FIELD_LENGTH_MAX)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_terraform_parses() {
        let now: Timestamp = "2026-01-02T03:04:05.5Z".parse().unwrap();
        let line = line(now, Level::Error, &"x".repeat(100_000), &[("tf_rpc", "ReadResource")]);
        assert_eq!(line["@timestamp"], "2026-01-02T03:04:05.500000Z");
        assert_eq!(line["@level"], "error");
        assert_eq!(line["tf_rpc"], "ReadResource");
        assert!(line.to_string().len() < 64 * 1024);
    }
}
