//! What Terraform says it would do, read from `terraform show -json PLANFILE`. It judges nothing:
//! that is the guard's work. Attribute values are not kept, since they may be secrets.

use crate::model::name::SlotId;
use crate::model::split::BackendState;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Major version of the plan format that this reads. Terraform raises the minor version when it
/// adds what an older reader may skip, the major one when it may not.
const FORMAT_MAJOR: &str = "1";

/// A plan, as far as the guard needs it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Version of the format, as in `1.2`.
    pub format_version: String,
    /// Version of the Terraform that made it.
    pub terraform_version: String,
    /// What happens to each resource, "nothing" included.
    pub changes: Vec<ResourceChange>,
    /// What happens to each output of the root.
    pub output_changes: BTreeMap<String, Action>,
    /// What was changed outside of Terraform since the last apply.
    pub drift: Vec<Drift>,
    /// Addresses of provider actions that the apply would invoke.
    pub invocations: Vec<Invocation>,
    /// The variable `traffic` of a traffic root, as Terraform took it.
    pub traffic: Option<PlannedTraffic>,
    /// Whether applying it would reach the whole desired state.
    pub complete: bool,
    /// Whether planning failed part of the way.
    pub errored: bool,
}

/// What happens to one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResourceChange {
    /// Full address.
    pub address: String,
    /// The part of the root that it belongs to.
    pub place: Place,
    /// Where it was before, if the plan moves it.
    pub moved_from: Option<Place>,
    /// Resource type.
    pub kind: String,
    /// Provider, as a full source address.
    pub provider: String,
    /// What happens.
    pub action: Action,
    /// Whether this is a left-over of a replacement that went wrong.
    pub deposed: bool,
    /// Why Terraform chose the action, in its words, where it says.
    pub reason: Option<String>,
}

/// A resource that was changed outside of Terraform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// Full address.
    pub address: String,
    /// The part of the root that it belongs to.
    pub place: Place,
    /// What happened to it.
    pub action: Action,
    /// Names of the top-level attributes that differ.
    pub attributes: Vec<String>,
}

/// A provider action that the apply would invoke (Terraform 1.14 and later).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Invocation {
    /// Full address.
    pub address: String,
    /// The part of the root that it belongs to.
    pub place: Place,
}

/// The division of traffic that a plan would apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTraffic {
    /// Epoch that the weights belong to.
    pub epoch: u64,
    /// Backends by slot.
    pub backends: BTreeMap<String, PlannedBackend>,
    /// The one backend that gets requests that may write; absent: the weights decide.
    pub writer: Option<String>,
}

/// One backend of [`PlannedTraffic`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedBackend {
    /// Share of new requests.
    pub weight: u32,
    /// Whether it may take traffic.
    pub state: BackendState,
}

/// The part of a generated root that an address belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// `module.slot["…"]` of a capacity root.
    Slot(SlotId),
    /// `module.traffic` of a traffic root.
    Traffic,
    /// Anything that no generated root contains.
    Elsewhere,
}

/// What happens to a resource or an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing.
    NoOp,
    /// It is read during the apply.
    Read,
    /// It is made.
    Create,
    /// It is changed in place.
    Update,
    /// It is destroyed.
    Delete,
    /// It is destroyed and made again, in either order.
    Replace,
    /// It is left alone and no longer managed.
    Forget,
}

/// A plan that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Not JSON, or not of the expected shape.
    #[error("the output of terraform show -json is not a plan that can be read")]
    Malformed(#[from] serde_json::Error),
    /// Made for readers of another major version.
    #[error(
        "terraform {terraform_version} writes plans of format {format_version}, but only {FORMAT_MAJOR}.x is understood: \
         use a release of terraform that this version was tested with, or upgrade shadow-reconciler"
    )]
    UnknownFormat {
        /// Version of the format.
        format_version: String,
        /// Version of Terraform.
        terraform_version: String,
    },
    /// An action that the guard could not judge.
    #[error("{address}: the plan contains the unknown action {actions:?}: upgrade shadow-reconciler")]
    UnknownAction {
        /// Resource or output.
        address: String,
        /// As written in the plan.
        actions: Vec<String>,
    },
}

