//! The command line, and the environment variables that stand for its options. The only place that
//! reads the environment.

use crate::agent::{self, AgentConfig, LaunchArgs};
use crate::api;
use crate::app::{App, ServeConfig};
use crate::backtesting::{BacktestArgs, ExitWith, Surroundings, backtest};
use crate::client::{Client, print};
use crate::clock;
use crate::daemon;
use crate::forecasting;
use crate::forecasting::group::{Told, written};
use crate::http::Token;
use crate::plot::fan_text;
use crate::terraform::check_module;
use crate::traffic::bootstrap;
use anyhow::Context;
use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::tz::TimeZone;
use shadow_core::model::split::SocketSpec;
use shadow_core::rendering::RootKind;
use std::io::{BufWriter, IsTerminal as _, StdinLock, StdoutLock};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::watch;

/// Predictive failover for Terraform.
#[derive(Debug, Parser)]
#[command(name = "shadow-reconciler", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch the declared groups and act on them.
    Serve(ServeArgs),
    /// Run, supervise and measure processes on this host.
    Agent(AgentArgs),
    /// Become another program within limits; for the agent's own use.
    #[command(hide = true)]
    Launch(LaunchArgs),
    /// Print an Envoy bootstrap that takes its configuration from a reconciler.
    EnvoyBootstrap(BootstrapArgs),
    /// Print the OpenAPI 3.1 description of the API.
    Openapi,
    /// Check a module against the module contract.
    CheckModule(CheckModuleArgs),
    /// Show how groups are.
    Status(GroupsArgs),
    /// Show why a group did or did not act: inputs, guards, waits.
    Explain(GroupArgs),
    /// Show what forecasts, scores and alarms of a group were worth.
    Accuracy(GroupArgs),
    /// Leave a group alone.
    Hold(HoldArgs),
    /// Let a held group go on.
    Release(GroupArgs),
    /// Allow an automatic hand-over in spite of the cooldown.
    Acknowledge(GroupArgs),
    /// Make a shadow and keep it ready.
    Prepare(GroupArgs),
    /// Hand over to a shadow, making one first if there is none.
    Failover(GroupArgs),
    /// Return to the standby.
    Failback(GroupArgs),
    /// Take away what was made for a group.
    Retire(RetireArgs),
    /// Show what happened.
    Journal(JournalArgs),
    /// Show what the signals of a group will probably do, or forecast series from standard input.
    Forecast(ForecastArgs),
    /// Show what a policy would have done with recorded telemetry; a check for pipelines. Ends with 0; with 3 when a
    /// check is not met; with 4 when signals were left out; with 1 when there is no answer.
    Backtest(Box<BacktestCommand>),
    /// Score series from standard input, tick by tick, one JSON document per line.
    Score(LinesArgs),
    /// Find anomalies in series from standard input, tick by tick, one JSON document per line.
    Anomalies(LinesArgs),
    /// Learn the shipped priors anew.
    #[command(hide = true)]
    TrainPrior(TrainArgs),
}

#[derive(Debug, Args)]
struct ForecastArgs {
    /// Name of the group.
    #[arg(required_unless_present = "jsonl")]
    group: Option<String>,
    /// Forecast series from standard input, one JSON document per line.
    #[arg(long, conflicts_with_all = ["group", "plot", "svg", "json", "signal", "time_zone"])]
    jsonl: bool,
    /// Draw a chart of each signal with characters.
    #[arg(long, conflicts_with_all = ["svg", "json"])]
    plot: bool,
    /// Draw a chart as SVG; with several signals one file for each, with its name before the ending.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    svg: Option<PathBuf>,
    /// Only this signal, in charts.
    #[arg(long)]
    signal: Option<String>,
    #[command(flatten)]
    zone: ZoneArgs,
    #[command(flatten)]
    api: ApiArgs,
}

#[derive(Debug, Args)]
struct BacktestCommand {
    #[command(flatten)]
    what: BacktestArgs,
    #[command(flatten)]
    zone: ZoneArgs,
    #[command(flatten)]
    api: ApiArgs,
}

#[derive(Debug, Args)]
struct ZoneArgs {
    /// Time zone of what is printed, as in Europe/Berlin; that of TZ or of the system when left out.
    #[arg(long, value_parser = zone_of)]
    time_zone: Option<TimeZone>,
}

impl ZoneArgs {
    fn zone(&self) -> TimeZone {
        self.time_zone.clone().unwrap_or_else(|| TimeZone::try_system().unwrap_or(TimeZone::UTC))
    }
}

fn zone_of(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_error| format!("{name:?} is no time zone: name one as in Europe/Berlin"))
}

