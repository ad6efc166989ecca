//! The section of a page that shows attributes: those that are required, those that are optional, those that can only
//! be read; then the same for nested ones, each under an anchor. The layout is the registry's.

use super::catalog::{Attribute, Attributes, Content, Group, IdentityAttribute};
use super::types;
use std::fmt::Write;

/// What the registry's pages say above write-only attributes.
const WRITE_ONLY_NOTE: &str = "> **NOTE**: [Write-only arguments](https://developer.hashicorp.com/terraform/language/resources/ephemeral#write-only-arguments) are supported in Terraform 1.11 and later.\n\n";

/// The page to which a write-only attribute leads.
const WRITE_ONLY: &str =
    ", [Write-only](https://developer.hashicorp.com/terraform/language/resources/ephemeral#write-only-arguments)";

/// The whole section.
pub(super) fn section(attributes: &Attributes) -> String {
    let mut page = "## Schema\n".to_owned();
    groups(&mut page, &[], attributes);
    page
}

/// The part about what an import by identity needs.
pub(super) fn identity_section(attributes: &[IdentityAttribute]) -> String {
    let mut page = "### Identity Schema\n".to_owned();
    for (title, required) in [("Required", true), ("Optional", false)] {
        let mut group: Vec<_> = attributes.iter().filter(|attribute| attribute.required == required).collect();
        group.sort_by_key(|attribute| &attribute.name);
        if !group.is_empty() {
            append(&mut page, format_args!("\n#### {title}\n\n"));
        }
        for attribute in group {
            let (ty, description) = (types::title(&attribute.ty), one_line(&attribute.description));
            append(&mut page, format_args!("- `{}` ({ty}){description}\n", attribute.name));
        }
    }
    page
}

/// The attributes by group, then what is nested in them.
fn groups(page: &mut String, parents: &[&str], attributes: &Attributes) {
    let titles = [(Group::Required, "Required"), (Group::Optional, "Optional"), (Group::ReadOnly, "Read-Only")];
    for (group, title) in titles {
        let members = || attributes.iter().filter(|(_, attribute)| attribute.group == group);
        if members().next().is_none() {
            continue;
        }
        if parents.is_empty() {
            append(page, format_args!("\n### {title}\n\n"));
        } else {
            append(page, format_args!("\n{title}:\n\n"));
        }
        // Once on a page is enough.
        if parents.is_empty() && members().any(|(_, attribute)| attribute.write_only) {
            page.push_str(WRITE_ONLY_NOTE);
        }
        for (name, attribute) in members() {
            line(page, &[parents, &[name]].concat(), attribute);
        }
    }
    // In the order in which the lines above lead to them.
    for (group, _) in titles {
        for (name, attribute) in attributes.iter().filter(|(_, attribute)| attribute.group == group) {
            nested(page, &[parents, &[name]].concat(), attribute);
        }
    }
}

fn line(page: &mut String, path: &[&str], attribute: &Attribute) {
    let name = path.last().copied().unwrap_or_default();
    let ty = match &attribute.content {
        Content::Value(ty) => types::title(ty),
        Content::Nested(nesting, _) => (*nesting).to_owned(),
    };
    let sensitive = if attribute.sensitive { ", Sensitive" } else { "" };
    let deprecated = if attribute.deprecated { ", Deprecated" } else { "" };
    let write_only = if attribute.write_only { WRITE_ONLY } else { "" };
    let description = one_line(&attribute.description);
    append(page, format_args!("- `{name}` ({ty}{sensitive}{deprecated}{write_only}){description}"));
    if matches!(attribute.content, Content::Nested(..)) {
        append(page, format_args!(" (see [below for nested schema](#{}))", anchor(path)));
    }
    page.push('\n');
}

fn nested(page: &mut String, path: &[&str], attribute: &Attribute) {
    if let Content::Nested(_, attributes) = &attribute.content {
        let (anchor, title) = (anchor(path), path.join("."));
        append(page, format_args!("\n<a id=\"{anchor}\"></a>\n### Nested Schema for `{title}`\n"));
        groups(page, path, attributes);
    }
}

fn anchor(path: &[&str]) -> String {
    format!("nestedatt--{}", path.join("--"))
}

/// A description as the rest of its line, with a space before.
pub(super) fn one_line(description: &str) -> String {
    description.split_whitespace().fold(String::new(), |line, word| line + " " + word)
}

fn append(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    page.write_fmt(text).ok();
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn attribute(content: Content, group: Group, description: &str) -> Attribute {
        let description = description.to_owned();
        Attribute {
            content,
            description,
            group,
            computed: false,
            sensitive: false,
            write_only: false,
            deprecated: false,
        }
    }

    #[test]
    fn attributes_stand_by_group_and_depth() {
        let text = |group, description| attribute(Content::Value(json!("string")), group, description);
        let inner = Attributes::from([("deep".to_owned(), text(Group::Optional, "Deep."))]);
        let secret = Attribute { write_only: true, sensitive: true, ..text(Group::Optional, "Told\n  once.") };
        let attributes = Attributes::from([
            ("id".to_owned(), text(Group::ReadOnly, "Its name.")),
            ("list".to_owned(), attribute(Content::Nested("Attributes List", inner), Group::Required, "Parts.")),
            ("secret".to_owned(), secret),
        ]);
        let expected = format!(
            "## Schema\n\n### Required\n\n- `list` (Attributes List) Parts. (see [below for nested schema]\
             (#nestedatt--list))\n\n### Optional\n\n{WRITE_ONLY_NOTE}- `secret` (String, Sensitive{WRITE_ONLY}) Told once.\n\n\
             ### Read-Only\n\n- `id` (String) Its name.\n\n<a id=\"nestedatt--list\"></a>\n### Nested Schema for \
             `list`\n\nOptional:\n\n- `deep` (String) Deep.\n"
        );
        assert_eq!(section(&attributes), expected);
    }
}
