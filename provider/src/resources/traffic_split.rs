//! `shadow_traffic_split`: the weights of one route. A change counts as made when the data plane
//! itself reports it, never when it was merely accepted.

use super::{defaults_of, duration, id, name, object, objects, port, texts};
use crate::client::{ANSWER, Api, Client, Effect, Missing, Put};
use crate::documents;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use shadow_core::model::split::{MirrorSpec, SplitSpec, SplitStatus};
use std::time::Duration;
use terraform_provider_framework::schema::attributes;
use terraform_provider_framework::timeouts::{self, Operation, Timeouts};
use terraform_provider_framework::value::{Number, Type};
use terraform_provider_framework::{
    Attribute, CancellationToken, Change, Context, Diagnostic, Diagnostics, Failure, Resource, Schema, Value,
    async_trait,
};
use tokio::time::sleep;

pub(super) struct TrafficSplit {
    schema: Schema,
}

/// Time for the data plane to report a split, where the user gives none. A policy undoes a hand-over
/// after its `switch_timeout`, 30 s by default, so waiting longer rarely helps.
const IN_SYNC: Duration = Duration::from_secs(30);

/// Pause between two looks at the data plane: short beside a hand-over of a few seconds.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What the reconciler answers about a split.
#[derive(Debug, Deserialize)]
struct Split {
    spec: SplitSpec,
    #[serde(default)]
    status: SplitStatus,
}

impl Split {
    fn is_applied(&self) -> bool {
        self.status.in_sync && self.status.applied_weights.is_some()
    }
}

impl TrafficSplit {
    pub(super) fn new() -> Self {
        Self { schema: schema() }
    }

    fn state(&self, split: &Split) -> Result<Value, Diagnostics> {
        let mut state = documents::value(&split.spec, &self.schema)?;
        read_back(&mut state, &split.status);
        Ok(state)
    }

    /// Writes the split and waits until the data plane has it. A failure keeps what was written.
    async fn write(&self, context: &Context<Client>, change: Change, put: Put) -> Result<Value, Failure> {
        let api = context.client.reconciler()?;
        let mut planned = change.planned;
        let spec: SplitSpec = documents::document(&planned, &self.schema)?;
        documents::accepted(spec.check())?;
        let written: Result<Split, _> = api.put(&path_of(&spec.name), &spec, put, ANSWER, &context.cancellation).await;
        let split = match written {
            Ok(split) => split,
            Err(error) if error.effect() == Effect::Perhaps && put == Put::New => {
                return Err(Failure::keeping(planned, error.diagnostics()));
            }
            Err(error) => return Err(error.into()),
        };
        // An error would taint a split that was just created, and the next apply would take the route
        // away to make it anew.
        let tell = if put == Put::New { Diagnostic::warning } else { Diagnostic::error };
        let (split, told) = until_applied(api, split, tell, &context.cancellation).await;
        read_back(&mut planned, &split.status);
        if told.is_empty() {
            return Ok(planned);
        }
        if split.status.applied_weights.is_none() {
            // What was read back last is known to differ, so that the next plan tries again.
            for attribute in ["applied_weights", "applied_writer"] {
                planned.put(attribute, change.prior.get(attribute).clone());
            }
        }
        Err(Failure::keeping(planned, told))
    }
}

/// Which operations users may bound: those that wait for the data plane.
fn bounds() -> Timeouts {
    Timeouts::none().with(Operation::Create, IN_SYNC).with(Operation::Update, IN_SYNC)
}

/// What the data plane reports; null where it does not.
fn read_back(state: &mut Value, status: &SplitStatus) {
    let name = state.get("name").clone();
    let weights = status
        .applied_weights
        .as_ref()
        .map(|weights| Value::Map(weights.iter().map(|(slot, weight)| (slot.clone(), Value::from(*weight))).collect()));
    state.put("id", name);
    state.put("applied_weights", weights);
    state.put("applied_epoch", status.applied_epoch);
    state.put("applied_writer", status.applied_writer.as_deref());
}

/// How to tell that the data plane does not run a split.
type Tell = fn(String, String) -> Diagnostic;

async fn until_applied(
    api: &Api,
    mut split: Split,
    tell: Tell,
    cancellation: &CancellationToken,
) -> (Split, Diagnostics) {
    while !split.is_applied() {
        if split.status.rejected.is_some() || cancellation.is_cancelled() {
            let told = not_applied(&split, tell);
            return (split, told.into());
        }
        sleep(LOOK_AGAIN).await;
        match api.get(&path_of(&split.spec.name), cancellation).await {
            Ok(Some(newer)) => split = newer,
            Ok(None) => {
                let detail = format!("Somebody removed {:?} while it was being applied. Apply again.", split.spec.name);
                return (split, Diagnostic::error("The split is gone", detail).into());
            }
            Err(error) => return (split, error.diagnostics()),
        }
    }
    (split, Diagnostics::none())
}

