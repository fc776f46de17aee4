//! Showing stored traces to a sampler without consequences: each once, whole, and in little memory.
//!
//! A trace whose spans all stand in one segment is shown with its neighbours there. One that lies in several places is put together first,
//! through the indexes. Nothing is changed.
//!
//! Memory: some ten thousand spans, or one trace if that is larger; 8 bytes for each trace, 32 for each that lies in several places.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::UInt32Type;
use xxhash_rust::xxh3::xxh3_64;

use super::SpanSet;
use crate::batch::SpanBatch;
use crate::error::StoreError;
use crate::ids::TraceId;
use crate::schema;
use crate::segment::stream::SpanStream;
use crate::segment::{Segment, SegmentTable};
use crate::snapshot::Snapshot;

/// Spans that are shown together, unless one trace has more.
const SPANS_TOGETHER: usize = 32 << 10;
/// Rows of `traces` that are read at a time.
const TRACES_TOGETHER: u32 = 1 << 16;

/// How a rehearsal ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rehearsed {
    /// Why spans were missing; empty when all were shown.
    pub unreadable: Vec<String>,
    /// False when `show` has said no.
    pub is_complete: bool,
}

impl Snapshot {
    /// Shows every trace of which spans arrived at `since` or later (ns since the epoch), as far as it lies in places that have such spans, to
    /// `show`, some thousand spans at a time, each trace once, until `show` says no. Older traces beside them are shown too. Blocks, for long.
    pub fn rehearse(&self, since: i64, show: &mut dyn FnMut(&SpanSet<'_>) -> bool) -> Rehearsed {
        let recent = |segment: &&Arc<Segment>| segment.meta().ingested_at.1 >= since;
        let segments: Vec<_> = self.segments().iter().filter(recent).cloned().collect();
        let mut unreadable = Vec::new();
        let is_complete = show_all(&segments, self.hot(), show, &mut |error| {
            unreadable.push(error.to_string());
            Ok(())
        });
        Rehearsed {
            unreadable,
            // An error was told above.
            is_complete: is_complete.unwrap_or(false),
        }
    }
}

/// Shows the traces of `segments` and `hot` to `show` until that says no, which makes this false. What cannot be read is told to `failed`,
/// which says whether to go on without it.
pub(crate) fn show_all(
    segments: &[Arc<Segment>],
    hot: &[Arc<SpanBatch>],
    show: &mut dyn FnMut(&SpanSet<'_>) -> bool,
    failed: &mut dyn FnMut(StoreError) -> Result<(), StoreError>,
) -> Result<bool, StoreError> {
    let mut rehearsal = Rehearsal {
        segments,
        hot,
        joined: BTreeMap::new(),
        failed,
    };
    let pieces = rehearsal.find()?;
    Ok(rehearsal.alone(&pieces, show)? && rehearsal.joined(show)?)
}

struct Rehearsal<'a> {
    segments: &'a [Arc<Segment>],
    hot: &'a [Arc<SpanBatch>],
    /// Traces that lie in several places, with their spans.
    joined: BTreeMap<TraceId, usize>,
    failed: &'a mut dyn FnMut(StoreError) -> Result<(), StoreError>,
}

impl Rehearsal<'_> {
    /// Finds the traces that lie in several places; and the rows of each segment, in pieces of whole traces.
    fn find(&mut self) -> Result<Vec<Vec<Range<usize>>>, StoreError> {
        let in_hot = self.hot_traces();
        let mut hashes: Vec<u64> = in_hot.keys().map(hash).collect();
        let mut all = Vec::new();
        for segment in self.segments {
            let mut pieces = Pieces::default();
            let read = walk(segment, |id, spans| {
                hashes.push(hash(&id));
                pieces.add(spans);
            });
            if let Err(error) = read {
                (self.failed)(error)?;
                pieces = Pieces::default();
            }
            all.push(pieces.0);
        }
        hashes.sort_unstable();
        let repeated = hashes.windows(2).filter(|pair| pair[0] == pair[1]);
        let mut repeated: Vec<u64> = repeated.map(|pair| pair[0]).collect();
        repeated.dedup();
        drop(hashes);
        // Two traces of one hash are taken for ones in several places, which costs time and nothing else.
        let is_joined = |id: &TraceId| repeated.binary_search(&hash(id)).is_ok();
        let of_hot = in_hot.into_iter().filter(|(id, _)| is_joined(id));
        self.joined.extend(of_hot);
        if repeated.is_empty() {
            return Ok(all);
        }
        for segment in self.segments {
            // One that cannot be read was told of before.
            let _ = walk(segment, |id, spans| {
                if is_joined(&id) {
                    *self.joined.entry(id).or_default() += spans;
                }
            });
        }
        Ok(all)
    }

    fn hot_traces(&self) -> BTreeMap<TraceId, usize> {
        let mut spans = BTreeMap::new();
        for batch in self.hot {
            for row in 0..batch.len() {
                *spans.entry(batch.trace_id(row)).or_default() += 1;
            }
        }
        spans
    }

