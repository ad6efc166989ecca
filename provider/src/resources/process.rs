//! `shadow_process`: a service instance as a process that the host's agent runs. It outlives
//! Terraform and this provider. What moves by itself (its id, its restarts) is not in the state.

use super::{defaults_of, duration, id, name, object, port, text_map, texts};
use crate::client::{ANSWER, Api, Client, Effect, Missing, Put};
use crate::documents;
use serde_json::json;
use shadow_core::model::check::parse_duration;
use shadow_core::model::process::{HttpProbe, ProcessGoal, ProcessSpec, ProcessState, ProcessStatus};
use std::time::Duration;
use terraform_provider_framework::schema::{Modifier, attributes};
use terraform_provider_framework::timeouts::{self, Operation, Timeouts};
use terraform_provider_framework::{
    Attribute, CancellationToken, Change, Context, Diagnostic, Diagnostics, Failure, Path, Resource, Schema, Value,
    async_trait,
};
use tokio::time::{Instant, sleep};

pub(super) struct Process {
    schema: Schema,
}

/// The variables that only a configuration has.
const SECRETS: &str = "secret_environment_wo";

/// Pause between two looks at a process that settles.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

impl Process {
    pub(super) fn new() -> Self {
        Self { schema: schema() }
    }

    /// What is in force now, as state.
    fn state(&self, status: &ProcessStatus, agent: &str) -> Result<Value, Diagnostics> {
        let mut state = documents::value(&status.spec, &self.schema)?;
        fill_in(&mut state, status, agent);
        Ok(state)
    }

    /// What is asked of the agent, checked. The secrets are in the configuration only.
    fn spec(&self, planned: &Value, config: &Value) -> Result<ProcessSpec, Diagnostics> {
        let mut asked = asked(planned);
        asked.put(SECRETS, config.get(SECRETS).clone());
        let spec: ProcessSpec = documents::document(&asked, &self.schema)?;
        documents::accepted(spec.check()).map(|()| spec)
    }
}

/// The agent is whom to ask, and no part of what is asked.
fn asked(value: &Value) -> Value {
    let mut value = value.clone();
    value.put("agent", Value::Null);
    value
}

/// Which operations users may bound.
fn bounds() -> Timeouts {
    let own = "30s and the grace of `stop`, which may have to be waited for";
    let operations = [Operation::Create, Operation::Update, Operation::Delete];
    operations.into_iter().fold(Timeouts::none(), |bounds, operation| bounds.with_own(operation, own))
}

/// The attributes that the agent decides.
fn fill_in(state: &mut Value, status: &ProcessStatus, agent: &str) {
    state.put("id", status.spec.name.as_str());
    state.put("agent", agent);
    state.put("port", u32::from(status.port));
    state.put("state", shown(status.state));
}

/// The state as far as a plan should care: a process that is about to be restarted is in good
/// hands, one that is ending has ended.
fn shown(state: ProcessState) -> &'static str {
    match state {
        ProcessState::Running | ProcessState::Backoff => "running",
        ProcessState::Stopping | ProcessState::Stopped => "stopped",
        ProcessState::Exited => "exited",
    }
}

/// What `shown` must become.
fn goal(spec: &ProcessSpec) -> &'static str {
    match spec.desired_state {
        ProcessGoal::Running => "running",
        ProcessGoal::Stopped => "stopped",
    }
}

fn path_of(name: &str) -> String {
    format!("/v1/processes/{name}")
}

/// Time for an operation, which may have to wait until the old process has ended: what the user gives in
/// `value`, or else what the declaration needs.
fn patience(operation: Operation, value: &Value, spec: &ProcessSpec) -> Duration {
    let grace = parse_duration(&spec.stop.grace).ok().and_then(|grace| Duration::try_from(grace).ok());
    bounds().of(operation, value).unwrap_or(ANSWER + grace.unwrap_or_default())
}

/// A process that did not become what it should be.
struct Unsettled {
    /// What it is, if it is known to exist.
    status: Option<ProcessStatus>,
    /// Whether it may exist all the same.
    effect: Effect,
    told: Diagnostics,
}

impl Unsettled {
    fn found(status: ProcessStatus, told: impl Into<Diagnostics>) -> Self {
        Self { status: Some(status), effect: Effect::Perhaps, told: told.into() }
    }
}

