//! The command line of the reconciler and of the agent.

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use shadow_reconciler::agent::{self, AgentConfig, LaunchArgs};
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts, supervises and stops service processes on this host
    Agent(AgentArgs),
    /// Becomes another program within limits; for the agent's own use
    #[command(hide = true)]
    Launch(LaunchArgs),
}

#[derive(clap::Args)]
struct AgentArgs {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:7077")]
    listen: SocketAddr,
    /// Data directory
    #[arg(long)]
    data: PathBuf,
    /// Secret that clients must show
    #[arg(long, env = "SHADOW_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

impl std::fmt::Debug for AgentArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgentArgs").field("listen", &self.listen).field("data", &self.data).finish_non_exhaustive()
    }
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        // Before any thread is started, as it asks for.
        Command::Launch(args) => match agent::launch(&args)? {},
        Command::Agent(args) => run_agent(args),
    }
}

fn run_agent(args: AgentArgs) -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let config = AgentConfig::new(args.listen, args.data, args.token)?;
    let runtime = tokio::runtime::Runtime::new().context("the runtime cannot be started")?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be awaited")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be awaited")?;
        agent::run(config, async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
        .await
    })
}
