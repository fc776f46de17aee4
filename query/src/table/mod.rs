//! The stored tables of one snapshot, as DataFusion sees them. Those that are made of them are in [`crate::sql`].
//!
//! ```text
//!  spans  = spans_stored  ∪ spans_hot         one row a span
//!  traces = traces_stored ∪ traces_hot        one row a trace and part: merge parts with GROUP BY trace_id
//! ```
//!
//! `spans` and `traces` are logical unions, so that projections and filters reach both sides. The stored side is an
//! ordinary Parquet scan with one file a segment ([`stored`]); the hot side makes its batches when they are asked for
//! ([`hot`]). Ids are binary; a comparison with text takes the text as hex ([`ids`]). Attributes are maps of text on both
//! sides; a scan finds them where each file keeps them ([`attributes`]), and a comparison with a number takes them as numbers
//! ([`numbers`]).

pub(crate) mod attributes;
pub(crate) mod file;
pub(crate) mod footer;
mod functions;
mod hot;
pub(crate) mod ids;
mod joined_ids;
pub(crate) mod numbers;
mod sparse;
mod stored;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clew_storage::Snapshot;
use clew_storage::segment::SegmentTable;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::logical_expr::LogicalPlanBuilder;

use hot::HotTable;
use stored::StoredTable;

pub(crate) use attributes::SpanFiles;
pub(crate) use stored::{SEGMENTS_URL, access};

/// Counts what the scans of one statement touch.
#[derive(Debug, Default)]
pub(crate) struct ScanCount {
    segments: AtomicUsize,
}

impl ScanCount {
    /// Most segments that one scan left after pruning.
    pub(crate) fn segments(&self) -> usize {
        self.segments.load(Ordering::Relaxed)
    }

    /// Notes a scan of `segments` segments.
    pub(crate) fn note(&self, segments: usize) {
        self.segments.fetch_max(segments, Ordering::Relaxed);
    }
}

/// The tables of `snapshot`.
///
/// # Errors
/// Never for the schemas of the store.
pub(crate) fn tables(
    snapshot: &Snapshot,
    count: &Arc<ScanCount>,
) -> Result<Arc<dyn SchemaProvider>> {
    let provider = MemorySchemaProvider::new();
    for (name, table) in [
        ("spans", SegmentTable::Spans),
        ("traces", SegmentTable::Traces),
    ] {
        let stored = StoredTable::new(snapshot.clone(), table, Arc::clone(count));
        let hot = HotTable::new(snapshot.clone(), table);
        provider.register_table(
            name.to_owned(),
            union(name, Arc::new(stored), Arc::new(hot))?,
        )?;
    }
    Ok(Arc::new(provider))
}

fn union(
    name: &str,
    stored: Arc<dyn TableProvider>,
    hot: Arc<dyn TableProvider>,
) -> Result<Arc<dyn TableProvider>> {
    let hot =
        LogicalPlanBuilder::scan(format!("{name}_hot"), provider_as_source(hot), None)?.build()?;
    let stored =
        LogicalPlanBuilder::scan(format!("{name}_stored"), provider_as_source(stored), None)?;
    Ok(Arc::new(ViewTable::new(stored.union(hot)?.build()?, None)))
}