fn not_applied(split: &Split, tell: Tell) -> Diagnostic {
    let SplitSpec { name, proxy, .. } = &split.spec;
    let SplitStatus { rejected, proxies_connected, .. } = &split.status;
    let detail = match (rejected, proxies_connected) {
        (Some(reason), _) => format!("Envoy refuses it: {reason}. Correct the split and apply again."),
        (None, 0) => format!(
            "No Envoy with the node cluster {proxy:?} is connected to the reconciler. Start one whose bootstrap names \
             the reconciler's xDS address, then apply again."
        ),
        (None, connected) => format!(
            "{connected} connected Envoys have not all reported it in time. Look at `shadow-reconciler status`, then \
             apply again."
        ),
    };
    tell(format!("The data plane does not run the split {name:?}"), detail)
}

fn path_of(name: &str) -> String {
    format!("/v1/splits/{name}")
}

/// Whether the reported weights share the traffic as the declared ones do. Proxies may report other
/// numbers of the same proportion, and leave out backends without a share.
fn same_shares(backends: &Value, applied: &Value) -> bool {
    let Value::Map(declared) = backends else { return false };
    let Value::Map(reported) = applied else { return false };
    let weight = |value: &Value| value.as_number().and_then(Number::as_u64).unwrap_or_default();
    let total = |weights: &mut dyn Iterator<Item = u64>| weights.map(u128::from).sum::<u128>();
    let wanted = |slot: &String| declared.get(slot).map_or(0, |backend| weight(backend.get("weight")));
    let got = |slot: &String| reported.get(slot).map_or(0, weight);
    let wanted_total = total(&mut declared.keys().map(wanted));
    let got_total = total(&mut reported.keys().map(got));
    let equal = |slot: &String| u128::from(wanted(slot)) * got_total == u128::from(got(slot)) * wanted_total;
    declared.keys().chain(reported.keys()).all(equal)
}

#[async_trait]
impl Resource<Client> for TrafficSplit {
    fn schema(&self) -> Schema {
        self.schema.clone()
    }

    fn timeouts(&self) -> Timeouts {
        bounds()
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        documents::check_known(config, &self.schema, |spec: SplitSpec| spec.check())
    }

    /// A data plane that reports other weights than declared is a change to be made.
    async fn plan(&self, _context: &Context<Client>, change: &mut Change) -> Diagnostics {
        let planned = &mut change.planned;
        let name = planned.get("name").clone();
        planned.put("id", name);
        let applied = planned.get("applied_weights");
        let known = !applied.is_null() && !applied.is_unknown();
        let same_writer = planned.get("applied_writer") == planned.get("writer");
        if known && !(same_shares(planned.get("backends"), applied) && same_writer) {
            for attribute in ["applied_weights", "applied_epoch", "applied_writer"] {
                planned.put(attribute, Value::Unknown);
            }
        }
        Diagnostics::none()
    }

    async fn create(&self, context: &Context<Client>, change: Change) -> Result<Value, Failure> {
        self.write(context, change, Put::New).await
    }

    async fn read(&self, context: &Context<Client>, state: Value) -> Result<Option<Value>, Diagnostics> {
        let api = match context.client.reconciler() {
            Err(Missing::Unknown(_)) => return Ok(Some(state)),
            api => api?,
        };
        let path = path_of(state.get("name").as_str().unwrap_or_default());
        let split: Option<Split> = api.get(&path, &context.cancellation).await?;
        split.map(|split| self.state(&split)).transpose()
    }

    async fn update(&self, context: &Context<Client>, change: Change) -> Result<Value, Failure> {
        self.write(context, change, Put::Any).await
    }

    async fn delete(&self, context: &Context<Client>, state: Value) -> Result<(), Diagnostics> {
        let path = path_of(state.get("name").as_str().unwrap_or_default());
        Ok(context.client.reconciler()?.delete(&path, ANSWER, &context.cancellation).await?)
    }

    async fn import(&self, context: &Context<Client>, id: &str) -> Result<Value, Diagnostics> {
        documents::check_name(id, "import id")?;
        let split: Option<Split> = context.client.reconciler()?.get(&path_of(id), &context.cancellation).await?;
        let missing = || {
            let detail = format!("The reconciler has no split {id:?}. The import id is a split's name.");
            Diagnostics::from(Diagnostic::error("No such split", detail))
        };
        self.state(&split.ok_or_else(missing)?)
    }
}

const DESCRIPTION: &str = "One route of an Envoy: which backends share its traffic, how much of it is mirrored, and \
    where it listens. The reconciler's control plane realises it; applying waits until Envoy itself reports it. It makes \
    the whole loop possible without any cloud: traffic modules for one's own proxies use it. Modules for a cloud use that \
    cloud's own resources in its place (`aws_lb_listener_rule`, `google_compute_url_map` …), under the same contract.";

