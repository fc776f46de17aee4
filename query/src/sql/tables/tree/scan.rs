//! The pass over segments and hot window that gives the rows of `span_tree`. Blocks on file reads.
//!
//! Partitions take the chunks of the segments in turn. Rows of traces that lie in several places are gathered by all of them, and put
//! together by the one that is done last.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{interleave_record_batch, take_record_batch};
use arrow::datatypes::SchemaRef;
use clew_storage::segment::SegmentTable;
use clew_storage::{Segment, Snapshot, TraceId};
use datafusion::common::Result;
use datafusion::execution::memory_pool::MemoryReservation;

use super::super::pass::{Out, Pass, failed};
use super::place::{Needed, Placed, repeats_ids};
use super::{INPUT, spread};
use crate::rows::Columns;
use crate::runs::{Run, runs_of};

/// Rows worked on at a time, unless one trace has more.
const CHUNK_ROWS: u32 = 16_384;
/// Memory that a row takes while it is worked on: its columns, read and written.
const ROW_BYTES: usize = 400;

/// What to read, and what to give.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) snapshot: Snapshot,
    /// Segments that may hold spans that are asked for.
    pub(super) segments: Vec<Arc<Segment>>,
    /// The only traces that are asked for.
    pub(super) ids: Option<Vec<TraceId>>,
    /// Columns of the table to give.
    pub(super) projection: Vec<usize>,
    /// Schema of what is given.
    pub(super) schema: SchemaRef,
    /// In so many partitions; one where traces are looked up.
    pub(super) partitions: usize,
    pub(super) shared: Shared,
}

impl fmt::Display for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.segments.iter().map(|segment| &segment.meta().name);
        let names: Vec<&str> = names.map(String::as_str).collect();
        write!(f, "segments=[{}]", names.join(", "))?;
        match &self.ids {
            Some(ids) => write!(f, ", traces={}", ids.len()),
            None => Ok(()),
        }
    }
}

impl Pass for Scan {
    const NAME: &'static str = "SpanTreeExec";

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn partitions(&self) -> usize {
        self.partitions
    }

    fn again(&self) -> Self {
        Self {
            snapshot: self.snapshot.clone(),
            segments: self.segments.clone(),
            ids: self.ids.clone(),
            projection: self.projection.clone(),
            schema: Arc::clone(&self.schema),
            partitions: self.partitions,
            shared: Shared::default(),
        }
    }

    fn run(&self, partition: usize, memory: MemoryReservation, send: Out<'_>) -> Result<()> {
        let mut work = Work {
            scan: self,
            partition,
            memory,
            send,
            gathered: Gathered::default(),
        };
        match &self.ids {
            Some(ids) => work.named(ids),
            None => work.whole(),
        }
    }
}

impl Scan {
    /// Segments that are not read whole.
    fn others(&self) -> Vec<Arc<Segment>> {
        let read: HashSet<&str> = self
            .segments
            .iter()
            .map(|segment| segment.meta().name.as_str())
            .collect();
        let all = self.snapshot.segments().iter();
        all.filter(|segment| !read.contains(segment.meta().name.as_str()))
            .cloned()
            .collect()
    }
}

/// What the partitions of one scan share. Each runs once.
#[derive(Debug, Default)]
pub(super) struct Shared(Mutex<Sharing>);

#[derive(Debug, Default)]
struct Sharing {
    /// Traces that lie in several places: made by the partition that comes first.
    joint: Option<Arc<HashSet<TraceId>>>,
    /// Partitions that have read all that is theirs.
    done: usize,
    /// What they gathered, and the memory that it takes.
    gathered: Gathered,
    memory: Vec<MemoryReservation>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Sharing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rows of traces that lie in several places.
#[derive(Debug, Default)]
struct Gathered {
    batches: Vec<RecordBatch>,
    /// Batch and row of each span.
    rows: BTreeMap<TraceId, Vec<(usize, usize)>>,
}

/// One partition's part of a scan.
struct Work<'a> {
    scan: &'a Scan,
    partition: usize,
    memory: MemoryReservation,
    send: Out<'a>,
    gathered: Gathered,
}

