//! The agent's HTTP API: which processes it runs. It only looks.

use crate::http;
use anyhow::{Context, Result};
use shadow_core::model::process::ProcessStatus;

/// A client of one agent.
#[derive(Clone)]
pub struct Agent {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Agent {
    /// A client of the agent that listens on `address`.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(address: &str, token: &str) -> Result<Self> {
        Ok(Self { http: http::client()?, base: format!("http://{address}"), token: token.to_owned() })
    }

    /// Every process that the agent knows, running or not.
    ///
    /// # Errors
    /// When there is no answer or one that is not understood.
    pub async fn processes(&self) -> Result<Vec<ProcessStatus>> {
        let request = self.http.get(format!("{}/v1/processes", self.base)).bearer_auth(&self.token);
        let response = request.send().await.and_then(reqwest::Response::error_for_status);
        let processes = response.context("asking the agent for its processes")?.json().await;
        processes.context("reading the agent's list of processes")
    }
}
