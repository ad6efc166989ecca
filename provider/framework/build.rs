//! Compiles the wire's messages; no `protoc` binary is needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let descriptors = protox::compile(["proto/tfplugin6.proto", "proto/goplugin.proto"], ["proto"])?;
    tonic_prost_build::configure().generate_default_stubs(true).build_client(false).compile_fds(descriptors)?;
    println!("cargo::rerun-if-changed=proto");
    Ok(())
}
