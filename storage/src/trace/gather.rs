//! The spans of many batches by trace.

use std::ops::Range;
use std::sync::Arc;

use super::columns::SpanColumns;
use super::content::{Spans, write_batch_row};
use crate::batch::SpanBatch;
use crate::fast::FastSet;
use crate::ids::TraceId;

/// A span: its batch and its row there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SpanRef {
    pub(crate) batch: u32,
    pub(crate) row: u32,
}

/// Spans of batches, sorted by trace and, within one, in the order received. Row `n` here is the `n`-th of them.
pub(crate) struct Gathered<'a> {
    pub(crate) batches: &'a [Arc<SpanBatch>],
    pub(crate) columns: Vec<SpanColumns<'a>>,
    spans: Vec<SpanRef>,
    /// Where the rows of each trace end, by trace id.
    ends: Vec<u32>,
}

/// Neighbours in a batch that are of one trace.
struct Run {
    /// The trace's id: as a number it sorts like its bytes, and faster.
    id: u128,
    first: SpanRef,
    len: u32,
}

impl<'a> Gathered<'a> {
    pub(crate) fn of(batches: &'a [Arc<SpanBatch>]) -> Self {
        Self::of_traces(batches, |_| true)
    }

    /// The traces of the first `leaving` of `batches`, with their spans in all of them. Within a trace those of the first ones come first.
    pub(crate) fn of_epoch(batches: &'a [Arc<SpanBatch>], leaving: usize) -> Self {
        let (epoch, later) = batches.split_at(leaving);
        if later.is_empty() {
            return Self::of(batches);
        }
        let mut ids: FastSet<TraceId> = FastSet::default();
        for (batch, rows) in runs(epoch) {
            ids.insert(epoch[batch].trace_id(rows.start));
        }
        Self::of_traces(batches, |id| ids.contains(&id))
    }

    /// The spans of the traces that `wanted` says yes to.
    pub(crate) fn of_traces(
        batches: &'a [Arc<SpanBatch>],
        wanted: impl Fn(TraceId) -> bool,
    ) -> Self {
        let mut sorted = Vec::new();
        for (batch, rows) in runs(batches) {
            let id = batches[batch].trace_id(rows.start);
            if wanted(id) {
                sorted.push(Run {
                    id: u128::from_be_bytes(id.0),
                    first: SpanRef {
                        batch: batch as u32,
                        row: rows.start as u32,
                    },
                    len: rows.len() as u32,
                });
            }
        }
        // Spans come trace by trace, more or less: runs are fewer than spans.
        sorted.sort_unstable_by_key(|run| (run.id, run.first));
        let (mut spans, mut ends) = (Vec::new(), Vec::new());
        for trace in sorted.chunk_by(|left, right| left.id == right.id) {
            for run in trace {
                let SpanRef { batch, row } = run.first;
                spans.extend((row..row + run.len).map(|row| SpanRef { batch, row }));
            }
            ends.push(spans.len() as u32);
        }
        Self::new(batches, spans, ends)
    }

    /// The spans of trace `id` alone.
    pub(crate) fn of_trace(batches: &'a [Arc<SpanBatch>], id: TraceId) -> Self {
        let mut spans = Vec::new();
        for (place, batch) in batches.iter().enumerate() {
            let span = |row| SpanRef {
                batch: place as u32,
                row,
            };
            spans.extend(batch.rows_of_trace(id).into_iter().map(span));
        }
        let ends = if spans.is_empty() {
            Vec::new()
        } else {
            vec![spans.len() as u32]
        };
        Self::new(batches, spans, ends)
    }

    fn new(batches: &'a [Arc<SpanBatch>], spans: Vec<SpanRef>, ends: Vec<u32>) -> Self {
        let columns = batches.iter().map(|batch| SpanColumns::of_batch(batch));
        Self {
            batches,
            columns: columns.collect(),
            spans,
            ends,
        }
    }

    /// Number of spans.
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// The rows of each trace, by trace id.
    pub(crate) fn traces(&self) -> impl Iterator<Item = Range<u32>> + '_ {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let rows = start..*end;
            start = rows.end;
            rows
        })
    }

    /// The span in row `row`.
    pub(crate) fn span(&self, row: u32) -> SpanRef {
        self.spans[row as usize]
    }
}

/// The longest runs of rows of one trace: batch, and rows there.
fn runs(batches: &[Arc<SpanBatch>]) -> impl Iterator<Item = (usize, Range<usize>)> {
    batches.iter().enumerate().flat_map(|(place, batch)| {
        let (ids, _) = batch.trace_ids().value_data().as_chunks::<16>();
        let mut start = 0;
        ids.chunk_by(|left, right| left == right).map(move |run| {
            let rows = start..start + run.len();
            start = rows.end;
            (place, rows)
        })
    })
}

impl Spans for Gathered<'_> {
    fn columns(&self, row: usize) -> (&SpanColumns<'_>, usize) {
        let SpanRef { batch, row } = self.spans[row];
        (&self.columns[batch as usize], row as usize)
    }

    fn write_content(&self, row: usize, out: &mut Vec<u8>) {
        let SpanRef { batch, row } = self.spans[row];
        write_batch_row(&self.batches[batch as usize], row as usize, out);
    }
}
