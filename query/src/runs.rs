//! Where each trace's rows stand in a segment.

use clew_storage::segment::SegmentTable;
use clew_storage::{Segment, TraceId, schema};

use crate::error::QueryError;
use crate::rows::Columns;

/// A trace's rows in a segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// The trace.
    pub(crate) id: TraceId,
    /// Its first row in `spans`.
    pub(crate) first_row: u32,
    /// How many rows it has.
    pub(crate) rows: u32,
}

/// The traces of a segment, in row order.
///
/// # Errors
/// When the segment cannot be read.
pub(crate) fn runs_of(segment: &Segment) -> Result<Vec<Run>, QueryError> {
    let traces = schema::traces();
    let columns = ["trace_id", "span_count", "first_row"].map(|name| traces.index_of(name));
    let columns = columns.into_iter().collect::<Result<Vec<_>, _>>()?;
    let rows = segment.read_rows(
        SegmentTable::Traces,
        0..segment.meta().trace_count as u32,
        Some(&columns),
    )?;
    let columns = Columns(&rows);
    let (ids, counts) = (columns.fixed("trace_id")?, columns.u32("span_count")?);
    let first_rows = columns.u32("first_row")?;
    let run = |row: usize| {
        let id = TraceId::from_bytes(ids.value(row))?;
        Some(Run {
            id,
            first_row: first_rows.value(row),
            rows: counts.value(row),
        })
    };
    let mut runs: Vec<Run> = (0..rows.num_rows()).filter_map(run).collect();
    runs.sort_by_key(|run| run.first_row);
    Ok(runs)
}
