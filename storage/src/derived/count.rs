//! Counting spans, and the calls among them, when they leave the hot window.
//!
//! A call is a span whose parent belongs to another service, by the store's rule of parents ([`crate::tree`]). It is counted when the called
//! span leaves, if its caller has left before or is in view; otherwise when the caller does. What a span calls that sends no spans itself is
//! known from its attributes ([`super::peer`]).

use std::sync::Arc;

use arrow::array::RecordBatch;

use super::file::DerivedTable;
use super::peer::Peer;
use super::pending::{Callee, Caller, Key, PendingCalls, key};
use super::table::{EdgeKind, Event, Table};
use crate::batch::SpanBatch;
use crate::limits::DERIVED_ROWS_MAX;
use crate::trace::columns::SpanColumns;
use crate::trace::content::{Spans, arrange};
use crate::trace::gather::Gathered;
use crate::tree::{Role, TreeRow};

/// Rows of both derived tables, and the calls whose other side is yet to come.
#[derive(Debug, Clone)]
pub struct Counted {
    span_metrics: RecordBatch,
    service_edges: RecordBatch,
    pending: PendingCalls,
}

impl Counted {
    /// Counts the spans of `batches`, each content once, as if all of them left now. `before` is what was pending.
    pub(crate) fn of(batches: &[Arc<SpanBatch>], before: &PendingCalls) -> Self {
        let gathered = Gathered::of(batches);
        let mut counting = Counting::new(&gathered, batches.len(), before, None);
        for trace in gathered.traces() {
            let (rows, tree) = arrange(&gathered, trace);
            counting.trace(&rows, &tree);
        }
        counting.finish()
    }

    /// Counts the spans of `batches`, each content once, as if nothing had been stored before.
    #[must_use]
    pub fn of_all(batches: &[Arc<SpanBatch>]) -> Self {
        Self::of(batches, &PendingCalls::default())
    }

    /// Rows of `table`.
    #[must_use]
    pub fn rows(&self, table: DerivedTable) -> &RecordBatch {
        match table {
            DerivedTable::SpanMetrics => &self.span_metrics,
            DerivedTable::ServiceEdges => &self.service_edges,
        }
    }

    /// Rows of `service_edges` for pending calls that have waited long enough at `now`, ns since the epoch.
    #[must_use]
    pub fn overdue_edges(&self, now: i64) -> RecordBatch {
        let mut edges = Table::service_edges(DERIVED_ROWS_MAX);
        self.pending.overdue(now, &mut edges);
        edges.finish()
    }

    pub(crate) fn into_pending(self) -> PendingCalls {
        self.pending
    }

    #[cfg(test)]
    pub(super) fn pending(&self) -> &PendingCalls {
        &self.pending
    }
}

/// What a span calls, as far as it is in view.
#[derive(Debug, Clone, Copy, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "any of them may hold, whatever the others say"
)]
struct Calls {
    /// A span of another service, which leaves with it.
    foreign: bool,
    /// A span of another service, which leaves later.
    foreign_later: bool,
    /// A caller of the same service, which makes the call in its place.
    own_caller: bool,
    /// Any span at all.
    any: bool,
}

/// A span that may be a side of calls.
#[derive(Debug, Clone, Copy)]
struct Side<'a> {
    columns: &'a SpanColumns<'a>,
    /// Its row there.
    at: usize,
    batch: u32,
    /// It leaves now; otherwise it is in view only.
    leaves: bool,
    service: &'a str,
    kind: &'a str,
    role: Role,
    event: Event,
}

impl Side<'_> {
    /// What it waits for its callees as.
    fn key(self) -> Key {
        let id = self.columns.span_id(self.at);
        key(self.columns.trace_id(self.at), id)
    }

    /// What its caller waits as, if it names a parent.
    fn key_of_parent(self) -> Option<Key> {
        let parent = self.columns.parent(self.at)?;
        Some(key(self.columns.trace_id(self.at), parent))
    }
}

/// Counting on its way: trace by trace.
pub(crate) struct Counting<'a> {
    gathered: &'a Gathered<'a>,
    /// Number of batches whose spans are counted.
    counted: u32,
    metrics: Table<4>,
    edges: Table<3>,
    pending: PendingCalls,
    now: Option<i64>,
}

impl<'a> Counting<'a> {
    /// Counts spans of the first `counted` batches of `gathered`; the rest is in view. They leave the hot window at `now`, ns since the
    /// epoch, and what has been pending for too long is settled; `None` when somebody looks at them before.
    pub(crate) fn new(
        gathered: &'a Gathered<'a>,
        counted: usize,
        before: &PendingCalls,
        now: Option<i64>,
    ) -> Self {
        Self {
            gathered,
            counted: counted as u32,
            metrics: Table::span_metrics(DERIVED_ROWS_MAX),
            edges: Table::service_edges(DERIVED_ROWS_MAX),
            pending: before.clone(),
            now,
        }
    }

    /// What has been counted.
    pub(crate) fn finish(mut self) -> Counted {
        if let Some(now) = self.now {
            self.pending.settle(now, &mut self.edges);
        }
        Counted {
            span_metrics: self.metrics.finish(),
            service_edges: self.edges.finish(),
            pending: self.pending,
        }
    }

