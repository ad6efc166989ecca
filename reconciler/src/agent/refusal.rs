//! Why the agent did not do what a request asked.

use shadow_core::model::check::Problems;

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// The declaration cannot be carried out.
    #[error("what was declared cannot be carried out: {0}")]
    Invalid(#[from] Problems),
    /// A process of that name exists and was declared otherwise.
    #[error("process {0:?} exists with another declaration: adopt it by an import, or choose another name")]
    Different(String),
    /// There is no process of that name.
    #[error("there is no process {0:?}")]
    Unknown(String),
    /// The host did not let the agent do it.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

impl Refusal {
    /// A refusal for a single reason.
    pub(super) fn problem(path: &str, summary: impl Into<String>, remedy: impl Into<String>) -> Self {
        let mut problems = Problems::default();
        problems.add(path, summary, remedy);
        Self::Invalid(problems)
    }
}