fn schema() -> Schema {
    let minimal = json!({"name": "name", "listener": {"address": "::", "port": 1}, "backends": {}});
    let defaults = defaults_of::<SplitSpec>(minimal);
    let epoch =
        "Raised by each change of leadership and each hand-over; the reconciler refuses a lower one than it has.";
    let writer = "Key of the backend that gets every request whose method may change something (all but GET, HEAD, \
        OPTIONS and TRACE), whatever the weights: so that never two backends are written to at once. When left out, \
        the weights decide for all methods.";
    let reported = "Weights that Envoy itself reports, by slot. Null while no Envoy reports any.";
    Schema::new(
        DESCRIPTION,
        attributes([
            ("id", id()),
            ("name", name("within the reconciler; also the name of listener, route and clusters in Envoy")),
            // Terraform's state holds numbers exactly up to this.
            ("epoch", Attribute::number(epoch).integer(0, i64::MAX.unsigned_abs()).with_default_of(&defaults["epoch"])),
            (
                "proxy",
                Attribute::string("The `node.cluster` of the Envoys that serve this route.")
                    .with_default_of(&defaults["proxy"]),
            ),
            (
                "listener",
                object(
                    "Where Envoy listens.",
                    [
                        ("address", Attribute::string("IP address to listen on.").required()),
                        ("port", port("TCP port to listen on.").required()),
                    ],
                )
                .required(),
            ),
            ("backends", backends()),
            ("writer", Attribute::string(writer)),
            ("mirror", mirror()),
            (
                "affinity",
                object(
                    "Keeps a client on one backend while weights change. Envoy's ways do not fit weighted backends, so \
                     the control plane refuses it today: leave it out.",
                    [("cookie", Attribute::string("Name of the cookie that remembers the backend.").required())],
                ),
            ),
            ("health_check", health_check()),
            (timeouts::NAME, bounds().attribute()),
            ("applied_weights", Attribute::new(Type::map(Type::Number), reported).computed()),
            ("applied_writer", Attribute::string("Writer that Envoy itself reports. Null while none is.").computed()),
            ("applied_epoch", Attribute::number("Epoch that Envoy itself reports. Null while none does.").computed()),
        ]),
    )
}

fn backends() -> Attribute {
    let state = "Whether it may take traffic: its share; no new request while those in flight end; nothing.";
    objects(
        "The backends by slot. The weights of active ones must sum to more than 0.",
        [
            ("address", Attribute::string("IP address or host name.").required()),
            ("port", port("TCP port.").required()),
            (
                "weight",
                Attribute::number("Share of new requests, relative to the sum of all weights. 0 unless `active`.")
                    .integer(0, u64::from(u32::MAX))
                    .required(),
            ),
            ("state", Attribute::string(state).one_of(&["active", "drain", "disabled"]).with_default("active")),
        ],
    )
    .required()
}

fn mirror() -> Attribute {
    let defaults: Json = defaults_of::<MirrorSpec>(json!({"from": "a", "to": "b", "percent": 0}));
    let methods = "HTTP methods that are copied; by default those that must not change anything.";
    object(
        "Copies of requests sent to a second backend, whose answers are dropped. None when left out.",
        [
            ("from", Attribute::string("Key of the backend whose requests are copied.").required()),
            ("to", Attribute::string("Key of the backend that gets the copies.").required()),
            (
                "percent",
                Attribute::number("Share of matching requests that are copied, in percent.")
                    .range(0.0, 100.0)
                    .required(),
            ),
            ("methods", texts(methods).with_default_of(&defaults["methods"])),
            (
                "max_concurrency",
                Attribute::number("Copies in flight above which further ones are dropped.")
                    .integer(0, u64::from(u32::MAX))
                    .with_default_of(&defaults["max_concurrency"]),
            ),
            (
                "timeout_ms",
                Attribute::number("Time in milliseconds after which a copy is given up.")
                    .integer(0, u64::from(u32::MAX))
                    .with_default_of(&defaults["timeout_ms"]),
            ),
        ],
    )
}

fn health_check() -> Attribute {
    let count = |what: &str| Attribute::number(what).integer(1, u64::from(u32::MAX)).required();
    object(
        "How Envoy asks backends whether they are well. It does not ask when left out.",
        [
            ("path", Attribute::string("Path with its leading slash.").required()),
            ("interval", duration("Time between checks.", &Json::Null).required()),
            ("timeout", duration("Time after which a check counts as failed.", &Json::Null).required()),
            ("unhealthy_threshold", count("Failed checks in a row until a backend is out.")),
            ("healthy_threshold", count("Passed checks in a row until it is in again.")),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_compared_not_numbers() {
        let backend = |weight: u32| Value::object([("weight", Value::from(weight))]);
        let declared = |a, b| Value::Map([("a".to_owned(), backend(a)), ("b".to_owned(), backend(b))].into());
        let reported =
            |parts: &[(&str, u32)]| Value::Map(parts.iter().map(|(k, w)| ((*k).to_owned(), Value::from(*w))).collect());
        assert!(same_shares(&declared(95, 5), &reported(&[("a", 95), ("b", 5)])));
        assert!(same_shares(&declared(95, 5), &reported(&[("a", 9500), ("b", 500)])));
        assert!(same_shares(&declared(100, 0), &reported(&[("a", 1)])));
        assert!(!same_shares(&declared(95, 5), &reported(&[("a", 100)])));
        assert!(!same_shares(&declared(100, 0), &reported(&[("a", 1), ("c", 1)])));
    }
}
