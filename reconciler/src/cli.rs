//! What the commands do, and how they end. With the options below, the only place that reads the environment.

mod options;

pub use options::Cli;

use crate::agent::{self, AgentConfig};
use crate::api;
use crate::app::{App, ServeConfig};
use crate::backtesting::{ExitWith, Surroundings, backtest};
use crate::client::{Client, print};
use crate::clock;
use crate::daemon;
use crate::forecasting;
use crate::forecasting::group::{Told, written};
use crate::http::Token;
use crate::plot::fan_text;
use crate::reference::reference;
use crate::terraform::check_module;
use crate::traffic::bootstrap;
use anyhow::Context;
use clap::CommandFactory as _;
use options::{
    AgentArgs, BacktestCommand, Command, ForecastArgs, GroupArgs, GroupsArgs, HoldArgs, JournalArgs, ModuleKind,
    ReachArgs, RetireArgs, ServeArgs, ToldArgs,
};
use shadow_core::model::split::SocketSpec;
use shadow_core::rendering::RootKind;
use std::io::{BufWriter, IsTerminal as _, StdinLock, StdoutLock};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::watch;

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
        Command::Reference => {
            say(reference(&mut Cli::command()).trim_end());
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
    let forecast = client(&args.api.reach)?.group_forecast(args.group.as_deref().unwrap_or_default()).await?;
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
        Surroundings { client: client(&api.reach)?, zone: zone.zone(), now: clock::now(), json: api.json, watched };
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
        Command::Status(GroupsArgs { group, api }) => client(&api.reach)?.status(group.as_deref(), api.json).await?,
        Command::Explain(GroupArgs { group, api }) => client(&api.reach)?.explain(&group, api.json).await?,
        Command::Accuracy(GroupArgs { group, api }) => client(&api.reach)?.accuracy(&group, api.json).await?,
        Command::Hold(HoldArgs { group: ToldArgs { group, reach }, reason, duration }) => {
            client(&reach)?.hold(&group, &reason, duration.as_deref()).await?
        }
        Command::Release(ToldArgs { group, reach }) => client(&reach)?.tell(&group, "release").await?,
        Command::Acknowledge(ToldArgs { group, reach }) => client(&reach)?.tell(&group, "acknowledge").await?,
        Command::Prepare(ToldArgs { group, reach }) => client(&reach)?.tell(&group, "prepare").await?,
        Command::Failover(ToldArgs { group, reach }) => client(&reach)?.tell(&group, "failover").await?,
        Command::Failback(ToldArgs { group, reach }) => client(&reach)?.tell(&group, "failback").await?,
        Command::Retire(RetireArgs { group: ToldArgs { group, reach }, remove_route }) => {
            client(&reach)?.retire(&group, remove_route).await?
        }
        Command::Journal(JournalArgs { groups: GroupsArgs { group, api }, after, limit }) => {
            client(&api.reach)?.journal(group.as_deref(), after, limit, api.json).await?
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
        | Command::TrainPrior(_)
        | Command::Reference => String::new(),
    };
    say(&text);
    Ok(())
}

fn client(reach: &ReachArgs) -> anyhow::Result<Client> {
    Client::new(&reach.endpoint, Token::new(&reach.token))
}
