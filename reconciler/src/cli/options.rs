//! Subcommands, options, their defaults and the variables that stand for them, with what each says of itself. What they do is
//! in the parent.

use crate::agent::LaunchArgs;
use crate::backtesting::BacktestArgs;
use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::tz::TimeZone;
use std::net::SocketAddr;
use std::path::PathBuf;

/// How every command ends that has no code of its own.
const ENDS: &str = "Exit codes: 0 done; 1 not done, with the reason on standard error; 2 the command line is wrong.";

/// How a daemon ends.
const DAEMON_ENDS: &str = "Exit codes: 0 after SIGTERM or SIGINT; 1 it cannot start or go on, with the reason on standard \
    error; 2 the command line is wrong.";

/// How a filter of lines ends.
const FILTER_ENDS: &str = "Exit codes: 0 every line was understood; 1 a line was not, and the others have their answers; \
    2 the command line is wrong.";

/// How `forecast` ends, with and without lines.
const FORECAST_ENDS: &str = "Exit codes: 0 done; 1 there is no forecast, with the reason on standard error, or a line has no \
    answer, and the others have theirs; 2 the command line is wrong.";

/// How `check-module` ends.
const CHECK_ENDS: &str = "Exit codes: 0 the module keeps the contract; 1 it does not, and standard error says where, or it \
    cannot be read; 2 the command line is wrong.";

/// How a replay ends, for pipelines.
const BACKTEST_ENDS: &str = "Exit codes: 0 replayed, and every check is met; 1 there is no answer, with the reason on \
    standard error; 2 the command line is wrong; 3 a check is not met; 4 signals were left out, and the rest has its answer.";

/// What holds for all commands, below their list.
const GENERAL: &str = "Answers go to standard output, logs and errors to standard error. Exit codes: 0 done; 1 not done; \
    2 the command line is wrong; `backtest` has more.\n\n\
    Variables besides those of options: RUST_LOG says how much is logged, as in shadow_reconciler=debug (info when unset); \
    TZ is the time zone of what is printed; COLUMNS is the width of charts where standard output is no terminal.";

