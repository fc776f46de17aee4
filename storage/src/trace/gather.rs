//! The spans of many batches by trace.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use super::columns::SpanColumns;
use super::content::{Spans, write_batch_row};
use crate::batch::SpanBatch;
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
    spans: Vec<(TraceId, SpanRef)>,
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
        let ids = epoch
            .iter()
            .flat_map(|batch| (0..batch.len()).map(|row| batch.trace_id(row)));
        let ids: HashSet<TraceId> = ids.collect();
        Self::of_traces(batches, |id| ids.contains(&id))
    }

    /// The spans of the traces that `wanted` says yes to.
    pub(crate) fn of_traces(
        batches: &'a [Arc<SpanBatch>],
        wanted: impl Fn(TraceId) -> bool,
    ) -> Self {
        let columns: Vec<_> = batches
            .iter()
            .map(|batch| SpanColumns::of_batch(batch))
            .collect();
        let mut spans = Vec::new();
        for (batch, columns) in columns.iter().enumerate() {
            let span = |row| {
                let place = SpanRef {
                    batch: batch as u32,
                    row: row as u32,
                };
                (columns.trace_id(row), place)
            };
            let of_batch = (0..columns.len()).map(span);
            spans.extend(of_batch.filter(|(id, _)| wanted(*id)));
        }
        spans.sort_unstable();
        Self {
            batches,
            columns,
            spans,
        }
    }

    /// The spans of trace `id` alone.
    pub(crate) fn of_trace(batches: &'a [Arc<SpanBatch>], id: TraceId) -> Self {
        let mut spans = Vec::new();
        for (place, batch) in batches.iter().enumerate() {
            let span = |row| {
                (
                    id,
                    SpanRef {
                        batch: place as u32,
                        row,
                    },
                )
            };
            spans.extend(batch.rows_of_trace(id).into_iter().map(span));
        }
        let columns = batches.iter().map(|batch| SpanColumns::of_batch(batch));
        Self {
            batches,
            columns: columns.collect(),
            spans,
        }
    }

    /// Number of spans.
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// The rows of each trace, by trace id.
    pub(crate) fn traces(&self) -> impl Iterator<Item = Range<u32>> + '_ {
        let mut start = 0;
        self.spans
            .chunk_by(|left, right| left.0 == right.0)
            .map(move |trace| {
                let rows = start..start + trace.len() as u32;
                start = rows.end;
                rows
            })
    }

    /// The span in row `row`.
    pub(crate) fn span(&self, row: u32) -> SpanRef {
        self.spans[row as usize].1
    }
}

impl Spans for Gathered<'_> {
    fn columns(&self, row: usize) -> (&SpanColumns<'_>, usize) {
        let SpanRef { batch, row } = self.spans[row].1;
        (&self.columns[batch as usize], row as usize)
    }

    fn write_content(&self, row: usize, out: &mut Vec<u8>) {
        let SpanRef { batch, row } = self.spans[row].1;
        write_batch_row(&self.batches[batch as usize], row as usize, out);
    }
}
