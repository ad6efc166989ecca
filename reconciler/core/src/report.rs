//! Why a decision is what it is: the guards with their inputs, and what is waited for.

use serde::{Deserialize, Serialize};

/// One condition of a transition, with what it was judged on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Guard {
    /// What must hold.
    pub name: String,
    /// Whether it does.
    pub passed: bool,
    /// The values it was judged on.
    pub inputs: String,
}

/// Why a decision is what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Report {
    /// Every guard that was looked at, in order; those that passed as well.
    pub guards: Vec<Guard>,
    /// What is waited for, in words for the on-call engineer.
    pub waits: Vec<String>,
    /// What deserves a human's attention.
    pub alerts: Vec<String>,
}

impl Report {
    /// Notes a guard and answers whether it holds.
    pub fn guard(&mut self, name: &str, passed: bool, inputs: impl Into<String>) -> bool {
        self.guards.push(Guard { name: name.to_owned(), passed, inputs: inputs.into() });
        passed
    }

    /// Notes what is waited for.
    pub fn wait(&mut self, what: impl Into<String>) {
        self.waits.push(what.into());
    }

    /// Notes what deserves a human's attention.
    pub fn alert(&mut self, what: impl Into<String>) {
        self.alerts.push(what.into());
    }
}
