//! Compiles `proto/` into the types and services of the gRPC door, and their descriptors for reflection. Of Flight only the
//! descriptors are made: its types and service are those of the crate `arrow-flight`.

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
/// The file that describes Flight.
const FLIGHT: [&str; 1] = ["arrow/flight/flight.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let out = env::var("OUT_DIR")?;
    let out = Path::new(&out);
    let flight = protox::compile(FLIGHT, ["proto"])?;
    fs::write(out.join("flight.bin"), flight.encode_to_vec())?;
    let descriptors = protox::compile(SERVICES, ["proto"])?;
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .build_transport(false)
        .extern_path(".opentelemetry.proto", "::opentelemetry_proto::tonic")
        .compile_fds(descriptors)?;
    Ok(())
}
