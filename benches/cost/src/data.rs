//! Test data as payloads.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use bytes::Bytes;

/// The requests of a stream in `testdata/otlp`.
pub(crate) fn stream(name: &str) -> Result<Vec<Bytes>> {
    let requests = clew_loadgen::stream::corpus(&path(&format!("otlp/{name}.cut.otlp.zst")))?;
    Ok(requests.into_iter().map(Bytes::from).collect())
}

/// A file of `testdata`, without its zstd.
pub(crate) fn unpacked(name: &str) -> Result<Bytes> {
    let path = path(name);
    let packed = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    Ok(zstd::decode_all(packed.as_slice())?.into())
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata")
        .join(name)
}
