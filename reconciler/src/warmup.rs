//! Warm-up tasks: a command that the agent on a shadow's host runs until it exits 0. Outcomes are
//! kept in memory only; after a restart a warm shadow is warmed once more.

use crate::app::App;
use serde::Deserialize;
use serde_json::json;
use shadow_core::model::SlotId;
use shadow_core::model::policy::WarmupTask;
use shadow_core::model::slot::Instance;
use shadow_core::observation::Warmup;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The warm-up tasks of one group.
#[derive(Debug, Default)]
pub struct Warmups {
    outcomes: Arc<Mutex<BTreeMap<SlotId, Warmup>>>,
}

/// The agent's answer; more of it is ignored.
#[derive(Debug, Deserialize)]
struct TaskOutcome {
    exit_code: Option<i32>,
    #[serde(default)]
    timed_out: bool,
    #[serde(default)]
    output: String,
}

impl Warmups {
    /// Outcomes so far.
    pub fn observe(&self) -> BTreeMap<SlotId, Warmup> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Starts a task, unless it is running.
    pub fn start(&mut self, app: &Arc<App>, group: &str, slot: &SlotId, task: WarmupTask, instance: Instance) {
        let mut outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        if outcomes.get(slot) == Some(&Warmup::Running) {
            return;
        }
        outcomes.insert(slot.clone(), Warmup::Running);
        let (outcomes, slot, group) = (self.outcomes.clone(), slot.clone(), group.to_owned());
        let app = app.clone();
        tokio::spawn(async move {
            let outcome = match run(&app, &task, &instance).await {
                Ok(()) => Warmup::Passed,
                Err(error) => Warmup::Failed { at: crate::clock::now(), message: format!("{error:#}") },
            };
            outcomes.lock().unwrap_or_else(PoisonError::into_inner).insert(slot, outcome);
            app.board.wake(&group);
        });
    }
}

async fn run(app: &App, task: &WarmupTask, instance: &Instance) -> anyhow::Result<()> {
    let agent = instance.agent_url.as_ref().or(app.config.agent.as_ref());
    let Some(agent) = agent else {
        anyhow::bail!("the instance module reports no agent, and `serve --agent` names none: nobody can run the task");
    };
    let body = json!({
        "command": task.command,
        "environment": {
            "ADDRESS": instance.endpoint.address,
            "PORT": instance.endpoint.port.to_string(),
            "INSTANCE_ID": instance.instance_id,
        },
        "timeout": task.timeout,
    });
    let mut request = app.http.post(format!("{}/v1/tasks", agent.trim_end_matches('/'))).json(&body);
    if let Some(token) = &app.config.token {
        request = request.bearer_auth(token.reveal());
    }
    let outcome: TaskOutcome = request.send().await?.error_for_status()?.json().await?;
    match outcome {
        TaskOutcome { timed_out: true, .. } => anyhow::bail!("the warm-up task ran for longer than {}", task.timeout),
        TaskOutcome { exit_code: Some(0), .. } => Ok(()),
        TaskOutcome { exit_code, output, .. } => {
            anyhow::bail!("the warm-up task ended with {exit_code:?}: {}", output.trim_end())
        }
    }
}
