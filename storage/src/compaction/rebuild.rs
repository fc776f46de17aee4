//! Writing a segment anew from its table `spans` alone: everything else that a segment has can be made of it.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::chunk::Chunk;
use super::held::{Joined, Piece};
use super::merge::{Merged, Names};
use crate::batch::SpanBatch;
use crate::env::Env;
use crate::error::StoreError;
use crate::ids::TraceId;
use crate::limits::SegmentShape;
use crate::policy::Weighing;
use crate::segment::stream::{SpanPart, SpanStream};
use crate::segment::{Layouts, NewSegment, Segment, SegmentWriter};
use crate::trace::columns::SpanColumns;

/// A segment that is to be written anew. Takes memory for some thousand rows, one row group, and the longest trace.
pub(crate) struct Rebuild<'a> {
    pub(crate) env: &'a Env,
    pub(crate) data_dir: &'a Path,
    pub(crate) shape: &'a SegmentShape,
    pub(crate) source: &'a Segment,
    /// Rows of `spans` to take: ascending, none twice. What is left of a trace is a trace.
    pub(crate) rows: &'a [Range<usize>],
    pub(crate) names: &'a dyn Names,
}

impl Rebuild<'_> {
    /// Writes the new segment, durable; none if there is no row to take. Blocks.
    ///
    /// # Errors
    /// When the rows cannot be read or a file not be written. Then nothing is left of it.
    pub(crate) fn run(&self) -> Result<Merged, StoreError> {
        let mut merged = Merged::new(self.env, self.data_dir);
        if self.rows.is_empty() {
            return Ok(merged);
        }
        let meta = self.source.meta();
        let name = self.names.next(&meta.tenant, meta.wal);
        let new = NewSegment {
            data_dir: self.data_dir,
            name: &name,
            tenant: &meta.tenant,
            wal: meta.wal,
            merged: meta.merged,
            is_pinned: meta.is_pinned,
        };
        let layouts = Layouts::merged(&[self.source], &self.shape.attribute_columns)?;
        let mut output = Output {
            writer: SegmentWriter::new(self.env, &new, self.shape, layouts)?,
            chunk: Chunk::default(),
            trace: None,
        };
        let mut spans = SpanStream::new(self.source, self.rows.to_vec())?;
        while let Some(part) = spans.next()? {
            output.take(&part)?;
        }
        merged.segments.push(output.finish()?);
        Ok(merged)
    }
}

struct Output<'a> {
    writer: SegmentWriter<'a>,
    chunk: Chunk,
    /// The trace that the last row belongs to, and its rows so far.
    trace: Option<(TraceId, Vec<Piece>)>,
}

impl Output<'_> {
    fn take(&mut self, part: &SpanPart) -> Result<(), StoreError> {
        let columns = SpanColumns::of_batch(&part.batch);
        let mut start = 0;
        while start < part.batch.len() {
            let id = columns.trace_id(start);
            let end = (start + 1..part.batch.len())
                .find(|row| columns.trace_id(*row) != id)
                .unwrap_or(part.batch.len());
            if self.trace.as_ref().is_some_and(|(last, _)| *last != id) {
                self.end_trace()?;
            }
            let (_, pieces) = self.trace.get_or_insert_with(|| (id, Vec::new()));
            pieces.push(Piece {
                batch: Arc::<SpanBatch>::clone(&part.batch),
                rows: start..end,
            });
            start = end;
        }
        Ok(())
    }

    fn end_trace(&mut self) -> Result<(), StoreError> {
        let Some((_, pieces)) = self.trace.take() else {
            return Ok(());
        };
        let joined = Joined::of(&pieces);
        let (writer, chunk) = (&mut self.writer, &mut self.chunk);
        joined.read(
            |summary| {
                writer
                    .add_trace(summary, Weighing::UNCHANGED)
                    .map(|()| Some(Weighing::UNCHANGED))
            },
            |batch, row, planned| chunk.push(batch, row, planned),
        )?;
        chunk.add_bytes(joined.bytes());
        chunk.end_trace();
        if chunk.is_full() {
            chunk.write(writer)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<crate::segment::SegmentMeta, StoreError> {
        self.end_trace()?;
        self.chunk.write(&mut self.writer)?;
        self.writer.finish()
    }
}
