//! Traces of which some parts have been met and others have not: their spans wait here, within a bound on their memory.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Weak};

use super::survey::TracePart;
use crate::batch::SpanBatch;
use crate::error::StoreError;
use crate::ids::TraceId;
use crate::policy::Weighing;
use crate::segment::plan::{PlannedRow, Shape, operation_hash};
use crate::segment::{Segment, SegmentTable};
use crate::trace::content::{Spans, arrange};
use crate::trace::gather::Gathered;
use crate::trace::summary::Summary;
use crate::tree::TreeRow;

/// Where a trace stands in the order of a segment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) root_service: String,
    pub(super) root_name: String,
    pub(super) shape: u64,
    pub(super) start_unix_nano: u64,
}

/// Some rows of a batch.
pub(super) struct Piece {
    pub(super) batch: Arc<SpanBatch>,
    pub(super) rows: Range<usize>,
}

/// A trace that waits.
struct Waiting {
    pieces: Vec<Piece>,
    /// Parts that have not been met.
    missing: Vec<TracePart>,
}

/// The traces that wait.
pub(super) struct Held {
    waiting: HashMap<TraceId, Waiting>,
    /// Traces that were completed out of turn: their other parts are passed over.
    done: HashMap<TraceId, usize>,
    /// Batches that exist for waiting spans alone, with their bytes.
    pools: Vec<(Weak<SpanBatch>, usize)>,
    bytes: usize,
    bytes_max: usize,
}

/// A part of a trace that is met.
pub(super) enum Met {
    /// It belongs to a trace that was completed out of turn.
    Done,
    /// It waits for others.
    Waits,
    /// The trace is complete.
    Complete(Box<Joined>),
}

impl Held {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            waiting: HashMap::new(),
            done: HashMap::new(),
            pools: Vec::new(),
            bytes: 0,
            bytes_max,
        }
    }

    /// True when the parts of trace `id` are to be passed over.
    pub(super) fn is_done(&self, id: TraceId) -> bool {
        self.done.contains_key(&id)
    }

    /// Passes over a part of a trace that is done.
    pub(super) fn pass(&mut self, id: TraceId) -> Met {
        if let Some(left) = self.done.get_mut(&id) {
            *left -= 1;
            if *left == 0 {
                self.done.remove(&id);
            }
        }
        Met::Done
    }

    /// Takes the part of trace `id` that `input` has, in pieces. `parts` are all parts of the trace.
    pub(super) fn take(
        &mut self,
        id: TraceId,
        parts: &[TracePart],
        input: usize,
        pieces: Vec<Piece>,
        inputs: &[&Segment],
    ) -> Result<Met, StoreError> {
        let waiting = self.waiting.entry(id).or_insert_with(|| Waiting {
            pieces: Vec::new(),
            missing: parts.to_vec(),
        });
        waiting.pieces.extend(pieces);
        waiting.missing.retain(|part| part.input != input);
        if !waiting.missing.is_empty() && !self.is_full() {
            return Ok(Met::Waits);
        }
        let Some(mut complete) = self.waiting.remove(&id) else {
            return Ok(Met::Waits);
        };
        if !complete.missing.is_empty() {
            self.done.insert(id, complete.missing.len());
        }
        for part in complete.missing.drain(..) {
            let segment = inputs[part.input];
            let table = segment.read_rows(SegmentTable::Spans, part.rows, None)?;
            let batch = SpanBatch::of_table(&table);
            let batch = Arc::new(batch.map_err(|error| segment.corrupt(error.to_string()))?);
            complete.pieces.push(Piece {
                rows: 0..batch.len(),
                batch,
            });
        }
        Ok(Met::Complete(Box::new(Joined::of(&complete.pieces))))
    }

    fn is_full(&mut self) -> bool {
        if self.bytes >= self.bytes_max {
            self.pools.retain(|(batch, _)| batch.strong_count() > 0);
            self.bytes = self.pools.iter().map(|(_, bytes)| bytes).sum();
        }
        self.bytes >= self.bytes_max
    }

    /// Lets go of `batch`, of which the traces `ids` may hold rows: these are copied, all in one batch.
    pub(super) fn detach(&mut self, batch: &Arc<SpanBatch>, ids: &[TraceId]) {
        let mut places = Vec::new();
        for id in ids {
            for piece in self.pieces_in(*id, batch) {
                places.extend(piece.rows.clone().map(|row| (0, row)));
            }
        }
        if places.is_empty() {
            return;
        }
        let pool = Arc::new(SpanBatch::gather(&[&**batch], &places).detached());
        let mut start = 0;
        for id in ids {
            for piece in self.pieces_in(*id, batch) {
                let end = start + piece.rows.len();
                *piece = Piece {
                    batch: Arc::clone(&pool),
                    rows: start..end,
                };
                start = end;
            }
        }
        let bytes = pool.memory_bytes();
        self.pools.push((Arc::downgrade(&pool), bytes));
        self.bytes += bytes;
    }

    fn pieces_in(
        &mut self,
        id: TraceId,
        batch: &Arc<SpanBatch>,
    ) -> impl Iterator<Item = &mut Piece> {
        let pieces = self.waiting.get_mut(&id).map(|waiting| &mut waiting.pieces);
        let pieces = pieces.into_iter().flatten();
        pieces.filter(|piece| Arc::ptr_eq(&piece.batch, batch))
    }
}

