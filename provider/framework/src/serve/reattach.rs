//! A provider under a debugger: it was not started by Terraform, serves one command after the other
//! without TLS on a socket of its user, and ends when its user interrupts it.

use super::connections::Connections;
use super::{Socket, announce, router};
use crate::provider::Provider;
use serde_json::json;
use std::error::Error;
use std::path::Path;
use tokio::signal::unix::{SignalKind, signal};

/// Serves every Terraform that has the variable that this prints.
pub(super) async fn serve_many<P: Provider>(provider: P) -> Result<(), Box<dyn Error>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut termination = signal(SignalKind::terminate())?;
    let socket = Socket::new(None)?;
    let incoming = Connections::default().accept(socket.listen()?, None);
    let variable = variable(provider.address(), std::process::id(), &socket.path);
    // Each command says Shutdown at its end, which ends nothing here.
    let (router, _shutdown) = router(provider).await;
    announce(&format!("To use this provider, set this variable where terraform runs:\n\n    {variable}\n"))?;
    tokio::select! {
        served = router.serve_with_incoming(incoming) => served?,
        _signal = interrupt.recv() => {}
        _signal = termination.recv() => {}
    }
    Ok(())
}

/// The variable, as a shell reads it. `Test` tells Terraform to leave the process alone.
fn variable(address: &str, pid: u32, socket: &Path) -> String {
    let provider = json!({
        "Protocol": "grpc",
        "ProtocolVersion": 6,
        "Pid": pid,
        "Test": true,
        "Addr": {"Network": "unix", "String": socket},
    });
    format!("TF_REATTACH_PROVIDERS='{}'", json!({ address: provider }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_is_what_terraform_reads() {
        let shown = variable("registry.example/acme/acme", 7, Path::new("/tmp/x/socket"));
        let json = shown.strip_prefix("TF_REATTACH_PROVIDERS='").unwrap().strip_suffix('\'').unwrap();
        let json: serde_json::Value = serde_json::from_str(json).unwrap();
        let provider = &json["registry.example/acme/acme"];
        assert_eq!(provider["Addr"], json!({"Network": "unix", "String": "/tmp/x/socket"}));
        assert_eq!((&provider["Protocol"], &provider["ProtocolVersion"]), (&json!("grpc"), &json!(6)));
        assert_eq!((&provider["Pid"], &provider["Test"]), (&json!(7), &json!(true)));
    }
}