/// Predictive failover for Terraform.
#[derive(Debug, Parser)]
#[command(name = "shadow-reconciler", version, about, after_help = GENERAL)]
pub struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Watch the declared groups and act on them.
    ///
    /// Reads metrics from Prometheus, serves the API and Envoy's configuration, and runs Terraform, until it is told to stop.
    /// Declarations come over the API, from the Terraform provider; everything is kept in the folder of --data.
    #[command(after_help = DAEMON_ENDS)]
    Serve(ServeArgs),
    /// Run, supervise and measure processes on this host.
    ///
    /// Serves an API for processes and warm-up tasks, until it is told to stop. The processes live on and are taken over by
    /// the next agent with the same --data.
    #[command(after_help = DAEMON_ENDS)]
    Agent(AgentArgs),
    /// Become another program within limits; for the agent's own use.
    #[command(hide = true)]
    Launch(LaunchArgs),
    /// Print an Envoy bootstrap that takes its configuration from a reconciler.
    ///
    /// Reads nothing and prints JSON, to be saved and given to envoy with -c. The token for Envoys, if any, is in it.
    #[command(after_help = ENDS)]
    EnvoyBootstrap(BootstrapArgs),
    /// Print the OpenAPI 3.1 description of the API.
    ///
    /// Reads nothing and prints JSON.
    #[command(after_help = ENDS)]
    Openapi,
    /// Check a module against the module contract.
    ///
    /// Reads the folder's Terraform files, runs nothing, and prints one line.
    #[command(after_help = CHECK_ENDS)]
    CheckModule(CheckModuleArgs),
    /// Show how groups are.
    ///
    /// Asks the reconciler and prints phase, weights, score, waits, alerts and errors of each group.
    #[command(after_help = ENDS)]
    Status(GroupsArgs),
    /// Show why a group did or did not act: inputs, guards, waits.
    ///
    /// Asks the reconciler and prints the guards of the last decision, each with what it was judged by.
    #[command(after_help = ENDS)]
    Explain(GroupArgs),
    /// Show what forecasts, scores and alarms of a group were worth.
    ///
    /// Asks the reconciler and prints how far forecasts were from what came, by signal and model, and how alarms turned out.
    #[command(after_help = ENDS)]
    Accuracy(GroupArgs),
    /// Leave a group alone.
    ///
    /// Nothing more is done to it, from its next cycle on; an apply that has begun is finished. Prints that it was taken up.
    #[command(after_help = ENDS)]
    Hold(HoldArgs),
    /// Let a held group go on.
    ///
    /// Prints that it was taken up; `status` shows what comes of it.
    #[command(after_help = ENDS)]
    Release(ToldArgs),
    /// Allow an automatic hand-over in spite of the cooldown.
    ///
    /// Prints that it was taken up; `status` shows what comes of it.
    #[command(after_help = ENDS)]
    Acknowledge(ToldArgs),
    /// Make a shadow and keep it ready.
    ///
    /// Prints that it was taken up and does not wait; `status` shows what comes of it.
    #[command(after_help = ENDS)]
    Prepare(ToldArgs),
    /// Hand over to a shadow, making one first if there is none.
    ///
    /// Prints that it was taken up and does not wait; `status` shows what comes of it.
    #[command(after_help = ENDS)]
    Failover(ToldArgs),
    /// Return to the standby.
    ///
    /// Prints that it was taken up and does not wait; `status` shows what comes of it.
    #[command(after_help = ENDS)]
    Failback(ToldArgs),
    /// Take away what was made for a group.
    ///
    /// Prints that it was taken up and does not wait; `status` shows what comes of it.
    #[command(after_help = ENDS)]
    Retire(RetireArgs),
    /// Show what happened.
    ///
    /// Asks the reconciler and prints the records of its journal, the newest last.
    #[command(after_help = ENDS)]
    Journal(JournalArgs),
    /// Show what the signals of a group will probably do, or forecast series from standard input.
    ///
    /// With GROUP it asks the reconciler and prints a table of horizons, a chart or JSON.
    ///
    /// With --jsonl it reads a series a line: `{"id": "a", "step": 300, "start": 1800000000, "horizon": 12, "y": [1.5, null]}`,
    /// with the step in seconds, the time of the first value in seconds since 1970, the steps to forecast, and null for what
    /// was not measured. It answers each with its quantiles at every step: `{"id": "a", "model": …, "reason": …,
    /// "q": {"0.5": […]}}`, or with `line`, `column` and `error`.
    #[command(after_help = FORECAST_ENDS)]
    Forecast(ForecastArgs),
    /// Show what a policy would have done with recorded telemetry; a check for pipelines.
    ///
    /// Reads a recording from a file, the past of a group from the reconciler, or that of signals from Prometheus. Prints
    /// every action with its time and reason, breaches, false alarms and cost, beside a static threshold, predict_linear and
    /// no policy. Changes nothing anywhere.
    #[command(after_help = BACKTEST_ENDS)]
    Backtest(Box<BacktestCommand>),
    /// Score series from standard input, tick by tick, one JSON document per line.
    ///
    /// Reads first each series: `{"type": "series", "id": "a", "step": 300, "limit": 90, "direction": "above", "horizon": 12}`,
    /// with the step in seconds, the side of the limit on which it breaks (`above` or `below`) and the steps to look ahead.
    /// Then one tick after another: `{"type": "tick", "t": 0, "v": {"a": 41.5}}`, with null for what was not measured.
    /// Answers each tick before it reads the next: `{"t": 0, "p": {"a": 0.02}, "alarm": {"a": 0}}`, the probability that the
    /// limit breaks within the horizon; nothing for a series of which nothing was measured. A line that is not understood is
    /// answered with `line`, `column` and `error`.
    #[command(after_help = FILTER_ENDS)]
    Score(LinesArgs),
    /// Find anomalies in series from standard input, tick by tick, one JSON document per line.
    ///
    /// Reads what `score` reads; of a series only `id` and `step` are needed. Answers each tick before it reads the next:
    /// `{"t": 0, "p": {"a": 0.4}, "alarm": {"a": 0}}`, where `p` is the severity, an anomaly from 1.5 on; nothing for a series
    /// of which too little is known. A line that is not understood is answered with `line`, `column` and `error`.
    #[command(after_help = FILTER_ENDS)]
    Anomalies(LinesArgs),
    /// Learn the shipped priors anew.
    #[command(hide = true)]
    TrainPrior(TrainArgs),
    /// Print the reference of the command line; for `make cli-docs`.
    #[command(hide = true)]
    Reference,
}

