//! Which files are merged, and merging.

use std::sync::Arc;

use arrow::array::RecordBatch;

use super::file::{DerivedFile, DerivedTable};
use super::table::Table;
use crate::error::StoreError;
use crate::limits::DERIVED_MERGED_ROWS_MAX;

/// So many files of one level become one of the next.
const MERGE_COUNT: usize = 8;
/// Files of this level are not merged: they hold the rows of 8^4 flushes.
const LEVEL_MAX: u32 = 4;

/// Files of one table that should be merged now: the oldest of the lowest level that has enough of them. One that is half as large as a
/// file may become stays as it is.
pub(crate) fn due(
    files: &[Arc<DerivedFile>],
    table: DerivedTable,
) -> Option<Vec<Arc<DerivedFile>>> {
    (0..LEVEL_MAX).find_map(|level| {
        let candidates: Vec<_> = files
            .iter()
            .filter(|file| {
                let meta = file.meta();
                let is_small = meta.rows <= DERIVED_MERGED_ROWS_MAX as u64 / 2;
                meta.table == Some(table) && meta.level == level && is_small
            })
            .take(MERGE_COUNT)
            .collect();
        if candidates.len() < MERGE_COUNT {
            return None;
        }
        let mut rows = 0;
        let fits = candidates.into_iter().take_while(|file| {
            rows += file.meta().rows;
            rows <= DERIVED_MERGED_ROWS_MAX as u64
        });
        Some(fits.cloned().collect())
    })
}

/// The rows of `files` together.
///
/// # Errors
/// When a file cannot be read.
pub(crate) fn merge(
    files: &[Arc<DerivedFile>],
    table: DerivedTable,
) -> Result<RecordBatch, StoreError> {
    match table {
        DerivedTable::SpanMetrics => {
            merge_into(Table::span_metrics(DERIVED_MERGED_ROWS_MAX), files)
        }
        DerivedTable::ServiceEdges => {
            merge_into(Table::service_edges(DERIVED_MERGED_ROWS_MAX), files)
        }
    }
}

fn merge_into<const N: usize>(
    mut merged: Table<N>,
    files: &[Arc<DerivedFile>],
) -> Result<RecordBatch, StoreError> {
    for file in files {
        merged.merge(&file.read()?);
    }
    Ok(merged.finish())
}