/// Asks for the process and waits until it is what it should be.
async fn settle(
    api: &Api,
    spec: &ProcessSpec,
    put: Put,
    patience: Duration,
    cancellation: &CancellationToken,
) -> Result<ProcessStatus, Unsettled> {
    let path = path_of(&spec.name);
    let deadline = Instant::now() + patience;
    let answer: Result<ProcessStatus, _> = api.put(&path, spec, put, patience, cancellation).await;
    let mut status =
        answer.map_err(|error| Unsettled { status: None, effect: error.effect(), told: error.diagnostics() })?;
    while shown(status.state) != goal(spec) {
        let hopeless = status.state == ProcessState::Exited;
        if hopeless || Instant::now() > deadline || cancellation.is_cancelled() {
            let told = unsettled(&status, goal(spec));
            return Err(Unsettled::found(status, told));
        }
        sleep(LOOK_AGAIN).await;
        status = match api.get(&path, cancellation).await {
            Ok(Some(newer)) => newer,
            Ok(None) => return Err(Unsettled { status: None, effect: Effect::No, told: vanished(&spec.name).into() }),
            Err(error) => return Err(Unsettled::found(status, error.diagnostics())),
        };
    }
    Ok(status)
}

fn unsettled(status: &ProcessStatus, goal: &str) -> Diagnostic {
    let name = &status.spec.name;
    let how = match (status.exit_code, status.exit_signal) {
        (Some(code), _) => format!(" with exit code {code}"),
        (None, Some(signal)) => format!(" by signal {signal}"),
        (None, None) => String::new(),
    };
    if status.state == ProcessState::Exited {
        let detail = format!("{name:?} ended{how} as soon as it was started. Look at its output on the host.");
        return Diagnostic::error("The process does not stay up", detail).at(Path::attribute("command"));
    }
    let detail = format!("{name:?} is {} and not {goal}. Apply again, or look at the agent.", shown(status.state));
    Diagnostic::error("The process does not settle", detail)
}

fn vanished(name: &str) -> Diagnostic {
    let detail = format!("Somebody removed {name:?} while it was being started. Apply again.");
    Diagnostic::error("The process is gone", detail)
}

#[async_trait]
impl Resource<Client> for Process {
    fn schema(&self) -> Schema {
        self.schema.clone()
    }

    fn timeouts(&self) -> Timeouts {
        bounds()
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        documents::check_known(&asked(config), &self.schema, |spec: ProcessSpec| spec.check())
    }

    /// The agent is the one in the block, else the provider's; a process that is not what it should
    /// be shows as a change of `state`.
    async fn plan(&self, context: &Context<Client>, change: &mut Change) -> Diagnostics {
        let name = change.planned.get("name").clone();
        let goal = change.planned.get("desired_state").clone();
        change.planned.put("id", name);
        change.planned.put("state", goal);
        if !change.config.get("agent").is_null() {
            return Diagnostics::none();
        }
        match context.client.agent_url() {
            Ok(url) => change.planned.put("agent", url),
            Err(Missing::Unknown(_)) if change.is_creation() => change.planned.put("agent", Value::Unknown),
            Err(_) if !change.is_creation() => {
                let known = change.prior.get("agent").clone();
                change.planned.put("agent", known);
            }
            Err(missing) => return missing.into(),
        }
        Diagnostics::none()
    }

    async fn create(&self, context: &Context<Client>, change: Change) -> Result<Value, Failure> {
        let mut planned = change.planned;
        let agent = match planned.get("agent").as_str() {
            Some(agent) => agent.to_owned(),
            None => context.client.agent_url()?.to_owned(),
        };
        planned.put("agent", agent.as_str());
        let api = context.client.agent(&agent)?;
        let spec = self.spec(&planned.clone().with_unknown_as(&Value::Null), &change.config)?;
        let patience = patience(Operation::Create, &planned, &spec);
        match settle(&api, &spec, Put::New, patience, &context.cancellation).await {
            Ok(status) => {
                fill_in(&mut planned, &status, &agent);
                Ok(planned)
            }
            Err(Unsettled { status: Some(status), told, .. }) => {
                fill_in(&mut planned, &status, &agent);
                Err(Failure::keeping(planned, told))
            }
            Err(Unsettled { effect: Effect::Perhaps, told, .. }) => Err(Failure::keeping(planned, told)),
            Err(Unsettled { told, .. }) => Err(told.into()),
        }
    }

