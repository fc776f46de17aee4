//! Which spans go into a segment, and in which order.
//!
//! ```text
//!   spans of all batches ──by trace──▶ copies dropped ──▶ tree ──▶ policy ──▶ traces sorted by
//!                                                                             slice of time, root service, root name, shape, start
//! ```
//!
//! A trace's spans stand together, depth first. Traces of one kind stand together, so that equal columns repeat in equal patterns;
//! the shape is a hash over the operation and depth of each span, the same one whoever takes it ([`Shape`]), so that segments can be
//! merged in this order.

use std::ops::Range;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::slices::{Timed, slices};
use crate::fast::FastMap;
use crate::limits::{SegmentShape, TraceOrder};
use crate::policy::{FlushPolicy, Weighing};
use crate::trace::content::Spans;
use crate::trace::gather::{Gathered, SpanRef};
use crate::trace::summary::Summary;
use crate::tree::TreeRow;

/// Service, name and kind.
pub(crate) type OperationRef<'a> = (&'a str, &'a str, &'a str);

/// A span's row in the segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlannedRow {
    pub(crate) span: SpanRef,
    pub(crate) depth: i32,
    /// 0 for a root.
    pub(crate) parent_offset: i32,
    pub(crate) subtree_size: i32,
    /// What its trace is kept with.
    pub(crate) weighing: Weighing,
}

impl PlannedRow {
    /// The row of node `row`, which stands at `place` of its trace.
    pub(crate) fn of_tree(span: SpanRef, row: &TreeRow, place: usize, weighing: Weighing) -> Self {
        Self {
            span,
            depth: row.depth as i32,
            parent_offset: row
                .parent
                .map_or(0, |parent| (place as u32 - parent) as i32),
            subtree_size: row.subtree_size as i32,
            weighing,
        }
    }
}

/// Spans that a shape looks at, the first ones of a trace.
pub(crate) const SHAPE_SPANS_MAX: usize = 1024;

/// The shape of a trace, taken row by row. Only the order of traces depends on it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shape {
    hash: u64,
    spans: usize,
}

impl Shape {
    /// Takes the next span.
    pub(crate) fn add(&mut self, operation: u64, depth: i32) {
        if self.spans < SHAPE_SPANS_MAX {
            let number = operation ^ depth as u64;
            self.hash = (self.hash.rotate_left(23) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            self.spans += 1;
        }
    }

    /// The shape of the spans so far.
    pub(crate) fn finish(self) -> u64 {
        self.hash
    }
}

/// Hash of an operation, for its shape.
pub(crate) fn operation_hash((service, name, kind): OperationRef<'_>) -> u64 {
    let hash = xxh3_64_with_seed(service.as_bytes(), 0);
    let hash = xxh3_64_with_seed(name.as_bytes(), hash);
    xxh3_64_with_seed(kind.as_bytes(), hash)
}

/// A trace that is kept.
#[derive(Debug)]
pub(crate) struct PlannedTrace<'a> {
    pub(super) summary: Summary<'a>,
    /// What it was kept with.
    pub(super) weighing: Weighing,
    pub(super) rows: Range<u32>,
    shape: u64,
}

impl Timed for PlannedTrace<'_> {
    fn start_unix_nano(&self) -> u64 {
        self.summary.start_unix_nano
    }

    fn spans(&self) -> u64 {
        self.rows.len() as u64
    }
}

impl PlannedTrace<'_> {
    /// What traces are put in order by.
    fn kind(&self) -> (&str, &str, u64, u64) {
        let summary = &self.summary;
        (
            summary.root_service,
            summary.root_name,
            self.shape,
            summary.start_unix_nano,
        )
    }
}

/// What a segment will hold.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(super) rows: Vec<PlannedRow>,
    /// Rows of each slice.
    pub(super) slices: Vec<usize>,
    /// In the order of their rows.
    pub(super) traces: Vec<PlannedTrace<'a>>,
    /// Distinct operations, sorted.
    pub(super) operations: Vec<OperationRef<'a>>,
}

/// A plan on its way: trace by trace.
pub(crate) struct Planner<'a> {
    gathered: &'a Gathered<'a>,
    rows: Vec<PlannedRow>,
    traces: Vec<PlannedTrace<'a>>,
    /// Hash of each operation.
    operations: FastMap<OperationRef<'a>, u64>,
}

impl<'a> Planner<'a> {
    /// Plans for spans of `gathered`.
    pub(crate) fn new(gathered: &'a Gathered<'a>) -> Self {
        Self {
            gathered,
            rows: Vec::new(),
            traces: Vec::new(),
            operations: FastMap::default(),
        }
    }

    /// Takes a trace if `policy` keeps it: its spans `rows`, each content once, in the order of `tree`.
    pub(crate) fn add(&mut self, rows: &[u32], tree: &[TreeRow], policy: &dyn FlushPolicy) {
        let summary = Summary::of(self.gathered, rows, tree);
        let Some(weighing) = policy.decide(&summary.facts()) else {
            return;
        };
        let first = self.rows.len() as u32;
        let mut shape = Shape::default();
        for (place, row) in tree.iter().enumerate() {
            let source = rows[row.node as usize];
            let operation = self.operation(source);
            shape.add(operation, row.depth as i32);
            let span = self.gathered.span(source);
            self.rows
                .push(PlannedRow::of_tree(span, row, place, weighing));
        }
        let rows = first..self.rows.len() as u32;
        self.traces.push(PlannedTrace {
            summary,
            weighing,
            rows,
            shape: shape.finish(),
        });
    }

    fn operation(&mut self, row: u32) -> u64 {
        let (columns, row) = self.gathered.columns(row as usize);
        let operation = (columns.service(row), columns.name(row), columns.kind(row));
        *self
            .operations
            .entry(operation)
            .or_insert_with(|| operation_hash(operation))
    }

    /// The plan, with its traces in the order that `shape` asks for.
    pub(crate) fn finish(mut self, shape: &SegmentShape) -> Plan<'a> {
        let mut slices = vec![self.rows.len()];
        match shape.trace_order {
            TraceOrder::Kind => slices = self.sort_by_kind(shape.slice_spans),
            TraceOrder::StartTime => self.traces.sort_by_key(Timed::start_unix_nano),
            TraceOrder::TraceId => self.traces.sort_by_key(|trace| trace.summary.trace_id),
        }
        let mut rows = Vec::with_capacity(self.rows.len());
        for trace in &mut self.traces {
            let first = rows.len() as u32;
            rows.extend_from_slice(&self.rows[trace.rows.start as usize..trace.rows.end as usize]);
            trace.rows = first..rows.len() as u32;
        }
        let mut operations: Vec<_> = self.operations.into_keys().collect();
        operations.sort_unstable();
        Plan {
            rows,
            slices,
            traces: self.traces,
            operations,
        }
    }

    /// Slice by slice of at most `slice_spans` spans; how many each has.
    fn sort_by_kind(&mut self, slice_spans: u64) -> Vec<usize> {
        if self.rows.len() as u64 > slice_spans {
            self.traces.sort_by_key(Timed::start_unix_nano);
        }
        let mut sizes = Vec::new();
        for slice in slices(&self.traces, slice_spans) {
            let traces = &mut self.traces[slice];
            traces.sort_by(|left, right| left.kind().cmp(&right.kind()));
            sizes.push(traces.iter().map(|trace| trace.rows.len()).sum());
        }
        sizes
    }
}