#[derive(Debug, Args)]
pub(super) struct ForecastArgs {
    /// Name of the group.
    #[arg(required_unless_present = "jsonl")]
    pub(super) group: Option<String>,
    /// Forecast series from standard input, one JSON document per line.
    #[arg(long, conflicts_with_all = ["group", "plot", "svg", "json", "signal", "time_zone"])]
    pub(super) jsonl: bool,
    /// Draw a chart of each signal with characters.
    #[arg(long, conflicts_with_all = ["svg", "json"])]
    pub(super) plot: bool,
    /// Draw a chart as SVG; with several signals one file for each, with its name before the ending.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub(super) svg: Option<PathBuf>,
    /// Only this signal, with --plot or --svg.
    #[arg(long)]
    pub(super) signal: Option<String>,
    #[command(flatten)]
    pub(super) zone: ZoneArgs,
    #[command(flatten)]
    pub(super) api: ApiArgs,
}

#[derive(Debug, Args)]
pub(super) struct BacktestCommand {
    #[command(flatten)]
    pub(super) what: BacktestArgs,
    #[command(flatten)]
    pub(super) zone: ZoneArgs,
    #[command(flatten)]
    pub(super) api: ApiArgs,
}

#[derive(Debug, Args)]
pub(super) struct ZoneArgs {
    /// Time zone of what is printed, as in Europe/Berlin; that of TZ or of the system when left out.
    #[arg(long, value_name = "ZONE", value_parser = zone_of)]
    pub(super) time_zone: Option<TimeZone>,
}

impl ZoneArgs {
    pub(super) fn zone(&self) -> TimeZone {
        self.time_zone.clone().unwrap_or_else(|| TimeZone::try_system().unwrap_or(TimeZone::UTC))
    }
}

fn zone_of(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_error| format!("{name:?} is no time zone: name one as in Europe/Berlin"))
}

#[derive(Debug, Args)]
pub(super) struct LinesArgs {
    /// Read and write JSON lines; there is no other form.
    #[arg(long, required = true)]
    pub(super) jsonl: bool,
}

#[derive(Debug, Args)]
pub(super) struct TrainArgs {
    /// Recorded series, as JSON lines of `step` (in seconds) and `y`.
    #[arg(long)]
    pub(super) data: PathBuf,
    /// What the series are, and on which terms.
    #[arg(long)]
    pub(super) trained_on: String,
    /// Where `forecast.json` and `warning.json` are written.
    #[arg(long)]
    pub(super) folder: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Where the API listens.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:9580", env = "SHADOW_LISTEN")]
    pub(super) listen: SocketAddr,
    /// Where Envoy gets its configuration.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:9581", env = "SHADOW_XDS_LISTEN")]
    pub(super) xds_listen: SocketAddr,
    /// The one folder that everything is kept in.
    #[arg(long, value_name = "FOLDER", env = "SHADOW_DATA")]
    pub(super) data: PathBuf,
    /// Base URL of Prometheus.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9090", env = "SHADOW_PROMETHEUS")]
    pub(super) prometheus: String,
    /// Base URL of the agent that runs warm-up tasks of instances that name none.
    #[arg(long, value_name = "URL", env = "SHADOW_AGENT")]
    pub(super) agent: Option<String>,
    /// The terraform executable.
    #[arg(long, value_name = "FILE", default_value = "terraform", env = "SHADOW_TERRAFORM")]
    pub(super) terraform: PathBuf,
    /// Folder or address below which module sources may be fetched and run; may be repeated.
    #[arg(long = "allow-module", value_name = "SOURCE", required = true)]
    pub(super) allow_module: Vec<String>,
    /// Capacity runs of Terraform at once, over all groups.
    #[arg(long, value_name = "COUNT", default_value_t = 4)]
    pub(super) terraform_runs_max: usize,
    /// Bearer token that clients must send.
    #[arg(long, env = "SHADOW_TOKEN", hide_env_values = true, hide_default_value = true, default_value = "")]
    pub(super) token: String,
    /// Bearer token that Envoys must send; `envoy-bootstrap` writes it into their configuration.
    #[arg(
        long,
        value_name = "TOKEN",
        env = "SHADOW_XDS_TOKEN",
        hide_env_values = true,
        hide_default_value = true,
        default_value = ""
    )]
    pub(super) xds_token: String,
}