    async fn read(&self, context: &Context<Client>, state: Value) -> Result<Option<Value>, Diagnostics> {
        let agent = match state.get("agent").as_str().map_or_else(|| context.client.agent_url(), Ok) {
            Err(Missing::Unknown(_)) => return Ok(Some(state)),
            agent => agent?,
        };
        let api = context.client.agent(agent)?;
        let path = path_of(state.get("name").as_str().unwrap_or_default());
        let status: Option<ProcessStatus> = api.get(&path, &context.cancellation).await?;
        status.map(|status| self.state(&status, agent)).transpose()
    }

    async fn update(&self, context: &Context<Client>, change: Change) -> Result<Value, Failure> {
        let mut planned = change.planned;
        let agent = planned.get("agent").as_str().unwrap_or_default().to_owned();
        let api = context.client.agent(&agent)?;
        let mut spec = self.spec(&planned, &change.config)?;
        // A port that the agent chose stays the agent's choice: asking for it would be a change.
        let present: Option<ProcessStatus> = api.get(&path_of(&spec.name), &context.cancellation).await?;
        if let Some(present) = present.filter(|present| present.port == spec.port) {
            spec.port = present.spec.port;
        }
        let patience = patience(Operation::Update, &planned, &spec);
        match settle(&api, &spec, Put::Any, patience, &context.cancellation).await {
            Ok(status) => {
                fill_in(&mut planned, &status, &agent);
                Ok(planned)
            }
            Err(Unsettled { status: Some(status), told, .. }) => {
                Err(Failure::keeping(self.state(&status, &agent)?, told))
            }
            Err(Unsettled { told, .. }) => Err(told.into()),
        }
    }

    async fn delete(&self, context: &Context<Client>, state: Value) -> Result<(), Diagnostics> {
        let agent = state.get("agent").as_str().map_or_else(|| context.client.agent_url(), Ok)?;
        let api = context.client.agent(agent)?;
        let spec: ProcessSpec = documents::document(&asked(&state), &self.schema)?;
        let patience = patience(Operation::Delete, &state, &spec);
        Ok(api.delete(&path_of(&spec.name), patience, &context.cancellation).await?)
    }

    async fn import(&self, context: &Context<Client>, id: &str) -> Result<Value, Diagnostics> {
        documents::check_name(id, "import id")?;
        let agent = context.client.agent_url()?;
        let status: Option<ProcessStatus> =
            context.client.agent(agent)?.get(&path_of(id), &context.cancellation).await?;
        let missing = || {
            let detail = format!("The agent {agent} runs no process {id:?}. The import id is a process's name.");
            Diagnostics::from(Diagnostic::error("No such process", detail))
        };
        self.state(&status.ok_or_else(missing)?, agent)
    }
}

const DESCRIPTION: &str = "A service instance as a process that the agent on a host starts, supervises and stops. It \
    outlives Terraform, this provider and the reconciler. It makes the whole loop possible without any cloud: instance \
    modules for one's own machines use it. Modules for a cloud use that cloud's own resources in its place \
    (`aws_instance`, `google_compute_instance` …), under the same contract. A process that ended by itself shows in the \
    next plan as a change of `state`, and applying starts it again; one that was removed is created again.";

