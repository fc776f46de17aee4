//! Compiles `proto/` into the types and services of the gRPC door, and their descriptors for reflection.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use prost::Message;

/// The files that hold services, below `proto/`.
const SERVICES: [&str; 4] = [
    "api_v3/query_service.proto",
    "storage/v2/capabilities.proto",
    "storage/v2/dependency_storage.proto",
    "storage/v2/trace_storage.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(SERVICES, ["proto"])?;
    let out = env::var("OUT_DIR")?;
    fs::write(
        Path::new(&out).join("descriptors.bin"),
        descriptors.encode_to_vec(),
    )?;
    tonic_prost_build::configure()
        .build_transport(false)
        .extern_path(".opentelemetry.proto", "::opentelemetry_proto::tonic")
        .compile_fds(descriptors)?;
    Ok(())
}