#[derive(Debug, Args)]
pub(super) struct AgentArgs {
    /// Where the agent listens.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:9590", env = "SHADOW_AGENT_LISTEN")]
    pub(super) listen: SocketAddr,
    /// The one folder that everything is kept in.
    #[arg(long, value_name = "FOLDER", env = "SHADOW_AGENT_DATA")]
    pub(super) data: PathBuf,
    /// Bearer token that clients must send.
    #[arg(long, env = "SHADOW_TOKEN", hide_env_values = true, hide_default_value = true, default_value = "")]
    pub(super) token: String,
}

#[derive(Debug, Args)]
pub(super) struct BootstrapArgs {
    /// Name that routes know this Envoy by: its `node.cluster`.
    #[arg(long, value_name = "NAME", default_value = "shadow")]
    pub(super) proxy: String,
    /// Where the reconciler's control plane listens.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:9581")]
    pub(super) xds: SocketAddr,
    /// Where Envoy's admin interface is to listen; the reconciler reads the weights back from it.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:9901")]
    pub(super) admin: SocketAddr,
    /// Bearer token that the reconciler wants from Envoys.
    #[arg(
        long,
        value_name = "TOKEN",
        env = "SHADOW_XDS_TOKEN",
        hide_env_values = true,
        hide_default_value = true,
        default_value = ""
    )]
    pub(super) xds_token: String,
}

#[derive(Debug, Args)]
pub(super) struct CheckModuleArgs {
    /// Folder of the module.
    pub(super) folder: PathBuf,
    /// What it is for.
    #[arg(long)]
    pub(super) kind: ModuleKind,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ModuleKind {
    /// Makes an instance.
    Instance,
    /// Divides the traffic.
    Traffic,
}

#[derive(Debug, Args)]
pub(super) struct ReachArgs {
    /// Base URL of the reconciler.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9580", env = "SHADOW_ENDPOINT")]
    pub(super) endpoint: String,
    /// Bearer token that the reconciler wants from clients.
    #[arg(long, env = "SHADOW_TOKEN", hide_env_values = true, hide_default_value = true, default_value = "")]
    pub(super) token: String,
}

#[derive(Debug, Args)]
pub(super) struct ApiArgs {
    #[command(flatten)]
    pub(super) reach: ReachArgs,
    /// Print JSON, for programs.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct GroupArgs {
    /// Name of the group.
    pub(super) group: String,
    #[command(flatten)]
    pub(super) api: ApiArgs,
}

/// A group to do something to.
#[derive(Debug, Args)]
pub(super) struct ToldArgs {
    /// Name of the group.
    pub(super) group: String,
    #[command(flatten)]
    pub(super) reach: ReachArgs,
}

#[derive(Debug, Args)]
pub(super) struct GroupsArgs {
    /// Name of the group; all when left out.
    pub(super) group: Option<String>,
    #[command(flatten)]
    pub(super) api: ApiArgs,
}

#[derive(Debug, Args)]
pub(super) struct HoldArgs {
    #[command(flatten)]
    pub(super) group: ToldArgs,
    /// Why, for the others on call.
    #[arg(long, value_name = "TEXT", hide_default_value = true, default_value = "")]
    pub(super) reason: String,
    /// For how long, as in 30m; until released when left out.
    #[arg(long = "for")]
    pub(super) duration: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct RetireArgs {
    #[command(flatten)]
    pub(super) group: ToldArgs,
    /// Remove the route as well: the service is then no longer reachable through it.
    #[arg(long)]
    pub(super) remove_route: bool,
}

#[derive(Debug, Args)]
pub(super) struct JournalArgs {
    #[command(flatten)]
    pub(super) groups: GroupsArgs,
    /// Only records after this id.
    #[arg(long, value_name = "ID", default_value_t = 0)]
    pub(super) after: i64,
    /// At most so many records.
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    pub(super) limit: u32,
}
