//! One page: front matter, what it is, an example, its schema or signature, how to import it. Text only.

use super::catalog::{Function, IdentityAttribute, Parameter, Schema};
use super::examples::Import;
use super::schema::{identity_section, one_line, section};
use super::types;

/// Name of the provider as pages give it.
const PROVIDER: &str = "shadow";

/// What stands above every page, so that nobody edits it.
const GENERATED: &str = "# made by `make provider-docs` from the provider's schema: edit that, or examples/";

/// The page of the provider itself.
pub(super) fn index(schema: &Schema, example: &str) -> String {
    let front = front_matter(&format!("{PROVIDER} Provider"), None, &schema.description);
    let head = format!("# {PROVIDER} Provider\n\n{}\n", schema.description.trim());
    [front, head, usage(example, "terraform"), section(&schema.attributes)].join("\n")
}

/// The page of a resource, a data source, or another type with attributes.
pub(super) fn of_type(name: &str, kind: &str, schema: &Schema, example: &str, language: &str) -> String {
    let front = front_matter(&format!("{name} {kind} - {PROVIDER}"), Some(""), &schema.description);
    let head = format!("# {name} ({kind})\n\n{}\n", schema.description.trim());
    [front, head, usage(example, language), section(&schema.attributes)].join("\n")
}

/// The page of a function.
pub(super) fn function(name: &str, function: &Function, example: &str) -> String {
    let front = front_matter(&format!("{name} function - {PROVIDER}"), Some(""), &function.summary);
    let head = format!("# function: {name}\n\n{}\n", function.description.trim());
    let signature = format!("## Signature\n\n```text\n{}\n```\n", signature(name, function));
    let arguments = format!("## Arguments\n\n{}", arguments(function));
    [front, head, usage(example, "terraform"), signature, arguments].join("\n")
}

/// How a resource is imported: by identity where it has one, by id, by the command.
pub(super) fn import(import: &Import, identity: Option<&[IdentityAttribute]>) -> String {
    const BLOCK: &str = "[`import` block](https://developer.hashicorp.com/terraform/language/import)";
    const COMMAND: &str = "[`terraform import` command](https://developer.hashicorp.com/terraform/cli/commands/import)";
    let mut parts = vec!["## Import\n\nImport is supported using the following syntax:\n".to_owned()];
    if let (Some(text), Some(attributes)) = (&import.by_identity, identity) {
        let lead = "In Terraform v1.12.0 and later, the";
        parts.push(format!("{lead} {BLOCK} can be used with the `identity` attribute, for example:\n"));
        parts.push(fenced(text, "terraform"));
        parts.push(identity_section(attributes));
    }
    let lead = "In Terraform v1.5.0 and later, the";
    parts.push(format!("{lead} {BLOCK} can be used with the `id` attribute, for example:\n"));
    parts.push(fenced(&import.by_id, "terraform"));
    parts.push(format!("The {COMMAND} can be used, for example:\n"));
    parts.push(fenced(&import.command, "shell"));
    parts.join("\n")
}

fn front_matter(title: &str, subcategory: Option<&str>, description: &str) -> String {
    let subcategory = subcategory.map(|text| format!("subcategory: \"{text}\"\n")).unwrap_or_default();
    let description = one_line(&plain(description));
    format!("---\n{GENERATED}\npage_title: \"{title}\"\n{subcategory}description: |-\n {description}\n---\n")
}

/// Markdown without its marks, for where none is shown.
fn plain(markdown: &str) -> String {
    markdown.replace(['`', '*'], "")
}

fn usage(example: &str, language: &str) -> String {
    format!("## Example Usage\n\n{}", fenced(example, language))
}

fn fenced(text: &str, language: &str) -> String {
    format!("```{language}\n{}\n```\n", text.trim_end())
}

fn signature(name: &str, function: &Function) -> String {
    let one = |it: &Parameter, dots: &str| format!("{} {}{dots}", it.name, types::signature(&it.ty));
    let fixed = function.parameters.iter().map(|it| one(it, ""));
    let all: Vec<String> = fixed.chain(function.variadic.iter().map(|it| one(it, "..."))).collect();
    format!("{name}({}) {}", all.join(", "), types::signature(&function.returns))
}

fn arguments(function: &Function) -> String {
    let line = |it: &Parameter, variadic: &str| {
        let nullable = if it.nullable { ", Nullable" } else { "" };
        let (ty, description) = (types::title(&it.ty), one_line(&it.description));
        format!("1. `{}` ({variadic}{ty}{nullable}){description}\n", it.name)
    };
    let fixed = function.parameters.iter().map(|it| line(it, ""));
    fixed.chain(function.variadic.iter().map(|it| line(it, "Variadic, "))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_function_has_a_signature_and_arguments() {
        let parameter = |name: &str, ty| Parameter {
            name: name.to_owned(),
            ty,
            description: "What it is.".to_owned(),
            nullable: name == "b",
        };
        let function = Function {
            summary: "Adds `things`.".to_owned(),
            description: "Adds things.".to_owned(),
            parameters: vec![parameter("a", json!("number")), parameter("b", json!(["list", "string"]))],
            variadic: Some(parameter("more", json!("bool"))),
            returns: json!("string"),
        };
        let page = super::function("add", &function, "output \"x\" {}\n");
        for part in [
            "page_title: \"add function - shadow\"\nsubcategory: \"\"\ndescription: |-\n  Adds things.\n---\n",
            "```terraform\noutput \"x\" {}\n```\n",
            "```text\nadd(a number, b list of string, more bool...) string\n```\n",
            "1. `b` (List of String, Nullable) What it is.\n1. `more` (Variadic, Boolean) What it is.\n",
        ] {
            assert!(page.contains(part), "{part:?} is missing in {page}");
        }
    }

    #[test]
    fn an_import_shows_what_there_is() {
        let import =
            Import { command: "terraform import a b\n".into(), by_id: "import {}\n".into(), by_identity: None };
        let text = super::import(&import, None);
        assert!(text.contains("```shell\nterraform import a b\n```\n") && !text.contains("identity"), "{text}");
    }
}