#[derive(Debug, Args)]
struct LinesArgs {
    /// Read and write JSON lines.
    #[arg(long, required = true)]
    jsonl: bool,
}

#[derive(Debug, Args)]
struct TrainArgs {
    /// Recorded series, as JSON lines of `step` (in seconds) and `y`.
    #[arg(long)]
    data: PathBuf,
    /// What the series are, and on which terms.
    #[arg(long)]
    trained_on: String,
    /// Where `forecast.json` and `warning.json` are written.
    #[arg(long)]
    folder: PathBuf,
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// Where the API listens.
    #[arg(long, default_value = "127.0.0.1:9580", env = "SHADOW_LISTEN")]
    listen: SocketAddr,
    /// Where Envoy gets its configuration.
    #[arg(long, default_value = "127.0.0.1:9581", env = "SHADOW_XDS_LISTEN")]
    xds_listen: SocketAddr,
    /// The one folder that everything is kept in.
    #[arg(long, env = "SHADOW_DATA")]
    data: PathBuf,
    /// Base URL of Prometheus.
    #[arg(long, default_value = "http://127.0.0.1:9090", env = "SHADOW_PROMETHEUS")]
    prometheus: String,
    /// Base URL of the agent that runs warm-up tasks of instances that name none.
    #[arg(long, env = "SHADOW_AGENT")]
    agent: Option<String>,
    /// The terraform executable.
    #[arg(long, default_value = "terraform", env = "SHADOW_TERRAFORM")]
    terraform: PathBuf,
    /// Folder or address below which module sources may be fetched and run; may be repeated.
    #[arg(long = "allow-module", required = true)]
    allow_module: Vec<String>,
    /// Capacity runs of Terraform at once, over all groups.
    #[arg(long, default_value_t = 4)]
    terraform_runs_max: usize,
    /// Bearer token that clients must send.
    #[arg(long, env = "SHADOW_TOKEN", hide_env_values = true, default_value = "")]
    token: String,
    /// Bearer token that Envoys must send; `envoy-bootstrap` writes it into their configuration.
    #[arg(long, env = "SHADOW_XDS_TOKEN", hide_env_values = true, default_value = "")]
    xds_token: String,
}

#[derive(Debug, Args)]
struct AgentArgs {
    /// Where the agent listens.
    #[arg(long, default_value = "127.0.0.1:9590", env = "SHADOW_AGENT_LISTEN")]
    listen: SocketAddr,
    /// The one folder that everything is kept in.
    #[arg(long, env = "SHADOW_AGENT_DATA")]
    data: PathBuf,
    /// Bearer token that clients must send.
    #[arg(long, env = "SHADOW_TOKEN", hide_env_values = true, default_value = "")]
    token: String,
}

#[derive(Debug, Args)]
struct BootstrapArgs {
    /// Name that routes know this Envoy by: its `node.cluster`.
    #[arg(long, default_value = "shadow")]
    proxy: String,
    /// Where the reconciler's control plane listens.
    #[arg(long, default_value = "127.0.0.1:9581")]
    xds: SocketAddr,
    /// Where Envoy's admin interface is to listen; the reconciler reads the weights back from it.
    #[arg(long, default_value = "127.0.0.1:9901")]
    admin: SocketAddr,
    /// Bearer token that the reconciler wants from Envoys.
    #[arg(long, env = "SHADOW_XDS_TOKEN", hide_env_values = true, default_value = "")]
    xds_token: String,
}

