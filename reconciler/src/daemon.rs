//! Runs the services of a reconciler and keeps one task per declared group, which runs that
//! group's cycles one after another. Behaviour does not live here.

use crate::api;
use crate::app::App;
use crate::cycle::{Next, Runner};
use crate::teaching;
use anyhow::Context;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Becomes true when the reconciler is to stop.
pub type Stop = watch::Receiver<bool>;

/// Waits until the reconciler is to stop; also when whoever would say so is gone.
async fn stopped(mut stop: Stop) {
    drop(stop.wait_for(|stop| *stop).await);
}

/// Lets the early warnings learn when it is time, until told to stop.
async fn learn(app: Arc<App>, stop: Stop) {
    while !*stop.borrow() {
        tokio::select! {
            () = tokio::time::sleep(teaching::LOOK) => {}
            () = stopped(stop.clone()) => return,
        }
        tokio::select! {
            () = teaching::learn_if_due(&app, crate::clock::now()) => {}
            () = stopped(stop.clone()) => return,
        }
    }
}

/// How often the list of groups is looked at even if nobody rang.
const GROUPS_LOOK: Duration = Duration::from_secs(30);

/// Serves until `stop` becomes true, then lets running Terraform end.
///
/// # Errors
/// When a port is in use, or a service ends by itself.
pub async fn serve(app: Arc<App>, stop: Stop) -> anyhow::Result<()> {
    let api_listener = bind(app.config.listen, "--listen").await?;
    let xds_listener = bind(app.config.xds_listen, "--xds-listen").await?;
    tracing::info!(api = %api_listener.local_addr()?, xds = %xds_listener.local_addr()?, "serving");
    let http = axum::serve(api_listener, api::router(app.clone())).with_graceful_shutdown(stopped(stop.clone()));
    let xds = app.control_plane.serve(xds_listener, app.config.xds_token.clone(), stopped(stop.clone()));
    let learning = learn(app.clone(), stop.clone());
    let groups = run_groups(app.clone(), stop);
    let (http, xds, (), ()) = tokio::join!(async { http.await }, xds, learning, groups);
    http.context("the API ended")?;
    xds.context("the control plane ended")
}

async fn bind(address: std::net::SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}: is another process using it? choose another with {flag}"))
}

/// Starts a task for each group that is declared, until told to stop; then waits for all of them.
async fn run_groups(app: Arc<App>, stop: Stop) {
    let mut tasks: BTreeMap<String, JoinHandle<()>> = BTreeMap::new();
    while !*stop.borrow() {
        tasks.retain(|_, task| !task.is_finished());
        match app.store.group_names() {
            Ok(names) => {
                for name in names {
                    let task = || tokio::spawn(run_group(app.clone(), name.clone(), stop.clone()));
                    tasks.entry(name.clone()).or_insert_with(task);
                }
            }
            Err(error) => tracing::error!(error = format!("{error:#}"), "the groups cannot be read"),
        }
        tokio::select! {
            () = app.groups_changed.notified() => {}
            () = tokio::time::sleep(GROUPS_LOOK) => {}
            () = stopped(stop.clone()) => {}
        }
    }
    for task in tasks.into_values() {
        if let Err(error) = task.await {
            tracing::error!(%error, "a group's task ended in a panic");
        }
    }
}

/// Pause after a cycle that failed: long enough not to flood the log, short enough not to matter.
const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(1);

/// Runs the cycles of one group, one after another, until it is gone or the reconciler stops.
async fn run_group(app: Arc<App>, name: String, stop: Stop) {
    let mut runner = Runner::new(app.clone(), name.clone());
    while !*stop.borrow() {
        // The clock is read first: at the end of the pause an interval has then passed by it as well.
        let now = crate::clock::now();
        let started = tokio::time::Instant::now();
        let outcome = runner.run_once(now).await;
        app.metrics.cycle(&name, started.elapsed().as_secs_f64(), outcome.is_err());
        let pause = match outcome {
            // From the start of the cycle: a source that hangs must not stretch the time between evaluations.
            Ok(Next::After(pause)) => pause.saturating_sub(started.elapsed()),
            Ok(Next::Gone) => break,
            Err(error) => {
                tracing::error!(group = name, error = format!("{error:#}"), "cycle failed");
                app.board.publish_error(&name, format!("{error:#}"));
                PAUSE_AFTER_ERROR
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = app.board.woken(&name) => {}
            () = stopped(stop.clone()) => {}
        }
    }
    runner.finish().await;
}