fn schema() -> Schema {
    let defaults = defaults_of::<ProcessSpec>(json!({"name": "name", "command": ["program"]}));
    let agent = "URL of the agent that runs it. Default: the provider's `agent`. Another agent is another process.";
    let environment = "Variables of the process, besides `PATH`, `ADDRESS` and `PORT`. Not for secrets: see \
        `secret_environment_wo` and `inherit_environment`.";
    let inherit = "Names of variables whose values the process takes from the agent's own environment, so that \
        secrets stay out of declarations and state.";
    let chosen = "TCP port that the process listens on, passed as `PORT`. When left out, the agent chooses a free one \
        once and keeps it.";
    let restart = "What happens when the process ends by itself: it stays down and shows in the next plan, or it is \
        started again after one second, then after twice as long each time, up to a minute.";
    Schema::new(
        DESCRIPTION,
        attributes([
            ("id", id()),
            ("name", name("on the host")),
            ("agent", Attribute::string(agent).optional_computed().modified(Modifier::RequiresReplace)),
            ("command", texts("Program and arguments; no shell is involved.").required()),
            ("environment", text_map(environment).with_default_of(&defaults["environment"])),
            (SECRETS, secrets()),
            ("secret_environment_wo_version", secrets_version()),
            ("inherit_environment", texts(inherit).with_default_of(&defaults["inherit_environment"])),
            ("working_directory", Attribute::string("Folder to start in. Default: the agent's data directory of it.")),
            (
                "address",
                Attribute::string("Address that the process listens on, passed as `ADDRESS`.")
                    .with_default_of(&defaults["address"]),
            ),
            ("port", port(chosen).optional_computed().modified(Modifier::UseStateForUnknown)),
            ("limits", limits().with_default_of(&defaults["limits"])),
            ("probe", probe()),
            (
                "stop",
                object(
                    "How the process is stopped: by a signal and, after `grace`, by `SIGKILL`.",
                    [
                        (
                            "signal",
                            Attribute::string("Signal that asks it to end.")
                                .one_of(&["SIGTERM", "SIGINT", "SIGQUIT"])
                                .with_default_of(&defaults["stop"]["signal"]),
                        ),
                        ("grace", duration("Time to end by itself.", &defaults["stop"]["grace"])),
                    ],
                )
                .with_default_of(&defaults["stop"]),
            ),
            (
                "restart",
                Attribute::string(restart).one_of(&["never", "on_failure"]).with_default_of(&defaults["restart"]),
            ),
            (
                "desired_state",
                Attribute::string("Whether it should run. A stopped process keeps its port.")
                    .one_of(&["running", "stopped"])
                    .with_default_of(&defaults["desired_state"]),
            ),
            (
                "tags",
                text_map("Labels, such as `shadow:group`, `shadow:slot` and `shadow:generation`.")
                    .with_default_of(&defaults["tags"]),
            ),
            (timeouts::NAME, bounds().attribute()),
            ("state", Attribute::string("What it is: `running`, `stopped`, or `exited` by itself.").computed()),
        ]),
    )
}

fn secrets() -> Attribute {
    let text = "Secret variables of the process, in no plan and no state. The agent keeps them on its host, in a \
        file that only its own user reads, to start the process again. They are taken when \
        `secret_environment_wo_version` changes. None when left out. Needs Terraform 1.11 or newer; values may be \
        ephemeral.";
    text_map(text).sensitive().write_only()
}

fn secrets_version() -> Attribute {
    let text = "Which secret variables are in force. Raise it whenever `secret_environment_wo` changes: Terraform \
        does not see that by itself. Required with `secret_environment_wo`, left out otherwise; a change of it starts the \
        process again.";
    // Terraform's state holds numbers exactly up to this.
    Attribute::number(text).integer(0, i64::MAX.unsigned_abs())
}

fn limits() -> Attribute {
    let memory = "Writable private memory in MiB: allocation fails above it. Unlimited when left out.";
    let cores = "CPU cores that it may be scheduled on, rounded up to whole ones. All when left out.";
    let files = "Open files. The agent's own limit when left out.";
    // Largest count of whole MiB whose bytes fit 64 bits.
    const MEMORY_MIB_MAX: u64 = 1 << 43;
    object(
        "Limits that the kernel enforces.",
        [
            ("memory_mib", Attribute::number(memory).integer(1, MEMORY_MIB_MAX)),
            ("cpu_cores", Attribute::number(cores).range(0.01, 4096.0)),
            ("open_files", Attribute::number(files).integer(1, u64::from(u32::MAX))),
        ],
    )
}

fn probe() -> Attribute {
    let defaults = defaults_of::<HttpProbe>(json!({"path": "/"}));
    object(
        "An HTTP GET by which the agent asks whether the process is well. None when left out.",
        [
            ("path", Attribute::string("Path with its leading slash; 2xx and 3xx mean that it is well.").required()),
            ("interval", duration("Time between probes.", &defaults["interval"])),
            ("timeout", duration("Time after which a probe counts as failed.", &defaults["timeout"])),
        ],
    )
}