#[derive(Debug, Args)]
struct CheckModuleArgs {
    /// Folder of the module.
    folder: PathBuf,
    /// What it is for.
    #[arg(long)]
    kind: ModuleKind,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ModuleKind {
    Instance,
    Traffic,
}

#[derive(Debug, Args)]
struct ApiArgs {
    /// Base URL of the reconciler.
    #[arg(long, default_value = "http://127.0.0.1:9580", env = "SHADOW_ENDPOINT")]
    endpoint: String,
    /// Bearer token.
    #[arg(long, env = "SHADOW_TOKEN", hide_env_values = true, default_value = "")]
    token: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct GroupArgs {
    /// Name of the group.
    group: String,
    #[command(flatten)]
    api: ApiArgs,
}

#[derive(Debug, Args)]
struct GroupsArgs {
    /// Name of the group; all when left out.
    group: Option<String>,
    #[command(flatten)]
    api: ApiArgs,
}

#[derive(Debug, Args)]
struct HoldArgs {
    #[command(flatten)]
    group: GroupArgs,
    /// For the others on call.
    #[arg(long, default_value = "")]
    reason: String,
    /// For how long, as in 30m; until released when left out.
    #[arg(long = "for")]
    duration: Option<String>,
}

#[derive(Debug, Args)]
struct RetireArgs {
    #[command(flatten)]
    group: GroupArgs,
    /// Remove the route as well: the service is then no longer reachable through it.
    #[arg(long)]
    remove_route: bool,
}

#[derive(Debug, Args)]
struct JournalArgs {
    #[command(flatten)]
    groups: GroupsArgs,
    /// Only records after this id.
    #[arg(long, default_value_t = 0)]
    after: i64,
    /// At most so many records.
    #[arg(long, default_value_t = 1000)]
    limit: u32,
}

/// Does what the command line says.
pub fn run(cli: Cli) -> ExitCode {
    if let Command::Launch(args) = &cli.command {
        // Before any thread is started and anything is set up, as it asks for.
        return match agent::launch(args) {
            Ok(never) => match never {},
            Err(error) => told(&error),
        };
    }
    log_to_stderr();
    // The first provider that is installed stays; a second attempt is not an error worth telling.
    drop(rustls::crypto::ring::default_provider().install_default());
    match start(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => told(&error),
    }
}

fn told(error: &anyhow::Error) -> ExitCode {
    print(&mut std::io::stderr(), &format!("Error: {error:#}"));
    error.downcast_ref::<ExitWith>().map_or(ExitCode::FAILURE, |exit| ExitCode::from(exit.code))
}

/// Logs go to stderr; what they tell is set by `RUST_LOG`, information by default.
fn log_to_stderr() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_unset| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

fn start(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve(args) => block_on(true, serve(args)),
        Command::Agent(args) => block_on(true, run_agent(args)),
        Command::EnvoyBootstrap(args) => {
            let xds = SocketSpec { address: args.xds.ip().to_string(), port: args.xds.port() };
            say(&bootstrap(&args.proxy, &xds, args.admin, Token::new(&args.xds_token).as_ref()));
            Ok(())
        }
        Command::Openapi => {
            say(&api::openapi().to_pretty_json()?);
            Ok(())
        }
        Command::CheckModule(args) => {
            let kind = match args.kind {
                ModuleKind::Instance => RootKind::Capacity,
                ModuleKind::Traffic => RootKind::Traffic,
            };
            check_module(&args.folder, kind)?;
            say("the module keeps the contract");
            Ok(())
        }
        Command::Launch(_) => Ok(()),
        Command::Forecast(args) if args.jsonl => filter(forecasting::forecast_lines),
        Command::Forecast(args) => block_on(false, show_forecast(args)),
        Command::Backtest(command) => block_on(false, run_backtest(*command)),
        Command::Score(_) => filter(forecasting::score_lines),
        Command::Anomalies(_) => filter(forecasting::anomaly_lines),
        Command::TrainPrior(args) => forecasting::train_prior(&args.data, &args.trained_on, &args.folder),
        asked @ (Command::Status(_)
        | Command::Explain(_)
        | Command::Accuracy(_)
        | Command::Hold(_)
        | Command::Release(_)
        | Command::Acknowledge(_)
        | Command::Prepare(_)
        | Command::Failover(_)
        | Command::Failback(_)
        | Command::Retire(_)
        | Command::Journal(_)) => block_on(false, ask(asked)),
    }
}

/// Answers lines of standard input on standard output.
fn filter(
    answer: impl FnOnce(StdinLock<'static>, &mut BufWriter<StdoutLock<'static>>) -> std::io::Result<usize>,
) -> anyhow::Result<()> {
    let mut output = BufWriter::new(std::io::stdout().lock());
    let problems = answer(std::io::stdin().lock(), &mut output)?;
    anyhow::ensure!(problems == 0, "{problems} lines had no answer: see the messages among the answers");
    Ok(())
}

fn say(text: &str) {
    print(&mut std::io::stdout(), text);
}

fn block_on(threads: bool, work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let mut builder = if threads {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    builder.enable_all().build().context("the async runtime cannot be started")?.block_on(work)
}

async fn show_forecast(args: ForecastArgs) -> anyhow::Result<()> {
    let forecast = client(&args.api)?.group_forecast(args.group.as_deref().unwrap_or_default()).await?;
    if args.api.json {
        say(&serde_json::to_string_pretty(&forecast)?);
        return Ok(());
    }
    let told = Told { forecast: &forecast, zone: args.zone.zone() };
    match (&args.svg, args.plot) {
        (Some(path), _) => say(&written(&told.charts(args.signal.as_deref())?, path)?),
        (None, true) => {
            let charts = told.charts(args.signal.as_deref())?;
            let texts: Vec<String> = charts.iter().map(|(_, chart)| fan_text(chart, terminal_width())).collect();
            say(&texts.join("\n"));
        }
        (None, false) => say(&told.table()),
    }
    Ok(())
}

/// Width of a terminal of which nothing is known.
const TERMINAL_WIDTH: usize = 80;

/// That of the terminal, else what `COLUMNS` says.
fn terminal_width() -> usize {
    let of_terminal = rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|size| usize::from(size.ws_col));
    let of_variable = || std::env::var("COLUMNS").ok()?.parse().ok();
    of_terminal.filter(|columns| *columns > 0).or_else(of_variable).unwrap_or(TERMINAL_WIDTH)
}

async fn run_backtest(command: BacktestCommand) -> anyhow::Result<()> {
    let BacktestCommand { what, zone, api } = command;
    let watched = std::io::stderr().is_terminal();
    let surroundings =
        Surroundings { client: client(&api)?, zone: zone.zone(), now: clock::now(), json: api.json, watched };
    let (text, exit) = backtest(&what, &surroundings).await?;
    say(&text);
    exit.map_or(Ok(()), |exit| Err(exit.into()))
}

async fn serve(args: ServeArgs) -> anyhow::Result<()> {
    let (stop, stopping) = watch::channel(false);
    let config = ServeConfig {
        listen: args.listen,
        xds_listen: args.xds_listen,
        data: std::path::absolute(&args.data)?,
        prometheus: args.prometheus,
        agent: args.agent,
        terraform: args.terraform,
        allowed_modules: args.allow_module,
        token: Token::new(&args.token),
        xds_token: Token::new(&args.xds_token),
        terraform_runs_max: args.terraform_runs_max,
    };
    let app = Arc::new(App::open(config, stopping.clone())?);
    let mut serving = std::pin::pin!(daemon::serve(app, stopping));
    tokio::select! {
        ended = &mut serving => return ended,
        () = told_to_stop() => tracing::info!("stopping: running Terraform is interrupted once and waited for"),
    }
    stop.send_replace(true);
    serving.await
}

async fn run_agent(args: AgentArgs) -> anyhow::Result<()> {
    let token = Some(args.token).filter(|token| !token.is_empty());
    let config = AgentConfig::new(args.listen, std::path::absolute(&args.data)?, token)?;
    agent::run(config, told_to_stop()).await
}

/// Waits for SIGINT or SIGTERM.
async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        tracing::error!("signals cannot be caught: only SIGKILL ends this process");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

async fn ask(command: Command) -> anyhow::Result<()> {
    let text = match command {
        Command::Status(GroupsArgs { group, api }) => client(&api)?.status(group.as_deref(), api.json).await?,
        Command::Explain(GroupArgs { group, api }) => client(&api)?.explain(&group, api.json).await?,
        Command::Accuracy(GroupArgs { group, api }) => client(&api)?.accuracy(&group, api.json).await?,
        Command::Hold(HoldArgs { group: GroupArgs { group, api }, reason, duration }) => {
            client(&api)?.hold(&group, &reason, duration.as_deref()).await?
        }
        Command::Release(GroupArgs { group, api }) => client(&api)?.tell(&group, "release").await?,
        Command::Acknowledge(GroupArgs { group, api }) => client(&api)?.tell(&group, "acknowledge").await?,
        Command::Prepare(GroupArgs { group, api }) => client(&api)?.tell(&group, "prepare").await?,
        Command::Failover(GroupArgs { group, api }) => client(&api)?.tell(&group, "failover").await?,
        Command::Failback(GroupArgs { group, api }) => client(&api)?.tell(&group, "failback").await?,
        Command::Retire(RetireArgs { group: GroupArgs { group, api }, remove_route }) => {
            client(&api)?.retire(&group, remove_route).await?
        }
        Command::Journal(JournalArgs { groups: GroupsArgs { group, api }, after, limit }) => {
            client(&api)?.journal(group.as_deref(), after, limit, api.json).await?
        }
        Command::Serve(_)
        | Command::Agent(_)
        | Command::Launch(_)
        | Command::EnvoyBootstrap(_)
        | Command::Openapi
        | Command::CheckModule(_)
        | Command::Forecast(_)
        | Command::Backtest(_)
        | Command::Score(_)
        | Command::Anomalies(_)
        | Command::TrainPrior(_) => String::new(),
    };
    say(&text);
    Ok(())
}

fn client(api: &ApiArgs) -> anyhow::Result<Client> {
    Client::new(&api.endpoint, Token::new(&api.token))
}
