//! Compiles the wire's messages; no `protoc` binary is needed.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let descriptors = protox::compile(["proto/tfplugin6.proto", "proto/goplugin.proto"], ["proto"])?;
    let server = tonic_prost_build::configure().generate_default_stubs(true).build_client(false);
    server.compile_fds(descriptors.clone())?;

    // Terraform's side, for the tests that stand in for it.
    let folder = PathBuf::from(std::env::var("OUT_DIR")?).join("client");
    std::fs::create_dir_all(&folder)?;
    let client = tonic_prost_build::configure().build_server(false).build_transport(false).out_dir(folder);
    client.compile_fds(descriptors)?;
    println!("cargo::rerun-if-changed=proto");
    Ok(())
}