/// A trace that was put together of its parts.
pub(super) struct Joined {
    pub(super) key: Key,
    batches: [Arc<SpanBatch>; 1],
    rows: Vec<u32>,
    tree: Vec<TreeRow>,
}

impl Joined {
    pub(super) fn of(pieces: &[Piece]) -> Self {
        let batches: Vec<&SpanBatch> = pieces.iter().map(|piece| &*piece.batch).collect();
        let places: Vec<(usize, usize)> = pieces
            .iter()
            .enumerate()
            .flat_map(|(place, piece)| piece.rows.clone().map(move |row| (place, row)))
            .collect();
        let batches = [Arc::new(SpanBatch::gather(&batches, &places))];
        let gathered = Gathered::of(&batches);
        let (rows, tree) = arrange(&gathered, 0..gathered.len() as u32);
        let mut shape = Shape::default();
        for row in &tree {
            let (columns, at) = gathered.columns(rows[row.node as usize] as usize);
            let operation = (columns.service(at), columns.name(at), columns.kind(at));
            shape.add(operation_hash(operation), row.depth as i32);
        }
        let summary = Summary::of(&gathered, &rows, &tree);
        let key = Key {
            root_service: summary.root_service.to_owned(),
            root_name: summary.root_name.to_owned(),
            shape: shape.finish(),
            start_unix_nano: summary.start_unix_nano,
        };
        drop(summary);
        drop(gathered);
        Self {
            key,
            batches,
            rows,
            tree,
        }
    }

    /// Shows the summary of the trace to `summed` and, if that gives a weighing, each of its rows to `row`: the batch, the row
    /// there and its place in the tree.
    pub(super) fn read<E>(
        &self,
        summed: impl FnOnce(&Summary<'_>) -> Result<Option<Weighing>, E>,
        mut row: impl FnMut(&Arc<SpanBatch>, usize, PlannedRow),
    ) -> Result<bool, E> {
        let gathered = Gathered::of(&self.batches);
        let summary = Summary::of(&gathered, &self.rows, &self.tree);
        let Some(weighing) = summed(&summary)? else {
            return Ok(false);
        };
        for (place, of_tree) in self.tree.iter().enumerate() {
            let span = gathered.span(self.rows[of_tree.node as usize]);
            let planned = PlannedRow::of_tree(span, of_tree, place, weighing);
            row(&self.batches[0], span.row as usize, planned);
        }
        Ok(true)
    }

    /// Bytes of its spans, about.
    pub(super) fn bytes(&self) -> usize {
        self.batches[0].value_bytes()
    }
}
