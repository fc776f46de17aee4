//! The pass over segments and hot window that gives the rows of `span_attributes`. Blocks on file reads.
//!
//! Partitions take the row groups of the segments and the batches of the hot window as they come to them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::datatypes::SchemaRef;
use clew_storage::schema as stored;
use clew_storage::{Segment, Snapshot, SpanBatch};
use datafusion::common::Result;
use datafusion::datasource::physical_plan::parquet::RowGroupAccess;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::PhysicalExpr;
use parquet::arrow::arrow_reader::RowSelection;

use super::super::pass::{Out, Pass};
use super::SPAN;
use super::condition::Condition;
use super::file::File;
use super::hot::Hot;
use crate::filter::Prune;
use crate::table::access;

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
    /// A row group of a segment, and which of its rows; all if `None`.
    Stored(Arc<Segment>, usize, Option<RowSelection>),
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
            let before = all.len();
            let groups = access(segment, prune)?.into_inner();
            for (group, rows) in groups.into_iter().enumerate() {
                let rows = match rows {
                    RowGroupAccess::Skip => continue,
                    RowGroupAccess::Scan => None,
                    RowGroupAccess::Selection(rows) => Some(rows),
                };
                all.push(Turn::Stored(Arc::clone(segment), group, rows));
            }
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
        let hot = Hot::new(self)?;
        let mut last: Option<File<'_>> = None;
        while let Some(turn) = self.turns.take() {
            let more = match turn {
                Turn::Hot(batch) => hot.batch(batch, send)?,
                Turn::Stored(segment, group, rows) => {
                    let file = match last.take().filter(|file| file.is_of(segment)) {
                        Some(file) => file,
                        None => File::new(self, segment)?,
                    };
                    last.insert(file)
                        .group(*group, rows.clone(), &memory, send)?
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

    /// Columns of `spans` that are asked for.
    pub(super) fn of_spans(&self) -> impl Iterator<Item = usize> {
        let places = self.projection.iter();
        places.filter_map(|place| place.checked_sub(SPAN))
    }
}

/// Column `place` of `spans`.
pub(super) fn column_of_spans(place: usize) -> Arc<dyn PhysicalExpr> {
    let spans = stored::spans();
    Arc::new(Column::new(spans.field(place).name(), place))
}
