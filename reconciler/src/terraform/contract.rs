//! Whether a module keeps the module contract, told by its files alone. Runs nothing.

use super::error::TerraformError;
use shadow_core::rendering::RootKind;
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

/// Largest module file that is read, in bytes: hand-written files are a thousand times smaller.
const MODULE_FILE_SIZE_MAX: u64 = 4 * 1024 * 1024;

/// One way in which a module breaks the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Breach {
    /// A variable that the generated root sets is not declared.
    MissingVariable(&'static str),
    /// An output that the generated root reads is not declared.
    MissingOutput(&'static str),
    /// A variable without default that the generated root does not set.
    UnexpectedVariable {
        /// Its name.
        name: String,
        /// Where it is declared.
        file: String,
    },
    /// A file that cannot be read.
    UnreadableFile {
        /// Its name.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// There is not one Terraform file.
    NoFiles,
}

/// Checks the module in `folder` as an instance module (capacity) or a traffic module.
///
/// # Errors
/// `ContractBroken` with every breach, or an error of the operating system.
pub fn check_module(folder: &Path, kind: RootKind) -> Result<(), TerraformError> {
    let mut declared = Declared::default();
    for (file, text) in module_files(folder)? {
        declared.add(&file, &text);
    }
    let breaches = declared.breaches(kind);
    if breaches.is_empty() {
        Ok(())
    } else {
        Err(TerraformError::ContractBroken { module: folder.to_owned(), breaches })
    }
}

fn variables_of(kind: RootKind) -> [&'static str; 2] {
    match kind {
        RootKind::Capacity => ["shadow", "params"],
        RootKind::Traffic => ["traffic", "params"],
    }
}

fn outputs_of(kind: RootKind) -> &'static [&'static str] {
    match kind {
        RootKind::Capacity => &["instance_id", "endpoint", "zone", "size"],
        RootKind::Traffic => &["applied_weights", "applied_epoch", "supports"],
    }
}

/// The names and texts of a module's own files, in the order of their names.
pub(super) fn module_files(folder: &Path) -> Result<Vec<(String, String)>, TerraformError> {
    let entries = std::fs::read_dir(folder).map_err(TerraformError::io("list", folder))?;
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(TerraformError::io("list", folder))?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if !name.ends_with(".tf") && !name.ends_with(".tf.json") {
            continue;
        }
        let size = path.metadata().map_err(TerraformError::io("read", &path))?.len();
        if size > MODULE_FILE_SIZE_MAX {
            let reason = format!("{size} bytes are more than {MODULE_FILE_SIZE_MAX}");
            return Err(TerraformError::Unreadable { path, what: "module file", reason });
        }
        let text = std::fs::read_to_string(&path).map_err(TerraformError::io("read", &path))?;
        files.push((name, text));
    }
    files.sort();
    Ok(files)
}

/// The sources of the modules that the module in `folder` calls, as they are written.
pub(super) fn called_sources(folder: &Path) -> Result<Vec<String>, TerraformError> {
    let mut sources = Vec::new();
    for (file, text) in module_files(folder)? {
        let path = folder.join(&file);
        let unreadable = |reason: String| TerraformError::unreadable("Terraform file", &path)(reason);
        if file.ends_with(".json") {
            let document: serde_json::Value =
                serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
            let calls = document.get("module").and_then(serde_json::Value::as_object).into_iter().flatten();
            let source = |call: &serde_json::Value| Some(call.get("source")?.as_str()?.to_owned());
            sources.extend(calls.filter_map(|(_, call)| source(call)));
        } else {
            let body: hcl::Body = hcl::parse(&text).map_err(|error| unreadable(error.to_string()))?;
            let calls = body.into_blocks().filter(|block| block.identifier() == "module");
            let attributes =
                calls.flat_map(|call| call.body.into_attributes()).filter(|attribute| attribute.key() == "source");
            sources.extend(attributes.map(|attribute| literal(attribute.expr)));
        }
    }
    Ok(sources)
}

/// Anything but a literal is a source that cannot be judged; its text is on no list.
fn literal(expression: hcl::Expression) -> String {
    if let hcl::Expression::String(text) = expression { text } else { expression.to_string() }
}

/// What a module declares, as far as the contract is concerned.
#[derive(Default)]
struct Declared {
    files: usize,
    variables: BTreeSet<String>,
    required: Vec<(String, String)>,
    outputs: BTreeSet<String>,
    unreadable: Vec<Breach>,
}

impl Declared {
    fn add(&mut self, file: &str, text: &str) {
        self.files += 1;
        let read = if file.ends_with(".json") { self.add_json(file, text) } else { self.add_hcl(file, text) };
        if let Err(reason) = read {
            self.unreadable.push(Breach::UnreadableFile { file: file.to_owned(), reason });
        }
    }

