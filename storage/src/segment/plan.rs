//! Which spans go into a segment, and in which order.
//!
//! ```text
//!   spans of all batches ──by trace──▶ copies dropped ──▶ tree ──▶ policy ──▶ traces sorted by
//!                                                                             root service, root name, shape, start
//! ```
//!
//! A trace's spans stand together, depth first. Traces of one kind stand together, so that equal columns repeat in equal patterns;
//! the shape is a hash over the operation and depth of each span.

use std::collections::HashMap;
use std::ops::Range;

use crate::policy::FlushPolicy;
use crate::sampling::Threshold;
use crate::trace::content::{Spans, arrange};
use crate::trace::gather::{Gathered, SpanRef};
use crate::trace::summary::Summary;
use crate::tree::TreeRow;

/// Service, name and kind.
pub(super) type OperationRef<'a> = (&'a str, &'a str, &'a str);

/// A span's row in the segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlannedRow {
    pub(super) span: SpanRef,
    pub(super) depth: i32,
    /// 0 for a root.
    pub(super) parent_offset: i32,
    pub(super) subtree_size: i32,
}

/// A trace that is kept.
#[derive(Debug)]
pub(super) struct PlannedTrace<'a> {
    pub(super) summary: Summary<'a>,
    /// What it was kept with.
    pub(super) threshold: Threshold,
    pub(super) rows: Range<u32>,
    shape: u64,
}

/// What a segment will hold.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) rows: Vec<PlannedRow>,
    /// In the order of their rows.
    pub(super) traces: Vec<PlannedTrace<'a>>,
    /// Distinct operations, sorted.
    pub(super) operations: Vec<OperationRef<'a>>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(gathered: &'a Gathered<'a>, policy: &dyn FlushPolicy) -> Self {
        let mut planner = Planner {
            gathered,
            rows: Vec::new(),
            traces: Vec::new(),
            operations: HashMap::new(),
        };
        for trace in gathered.traces() {
            let (rows, tree) = arrange(gathered, trace);
            planner.add(&rows, &tree, policy);
        }
        planner.finish()
    }
}

struct Planner<'a> {
    gathered: &'a Gathered<'a>,
    rows: Vec<PlannedRow>,
    traces: Vec<PlannedTrace<'a>>,
    operations: HashMap<OperationRef<'a>, u32>,
}

impl<'a> Planner<'a> {
    fn add(&mut self, rows: &[u32], tree: &[TreeRow], policy: &dyn FlushPolicy) {
        let summary = Summary::of(self.gathered, rows, tree);
        let Some(threshold) = policy.decide(&summary.facts()) else {
            return;
        };
        let first = self.rows.len() as u32;
        let mut shape = 0u64;
        for (place, row) in tree.iter().enumerate() {
            let source = rows[row.node as usize];
            let operation = self.operation(source);
            shape = mix(shape, u64::from(operation) << 32 | u64::from(row.depth));
            self.rows.push(PlannedRow {
                span: self.gathered.span(source),
                depth: row.depth as i32,
                parent_offset: row
                    .parent
                    .map_or(0, |parent| (place as u32 - parent) as i32),
                subtree_size: row.subtree_size as i32,
            });
        }
        let rows = first..self.rows.len() as u32;
        self.traces.push(PlannedTrace {
            summary,
            threshold,
            rows,
            shape,
        });
    }

    fn operation(&mut self, row: u32) -> u32 {
        let (columns, row) = self.gathered.columns(row as usize);
        let operation = (columns.service(row), columns.name(row), columns.kind(row));
        let next = self.operations.len() as u32;
        *self.operations.entry(operation).or_insert(next)
    }

    fn finish(mut self) -> Plan<'a> {
        self.traces.sort_by(|left, right| {
            let key = |trace: &PlannedTrace<'a>| {
                let summary = &trace.summary;
                (
                    summary.root_service,
                    summary.root_name,
                    trace.shape,
                    summary.start_unix_nano,
                )
            };
            key(left).cmp(&key(right))
        });
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
            traces: self.traces,
            operations,
        }
    }
}

/// Takes one more number into a hash. Only the order of rows depends on it.
fn mix(hash: u64, number: u64) -> u64 {
    (hash.rotate_left(23) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