impl Work<'_> {
    /// A few traces, each looked up.
    fn named(&mut self, ids: &[TraceId]) -> Result<()> {
        let ids: HashSet<TraceId> = ids.iter().copied().collect();
        self.look_up(self.scan.snapshot.segments(), &ids)?;
        self.hot(Some(&ids))?;
        self.put_together()
    }

    /// The part of all traces of the segments that is this partition's. The one that is done last puts together what all have gathered.
    fn whole(&mut self) -> Result<()> {
        let joint = self.joint()?;
        let mut number = 0;
        for segment in &self.scan.segments {
            if !self.segment(segment, &mut number, &joint)? {
                return Ok(());
            }
        }
        {
            let mut sharing = self.scan.shared.lock();
            sharing.gathered.take(std::mem::take(&mut self.gathered));
            sharing.memory.push(self.memory.take());
            sharing.done += 1;
            if sharing.done < self.scan.partitions {
                return Ok(());
            }
            self.gathered = std::mem::take(&mut sharing.gathered);
        }
        self.look_up(&self.scan.others(), &joint)?;
        self.put_together()?;
        self.scan.shared.lock().memory.clear();
        Ok(())
    }

    /// The traces that lie in several places, those of the hot window among them, which are gathered on the way.
    fn joint(&mut self) -> Result<Arc<HashSet<TraceId>>> {
        // The other partitions wait for it.
        let mut sharing = self.scan.shared.lock();
        if let Some(joint) = &sharing.joint {
            return Ok(Arc::clone(joint));
        }
        self.hot(None)?;
        let others = self.scan.others();
        let mut joint = spread::joint(&self.scan.segments, &others, &self.memory)?;
        joint.extend(self.gathered.rows.keys());
        self.memory
            .try_grow(joint.len() * size_of::<TraceId>() * 2)?;
        let joint = Arc::new(joint);
        sharing.joint = Some(Arc::clone(&joint));
        Ok(joint)
    }

    /// Gathers the rows of `ids` in `segments`.
    fn look_up(&mut self, segments: &[Arc<Segment>], ids: &HashSet<TraceId>) -> Result<()> {
        for segment in segments {
            for id in ids {
                if let Some(rows) = segment.trace_rows(*id).map_err(failed)? {
                    let count = rows.len();
                    self.memory.try_grow(count * ROW_BYTES)?;
                    let batch = read(segment, rows, &INPUT)?;
                    self.gathered.add(batch, [(*id, 0..count)]);
                }
            }
        }
        Ok(())
    }

    /// Gathers the rows of `ids`, or all, in the hot window.
    fn hot(&mut self, ids: Option<&HashSet<TraceId>>) -> Result<()> {
        for batch in self.scan.snapshot.hot() {
            for table in batch.tables(Some(&INPUT), CHUNK_ROWS as usize) {
                let trace_ids = Columns(&table).fixed("trace_id").map_err(failed)?;
                let rows: Vec<(TraceId, usize)> = (0..table.num_rows())
                    .filter_map(|row| Some((TraceId::from_bytes(trace_ids.value(row))?, row)))
                    .filter(|(id, _)| ids.is_none_or(|ids| ids.contains(id)))
                    .collect();
                if rows.is_empty() {
                    continue;
                }
                self.memory.try_grow(table.num_rows() * ROW_BYTES)?;
                let rows = rows.into_iter().map(|(id, row)| (id, row..row + 1));
                self.gathered.add(table, rows);
            }
        }
        Ok(())
    }

    /// Gives the traces of a segment that are this partition's and lie nowhere else, and gathers the others; false when nobody wants more.
    /// `number` counts the chunks, which the partitions take in turn.
    fn segment(
        &mut self,
        segment: &Segment,
        number: &mut usize,
        joint: &HashSet<TraceId>,
    ) -> Result<bool> {
        let runs = runs_of(segment).map_err(failed)?;
        let mut runs = runs.as_slice();
        while let Some(first) = runs.first() {
            let begin = first.first_row;
            let fits = |run: &&Run| run.first_row + run.rows - begin <= CHUNK_ROWS;
            let (chunk, rest) = runs.split_at(runs.iter().take_while(fits).count().max(1));
            runs = rest;
            *number += 1;
            if *number % self.scan.partitions != self.partition {
                continue;
            }
            let end = chunk.last().map_or(begin, |run| run.first_row + run.rows);
            let working = (end - begin) as usize * ROW_BYTES;
            self.memory.try_grow(working)?;
            let more = self.chunk(segment, begin..end, chunk, joint)?;
            self.memory.shrink(working);
            if !more {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The traces `chunk`, which follow each other in the rows `rows` of a segment.
    fn chunk(
        &mut self,
        segment: &Segment,
        rows: Range<u32>,
        chunk: &[Run],
        joint: &HashSet<TraceId>,
    ) -> Result<bool> {
        let begin = rows.start;
        let range = |run: &Run| {
            let first = (run.first_row - begin) as usize;
            first..first + run.rows as usize
        };
        let (apart, here): (Vec<Run>, Vec<Run>) =
            chunk.iter().partition(|run| joint.contains(&run.id));
        if apart.is_empty() {
            let traces: Vec<_> = here.iter().map(range).collect();
            return self.send(&self.placed(segment, rows, &traces)?);
        }
        let rows = read(segment, rows, &INPUT)?;
        let (apart_rows, apart_traces) = pick(&rows, &apart, range)?;
        self.memory.try_grow(apart_rows.num_rows() * ROW_BYTES)?;
        let named = apart.iter().map(|run| run.id).zip(apart_traces);
        self.gathered.add(apart_rows, named);
        let (here_rows, traces) = pick(&rows, &here, range)?;
        if segment.repeats_span_ids().map_err(failed)? && repeats_ids(&here_rows, &traces)? {
            return self.send(&Placed::rebuilt(&here_rows, &traces)?);
        }
        self.send(&Placed::stored(&here_rows, &traces, None)?)
    }

    /// `traces`, which lie nowhere else: each in its range of the rows `rows` of a segment.
    fn placed(
        &self,
        segment: &Segment,
        rows: Range<u32>,
        traces: &[Range<usize>],
    ) -> Result<Placed> {
        let check_ids = segment.repeats_span_ids().map_err(failed)?;
        let needed = Needed::of(&self.scan.projection, check_ids);
        let stored = read(segment, rows.clone(), &needed.columns)?;
        if check_ids && repeats_ids(&stored, traces)? {
            return Placed::rebuilt(&read(segment, rows, &INPUT)?, traces);
        }
        let named = needed.named.then(|| segment.has_parents(rows));
        Placed::stored(&stored, traces, named.transpose().map_err(failed)?)
    }

    fn send(&mut self, placed: &Placed) -> Result<bool> {
        let rows = placed.rows(&self.scan.projection, &self.scan.schema)?;
        Ok((self.send)(rows))
    }

    /// Gives the traces that were gathered.
    fn put_together(&mut self) -> Result<()> {
        let Gathered { batches, rows } = std::mem::take(&mut self.gathered);
        let batches: Vec<&RecordBatch> = batches.iter().collect();
        let (mut places, mut traces) = (Vec::new(), Vec::new());
        let mut left = rows.len();
        for of_trace in rows.into_values() {
            left -= 1;
            let first = places.len();
            places.extend(of_trace);
            traces.push(first..places.len());
            if left > 0 && places.len() < CHUNK_ROWS as usize {
                continue;
            }
            let working = places.len() * ROW_BYTES;
            self.memory.try_grow(working)?;
            let chunk = interleave_record_batch(&batches, &places)?;
            let more = self.send(&Placed::rebuilt(&chunk, &traces)?)?;
            self.memory.shrink(working);
            if !more {
                return Ok(());
            }
            places.clear();
            traces.clear();
        }
        Ok(())
    }
}

impl Gathered {
    /// Keeps the rows of `batch` that are in the ranges.
    fn add(
        &mut self,
        batch: RecordBatch,
        traces: impl IntoIterator<Item = (TraceId, Range<usize>)>,
    ) {
        let number = self.batches.len();
        self.batches.push(batch);
        for (id, rows) in traces {
            let of_trace = self.rows.entry(id).or_default();
            of_trace.extend(rows.map(|row| (number, row)));
        }
    }

    /// Keeps what another one has gathered too.
    fn take(&mut self, other: Self) {
        let first = self.batches.len();
        self.batches.extend(other.batches);
        for (id, rows) in other.rows {
            let of_trace = self.rows.entry(id).or_default();
            of_trace.extend(rows.into_iter().map(|(batch, row)| (first + batch, row)));
        }
    }
}

fn read(segment: &Segment, rows: Range<u32>, columns: &[usize]) -> Result<RecordBatch> {
    segment
        .read_rows(SegmentTable::Spans, rows, Some(columns))
        .map_err(failed)
}

/// The rows of some traces, and where each trace's are then.
fn pick(
    rows: &RecordBatch,
    runs: &[Run],
    range: impl Fn(&Run) -> Range<usize>,
) -> Result<(RecordBatch, Vec<Range<usize>>)> {
    let mut picked: Vec<u32> = Vec::new();
    let mut traces = Vec::with_capacity(runs.len());
    for run in runs {
        let first = picked.len();
        picked.extend(range(run).map(|row| row as u32));
        traces.push(first..picked.len());
    }
    let picked = take_record_batch(rows, &UInt32Array::from(picked))?;
    Ok((picked, traces))
}