    fn add_hcl(&mut self, file: &str, text: &str) -> Result<(), String> {
        let body: hcl::Body = hcl::parse(text).map_err(|error| error.to_string())?;
        for block in body.blocks() {
            let Some(name) = block.labels().first() else { continue };
            let has_default = block.body().attributes().any(|attribute| attribute.key() == "default");
            self.add_block(file, block.identifier(), name.as_str(), has_default);
        }
        Ok(())
    }

    fn add_json(&mut self, file: &str, text: &str) -> Result<(), String> {
        let document: serde_json::Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        for kind in ["variable", "output"] {
            for (name, block) in document.get(kind).and_then(serde_json::Value::as_object).into_iter().flatten() {
                self.add_block(file, kind, name, block.get("default").is_some());
            }
        }
        Ok(())
    }

    fn add_block(&mut self, file: &str, kind: &str, name: &str, has_default: bool) {
        if kind == "output" {
            self.outputs.insert(name.to_owned());
        }
        if kind == "variable" {
            self.variables.insert(name.to_owned());
            if !has_default {
                self.required.push((name.to_owned(), file.to_owned()));
            }
        }
    }

    fn breaches(self, kind: RootKind) -> Vec<Breach> {
        if self.files == 0 {
            return vec![Breach::NoFiles];
        }
        let variables = variables_of(kind);
        let missing_variables = variables.iter().filter(|name| !self.variables.contains(**name));
        let missing_outputs = outputs_of(kind).iter().filter(|name| !self.outputs.contains(**name));
        let unexpected = self.required.iter().filter(|(name, _)| !variables.contains(&name.as_str()));
        // What a file that cannot be read declares is unknown, not missing.
        let missing: Vec<Breach> = if self.unreadable.is_empty() {
            let variables = missing_variables.map(|name| Breach::MissingVariable(name));
            variables.chain(missing_outputs.map(|name| Breach::MissingOutput(name))).collect()
        } else {
            self.unreadable
        };
        let unexpected =
            unexpected.map(|(name, file)| Breach::UnexpectedVariable { name: name.clone(), file: file.clone() });
        missing.into_iter().chain(unexpected).collect()
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingVariable(name) => {
                write!(f, "no file declares variable {name:?}: add `variable {name:?} {{ type = … }}` to variables.tf")
            }
            Self::MissingOutput(name) => {
                write!(f, "no file declares output {name:?}: add `output {name:?} {{ value = … }}` to outputs.tf")
            }
            Self::UnexpectedVariable { name, file } => write!(
                f,
                "{file} declares variable {name:?} without a default, but only the contract's variables are set: \
                 give it a default or read it from params"
            ),
            Self::UnreadableFile { file, reason } => write!(f, "{file} cannot be read: {reason}"),
            Self::NoFiles => f.write_str("the folder has no .tf file: name the folder of a Terraform module"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRAFFIC: &str = r#"
        variable "traffic" { type = any }
        variable "params" { type = any }
        output "applied_weights" { value = { for slot, backend in var.traffic.backends : slot => backend.weight } }
        output "applied_epoch" { value = var.traffic.epoch }
        output "supports" { value = { weights = true } }
    "#;

    fn check(files: &[(&str, &str)], kind: RootKind) -> Vec<Breach> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        match check_module(folder.path(), kind) {
            Ok(()) => Vec::new(),
            Err(TerraformError::ContractBroken { breaches, .. }) => breaches,
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_module_that_keeps_the_contract_passes() {
        assert_eq!(check(&[("main.tf", TRAFFIC)], RootKind::Traffic), []);
    }

    #[test]
    fn json_syntax_counts_too() {
        let json = r#"{"output": {"zone": {"value": "z"}}, "variable": {"more": {"default": 1}}}"#;
        let found = check(&[("main.tf", TRAFFIC), ("more.tf.json", json)], RootKind::Traffic);
        assert_eq!(found, []);
    }

    #[test]
    fn everything_that_is_missing_is_named_with_its_remedy() {
        let found = check(&[("main.tf", TRAFFIC)], RootKind::Capacity);
        let outputs = ["instance_id", "endpoint", "zone", "size"].map(Breach::MissingOutput);
        let mut expected = vec![Breach::MissingVariable("shadow")];
        expected.extend(outputs);
        let unexpected = Breach::UnexpectedVariable { name: "traffic".to_owned(), file: "main.tf".to_owned() };
        expected.push(unexpected);
        assert_eq!(found, expected);
        let text = found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(text.contains(r#"add `output "zone" { value = … }` to outputs.tf"#), "{text}");
    }

    #[test]
    fn a_broken_file_is_named_and_hides_no_guesses() {
        let found = check(&[("a.tf", TRAFFIC), ("b.tf", "output \"x\" {")], RootKind::Capacity);
        assert!(matches!(&found[0], Breach::UnreadableFile { file, .. } if file == "b.tf"), "{found:?}");
        assert!(!found.iter().any(|breach| matches!(breach, Breach::MissingOutput(_))), "{found:?}");
        assert_eq!(check(&[("README.md", "x")], RootKind::Traffic), [Breach::NoFiles]);
    }
}
