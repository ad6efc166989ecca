//! What Terraform says while it runs, read from its lines of JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// Most diagnostics that are kept of one run: more never helped anybody to find the first cause.
const DIAGNOSTICS_MAX: usize = 20;

/// Longest text kept of one diagnostic, in characters: some providers put whole responses in it.
const DETAIL_LENGTH_MAX: usize = 4000;

/// Outputs of a root by name.
pub type Outputs = BTreeMap<String, Value>;

/// How many resources an apply touched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Made.
    #[serde(default)]
    pub add: u32,
    /// Changed in place.
    #[serde(default)]
    pub change: u32,
    /// Destroyed.
    #[serde(default)]
    pub remove: u32,
}

/// One error or warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// `error` or `warning`.
    pub severity: String,
    /// In a few words.
    pub summary: String,
    /// At length; may be empty.
    #[serde(default)]
    pub detail: String,
    /// The resource that it is about.
    #[serde(default)]
    pub address: Option<String>,
}

/// Errors and warnings of one run, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Diagnostics(pub Vec<Diagnostic>);

/// One line about how a run is getting on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Terraform's name for the kind of message, as in `apply_start` or `apply_complete`.
    pub kind: String,
    /// The resource that it is about.
    pub address: Option<String>,
    /// For people.
    pub message: String,
}

/// What is kept of the messages of one run.
#[derive(Debug, Default)]
pub(super) struct Messages {
    pub(super) diagnostics: Diagnostics,
    pub(super) changes: Changes,
    pub(super) outputs: Outputs,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(rename = "@message", default)]
    message: String,
    diagnostic: Option<Diagnostic>,
    changes: Option<Changes>,
    outputs: Option<BTreeMap<String, OutputValue>>,
    hook: Option<Hook>,
}

#[derive(Deserialize)]
struct OutputValue {
    #[serde(default)]
    value: Value,
}

#[derive(Deserialize)]
struct Hook {
    resource: Option<HookResource>,
}

#[derive(Deserialize)]
struct HookResource {
    addr: String,
}

impl Messages {
    /// Takes one line in. Lines that are no message, such as those of a crash, are skipped here:
    /// they are in the file that the run wrote.
    pub(super) fn take(&mut self, line: &[u8]) -> Option<Progress> {
        let line: Line = serde_json::from_slice(line).ok()?;
        if let Some(diagnostic) = line.diagnostic {
            self.diagnostics.add(diagnostic);
        }
        if let Some(changes) = line.changes {
            self.changes = changes;
        }
        if let Some(outputs) = line.outputs {
            self.outputs = outputs.into_iter().map(|(name, output)| (name, output.value)).collect();
        }
        let address = line.hook.and_then(|hook| hook.resource).map(|resource| resource.addr);
        Some(Progress { kind: line.kind, address, message: line.message })
    }
}

impl Diagnostics {
    /// One error without an address, for commands that speak no JSON.
    pub(super) fn plain(text: &str) -> Self {
        let mut diagnostics = Self::default();
        diagnostics.add(Diagnostic {
            severity: "error".to_owned(),
            summary: text.trim().to_owned(),
            detail: String::new(),
            address: None,
        });
        diagnostics
    }

    fn add(&mut self, mut diagnostic: Diagnostic) {
        for text in [&mut diagnostic.summary, &mut diagnostic.detail] {
            if let Some((end, _)) = text.char_indices().nth(DETAIL_LENGTH_MAX) {
                text.truncate(end);
            }
        }
        if self.0.len() < DIAGNOSTICS_MAX {
            self.0.push(diagnostic);
        }
    }

    /// The first error with this summary.
    pub(super) fn with_summary(&self, summary: &str) -> Option<&Diagnostic> {
        self.0.iter().find(|diagnostic| diagnostic.summary == summary)
    }

    /// Whether any of them contains the text.
    pub(super) fn mention(&self, text: &str) -> bool {
        self.0.iter().any(|diagnostic| diagnostic.summary.contains(text) || diagnostic.detail.contains(text))
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = self.0.iter().filter(|diagnostic| diagnostic.severity == "error");
        let texts: Vec<String> = errors.map(ToString::to_string).collect();
        f.write_str(&texts.join("; "))
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(address) = &self.address {
            write!(f, "{address}: ")?;
        }
        f.write_str(&self.summary)?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail.trim())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_changes_and_errors_are_kept() {
        let mut messages = Messages::default();
        let lines = [
            r#"{"type":"apply_start","@message":"b: Creating...","hook":{"resource":{"addr":"module.slot[\"b\"].x.y"}}}"#,
            r#"{"type":"change_summary","@message":"done","changes":{"add":1,"change":2,"import":0,"remove":3}}"#,
            r#"{"type":"outputs","@message":"Outputs: 1","outputs":{"slots":{"sensitive":false,"type":"string","value":"x"}}}"#,
            r#"{"type":"diagnostic","@message":"Error: no","diagnostic":{"severity":"error","summary":"no","detail":"because","address":"a.b"}}"#,
            "panic: not a message",
        ];
        let progress: Vec<Option<Progress>> = lines.iter().map(|line| messages.take(line.as_bytes())).collect();
        assert_eq!(progress[0].as_ref().unwrap().address.as_deref(), Some(r#"module.slot["b"].x.y"#));
        assert_eq!(progress[4], None);
        assert_eq!(messages.changes, Changes { add: 1, change: 2, remove: 3 });
        assert_eq!(messages.outputs["slots"], "x");
        assert_eq!(messages.diagnostics.to_string(), "a.b: no: because");
    }

    #[test]
    fn floods_are_cut() {
        let mut diagnostics = Diagnostics::default();
        for _ in 0..100 {
            diagnostics.add(Diagnostic {
                severity: "error".to_owned(),
                summary: "x".to_owned(),
                detail: "é".repeat(100_000),
                address: None,
            });
        }
        assert_eq!(diagnostics.0.len(), DIAGNOSTICS_MAX);
        assert_eq!(diagnostics.0[0].detail.chars().count(), DETAIL_LENGTH_MAX);
    }
}
