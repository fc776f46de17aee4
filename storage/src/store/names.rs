//! Names of the files that flushes make, and telling one's own from strangers'.
//!
//! ```text
//!  segments/<tenant>/<incarnation>-<first seq>-<last seq>-<nonce>.{spans.parquet,traces.parquet,index}
//!  recent/<incarnation>-<first seq>-<last seq>-<nonce>.recent
//!  derived/<incarnation>-<first seq>-<last seq>-<nonce>.{span_metrics.parquet,service_edges.parquet,pending}
//! ```
//!
//! Every attempt has a nonce of its own, so that a file whose sync failed is never written again.

use std::path::{Path, PathBuf};

use crate::derived::DerivedTable;

/// Directory of segments inside the data directory.
pub(super) const SEGMENTS_DIR: &str = "segments";
/// Directory of recent hashes inside the data directory.
pub(super) const RECENT_DIR: &str = "recent";
const RECENT_ENDING: &str = "recent";
/// Directory of counts inside the data directory.
pub(super) const DERIVED_DIR: &str = "derived";

fn stem(incarnation: u64, seqs: (u64, u64), nonce: u32) -> String {
    format!(
        "{incarnation:010}-{:020}-{:020}-{nonce:08x}",
        seqs.0, seqs.1
    )
}

/// Name of a segment: path below the data directory, without endings.
pub(super) fn segment_name(tenant: &str, incarnation: u64, seqs: (u64, u64), nonce: u32) -> String {
    format!("{SEGMENTS_DIR}/{tenant}/{}", stem(incarnation, seqs, nonce))
}

/// Name of a file of recent hashes: path below the data directory.
pub(super) fn recent_name(incarnation: u64, seqs: (u64, u64), nonce: u32) -> String {
    format!(
        "{RECENT_DIR}/{}.{RECENT_ENDING}",
        stem(incarnation, seqs, nonce)
    )
}

/// Name of a file of counts, of a table or of pending calls: path below the data directory.
pub(super) fn derived_name(
    table: Option<DerivedTable>,
    incarnation: u64,
    seqs: (u64, u64),
    nonce: u32,
) -> String {
    let stem = stem(incarnation, seqs, nonce);
    match table {
        Some(table) => format!("{DERIVED_DIR}/{stem}.{}.parquet", table.name()),
        None => format!("{DERIVED_DIR}/{stem}.pending"),
    }
}

/// Last log record of the file with this name, if a flush of this store made it.
pub(super) fn last_seq(file_name: &str) -> Option<u64> {
    let stem_text = file_name.split('.').next()?;
    let mut parts = stem_text.split('-');
    let incarnation = parts.next()?.parse().ok()?;
    let seqs = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let nonce = u32::from_str_radix(parts.next()?, 16).ok()?;
    (stem(incarnation, seqs, nonce) == stem_text).then_some(seqs.1)
}

/// Directories that hold files of flushes.
pub(super) fn directories(data_dir: &Path, tenants: &[&str]) -> Vec<PathBuf> {
    let segments = tenants
        .iter()
        .map(|tenant| data_dir.join(SEGMENTS_DIR).join(tenant));
    let others = [RECENT_DIR, DERIVED_DIR].map(|dir| data_dir.join(dir));
    segments.chain(others).collect()
}
