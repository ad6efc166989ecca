//! What all parts of a running reconciler share.

use crate::board::Board;
use crate::daemon::Stop;
use crate::data_lock;
use crate::http::{Service, Token, check_reach};
use crate::metrics::PrometheusSource;
use crate::store::{Histories, Store};
use crate::teaching::Teaching;
use crate::telemetry::Telemetry;
use crate::terraform::{Environment, Settings, Terraform};
use crate::traffic::ControlPlane;
use anyhow::Context;
use std::fs::File;
use std::net::SocketAddr;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};

/// How `shadow-reconciler serve` was told to run.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// Where Envoy gets its configuration.
    pub xds_listen: SocketAddr,
    /// The one folder that everything is kept in.
    pub data: PathBuf,
    /// Base URL of Prometheus.
    pub prometheus: String,
    /// Base URL of the agent that runs warm-up tasks of instances that name none.
    pub agent: Option<String>,
    /// The terraform executable.
    pub terraform: PathBuf,
    /// Prefixes of module sources that may be fetched and run.
    pub allowed_modules: Vec<String>,
    /// Wanted from clients, and given to the provider in our own roots.
    pub token: Option<Token>,
    /// Wanted from Envoys.
    pub xds_token: Option<Token>,
    /// Terraform runs at once, over all groups.
    pub terraform_runs_max: usize,
}

/// What all parts of a running reconciler share.
pub struct App {
    /// How it was told to run.
    pub config: ServeConfig,
    /// Its memory.
    pub store: Store,
    /// What was measured, for the time after a restart.
    pub histories: Histories,
    /// Envoy's source of configuration.
    pub control_plane: ControlPlane,
    /// Runs Terraform.
    pub terraform: Terraform,
    /// Where metrics come from.
    pub prometheus: PrometheusSource,
    /// For probes and tasks.
    pub http: reqwest::Client,
    /// What the newest cycles saw and decided.
    pub board: Board,
    /// Rings when groups are declared or gone.
    pub groups_changed: Notify,
    /// Limits Terraform runs over all groups, so that a storm cannot starve the machine.
    pub terraform_runs: Semaphore,
    /// Limits forecasts over all groups to one for each core: more would only make each of them later. There are two at
    /// least, as early warnings learn for seconds in the place of one.
    pub forecasts: Semaphore,
    /// Lets one group at a time read its past.
    pub past: Semaphore,
    /// What early warnings learn from all groups.
    pub teaching: Teaching,
    /// Its own metrics.
    pub metrics: Telemetry,
    /// Held while it runs: two reconcilers on one data directory would both act.
    _lock: File,
}

const API: Service =
    Service { flag: "--listen", power: "run modules and move traffic", token_variable: "SHADOW_TOKEN" };

const XDS: Service =
    Service { flag: "--xds-listen", power: "say what weights are in force", token_variable: "SHADOW_XDS_TOKEN" };

/// Time for an answer of Prometheus.
const PROMETHEUS_TIMEOUT: Duration = Duration::from_secs(5);

/// Time for an answer of an agent or a health check; each use sets its own, this is the most.
const HTTP_TIMEOUT: Duration = Duration::from_secs(600);

/// Fewest forecasts at once: one place is taken while something is learned.
const FORECASTS_MIN: usize = 2;

impl App {
    /// Opens the data directory and everything that depends on it.
    ///
    /// # Errors
    /// When the directory is in use, unwritable or damaged, or a setting is wrong. An API that others than
    /// this host reach needs a token.
    pub fn open(config: ServeConfig, stop: Stop) -> anyhow::Result<Self> {
        check_reach(config.listen, config.token.as_ref(), API)?;
        check_reach(config.xds_listen, config.xds_token.as_ref(), XDS)?;
        let data = &config.data;
        std::fs::create_dir_all(data)
            .with_context(|| format!("data directory {} cannot be made: choose another with --data", data.display()))?;
        let lock = data_lock::lock(data, "reconciler")?;
        let store = Store::open(&data.join("store.sqlite"))?;
        let control_plane = ControlPlane::new(store.splits()?)?;
        let prometheus = PrometheusSource::new(&config.prometheus, PROMETHEUS_TIMEOUT)?;
        Ok(Self {
            terraform: Terraform::new(terraform_settings(&config), stop),
            control_plane,
            prometheus,
            http: reqwest::Client::builder().timeout(HTTP_TIMEOUT).build()?,
            board: Board::default(),
            groups_changed: Notify::new(),
            terraform_runs: Semaphore::new(config.terraform_runs_max),
            forecasts: Semaphore::new(std::thread::available_parallelism().map_or(1, NonZero::get).max(FORECASTS_MIN)),
            past: Semaphore::new(1),
            teaching: Teaching::default(),
            metrics: Telemetry::default(),
            store,
            histories: Histories::new(config.data.join("histories")),
            config,
            _lock: lock,
        })
    }
}

/// Our roots get their provider settings from the environment, so that no generated file has them.
fn terraform_settings(config: &ServeConfig) -> Settings {
    let mut own = vec![("SHADOW_ENDPOINT".to_owned(), format!("http://{}", config.listen))];
    own.extend(config.agent.iter().map(|agent| ("SHADOW_AGENT".to_owned(), agent.clone())));
    own.extend(config.token.iter().map(|token| ("SHADOW_TOKEN".to_owned(), token.reveal().to_owned())));
    Settings {
        binary: config.terraform.clone(),
        environment: Environment::cleaned(std::env::vars_os(), own),
        module_sources: config.allowed_modules.clone(),
        ..Settings::default()
    }
}
