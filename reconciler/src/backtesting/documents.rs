//! Policies and groups from files: JSON as the provider writes it, or HCL with literal values.

use super::arithmetic;
use anyhow::{Context as _, anyhow, bail, ensure};
use hcl::eval::{Context, Evaluate};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use shadow_core::model::calendar::{Calendar, CalendarSpec};
use shadow_core::model::check::excerpt;
use shadow_core::model::group::GroupSpec;
use shadow_core::model::policy::PolicySpec;
use shadow_core::model::{Group, Policy, Problems};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Largest document: a policy has some kilobytes.
const BYTES_MAX: u64 = 4 << 20;

/// What every resource may have and what is no part of its document.
const META: [&str; 3] = ["depends_on", "lifecycle", "provider"];

/// A checked policy.
///
/// # Errors
/// What is wrong with the file, and where.
pub(super) fn policy(path: &Path) -> anyhow::Result<Policy> {
    policy_of(&path.display().to_string(), &text(path)?)
}

/// The policy that the text of a file declares.
///
/// # Errors
/// What is wrong with it, and where.
pub(crate) fn policy_of(name: &str, text: &str) -> anyhow::Result<Policy> {
    let spec: PolicySpec = document(name, text, "shadow_policy")?;
    spec.check().map_err(|problems| told(name, &problems))
}

/// A checked calendar.
///
/// # Errors
/// What is wrong with the file, and where.
pub(super) fn calendar(path: &Path) -> anyhow::Result<Calendar> {
    let name = path.display().to_string();
    let spec: CalendarSpec = document(&name, &text(path)?, "shadow_calendar")?;
    spec.check().map_err(|problems| told(&name, &problems))
}

/// A checked group.
///
/// # Errors
/// What is wrong with the file, and where.
pub(super) fn group(path: &Path) -> anyhow::Result<Group> {
    group_of(&path.display().to_string(), &text(path)?)
}

/// The group that the text of a file declares.
///
/// # Errors
/// What is wrong with it, and where.
pub(crate) fn group_of(name: &str, text: &str) -> anyhow::Result<Group> {
    let spec: GroupSpec = document(name, text, "shadow_group")?;
    spec.check(1).map_err(|problems| told(name, &problems))
}

fn told(name: &str, problems: &Problems) -> anyhow::Error {
    let lines: Vec<String> = problems.0.iter().map(|problem| format!("{name}: {problem}")).collect();
    anyhow!("{}", lines.join("\n"))
}

fn text(path: &Path) -> anyhow::Result<String> {
    let name = path.display();
    let mut text = String::new();
    let file = File::open(path).with_context(|| format!("{name} cannot be opened"))?;
    file.take(BYTES_MAX).read_to_string(&mut text).with_context(|| format!("{name} is no text"))?;
    ensure!((text.len() as u64) < BYTES_MAX, "{name} is larger than {BYTES_MAX} bytes: that is no declaration");
    Ok(text)
}

fn document<T: DeserializeOwned>(name: &str, text: &str, kind: &str) -> anyhow::Result<T> {
    if text.trim_start().starts_with('{') {
        return from_json(name, text);
    }
    let (place, value) = from_hcl(name, text, kind)?;
    serde_path_to_error::deserialize(value).map_err(|error| {
        let (path, cause) = (error.path().to_string(), excerpt(error.inner().to_string()));
        if path == "." { anyhow!("{place}: {cause}") } else { anyhow!("{place}, {path}: {cause}") }
    })
}

fn from_json<T: DeserializeOwned>(name: &str, text: &str) -> anyhow::Result<T> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize(&mut reader);
    read.map_err(|error| {
        let (path, cause) = (error.path().to_string(), error.inner());
        let what = cause.to_string();
        let what = excerpt(what.split(" at line ").next().unwrap_or(&what));
        anyhow!("{name}, line {}, column {}, {path}: {what}", cause.line(), cause.column())
    })
}