    /// Shows the traces that lie in one place; false when that was enough.
    fn alone(
        &mut self,
        pieces: &[Vec<Range<usize>>],
        show: &mut dyn FnMut(&SpanSet<'_>) -> bool,
    ) -> Result<bool, StoreError> {
        for (segment, pieces) in self.segments.iter().zip(pieces) {
            for piece in pieces {
                match read(segment, vec![piece.clone()]) {
                    Ok(batches) => {
                        let is_alone = |id| !self.joined.contains_key(&id);
                        if !show(&SpanSet::of_traces(&batches, is_alone)) {
                            return Ok(false);
                        }
                    }
                    Err(error) => {
                        (self.failed)(error)?;
                        break;
                    }
                }
            }
        }
        let is_alone = |id| !self.joined.contains_key(&id);
        Ok(self.hot.is_empty() || show(&SpanSet::of_traces(self.hot, is_alone)))
    }

    /// Puts the others together and shows them; false when that was enough.
    fn joined(&mut self, show: &mut dyn FnMut(&SpanSet<'_>) -> bool) -> Result<bool, StoreError> {
        let mut traces = std::mem::take(&mut self.joined).into_iter().peekable();
        while traces.peek().is_some() {
            let (mut ids, mut spans) = (Vec::new(), 0);
            while let Some((id, count)) =
                traces.next_if(|(_, count)| spans == 0 || spans + count <= SPANS_TOGETHER)
            {
                ids.push(id);
                spans += count;
            }
            let mut batches = self.hot.to_vec();
            for segment in self.segments {
                match rows_of(segment, &ids).and_then(|rows| read(segment, rows)) {
                    Ok(of_segment) => batches.extend(of_segment),
                    Err(error) => (self.failed)(error)?,
                }
            }
            let is_wanted = |id| ids.binary_search(&id).is_ok();
            if !show(&SpanSet::of_traces(&batches, is_wanted)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Rows of a segment, cut between traces.
#[derive(Default)]
struct Pieces(Vec<Range<usize>>);

impl Pieces {
    /// Takes the next trace.
    fn add(&mut self, spans: usize) {
        let start = self.0.last().map_or(0, |last| last.end);
        let end = start + spans;
        match self.0.last_mut() {
            Some(last) if end - last.start <= SPANS_TOGETHER => last.end = end,
            _ => self.0.push(start..end),
        }
    }
}

fn hash(id: &TraceId) -> u64 {
    xxh3_64(&id.0)
}

/// Shows the traces of a segment, each with its number of spans, in the order of their rows.
fn walk(segment: &Segment, mut visit: impl FnMut(TraceId, usize)) -> Result<(), StoreError> {
    let traces = schema::traces();
    let column = |name: &str| traces.index_of(name).expect("a column of the schema");
    let projection = ["trace_id", "span_count"].map(column);
    let count = segment.meta().trace_count as u32;
    for start in (0..count).step_by(TRACES_TOGETHER as usize) {
        let rows = start..count.min(start.saturating_add(TRACES_TOGETHER));
        let table = segment.read_rows(SegmentTable::Traces, rows, Some(&projection))?;
        let ids = table.column(0).as_fixed_size_binary();
        let counts = table.column(1).as_primitive::<UInt32Type>().values();
        for (id, spans) in ids.iter().zip(counts) {
            let id = id.and_then(TraceId::from_bytes).unwrap_or_default();
            visit(id, *spans as usize);
        }
    }
    Ok(())
}

/// The rows of the traces `ids`, ascending.
pub(crate) fn rows_of(segment: &Segment, ids: &[TraceId]) -> Result<Vec<Range<usize>>, StoreError> {
    let mut rows = Vec::new();
    for id in ids {
        let found = segment.trace_rows(*id)?;
        rows.extend(found.map(|rows| rows.start as usize..rows.end as usize));
    }
    rows.sort_unstable_by_key(|rows| rows.start);
    Ok(rows)
}

/// Reads these rows, ascending, with everything that belongs to a span.
pub(crate) fn read(
    segment: &Segment,
    rows: Vec<Range<usize>>,
) -> Result<Vec<Arc<SpanBatch>>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut stream = SpanStream::new(segment, rows)?;
    let mut batches = Vec::new();
    while let Some(part) = stream.next()? {
        batches.push(part.batch);
    }
    Ok(batches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_end_between_traces_and_hold_as_many_spans_as_allowed() {
        let mut pieces = Pieces::default();
        for spans in [SPANS_TOGETHER - 1, 1, 1, SPANS_TOGETHER + 5, 2] {
            pieces.add(spans);
        }
        let ends: Vec<usize> = pieces.0.iter().map(Range::len).collect();
        assert_eq!(ends, [SPANS_TOGETHER, 1, SPANS_TOGETHER + 5, 2]);
        assert_eq!(pieces.0[0].start, 0);
        assert!(pieces.0.windows(2).all(|two| two[0].end == two[1].start));
    }
}
