//! Modules, folders and facts for the tests. Whatever a test started ends when its folder is removed.

use serde_json::{Value, json};
use shadow_core::desired::DesiredState;
use shadow_core::guard::{ApprovedPlan, GuardFacts, Verdict, review};
use shadow_core::model::{GroupName, SlotId};
use shadow_core::rendering::{Rendering, RootKind, render_capacity, render_traffic};
use shadow_reconciler::terraform::{
    Aim, Applied, Environment, Planned, Settings, Terraform, TerraformError, Workspace,
};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::watch;

/// Time within which anything that is awaited must happen, on a slow machine too.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The epoch of every plan, unless a test is about epochs.
pub(crate) const EPOCH: u64 = 7;

/// An instance whose creation waits for the file `params.gate`, if one is named, after it made the
/// file `params.gate` + `.reached`. It ends too when that is gone: no test leaves it behind.
const INSTANCE: &str = r#"
variable "shadow" { type = any }
variable "params" { type = any }

resource "terraform_data" "instance" {
  input            = { generation = var.shadow.generation, role = var.shadow.role }
  triggers_replace = [try(var.params.image, "")]

  provisioner "local-exec" {
    command = try("touch ${var.params.gate}.reached; while [ -e ${var.params.gate}.reached -a ! -e ${var.params.gate} ]; do sleep 0.1; done", "true")
  }
}

output "instance_id" { value = "${var.shadow.group}-${var.shadow.slot}" }
output "endpoint" { value = { address = "127.0.0.1", port = 80, protocol = "http" } }
output "zone" { value = var.shadow.placement.zone }
output "size" { value = var.shadow.size }
output "hourly_cost" { value = 0.5 }
"#;

const TRAFFIC: &str = r#"
variable "traffic" { type = any }
variable "params" { type = any }

resource "terraform_data" "split" {
  input = var.traffic
}

output "applied_weights" { value = { for slot, backend in var.traffic.backends : slot => backend.weight } }
output "applied_epoch" { value = var.traffic.epoch }
output "supports" { value = { weights = true, mirror = false, affinity = false, epoch = true } }
"#;

pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) settings: Settings,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("instance", INSTANCE), ("traffic", TRAFFIC)] {
            let module = folder.path().join("modules").join(name);
            std::fs::create_dir_all(&module).unwrap();
            std::fs::write(module.join("main.tf"), text).unwrap();
        }
        let own = ["PATH", "HOME"].map(|name| (OsString::from(name), std::env::var_os(name).unwrap_or_default()));
        let settings = Settings {
            environment: Environment::cleaned(own, []),
            module_sources: vec![folder.path().join("modules").to_str().unwrap().to_owned()],
            lock_timeout: Duration::ZERO,
            init_timeout: DEADLINE,
            plan_timeout: DEADLINE,
            apply_timeout: DEADLINE,
            grace: DEADLINE,
            ..Settings::default()
        };
        Self { folder, stop: watch::Sender::new(false), settings }
    }

    pub(crate) fn terraform(&self) -> Terraform {
        Terraform::new(self.settings.clone(), self.stop.subscribe())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file that an instance waits for.
    pub(crate) fn gate(&self) -> String {
        self.path("gate").to_str().unwrap().to_owned()
    }

    pub(crate) fn open_gate(&self) {
        std::fs::write(self.gate(), "").unwrap();
    }

    pub(crate) fn gate_is_reached(&self) -> bool {
        self.path("gate.reached").exists()
    }

    /// Slots of the capacity root, with parameters of its module.
    pub(crate) fn capacity(&self, slots: &[&str], params: &Value) -> DesiredState {
        let slot = json!({
            "generation": 1, "role": "shadow", "state": "running", "size": {"cpu_cores": 1.0}, "placement": {},
            "sync": {"method": "none", "source_slot": null, "source_endpoint": null, "interval": "60s"}, "epoch": EPOCH,
            "params": params,
        });
        let slots: serde_json::Map<String, Value> = slots.iter().map(|key| (key.to_string(), slot.clone())).collect();
        let mut desired = self.traffic(&[("a", 100)]);
        desired.capacity.slots = serde_json::from_value(Value::Object(slots)).unwrap();
        desired
    }

    /// Weights of the traffic root.
    pub(crate) fn traffic(&self, weights: &[(&str, u32)]) -> DesiredState {
        let backend = |weight: u32| json!({"address": "127.0.0.1", "port": 80, "weight": weight});
        let backends: serde_json::Map<String, Value> =
            weights.iter().map(|(key, weight)| (key.to_string(), backend(*weight))).collect();
        serde_json::from_value(json!({
            "group": "checkout", "epoch": EPOCH,
            "capacity": {"module": {"source": self.path("modules/instance")}, "slots": {}},
            "traffic": {"module": {"source": self.path("modules/traffic")}, "backends": backends, "mirror": null},
        }))
        .unwrap()
    }

    pub(crate) fn workspace(&self, root: RootKind) -> Workspace {
        Workspace::open(&self.path("data"), &GroupName::new("checkout").unwrap(), root).unwrap()
    }

    /// Writes and installs the root of a desired state.
    pub(crate) async fn prepare(&self, desired: &DesiredState, root: RootKind) -> Workspace {
        let workspace = self.workspace(root);
        let (rendering, module) = rendered(desired, root);
        workspace.write(&rendering).unwrap();
        self.terraform().init(&workspace, &module).await.unwrap();
        workspace
    }

    /// Plans, has the plan reviewed, and expects approval.
    pub(crate) async fn approved(&self, workspace: &Workspace) -> ApprovedPlan {
        let planned = self.terraform().plan(workspace, EPOCH, Aim::Reach).await.unwrap();
        let verdict = review(&planned.plan, &facts(workspace.root(), &planned));
        let Verdict::Approved(approved) = verdict else { panic!("{verdict:?}") };
        approved
    }

    pub(crate) async fn apply(&self, workspace: &Workspace, approved: ApprovedPlan) -> Result<Applied, TerraformError> {
        self.terraform().apply(workspace, approved, EPOCH, &mut |_| {}).await
    }

    /// Prepares, plans, reviews and applies.
    pub(crate) async fn reach(&self, desired: &DesiredState, root: RootKind) -> (Workspace, Applied) {
        let workspace = self.prepare(desired, root).await;
        let approved = self.approved(&workspace).await;
        let applied = self.apply(&workspace, approved).await.unwrap();
        (workspace, applied)
    }
}

pub(crate) fn rendered(desired: &DesiredState, root: RootKind) -> (Rendering, shadow_core::model::group::ModuleSpec) {
    match root {
        RootKind::Capacity => (render_capacity(desired), desired.capacity.module.clone()),
        RootKind::Traffic => (render_traffic(desired), desired.traffic.module.clone()),
    }
}

/// Slot `a` is the primary and has all traffic, `b` and `c` are wanted.
pub(crate) fn facts(root: RootKind, planned: &Planned) -> GuardFacts {
    let slot = |key: &str| SlotId::new(key).unwrap();
    GuardFacts {
        root,
        weights: Some([(slot("a"), 100)].into()),
        primary: slot("a"),
        desired: ["b", "c"].map(slot).into(),
        decommissioned: [].into(),
        retiring: false,
        identity: planned.identity.clone(),
    }
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < DEADLINE, "it did not happen: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A program that is killed when the test ends, however it ends.
pub(crate) struct Started(pub(crate) Child);

impl Started {
    pub(crate) fn new(program: &Path, folder: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).env("CHECKPOINT_DISABLE", "1").env_remove("TF_CLI_CONFIG_FILE");
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// What a human does in a root's folder.
    pub(crate) fn apply_by_hand(workspace: &Workspace) -> Self {
        let arguments = ["apply", "-auto-approve", "-input=false"];
        Self::new(Path::new("terraform"), workspace.folder(), &arguments)
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // Fails if it has ended already, which is what most tests wait for.
        let _ended_before = self.0.kill();
        let _status = self.0.wait();
    }
}
