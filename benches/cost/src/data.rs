//! Test data as payloads.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;

/// The requests of a stream in `testdata/otlp`: protobufs, each behind its length as a varint.
pub(crate) fn stream(name: &str) -> Result<Vec<Bytes>> {
    let mut rest = unpacked(&format!("otlp/{name}.cut.otlp.zst"))?;
    let mut requests = Vec::new();
    while !rest.is_empty() {
        let length = prost::decode_length_delimiter(&mut rest)?;
        ensure!(length <= rest.len(), "{name} ends inside of a request");
        requests.push(rest.split_to(length));
    }
    Ok(requests)
}

/// A file of `testdata`, without its zstd.
pub(crate) fn unpacked(path: &str) -> Result<Bytes> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let path = folder.join(path);
    let packed = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    Ok(zstd::decode_all(packed.as_slice())?.into())
}