impl Plan {
    /// Reads the output of `terraform show -json PLANFILE`.
    ///
    /// # Errors
    /// See [`PlanError`]; what cannot be understood is never skipped.
    pub fn parse(json: &[u8]) -> Result<Self, PlanError> {
        let version: wire::Version = serde_json::from_slice(json)?;
        if version.format_version.split('.').next() != Some(FORMAT_MAJOR) {
            return Err(PlanError::UnknownFormat {
                format_version: version.format_version,
                terraform_version: version.terraform_version,
            });
        }
        let document: wire::Plan = serde_json::from_slice(json)?;
        Self::from_wire(version, document)
    }

    fn from_wire(version: wire::Version, document: wire::Plan) -> Result<Self, PlanError> {
        let outputs = document.output_changes.into_iter();
        Ok(Self {
            format_version: version.format_version,
            terraform_version: version.terraform_version,
            changes: document.resource_changes.into_iter().map(resource_change).collect::<Result<_, _>>()?,
            output_changes: outputs
                .map(|(name, change)| Ok((name.clone(), action(&format!("output.{name}"), change.actions)?)))
                .collect::<Result<_, PlanError>>()?,
            drift: document.resource_drift.into_iter().map(drift).collect::<Result<_, _>>()?,
            invocations: document.action_invocations.into_iter().map(invocation).collect(),
            traffic: document.variables.traffic.map(|variable| serde_json::from_value(variable.value)).transpose()?,
            complete: document.complete,
            errored: document.errored,
        })
    }

    /// Whether applying it would change nothing, not even an output.
    pub fn changes_nothing(&self) -> bool {
        let idle = |action: Action| matches!(action, Action::NoOp | Action::Read);
        self.changes.iter().all(|change| idle(change.action) && change.moved_from.is_none())
            && self.output_changes.values().all(|action| idle(*action))
            && self.invocations.is_empty()
    }
}

impl Action {
    /// Whether something that exists ends, or is let go of.
    pub fn is_destructive(self) -> bool {
        match self {
            Self::Delete | Self::Replace | Self::Forget => true,
            Self::NoOp | Self::Read | Self::Create | Self::Update => false,
        }
    }
}

impl Place {
    /// The place of an address, told by its outermost module.
    pub fn of(address: &str) -> Self {
        let inside = |rest: &str| rest.is_empty() || rest.starts_with('.');
        if let Some(rest) = address.strip_prefix("module.slot[\"") {
            let slot = rest.split_once("\"]").filter(|(_, rest)| inside(rest)).map(|(slot, _)| SlotId::new(slot));
            return slot.and_then(Result::ok).map_or(Self::Elsewhere, Self::Slot);
        }
        match address.strip_prefix("module.traffic") {
            Some(rest) if inside(rest) => Self::Traffic,
            Some(_) | None => Self::Elsewhere,
        }
    }
}

fn resource_change(change: wire::ResourceChange) -> Result<ResourceChange, PlanError> {
    Ok(ResourceChange {
        place: Place::of(&change.address),
        moved_from: change.previous_address.as_deref().map(Place::of),
        kind: change.kind,
        provider: change.provider_name,
        action: action(&change.address, change.change.actions)?,
        deposed: change.deposed.is_some(),
        reason: change.action_reason,
        address: change.address,
    })
}

fn drift(change: wire::ResourceChange) -> Result<Drift, PlanError> {
    Ok(Drift {
        place: Place::of(&change.address),
        attributes: differing(&change.change.before, &change.change.after),
        action: action(&change.address, change.change.actions)?,
        address: change.address,
    })
}

fn invocation(invocation: wire::Invocation) -> Invocation {
    Invocation { place: Place::of(&invocation.address), address: invocation.address }
}

