//! The segments' part of a check.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::UInt32Type;

use super::{Progress, VerifyReport};
use crate::error::StoreError;
use crate::ids::TraceId;
use crate::schema;
use crate::segment::{Segment, SegmentTable};

/// Rows that are read at a time.
const ROWS: u32 = 1 << 16;

/// Checks `segments` one after the other.
pub(super) fn verify_all(
    data_dir: &Path,
    segments: &[Arc<Segment>],
    report: &mut VerifyReport,
    progress: &mut dyn FnMut(Progress),
) {
    let total_bytes = segments.iter().map(|segment| bytes(segment)).sum();
    let mut done_bytes = 0;
    for segment in segments {
        progress(Progress {
            done_bytes,
            total_bytes,
        });
        let meta = segment.meta();
        report.segments += 1;
        report.spans += meta.span_count;
        report.bytes += bytes(segment);
        if let Err(problem) = verify_one(segment) {
            let [spans, ..] = Segment::paths(data_dir, &meta.name);
            let (path, message) = match problem {
                Wrong::Error(StoreError::Corrupt { path, message }) => (path, message),
                Wrong::Error(StoreError::Io { path, source }) => (path, source.to_string()),
                Wrong::Error(error) => (spans, error.to_string()),
                Wrong::Content(message) => (spans, message),
            };
            let meaning = format!(
                "queries leave out up to {} spans and say so",
                meta.span_count
            );
            report.problem(&path, format!("{message}: {meaning}"));
        }
        done_bytes += bytes(segment);
    }
    progress(Progress {
        done_bytes,
        total_bytes,
    });
}

fn bytes(segment: &Segment) -> u64 {
    segment.meta().file_bytes.iter().sum()
}

/// What is wrong with a segment.
pub(crate) enum Wrong {
    /// A file cannot be read, or its checksum is wrong.
    Error(StoreError),
    /// What the files say does not fit together.
    Content(String),
}

impl From<StoreError> for Wrong {
    fn from(error: StoreError) -> Self {
        Self::Error(error)
    }
}

/// Everything of one segment, for tests.
#[cfg(test)]
pub(crate) fn verify_segment(segment: &Segment) -> Result<(), String> {
    verify_one(segment).map_err(|wrong| match wrong {
        Wrong::Error(error) => error.to_string(),
        Wrong::Content(message) => message,
    })
}

/// Reads everything of one segment.
pub(crate) fn verify_one(segment: &Segment) -> Result<(), Wrong> {
    segment.verify()?;
    let meta = segment.meta();
    for (table, name, rows) in [
        (SegmentTable::Spans, "spans", meta.span_count),
        (SegmentTable::Traces, "traces", meta.trace_count),
    ] {
        let footer = segment.metadata(table)?;
        let found = footer.metadata().file_metadata().num_rows();
        if u64::try_from(found) != Ok(rows) {
            let message = format!("{found} rows of `{name}`, the manifest says {rows}");
            return Err(Wrong::Content(message));
        }
    }
    verify_index(segment)
}

/// The index must find each trace at the rows where it stands, and the rows must be its own.
fn verify_index(segment: &Segment) -> Result<(), Wrong> {
    let traces = schema::traces();
    let column = |name: &str| traces.index_of(name).expect("a column of the schema");
    let projection = [
        column("trace_id"),
        column("span_count"),
        column("first_row"),
    ];
    let mut next_row = 0;
    let trace_count = segment.meta().trace_count as u32;
    for start in (0..trace_count).step_by(ROWS as usize) {
        let rows = start..trace_count.min(start.saturating_add(ROWS));
        let table = segment.read_rows(SegmentTable::Traces, rows, Some(&projection))?;
        next_row = verify_traces(segment, &table, next_row)?;
    }
    if u64::from(next_row) == segment.meta().span_count {
        return Ok(());
    }
    Err(Wrong::Content(format!(
        "the traces have {next_row} spans together, the manifest says {}",
        segment.meta().span_count
    )))
}

fn verify_traces(segment: &Segment, table: &RecordBatch, first: u32) -> Result<u32, Wrong> {
    let ids = table.column(0).as_fixed_size_binary();
    let counts = table.column(1).as_primitive::<UInt32Type>();
    let starts = table.column(2).as_primitive::<UInt32Type>();
    let total: u32 = counts.values().iter().sum();
    let span_ids = [schema::column::TRACE_ID];
    let spans = segment.read_rows(SegmentTable::Spans, first..first + total, Some(&span_ids))?;
    let spans = spans.column(0).as_fixed_size_binary();
    let mut next = first;
    for row in 0..table.num_rows() {
        let rows = starts.value(row)..starts.value(row) + counts.value(row);
        let id = TraceId::from_bytes(ids.value(row)).unwrap_or_default();
        let own = rows.start == next
            && rows.clone().all(|span| {
                let at = (span - first) as usize;
                at < spans.len() && spans.value(at) == id.0
            });
        if !own || segment.trace_rows(id)? != Some(rows.clone()) {
            return Err(Wrong::Content(format!(
                "trace {id} should stand in rows {} to {}, index or rows say otherwise",
                rows.start, rows.end
            )));
        }
        next = rows.end;
    }
    Ok(next)
}
