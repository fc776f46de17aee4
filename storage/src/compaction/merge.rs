//! The merge itself: from some segments to others that hold the same spans.

use std::collections::{BinaryHeap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::chunk::Chunk;
use super::cursor::{Cursor, Head};
use super::held::{Held, Joined, Key, Met};
use super::pace::{Pace, Stopped, Stopwatch};
use super::survey::{Placing, SliceRows, Survey, TracePart};
use crate::env::Env;
use crate::error::StoreError;
use crate::ids::TraceId;
use crate::limits::{CompactionLimits, SegmentShape};
use crate::policy::{FlushPolicy, Weighing};
use crate::segment::{self, Layouts, NewSegment, Segment, SegmentMeta, SegmentWriter, TimeWindow};
use crate::trace::summary::Summary;

/// Gives the names of new segments.
pub(crate) trait Names {
    /// A name for a segment of `tenant` whose spans come from the log records `wal`; another one each time.
    fn next(&self, tenant: &str, wal: (u64, u64)) -> String;
}

/// A merge to be made.
pub(crate) struct Merge<'a> {
    pub(crate) env: &'a Env,
    pub(crate) data_dir: &'a Path,
    pub(crate) limits: &'a CompactionLimits,
    pub(crate) shape: &'a SegmentShape,
    /// Of one tenant, at least one.
    pub(crate) inputs: &'a [Arc<Segment>],
    /// The window that all inputs lie in; `None` to put their traces into windows.
    pub(crate) window: Option<TimeWindow>,
    /// Whether nothing but pinned traces comes of it.
    pub(crate) is_pinned: bool,
    /// Whether what comes of it was sampled when it was old.
    pub(crate) is_sampled: bool,
    /// Unlike that of any other merge.
    pub(crate) id: u64,
    /// What of the traces stays: each is shown once, with all its spans that lie in the inputs.
    pub(crate) policy: &'a dyn FlushPolicy,
    pub(crate) names: &'a dyn Names,
    pub(crate) pace: &'a Pace,
}

/// What came of a merge. The files are removed when this is dropped and was not kept.
pub(crate) struct Merged {
    env: Env,
    data_dir: PathBuf,
    pub(crate) segments: Vec<SegmentMeta>,
    /// Spans that were taken over as they were, neither decoded nor encoded.
    pub(crate) copied_spans: u64,
    is_kept: bool,
}

impl Merged {
    /// Nothing yet.
    pub(super) fn new(env: &Env, data_dir: &Path) -> Self {
        Self {
            env: env.clone(),
            data_dir: data_dir.to_path_buf(),
            segments: Vec::new(),
            copied_spans: 0,
            is_kept: false,
        }
    }

    /// From now on the manifest may name the segments.
    pub(crate) fn keep(&mut self) {
        self.is_kept = true;
    }
}

impl Drop for Merged {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        for meta in &self.segments {
            for path in Segment::paths(&self.data_dir, &meta.name) {
                // What cannot be removed is an orphan, and start-up removes it.
                if let Err(error) = self.env.fs.remove_file(&path) {
                    tracing::warn!(path = %path.display(), %error, "a file of a merge that came to nothing stays behind");
                }
            }
        }
    }
}