fn action(address: &str, actions: Vec<String>) -> Result<Action, PlanError> {
    let words: Vec<&str> = actions.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["no-op"] => Ok(Action::NoOp),
        ["read"] => Ok(Action::Read),
        ["create"] => Ok(Action::Create),
        ["update"] => Ok(Action::Update),
        ["delete"] => Ok(Action::Delete),
        ["delete", "create"] | ["create", "delete"] => Ok(Action::Replace),
        ["forget"] | ["create", "forget"] | ["forget", "create"] => Ok(Action::Forget),
        _ => Err(PlanError::UnknownAction { address: address.to_owned(), actions }),
    }
}

fn differing(before: &Value, after: &Value) -> Vec<String> {
    let (Some(before), Some(after)) = (before.as_object(), after.as_object()) else { return Vec::new() };
    let differs = |name: &&String| before.get(name.as_str()) != after.get(name.as_str());
    let added = after.keys().filter(|name| !before.contains_key(name.as_str()));
    before.keys().chain(added).filter(differs).cloned().collect()
}

/// The document as Terraform writes it, as far as it is read.
mod wire {
    use serde::Deserialize;
    use serde_json::Value;
    use std::collections::BTreeMap;

    #[derive(Deserialize)]
    pub(super) struct Version {
        pub(super) format_version: String,
        #[serde(default)]
        pub(super) terraform_version: String,
    }

    #[derive(Deserialize)]
    pub(super) struct Plan {
        #[serde(default)]
        pub(super) resource_changes: Vec<ResourceChange>,
        #[serde(default)]
        pub(super) resource_drift: Vec<ResourceChange>,
        #[serde(default)]
        pub(super) output_changes: BTreeMap<String, Change>,
        #[serde(default)]
        pub(super) action_invocations: Vec<Invocation>,
        #[serde(default)]
        pub(super) variables: Variables,
        /// Absent before Terraform 1.8, which had no partial plans.
        #[serde(default = "yes")]
        pub(super) complete: bool,
        #[serde(default)]
        pub(super) errored: bool,
    }

    fn yes() -> bool {
        true
    }

    #[derive(Deserialize)]
    pub(super) struct ResourceChange {
        pub(super) address: String,
        pub(super) previous_address: Option<String>,
        #[serde(rename = "type")]
        pub(super) kind: String,
        #[serde(default)]
        pub(super) provider_name: String,
        pub(super) deposed: Option<String>,
        pub(super) action_reason: Option<String>,
        pub(super) change: Change,
    }

    #[derive(Deserialize)]
    pub(super) struct Change {
        pub(super) actions: Vec<String>,
        #[serde(default)]
        pub(super) before: Value,
        #[serde(default)]
        pub(super) after: Value,
    }

    #[derive(Deserialize)]
    pub(super) struct Invocation {
        pub(super) address: String,
    }

    #[derive(Deserialize, Default)]
    pub(super) struct Variables {
        pub(super) traffic: Option<Variable>,
    }

    #[derive(Deserialize)]
    pub(super) struct Variable {
        pub(super) value: Value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(document: &Value) -> Result<Plan, PlanError> {
        Plan::parse(document.to_string().as_bytes())
    }

    fn one_change(address: &str, actions: &[&str]) -> Value {
        json!({
            "format_version": "1.2", "terraform_version": "1.11.4", "complete": true, "errored": false,
            "resource_changes": [{"address": address, "type": "shadow_process", "change": {"actions": actions}}],
        })
    }

