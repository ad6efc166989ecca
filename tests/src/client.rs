//! The reconciler's HTTP API as a user's script would use it. It reads leniently, so that a test fails for what it is
//! about and not for an attribute that it does not look at.

use crate::http;
use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shadow_core::model::check::excerpt;
use std::collections::BTreeMap;

/// As many records as one page of the journal is asked for; following it, a page is rarely that full.
const JOURNAL_PAGE: u32 = 500;

/// A client of one reconciler.
#[derive(Clone)]
pub struct Reconciler {
    http: reqwest::Client,
    base: String,
    token: String,
}

/// What a human may ask of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Act no more by itself.
    Hold,
    /// End a hold.
    Release,
    /// Make a shadow ready, without traffic.
    Prepare,
    /// Hand over to the shadow.
    Failover,
    /// Hand over to the original primary.
    Failback,
    /// Remove everything that was generated, the route included.
    Retire,
}

/// A group as the API shows it.
#[derive(Debug, Clone, Deserialize)]
pub struct GroupStatus {
    /// Its name.
    pub group: String,
    /// Phase in snake case, such as `idle`.
    pub phase: String,
    /// Raised with each hand-over.
    #[serde(default)]
    pub epoch: u64,
    /// Slot of the primary.
    pub primary: String,
    /// Weights that the data plane reports, by slot; absent when unknown.
    #[serde(default)]
    pub weights: Option<BTreeMap<String, u32>>,
    /// Slots.
    #[serde(default)]
    pub slots: BTreeMap<String, SlotStatus>,
    /// The newest degradation score, once there is one.
    #[serde(default)]
    pub score: Value,
    /// Why the group is in this phase.
    #[serde(default)]
    pub reason: Value,
    /// What it waits for.
    #[serde(default)]
    pub waiting: Value,
}

/// A slot as the API shows it.
#[derive(Debug, Clone, Deserialize)]
pub struct SlotStatus {
    /// `primary`, `shadow`, `standby` or `quarantined`.
    pub role: String,
    /// Whether the reconciler made it.
    #[serde(default)]
    pub managed: bool,
    /// What runs there, once something does.
    #[serde(default)]
    pub instance: Option<InstanceStatus>,
}

/// An instance as the API shows it.
#[derive(Debug, Clone, Deserialize)]
pub struct InstanceStatus {
    /// Id given by whoever runs it.
    pub instance_id: String,
    /// Where it serves.
    pub endpoint: EndpointStatus,
}

/// Where an instance serves.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct EndpointStatus {
    /// IP address.
    pub address: String,
    /// TCP port.
    pub port: u16,
}

/// An entry of the journal.
#[derive(Debug, Clone, Deserialize)]
pub struct Record {
    /// Rises with time.
    pub id: u64,
    /// When it was written.
    pub at: Timestamp,
    /// `transition`, `decision`, `terraform`, `observation`, `human` or `error`.
    pub kind: String,
    /// One line for people.
    #[serde(default)]
    pub message: String,
    /// Particulars of the kind.
    #[serde(default)]
    pub data: Value,
}

/// A change of phase.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// Phase that was left.
    pub from: String,
    /// Phase that was entered.
    pub to: String,
    /// Why.
    pub reason: String,
    /// The score that it was decided on.
    pub score: Option<f64>,
}

