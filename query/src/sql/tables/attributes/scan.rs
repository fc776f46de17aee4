//! The pass over segments and hot window that gives the rows of `span_attributes`. Blocks on file reads.
//!
//! Partitions take the row groups of the segments and the batches of the hot window as they come to them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::AsArray;
use arrow::datatypes::SchemaRef;
use clew_storage::schema::{self as stored, column};
use clew_storage::segment::SegmentTable;
use clew_storage::{Segment, Snapshot, SpanBatch};
use datafusion::common::Result;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};

use super::super::pass::{Out, Pass, failed};
use super::condition::{Condition, met};
use super::entries::{Chunk, of_spans};
use super::file::File;
use crate::filter::Prune;

/// Spans of the hot window that are worked on at a time.
const HOT_ROWS: usize = 8_192;
/// Spans that are worked on at a time where maps and lists of them are given, which are copied for each entry.
const NESTED_ROWS: usize = 2_048;

/// What to read, and what to give.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) condition: Condition,
    /// Columns of the table to give.
    pub(super) projection: Vec<usize>,
    /// Schema of what is given.
    pub(super) schema: SchemaRef,
    /// In so many partitions at most.
    pub(super) partitions: usize,
    pub(super) turns: Turns,
}

/// One piece of work.
#[derive(Debug, Clone)]
enum Turn {
    /// A row group of a segment.
    Stored(Arc<Segment>, usize),
    /// A batch of the hot window.
    Hot(Arc<SpanBatch>),
}

/// The work of a scan, each piece of which is taken once.
#[derive(Debug)]
pub(super) struct Turns {
    all: Vec<Turn>,
    segments: usize,
    next: AtomicUsize,
}

impl Turns {
    /// What has to be read of `snapshot`.
    ///
    /// # Errors
    /// When a segment's footer cannot be read.
    pub(super) fn of(snapshot: &Snapshot, prune: &Prune) -> Result<Self> {
        let (mut all, mut segments) = (Vec::new(), 0);
        for segment in snapshot.segments() {
            if !prune.segment(segment) {
                continue;
            }
            let metadata = segment.metadata(SegmentTable::Spans).map_err(failed)?;
            let groups = 0..metadata.metadata().num_row_groups();
            prune.will_ask(segment, &groups);
            let before = all.len();
            let held = groups.filter(|group| prune.row_group(segment, *group));
            all.extend(held.map(|group| Turn::Stored(Arc::clone(segment), group)));
            segments += usize::from(all.len() > before);
        }
        all.extend(snapshot.hot().iter().cloned().map(Turn::Hot));
        Ok(Self {
            all,
            segments,
            next: AtomicUsize::default(),
        })
    }

    /// Segments of which something is read.
    pub(super) fn segments(&self) -> usize {
        self.segments
    }

    fn row_groups(&self) -> usize {
        let is_stored = |turn: &&Turn| matches!(turn, Turn::Stored(..));
        self.all.iter().filter(is_stored).count()
    }

    fn again(&self) -> Self {
        Self {
            all: self.all.clone(),
            segments: self.segments,
            next: AtomicUsize::default(),
        }
    }

    fn take(&self) -> Option<&Turn> {
        self.all.get(self.next.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Display for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (segments, row_groups) = (self.turns.segments(), self.turns.row_groups());
        let condition = &self.condition;
        write!(f, "segments={segments}, row_groups={row_groups}{condition}")
    }
}

impl Pass for Scan {
    const NAME: &'static str = "SpanAttributesExec";

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn partitions(&self) -> usize {
        self.partitions.clamp(1, self.turns.all.len().max(1))
    }

    fn again(&self) -> Self {
        Self {
            condition: self.condition.clone(),
            projection: self.projection.clone(),
            schema: Arc::clone(&self.schema),
            partitions: self.partitions,
            turns: self.turns.again(),
        }
    }

    /// Takes turns until none is left.
    fn run(&self, _partition: usize, memory: MemoryReservation, send: Out<'_>) -> Result<()> {
        let mut last: Option<File<'_>> = None;
        while let Some(turn) = self.turns.take() {
            let more = match turn {
                Turn::Hot(batch) => self.hot(batch, send)?,
                Turn::Stored(segment, group) => {
                    let file = match last.take().filter(|file| file.is_of(segment)) {
                        Some(file) => file,
                        None => File::new(self, segment)?,
                    };
                    last.insert(file).group(*group, &memory, send)?
                }
            };
            if !more {
                break;
            }
        }
        Ok(())
    }
}

impl Scan {
    /// Spans that may be worked on at a time.
    pub(super) fn chunk_rows_max(&self) -> usize {
        let mut given = self.schema.fields().iter();
        if given.any(|field| field.data_type().is_nested()) {
            NESTED_ROWS
        } else {
            usize::MAX
        }
    }

    /// Gives what a batch of the hot window has.
    fn hot(&self, batch: &SpanBatch, send: Out<'_>) -> Result<bool> {
        let condition = self.condition.of_span.as_ref();
        let mut read: Vec<usize> = of_spans(&self.projection)
            .chain(condition.iter().flat_map(|condition| {
                let columns = collect_columns(condition);
                columns.into_iter().map(|column| column.index())
            }))
            .chain([column::ATTRIBUTES])
            .collect();
        read.sort_unstable();
        read.dedup();
        let schema: SchemaRef = Arc::new(stored::spans().project(&read)?);
        let place = |column: usize| read.partition_point(|read| *read < column);
        let condition =
            condition.map(|condition| reassign_expr_columns(Arc::clone(condition), &schema));
        let condition = condition.transpose()?;
        for spans in batch.tables(Some(&read), HOT_ROWS.min(self.chunk_rows_max())) {
            let wanted = condition.as_ref().map(|condition| met(condition, &spans));
            let columns = of_spans(&self.projection);
            let columns = columns.map(|column| Arc::clone(spans.column(place(column))));
            let chunk = Chunk {
                spans: &columns.collect::<Vec<_>>(),
                wanted: wanted.transpose()?,
                projection: &self.projection,
                schema: &self.schema,
            };
            let entries = chunk.of_map(spans.column(place(column::ATTRIBUTES)).as_map())?;
            if !send(entries) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
