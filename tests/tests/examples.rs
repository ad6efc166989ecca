//! Every example and module as a user takes it: checked, applied, planned again, imported, damaged, destroyed.

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use shadow_core::model::process::ProcessState;
use shadow_tests::client::Request;
use shadow_tests::sessions::Sessions;
use shadow_tests::terraform::{Output, Terraform, UserRoot};
use shadow_tests::world::{self, PROXY, World};
use shadow_tests::{ports, tools, wait};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A failover up to the watch takes a quarter of a minute; on a busy machine many.
const HANDOVER_TIMEOUT: Duration = Duration::from_secs(90);

/// The agent looks at its processes several times a second.
const NOTICED_WITHIN: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread")]
async fn every_example_is_applied_and_destroyed() {
    let _alone = world::alone().await;
    for name in folders_in("examples").unwrap() {
        let mut world = World::temporary().unwrap();
        world.start_all().await.unwrap();
        let root = world.example(&name, &world.example_variables()).unwrap();
        apply_and_destroy(root).await.with_context(|| format!("example {name}")).unwrap();
        nothing_is_left(world).await.with_context(|| format!("example {name}")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_module_needs_five_inputs() {
    let _alone = world::alone().await;
    let mut world = World::temporary().unwrap();
    world.start_all().await.unwrap();
    let root = scratch_root(&world, "checkout", &service_root(&world).unwrap()).unwrap();
    apply_and_destroy(root).await.unwrap();
    nothing_is_left(world).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_module_and_example_is_valid_and_formatted() {
    let world = World::temporary().unwrap();
    let terraform = world.terraform();
    for parent in ["modules", "examples"] {
        for name in folders_in(parent).unwrap() {
            let source = tools::repository().join(parent).join(&name);
            let formatted = terraform.run(&source, &["fmt", "-check", "-diff", "-no-color"]).await.unwrap();
            assert_eq!(formatted.code, 0, "{parent}/{name} is not formatted:\n{}", formatted.stdout);
            let copy = if parent == "examples" {
                world.example(&name, &json!({})).unwrap().folder().to_owned()
            } else {
                world.folder().join("config/modules").join(&name)
            };
            for arguments in [&["init", "-input=false", "-no-color"][..], &["validate", "-no-color"]] {
                run(&terraform, &copy, arguments).await.with_context(|| format!("{parent}/{name}")).unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_not_destroyed_while_a_shadow_serves() {
    let mut sessions = Sessions::start().await.unwrap();
    sessions.ask(Request::Failover).await.unwrap();
    sessions.until("b to serve", HANDOVER_TIMEOUT, |status| status.primary == "b").await.unwrap();
    let error = format!("{:#}", sessions.root.destroy().await.unwrap_err());
    for part in ["cannot be removed", "slot b", "retire sessions --remove-route"] {
        assert!(error.contains(part), "{part:?} is missing in {error}");
    }
    sessions.at_rest("b", HANDOVER_TIMEOUT).await.unwrap();
    sessions.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_resource_is_imported_without_a_difference() {
    let mut sessions = Sessions::start().await.unwrap();
    let imports = [
        ("shadow_process.primary", "session-store"),
        ("shadow_policy.fast", "fast"),
        ("shadow_group.sessions", "sessions"),
    ];
    import_again(&sessions.world.terraform(), &mut sessions.root, &imports).await.unwrap();

    let port = sessions.agent.processes().await.unwrap()[0].port;
    let mut own = scratch_root(&sessions.world, "own-split", &split_root(port).unwrap()).unwrap();
    own.init().await.unwrap();
    own.apply().await.unwrap();
    let imports = [("shadow_traffic_split.own", "own")];
    import_again(&sessions.world.terraform(), &mut own, &imports).await.unwrap();
    own.destroy().await.unwrap();
    sessions.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_is_drift_and_apply_starts_it_again() {
    let mut sessions = Sessions::start().await.unwrap();
    let process = primary_process(&sessions).await.unwrap();
    let pid = Pid::from_raw(i32::try_from(process.1.unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    let exited = async || (primary_process(&sessions).await.ok()?.0 == ProcessState::Exited).then_some(());
    wait::until("the agent to notice", NOTICED_WITHIN, exited).await.unwrap();
    assert!(!sessions.root.plan_is_empty().await.unwrap());
    sessions.root.apply().await.unwrap();
    let (state, pid_now) = primary_process(&sessions).await.unwrap();
    assert_eq!(state, ProcessState::Running);
    assert_ne!(pid_now, process.1);
    assert!(sessions.root.plan_is_empty().await.unwrap());
    sessions.remove().await.unwrap();
}

async fn apply_and_destroy(mut root: UserRoot) -> Result<()> {
    root.init().await?;
    root.apply().await?;
    ensure!(root.plan_is_empty().await?, "the plan after apply is not empty");
    root.destroy().await.map(drop)
}

async fn nothing_is_left(mut world: World) -> Result<()> {
    let processes = world.agent()?.processes().await?;
    ensure!(processes.is_empty(), "processes are left: {processes:?}");
    world.stop_all().await?;
    let orphans = world.orphans().await?;
    ensure!(orphans.count() == 0, "left over: {:?}", orphans.descriptions());
    Ok(())
}

/// Forgets each resource, imports it, and sees that nothing is to be done.
async fn import_again(terraform: &Terraform, root: &mut UserRoot, imports: &[(&str, &str)]) -> Result<()> {
    let folder = root.folder().to_owned();
    for (address, _) in imports {
        run(terraform, &folder, &["state", "rm", address]).await?;
    }
    for (address, id) in imports {
        run(terraform, &folder, &["import", "-input=false", "-no-color", address, id]).await?;
    }
    let plan = terraform.run(&folder, &["plan", "-input=false", "-no-color", "-detailed-exitcode"]).await?;
    ensure!(plan.code == 0, "the plan after import is not empty:\n{}{}", plan.stdout, plan.stderr);
    Ok(())
}

async fn run(terraform: &Terraform, folder: &Path, arguments: &[&str]) -> Result<Output> {
    terraform.run(folder, arguments).await?.success().with_context(|| format!("terraform {}", arguments.join(" ")))
}

async fn primary_process(sessions: &Sessions) -> Result<(ProcessState, Option<u32>)> {
    let processes = sessions.agent.processes().await?;
    let primary = processes.iter().find(|process| process.spec.name == "session-store");
    primary.map(|process| (process.state, process.pid)).context("the agent does not know the primary")
}

/// A root of the user's with this text, next to the world's modules.
fn scratch_root(world: &World, name: &str, text: &str) -> Result<UserRoot> {
    let folder = world.folder().join("config").join(name);
    std::fs::create_dir_all(&folder)?;
    let head = "terraform {\n  required_providers {\n    shadow = { source = \"shadow-failover/shadow\" }\n  }\n}\n";
    std::fs::write(folder.join("main.tf"), format!("{head}{text}"))?;
    UserRoot::new(world.terraform(), &folder, &json!({}))
}

/// A process of the user's, and its shadow declared with the five inputs of `modules/service`.
fn service_root(world: &World) -> Result<String> {
    let service = world.tools().service.display();
    let port = ports::free()?;
    Ok(format!(
        r#"
resource "shadow_process" "checkout" {{
  name    = "checkout-main"
  command = ["{service}"]
}}

module "shadow" {{
  source = "../modules/service"

  name    = "checkout"
  primary = {{ instance_id = "checkout-main", address = "127.0.0.1", port = shadow_process.checkout.port }}
  signals = {{
    memory = {{ query = "shadow_process_resident_memory_bytes{{process=\"$instance\"}}", limit = 900e6, unit = "bytes" }}
  }}
  instance = {{ command = ["{service}"], memory_mib = 256 }}
  traffic  = {{ listener_port = {port} }}
}}
"#
    ))
}

/// A split of the user's own, to a backend that serves at `backend_port`.
fn split_root(backend_port: u16) -> Result<String> {
    let port = ports::free()?;
    Ok(format!(
        r#"
resource "shadow_traffic_split" "own" {{
  name     = "own"
  epoch    = 1
  proxy    = "{PROXY}"
  listener = {{ address = "127.0.0.1", port = {port} }}
  backends = {{ a = {{ address = "127.0.0.1", port = {backend_port}, weight = 100, state = "active" }} }}
}}
"#
    ))
}

/// Names of the folders in a folder of the repository.
fn folders_in(parent: &str) -> Result<Vec<String>> {
    let entries: Vec<PathBuf> = tools::repository()
        .join(parent)
        .read_dir()?
        .map(|entry| entry.map(|it| it.path()))
        .collect::<Result<_, _>>()?;
    // Those of the documentation are no roots by themselves; they have a test of their own.
    let roots = entries.iter().filter(|path| path.join("main.tf").is_file());
    let names = roots.filter_map(|path| path.file_name()?.to_str());
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    ensure!(!names.is_empty(), "there is nothing in {parent}");
    names.sort_unstable();
    Ok(names)
}