/// The one block of that kind, as the place to name in errors and its attributes.
fn from_hcl(name: &str, text: &str, kind: &str) -> anyhow::Result<(String, Value)> {
    let body: hcl::Body =
        hcl::parse(text).map_err(|error| anyhow!("{name} is neither JSON nor HCL: {}", excerpt(error.to_string())))?;
    let is_meant = |block: &hcl::Block| {
        let first_label = || block.labels().first().map(hcl::BlockLabel::as_str);
        block.identifier() == kind || (block.identifier() == "resource" && first_label() == Some(kind))
    };
    let mut meant = body.into_blocks().filter(is_meant);
    let block =
        meant.next().with_context(|| format!("{name} has no {kind}: write `resource \"{kind}\" \"…\" {{ … }}`"))?;
    ensure!(meant.next().is_none(), "{name} has several {kind}s: give a file with one");
    let label = block.labels().last().map_or("", hcl::BlockLabel::as_str).to_owned();
    let place = format!("{name}, {kind} {label:?}");
    let mut attributes = Map::new();
    for structure in block.body {
        match structure {
            hcl::Structure::Attribute(attribute) => {
                let key = attribute.key().to_owned();
                if !META.contains(&key.as_str()) {
                    insert(&mut attributes, &place, key, &attribute.expr)?;
                }
            }
            hcl::Structure::Block(inner) if META.contains(&inner.identifier()) => {}
            hcl::Structure::Block(inner) => {
                bail!("{place}: {0:?} is a block; write it as an attribute, `{0} = {{ … }}`", inner.identifier())
            }
        }
    }
    Ok((place, Value::Object(attributes)))
}

fn insert(
    attributes: &mut Map<String, Value>,
    place: &str,
    key: String,
    value: &hcl::Expression,
) -> anyhow::Result<()> {
    let evaluated =
        arithmetic::check(value).and_then(|()| value.evaluate(&Context::new()).map_err(|error| error.to_string()));
    let literal = evaluated.map_err(|error| {
        let error = excerpt(error);
        anyhow!("{place}, {key}: {error}; a replay knows no variables, functions of Terraform or other resources: write the value")
    })?;
    let literal = serde_json::to_value(literal).with_context(|| format!("{place}, {key} is no value"))?;
    if !literal.is_null() {
        attributes.insert(key, literal);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PolicySpec, String> {
        document("p.tf", text, "shadow_policy").map_err(|error| format!("{error:#}"))
    }

    /// Found by fuzzing.
    #[test]
    fn a_remainder_by_zero_is_an_error_and_no_panic() {
        let error = read("resource \"shadow_policy\" \"p\" { failover_priority = 9%0 * 1024 }").unwrap_err();
        assert!(
            error.starts_with("p.tf, shadow_policy \"p\", failover_priority: 9 % 0 has no exact result"),
            "{error}"
        );
    }

    #[test]
    fn json_and_hcl_are_the_same_policy() {
        let expected = read(
            r#"{"name": "p", "step": "1m", "horizons": ["10m", "1h"], "evaluations": {"required": 2, "window": 3}}"#,
        );
        let hcl = r#"
            terraform { required_version = ">= 1.5" }
            resource "shadow_policy" "careful" {
              name        = "p"
              step        = "1m"
              horizons    = ["10m", "1h"]
              evaluations = { required = 1 + 1, window = 3 }
              cost_ceiling = null
              lifecycle { prevent_destroy = true }
              depends_on = [shadow_calendar.holidays]
            }"#;
        assert_eq!(read(hcl), expected);
        assert!(expected.is_ok());
    }

    #[test]
    fn what_is_wrong_names_its_place() {
        let check = |text: &str, expected: &str| {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
        };
        check("{\"name\": \"p\",\n \"horizons\": [1]}", "p.tf, line 2, column 15, horizons[0]: invalid type");
        check("{\"name\": \"p\", \"stepp\": \"1m\"}", "p.tf, line 1, column 21, stepp: unknown field `stepp`");
        check("resource \"shadow_policy\" \"a\" {\n  name = \n}", "p.tf is neither JSON nor HCL:");
        check("locals { a = 1 }", "p.tf has no shadow_policy");
        check("shadow_policy \"a\" {\n}\nshadow_policy \"b\" {\n}", "p.tf has several shadow_policys");
        check("shadow_policy \"a\" {\n name = var.name\n}", "p.tf, shadow_policy \"a\", name: ");
        check(
            "shadow_policy \"a\" {\n name = \"a\"\n horizons = [\"1h\", 2]\n}",
            "p.tf, shadow_policy \"a\", horizons[1]: invalid type",
        );
        check(
            "shadow_policy \"a\" {\n name = \"a\"\n shift {\n }\n}",
            "p.tf, shadow_policy \"a\": \"shift\" is a block",
        );
    }

    #[test]
    fn what_is_quoted_is_cut() {
        let long = "long ".repeat(10_000);
        for text in [
            format!("shadow_policy \"a\" {{\n name = \"{long}\" + 1\n}}"),
            format!("shadow_policy \"a\" {{\n name = \"{long}\n}}"),
            format!("shadow_policy \"a\" {{\n horizons = \"{long}\"\n}}"),
            format!("{{\"horizons\": \"{long}\"}}"),
        ] {
            let error = read(&text).unwrap_err();
            assert!(error.len() < 1100 && error.contains(" … "), "{error}");
        }
    }
}