impl Merge<'_> {
    /// Writes the new segments, all of them durable. Blocks; rests as the limits ask for.
    ///
    /// # Errors
    /// [`StoreError::Closed`] when the pace was stopped; otherwise when an input cannot be read or a file not be written. Then nothing is
    /// left of it.
    pub(crate) fn run(&self) -> Result<Merged, StoreError> {
        let inputs: Vec<&Segment> = self.inputs.iter().map(|input| &**input).collect();
        let placing = match self.window {
            Some(window) => Placing::Into(window),
            None => Placing::ByStart(self.limits.window.as_nanos() as u64),
        };
        let (trace_spans_max, slice_spans) = (self.limits.trace_spans_max, self.shape.slice_spans);
        let survey = Survey::of(&inputs, placing, trace_spans_max, slice_spans)?;
        let layouts = Layouts::merged(&inputs, &self.shape.attribute_columns)?;
        let mut merged = Merged::new(self.env, self.data_dir);
        for (window, slices) in &survey.windows {
            let mut output = Output {
                merge: self,
                layouts: &layouts,
                merged: segment::Merged {
                    window: *window,
                    merge_id: self.id,
                    is_sampled: self.is_sampled,
                },
                writer: None,
                slice_rows: 0,
                chunk: Chunk::default(),
                apart: &survey.apart,
                apart_here: HashSet::new(),
                segments: &mut merged.segments,
                stopwatch: Stopwatch::start(self.env),
                told_bytes: 0,
                copied_spans: 0,
            };
            for rows in slices {
                output.begin_slice(rows.len())?;
                if output.copies(&inputs, rows)? {
                    continue;
                }
                let slice = OneSlice {
                    inputs: &inputs,
                    split: &survey.split,
                    cursors: Vec::new(),
                    held: Held::new(self.limits.held_bytes),
                    ready: BinaryHeap::new(),
                    ready_bytes: 0,
                    output: &mut output,
                };
                slice.run(rows)?;
            }
            merged.copied_spans += output.finish()?;
        }
        Ok(merged)
    }

    /// First and last log record of the inputs.
    fn wal(&self) -> (u64, u64) {
        let records = self.inputs.iter().map(|input| input.meta().wal);
        let both = records.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        both.unwrap_or((0, 0))
    }

    fn tenant(&self) -> &str {
        self.inputs.first().map_or("", |input| &input.meta().tenant)
    }
}

/// A trace that was put together and waits for its turn; the first one in the order is the greatest.
struct Ready(Box<Joined>);

impl PartialEq for Ready {
    fn eq(&self, other: &Self) -> bool {
        self.0.key == other.0.key
    }
}

impl Eq for Ready {}

impl PartialOrd for Ready {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ready {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.0.key.cmp(&self.0.key)
    }
}

/// The traces of one slice of a window, from all inputs.
struct OneSlice<'a, 'o> {
    inputs: &'a [&'a Segment],
    split: &'a HashMap<TraceId, Vec<TracePart>>,
    /// Each with the trace that is next and its place in the order; `None` at its end.
    cursors: Vec<(Cursor<'a>, Option<(Key, Head)>)>,
    held: Held,
    ready: BinaryHeap<Ready>,
    ready_bytes: usize,
    output: &'o mut Output<'a, 'a>,
}

impl<'a> OneSlice<'a, '_> {
    fn run(mut self, rows: &'a SliceRows) -> Result<(), StoreError> {
        for (segment, rows) in self.inputs.iter().zip(&rows.inputs) {
            self.cursors.push((Cursor::new(segment, rows)?, None));
        }
        for place in 0..self.cursors.len() {
            self.advance(place)?;
        }
        loop {
            let next = self.next_cursor();
            if let Some(Ready(ready)) = self.ready.peek()
                && next.is_none_or(|place| self.key(place).is_none_or(|key| ready.key <= *key))
            {
                self.emit_ready()?;
            } else if let Some(place) = next {
                self.emit_head(place)?;
            } else {
                return Ok(());
            }
        }
    }

    fn key(&self, place: usize) -> Option<&Key> {
        self.cursors[place].1.as_ref().map(|(key, _)| key)
    }

    /// The input whose next trace comes first.
    fn next_cursor(&self) -> Option<usize> {
        let with_trace = (0..self.cursors.len()).filter(|place| self.cursors[*place].1.is_some());
        with_trace.min_by(|left, right| self.key(*left).cmp(&self.key(*right)))
    }

    /// Goes on to the next trace of an input that is whole; parts of others are taken on the way.
    fn advance(&mut self, place: usize) -> Result<(), StoreError> {
        loop {
            let Some(head) = self.cursors[place].0.head()? else {
                self.cursors[place].1 = None;
                return Ok(());
            };
            let Some(parts) = self.split.get(&head.id) else {
                let key = self.cursors[place].0.key(head)?;
                self.cursors[place].1 = Some((key, head));
                return Ok(());
            };
            self.take_part(place, head, parts)?;
        }
    }

    fn take_part(
        &mut self,
        place: usize,
        head: Head,
        parts: &[TracePart],
    ) -> Result<(), StoreError> {
        let (cursor, waiting) = (&mut self.cursors[place].0, &mut self.held);
        let met = if waiting.is_done(head.id) {
            waiting.pass(head.id)
        } else {
            let pieces = cursor.pieces(head)?;
            waiting.take(head.id, parts, place, pieces, self.inputs)?
        };
        match met {
            Met::Waits => cursor.hold(head, waiting),
            Met::Done => cursor.skip(head, waiting)?,
            Met::Complete(joined) => {
                cursor.skip(head, waiting)?;
                self.ready_bytes += joined.bytes();
                self.ready.push(Ready(joined));
                while self.ready_bytes > self.output.merge.limits.held_bytes {
                    self.emit_ready()?;
                }
            }
        }
        Ok(())
    }

    fn emit_ready(&mut self) -> Result<(), StoreError> {
        let Some(Ready(joined)) = self.ready.pop() else {
            return Ok(());
        };
        let bytes = joined.bytes();
        self.ready_bytes = self.ready_bytes.saturating_sub(bytes);
        self.output.joined(&joined, bytes)
    }

    fn emit_head(&mut self, place: usize) -> Result<(), StoreError> {
        if let (cursor, Some((_, head))) = &mut self.cursors[place] {
            let head = *head;
            self.output.whole(cursor, head, &mut self.held)?;
        }
        self.advance(place)
    }
}