impl Reconciler {
    /// A client of the reconciler that listens on `address`.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(address: &str, token: &str) -> Result<Self> {
        Ok(Self { http: http::client()?, base: format!("http://{address}"), token: token.to_owned() })
    }

    /// The group, or `None` when the reconciler does not know it.
    ///
    /// # Errors
    /// When there is no answer or one that is not understood.
    pub async fn status(&self, group: &str) -> Result<Option<GroupStatus>> {
        self.get(&format!("/v1/groups/{group}/status")).await
    }

    /// Why the group's metrics cannot be relied on, if they cannot.
    ///
    /// # Errors
    /// When there is no answer or one that is not understood.
    pub async fn metrics_outage(&self, group: &str) -> Result<Option<String>> {
        let explanation: Option<Value> = self.get(&format!("/v1/groups/{group}/explain")).await?;
        let outage = explanation.as_ref().and_then(|it| it.pointer("/observation/metrics_outage")?.as_str());
        Ok(outage.map(str::to_owned))
    }

    /// The group's records after the one with id `after`, oldest first.
    ///
    /// # Errors
    /// When there is no answer or one that is not understood.
    pub async fn journal(&self, group: &str, after: u64) -> Result<Vec<Record>> {
        #[derive(Deserialize)]
        struct Page {
            records: Vec<Record>,
        }
        let path = format!("/v1/journal?group={group}&after={after}&limit={JOURNAL_PAGE}");
        let mut records = self.get::<Page>(&path).await?.map(|page| page.records).unwrap_or_default();
        records.sort_by_key(|record| record.id);
        Ok(records)
    }

    /// Asks for something as a human.
    ///
    /// # Errors
    /// When it is refused; the message is the reconciler's.
    pub async fn request(&self, group: &str, request: Request) -> Result<()> {
        let path = format!("/v1/groups/{group}/{}", request.verb());
        let body = if request == Request::Retire { json!({"remove_route": true}) } else { json!({}) };
        self.call(Method::POST, &path, &body)
            .await?
            .with_context(|| format!("{path}: the group {group} is not known"))?;
        Ok(())
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        let Some(text) = self.call(Method::GET, path, &Value::Null).await? else { return Ok(None) };
        serde_json::from_str(&text)
            .with_context(|| format!("reading the answer to GET {path}: {}", excerpt(text.as_str())))
    }

    /// The body of a good answer, or `None` for 404.
    async fn call(&self, method: Method, path: &str, body: &Value) -> Result<Option<String>> {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.base)).bearer_auth(&self.token);
        if method == Method::POST {
            request = request.json(body);
        }
        let response = request.send().await.with_context(|| format!("calling {method} {path}"))?;
        let status = response.status();
        let text = response.text().await.with_context(|| format!("reading the answer to {method} {path}"))?;
        match status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some(text)),
            status => bail!("{method} {path} answered {status}: {}", excerpt(text)),
        }
    }
}

impl Request {
    fn verb(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Prepare => "prepare",
            Self::Failover => "failover",
            Self::Failback => "failback",
            Self::Retire => "retire",
        }
    }
}

impl GroupStatus {
    /// The instance of the primary, once it is known.
    pub fn primary_instance(&self) -> Option<&InstanceStatus> {
        self.slots.get(&self.primary)?.instance.as_ref()
    }

    /// The probability within the longest horizon, once there is a score.
    pub fn score(&self) -> Option<f64> {
        self.score.get("horizons")?.as_array()?.last()?.get("probability")?.as_f64()
    }

    /// Weights as people write them: `a:90 b:10`.
    pub fn weights_text(&self) -> String {
        let Some(weights) = &self.weights else { return "unknown".to_owned() };
        weights.iter().map(|(slot, weight)| format!("{slot}:{weight}")).collect::<Vec<_>>().join(" ")
    }
}

impl Record {
    /// The change of phase, if this record is of one.
    pub fn transition(&self) -> Option<Transition> {
        let text = |key: &str| self.data.get(key).and_then(Value::as_str).map(str::to_owned);
        (self.kind == "transition").then_some(())?;
        Some(Transition {
            from: text("from")?,
            to: text("to")?,
            reason: text("reason").unwrap_or_else(|| self.message.clone()),
            score: self.data.get("score").and_then(Value::as_f64),
        })
    }

    /// A number among the particulars.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.data.get(key).and_then(Value::as_f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transition_is_read_from_its_record() {
        let record = |kind: &str, data: Value| {
            let at = "2026-01-01T00:00:00Z";
            serde_json::from_value::<Record>(json!({"id": 1, "at": at, "kind": kind, "message": "m", "data": data}))
                .unwrap()
        };
        let data = json!({"from": "idle", "to": "provisioning", "score": 0.7, "lower": 0.6});
        let transition = record("transition", data.clone()).transition().unwrap();
        assert_eq!((transition.to.as_str(), transition.reason.as_str()), ("provisioning", "m"));
        assert_eq!(transition.score, Some(0.7));
        assert_eq!(record("decision", data).transition(), None);
    }

    #[test]
    fn a_status_needs_little() {
        let status: GroupStatus = serde_json::from_value(json!({
            "group": "g", "phase": "shifting", "primary": "a", "weights": {"a": 75, "b": 25},
            "score": {"horizons": [{"probability": 0.2}, {"probability": 0.5}]},
            "slots": {"a": {"role": "primary", "instance": {
                "instance_id": "i", "endpoint": {"address": "127.0.0.1", "port": 80}}}},
        }))
        .unwrap();
        assert_eq!(status.weights_text(), "a:75 b:25");
        assert_eq!(status.score(), Some(0.5));
        assert_eq!(status.primary_instance().unwrap().endpoint.port, 80);
    }
}