    /// Counts the spans of a trace that leave. `rows` are all of its spans in view, each content once, and `tree` is their tree.
    pub(crate) fn trace(&mut self, rows: &[u32], tree: &[TreeRow]) {
        if let Some(now) = self.now {
            self.pending.settle_excess(now, &mut self.edges);
        }
        let sides: Vec<Side<'a>> = tree
            .iter()
            .map(|of_tree| self.side(rows[of_tree.node as usize]))
            .collect();
        let calls = calls(&sides, tree);
        for (place, of_tree) in tree.iter().enumerate() {
            let side = sides[place];
            if side.leaves {
                let parent = of_tree.parent.map(|parent| sides[parent as usize]);
                self.span(side);
                self.as_callee(side, parent, of_tree.orphan);
                self.as_caller(side, calls[place]);
            }
        }
    }

    fn side(&self, row: u32) -> Side<'a> {
        let gathered: &'a Gathered<'a> = self.gathered;
        let (columns, at) = gathered.columns(row as usize);
        let kind = columns.kind(at);
        Side {
            columns,
            at,
            batch: gathered.span(row).batch,
            leaves: gathered.span(row).batch < self.counted,
            service: columns.service(at),
            kind,
            role: Role::of_kind(kind),
            event: Event {
                start_time: columns.start(at),
                duration_ns: columns.duration(at),
                is_error: columns.is_error(at),
                weight: columns.weight(at),
            },
        }
    }

    fn span(&mut self, side: Side<'_>) {
        let (columns, at) = (side.columns, side.at);
        let texts = [
            side.service,
            columns.name(at),
            side.kind,
            columns.status(at),
        ];
        self.metrics.add(texts, side.event);
    }

    /// Counts the span as called by its parent, or by one that left before; or lets it wait for one.
    fn as_callee(&mut self, side: Side<'_>, parent: Option<Side<'_>>, orphan: bool) {
        let is_callee = side.role == Role::Callee;
        // The caller's half of the same call, which has the same id, goes before the parent.
        if is_callee && self.is_called_by(side.key(), side, true) {
            return;
        }
        if let Some(parent) = parent {
            if parent.service != side.service {
                let kind = edge_kind(side.kind, parent.kind);
                let texts = [parent.service, side.service, kind.name()];
                self.edges.add(texts, side.event);
            }
            return;
        }
        let Some(key) = side.key_of_parent().filter(|_| orphan) else {
            return;
        };
        if !self.is_called_by(key, side, false) && is_callee {
            let callee = Callee {
                service: side.service.into(),
                kind: side.kind.into(),
                event: side.event,
                since: self.since(side),
            };
            self.pending.wait_for_caller(key, callee);
        }
    }

    /// When the span begins to wait for the other side.
    fn since(&self, side: Side<'_>) -> i64 {
        self.now.unwrap_or(side.columns.ingested_at(side.at))
    }

    /// Counts a call of the span by the one with this key, if it has left and waits.
    fn is_called_by(&mut self, key: Key, side: Side<'_>, only_callers: bool) -> bool {
        let Some(caller) = self.pending.caller(key) else {
            return false;
        };
        if only_callers && Role::of_kind(&caller.kind) != Role::Caller {
            return false;
        }
        if *caller.service != *side.service {
            let kind = edge_kind(side.kind, &caller.kind);
            let texts = [&caller.service, side.service, kind.name()];
            self.edges.add(texts, side.event);
            caller.is_paired = true;
        }
        true
    }

    /// Counts the calls that waited for the span, and what it calls that sends no spans; or lets it wait for spans of the called.
    fn as_caller(&mut self, side: Side<'_>, calls: Calls) {
        let Side { service, kind, .. } = side;
        let key = side.key();
        let mut is_paired = calls.foreign;
        for callee in self.pending.callees(key) {
            if *callee.service != *service {
                let kind = edge_kind(&callee.kind, kind);
                let texts: [&str; 3] = [service, &callee.service, kind.name()];
                self.edges.add(texts, callee.event);
                is_paired = true;
            }
        }
        let is_caller = side.role == Role::Caller;
        let is_producer = kind == "producer";
        // Services that do not tell of the requests that they send are called by those that they serve.
        let serves_alone = side.role == Role::Callee && !calls.any;
        let may_pair = calls.foreign_later || is_producer || serves_alone;
        if !may_pair && (!is_caller || is_paired || calls.own_caller) {
            return;
        }
        let batch = &self.gathered.batches[side.batch as usize];
        let peer = (is_caller && !calls.own_caller)
            .then(|| Peer::of(batch, side.at))
            .flatten();
        if let Some(peer) = &peer
            && peer.kind == EdgeKind::Database
            && !may_pair
        {
            let texts = [service, &peer.name, peer.kind.name()];
            self.edges.add(texts, side.event);
            return;
        }
        let caller = Caller {
            service: service.into(),
            kind: kind.into(),
            peer,
            event: side.event,
            since: self.since(side),
            is_paired: is_paired || calls.foreign_later,
        };
        self.pending.wait_for_callee(key, caller);
    }
}

/// What each span of a trace calls; `sides` are its spans in the order of `tree`.
fn calls(sides: &[Side<'_>], tree: &[TreeRow]) -> Vec<Calls> {
    let mut calls = vec![Calls::default(); tree.len()];
    for (child, of_tree) in sides.iter().zip(tree) {
        let Some(parent) = of_tree.parent else {
            continue;
        };
        let caller = &sides[parent as usize];
        let calls = &mut calls[parent as usize];
        calls.any = true;
        if child.service != caller.service {
            calls.foreign |= child.leaves;
            calls.foreign_later |= !child.leaves;
        } else if child.role == Role::Caller {
            calls.own_caller = true;
        }
    }
    calls
}

/// The kind of a call, given the kinds of the called span and of its parent.
fn edge_kind(called: &str, parent: &str) -> EdgeKind {
    if called == "consumer" || parent == "producer" {
        EdgeKind::Messaging
    } else {
        EdgeKind::Rpc
    }
}