/// The segments of one window on their way.
struct Output<'a, 'o> {
    merge: &'a Merge<'a>,
    layouts: &'a Layouts,
    merged: segment::Merged,
    writer: Option<SegmentWriter<'a>>,
    /// Rows of the slice under way, or more.
    slice_rows: usize,
    chunk: Chunk,
    /// Traces that are not put together.
    apart: &'a HashSet<TraceId>,
    /// Those of which the segment under way has a part.
    apart_here: HashSet<TraceId>,
    segments: &'o mut Vec<SegmentMeta>,
    stopwatch: Stopwatch<'a>,
    /// Bytes of the output that the pace knows of.
    told_bytes: u64,
    /// Spans of slices that were taken over as they were.
    copied_spans: u64,
}

impl<'a> Output<'a, '_> {
    /// A slice of at most `rows` rows begins.
    fn begin_slice(&mut self, rows: usize) -> Result<(), StoreError> {
        self.slice_rows = rows;
        self.write_chunk()?;
        match &mut self.writer {
            Some(writer) => writer.begin_slice(rows),
            None => Ok(()),
        }
    }

    /// Takes over the row groups of the slice `rows` as they are; false, and nothing is done, where it has to be put together from its traces.
    fn copies(&mut self, inputs: &[&Segment], rows: &SliceRows) -> Result<bool, StoreError> {
        let whole = rows
            .of_one_input()
            .filter(|_| self.merge.policy.keeps_all());
        let Some((place, of_input)) = whole else {
            return Ok(false);
        };
        let input = inputs[place];
        let Some(row_groups) = input.row_groups_of(of_input.clone())? else {
            return Ok(false);
        };
        if !self.writer()?.copy(input, row_groups)? {
            return Ok(false);
        }
        let mut cursor = Cursor::new(input, &rows.inputs[place])?;
        while cursor.head()?.is_some() {
            self.begin_trace(&cursor.summary())?;
            cursor.end_trace();
        }
        self.copied_spans += of_input.len() as u64;
        self.roll_if_full()?;
        self.rest()?;
        Ok(true)
    }

    /// Takes a trace that lies in one input.
    fn whole(
        &mut self,
        cursor: &mut Cursor<'_>,
        head: Head,
        waiting: &mut Held,
    ) -> Result<(), StoreError> {
        if self.apart.contains(&head.id) {
            self.keep_apart(head.id)?;
        }
        let Some(weighing) = self.begin_trace(&cursor.summary())? else {
            return cursor.skip(head, waiting);
        };
        let mut left = head.spans;
        while left > 0 {
            let rows = left.min(self.chunk.room());
            let chunk = &mut self.chunk;
            let push = |batch: &_, row, planned| chunk.push(batch, row, planned);
            let (rows, bytes) = cursor.emit(rows, weighing, waiting, push)?;
            self.chunk.add_bytes(bytes);
            left -= rows;
            if left > 0 {
                self.write_if_full()?;
            }
        }
        cursor.end_trace();
        self.end_trace()
    }

    /// Takes a trace that was put together.
    fn joined(&mut self, joined: &Joined, bytes: usize) -> Result<(), StoreError> {
        let mut chunk = std::mem::take(&mut self.chunk);
        let read = joined.read(
            |summary| self.begin_trace(summary),
            |batch, row, planned| chunk.push(batch, row, planned),
        );
        self.chunk = chunk;
        if read? {
            self.chunk.add_bytes(bytes);
            self.end_trace()?;
        }
        Ok(())
    }

    /// One segment has a trace once: another part of it goes into the next segment.
    fn keep_apart(&mut self, id: TraceId) -> Result<(), StoreError> {
        if self.apart_here.contains(&id) {
            self.roll()?;
        }
        self.apart_here.insert(id);
        Ok(())
    }

    /// Writes the row of a trace. What it is kept with; `None` when it is to be left out.
    fn begin_trace(&mut self, summary: &Summary<'_>) -> Result<Option<Weighing>, StoreError> {
        let weighing = self.merge.policy.decide(&summary.facts());
        if let Some(weighing) = weighing {
            self.writer()?.add_trace(summary, weighing)?;
        }
        Ok(weighing)
    }

    fn end_trace(&mut self) -> Result<(), StoreError> {
        self.chunk.end_trace();
        self.write_if_full()?;
        self.roll_if_full()
    }

    fn roll_if_full(&mut self) -> Result<(), StoreError> {
        let bytes = self.writer.as_ref().map_or(0, SegmentWriter::bytes);
        if bytes >= self.merge.limits.segment_bytes {
            self.roll()?;
        }
        Ok(())
    }

    fn write_if_full(&mut self) -> Result<(), StoreError> {
        if !self.chunk.is_full() {
            return Ok(());
        }
        self.write_chunk()?;
        self.rest()
    }

    fn write_chunk(&mut self) -> Result<(), StoreError> {
        self.writer()?;
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        self.chunk.write(writer)
    }

    fn writer(&mut self) -> Result<&mut SegmentWriter<'a>, StoreError> {
        if self.writer.is_none() {
            let merge = self.merge;
            let name = merge.names.next(merge.tenant(), merge.wal());
            let new = NewSegment {
                data_dir: merge.data_dir,
                name: &name,
                tenant: merge.tenant(),
                wal: merge.wal(),
                merged: Some(self.merged),
                is_pinned: merge.is_pinned,
            };
            let layouts = self.layouts.clone();
            let mut writer = SegmentWriter::new(merge.env, &new, merge.shape, layouts)?;
            writer.begin_slice(self.slice_rows)?;
            self.writer = Some(writer);
            self.told_bytes = 0;
        }
        Ok(self.writer.as_mut().expect("it was made just now"))
    }

    /// Gives way to the rest of the store.
    fn rest(&mut self) -> Result<(), StoreError> {
        let bytes = self.writer.as_ref().map_or(0, SegmentWriter::bytes);
        // What is written was read before, in about as many bytes.
        let moved = 2 * bytes.saturating_sub(self.told_bytes);
        self.told_bytes = self.told_bytes.max(bytes);
        let worked_ns = self.stopwatch.lap_ns();
        let rested = self.merge.pace.rest(self.merge.limits, worked_ns, moved);
        self.stopwatch.lap_ns();
        rested.map_err(|Stopped| StoreError::Closed)
    }

    /// Ends the segment under way.
    fn roll(&mut self) -> Result<(), StoreError> {
        self.apart_here.clear();
        if self.writer.is_none() {
            return Ok(());
        }
        self.write_chunk()?;
        if let Some(writer) = self.writer.take() {
            self.segments.push(writer.finish()?);
        }
        self.rest()
    }

    /// How many spans were taken over as they were.
    fn finish(mut self) -> Result<u64, StoreError> {
        self.roll()?;
        Ok(self.copied_spans)
    }
}