    #[test]
    fn places_are_told_by_the_outermost_module() {
        let slot = |key: &str| Place::Slot(SlotId::new(key).unwrap());
        let check = |address: &str, place: Place| assert_eq!(Place::of(address), place, "{address}");
        check(r#"module.slot["b"].shadow_process.this"#, slot("b"));
        check(r#"module.slot["b"].module.disk[0].aws_ebs_volume.x["a.b"]"#, slot("b"));
        check("module.traffic.shadow_traffic_split.this", Place::Traffic);
        check("module.traffic_log.x.y", Place::Elsewhere);
        check(r#"module.slots["b"].x.y"#, Place::Elsewhere);
        check(r#"module.slot["B\"]."].x.y"#, Place::Elsewhere);
        check(r#"module.slot["b"]x.y"#, Place::Elsewhere);
        check("module.slot[0].x.y", Place::Elsewhere);
        check(r#"module.outer.module.slot["b"].x.y"#, Place::Elsewhere);
        check("shadow_process.loose", Place::Elsewhere);
    }

    #[test]
    fn every_action_of_terraform_is_known_and_no_other() {
        for (actions, expected) in [
            (&["no-op"][..], Action::NoOp),
            (&["read"], Action::Read),
            (&["create"], Action::Create),
            (&["update"], Action::Update),
            (&["delete"], Action::Delete),
            (&["delete", "create"], Action::Replace),
            (&["create", "delete"], Action::Replace),
            (&["forget"], Action::Forget),
        ] {
            let plan = parse(&one_change(r#"module.slot["b"].x.y"#, actions)).unwrap();
            assert_eq!(plan.changes[0].action, expected);
        }
        let error = parse(&one_change("x.y", &["teleport"])).unwrap_err().to_string();
        assert!(error.contains("x.y") && error.contains("teleport"), "{error}");
    }

    #[test]
    fn an_unknown_major_version_is_an_error_even_if_the_rest_is_unreadable() {
        let error = parse(&json!({"format_version": "2.0", "terraform_version": "9.9", "resource_changes": 5}));
        assert!(
            matches!(error.unwrap_err(), PlanError::UnknownFormat { format_version, .. } if format_version == "2.0")
        );
        assert!(matches!(parse(&json!({"changes": []})).unwrap_err(), PlanError::Malformed(_)));
    }

    #[test]
    fn partial_and_failed_plans_are_told() {
        let mut document = one_change("x.y", &["create"]);
        document["complete"] = json!(false);
        document["errored"] = json!(true);
        let plan = parse(&document).unwrap();
        assert!(plan.errored && !plan.complete);
    }

    #[test]
    fn drift_names_attributes_and_no_values() {
        let plan = parse(&json!({
            "format_version": "1.2",
            "resource_drift": [{
                "address": "module.traffic.shadow_traffic_split.this", "type": "shadow_traffic_split",
                "change": {
                    "actions": ["update"],
                    "before": {"name": "x", "epoch": 3, "backends": {"a": {"weight": 100}}},
                    "after": {"name": "x", "epoch": 3, "backends": {"a": {"weight": 42}}},
                },
            }],
        }))
        .unwrap();
        assert_eq!(plan.drift[0].attributes, ["backends"]);
        assert!(!serde_json::to_string(&plan).unwrap().contains("42"));
    }

    #[test]
    fn weights_are_read_as_terraform_took_them() {
        let backend = json!({"address": "x", "port": 1, "weight": 30, "state": "drain"});
        let traffic = json!({"protocol": 1, "epoch": 4, "backends": {"b": backend}, "writer": "b"});
        let plan = parse(&json!({"format_version": "1.2", "variables": {"traffic": {"value": traffic}}})).unwrap();
        let expected = PlannedBackend { weight: 30, state: BackendState::Drain };
        let backends = [("b".to_owned(), expected)].into();
        assert_eq!(plan.traffic, Some(PlannedTraffic { epoch: 4, backends, writer: Some("b".to_owned()) }));
    }

    #[test]
    fn a_change_of_an_output_alone_is_a_change() {
        let document = |action: &str| {
            json!({
                "format_version": "1.2",
                "output_changes": {"slots": {"actions": [action]}},
                "resource_changes": [{"address": "a.b", "type": "a", "change": {"actions": ["no-op"]}}],
            })
        };
        assert!(parse(&document("no-op")).unwrap().changes_nothing());
        assert!(!parse(&document("update")).unwrap().changes_nothing());
    }
}
