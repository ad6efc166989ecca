//! Compiles the plugin protocol's client; no `protoc` binary is needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = "../provider/framework/proto";
    let descriptors = protox::compile(["tfplugin6.proto"], [folder])?;
    tonic_prost_build::configure().build_server(false).compile_fds(descriptors)?;
    println!("cargo::rerun-if-changed={folder}");
    Ok(())
}
