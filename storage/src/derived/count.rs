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
        let calls = self.calls(rows, tree);
        for (place, of_tree) in tree.iter().enumerate() {
            let row = rows[of_tree.node as usize];
            if self.leaves(row) {
                let parent = of_tree
                    .parent
                    .map(|parent| rows[tree[parent as usize].node as usize]);
                self.span(row);
                self.as_callee(row, parent, of_tree.orphan);
                self.as_caller(row, calls[place]);
            }
        }
    }

    fn leaves(&self, row: u32) -> bool {
        self.gathered.span(row).batch < self.counted
    }

    /// What each span of a trace calls.
    fn calls(&self, rows: &[u32], tree: &[TreeRow]) -> Vec<Calls> {
        let mut calls = vec![Calls::default(); tree.len()];
        for of_tree in tree {
            let Some(parent) = of_tree.parent else {
                continue;
            };
            let (child, caller) = (
                rows[of_tree.node as usize],
                rows[tree[parent as usize].node as usize],
            );
            let calls = &mut calls[parent as usize];
            calls.any = true;
            if self.service(child) != self.service(caller) {
                calls.foreign |= self.leaves(child);
                calls.foreign_later |= !self.leaves(child);
            } else if self.role(child) == Role::Caller {
                calls.own_caller = true;
            }
        }
        calls
    }

    fn service(&self, row: u32) -> &str {
        let (columns, at) = self.gathered.columns(row as usize);
        columns.service(at)
    }

    fn kind(&self, row: u32) -> &str {
        let (columns, at) = self.gathered.columns(row as usize);
        columns.kind(at)
    }

    fn role(&self, row: u32) -> Role {
        Role::of_kind(self.kind(row))
    }

    fn event(&self, row: u32) -> Event {
        let (columns, at) = self.gathered.columns(row as usize);
        Event {
            start_time: columns.start(at),
            duration_ns: columns.duration(at),
            is_error: columns.is_error(at),
            weight: columns.weight(at),
        }
    }

    fn span(&mut self, row: u32) {
        let event = self.event(row);
        let (columns, at) = self.gathered.columns(row as usize);
        let texts = [
            columns.service(at),
            columns.name(at),
            columns.kind(at),
            columns.status(at),
        ];
        self.metrics.add(texts, event);
    }

    /// Counts the span as called by its parent, or by one that left before; or lets it wait for one.
    fn as_callee(&mut self, row: u32, parent: Option<u32>, orphan: bool) {
        let event = self.event(row);
        let (columns, at) = self.gathered.columns(row as usize);
        let (service, kind) = (columns.service(at), columns.kind(at));
        let (node, trace) = (columns.node(at), columns.trace_id(at));
        let is_callee = node.role == Role::Callee;
        // The caller's half of the same call, which has the same id, goes before the parent.
        if is_callee && self.is_called_by(key(trace, node.id), service, kind, event, true) {
            return;
        }
        if let Some(parent) = parent {
            let (parents, parent) = self.gathered.columns(parent as usize);
            let caller = parents.service(parent);
            if caller != service {
                let kind = edge_kind(kind, parents.kind(parent));
                self.edges.add([caller, service, kind.name()], event);
            }
            return;
        }
        let Some(parent_id) = node.parent.filter(|_| orphan) else {
            return;
        };
        let key = key(trace, parent_id);
        if !self.is_called_by(key, service, kind, event, false) && is_callee {
            let callee = Callee {
                service: service.into(),
                kind: kind.into(),
                event,
                since: self.now.unwrap_or(columns.ingested_at(at)),
            };
            self.pending.wait_for_caller(key, callee);
        }
    }

    /// Counts a call by the span with this key, if it has left and waits.
    fn is_called_by(
        &mut self,
        key: Key,
        service: &str,
        kind: &str,
        event: Event,
        only_callers: bool,
    ) -> bool {
        let Some(caller) = self.pending.caller(key) else {
            return false;
        };
        if only_callers && Role::of_kind(&caller.kind) != Role::Caller {
            return false;
        }
        if *caller.service != *service {
            let kind = edge_kind(kind, &caller.kind);
            self.edges
                .add([&caller.service, service, kind.name()], event);
            caller.is_paired = true;
        }
        true
    }

    /// Counts the calls that waited for the span, and what it calls that sends no spans; or lets it wait for spans of the called.
    fn as_caller(&mut self, row: u32, calls: Calls) {
        let (columns, at) = self.gathered.columns(row as usize);
        let (service, kind) = (columns.service(at), columns.kind(at));
        let node = columns.node(at);
        let key = key(columns.trace_id(at), node.id);
        let mut is_paired = calls.foreign;
        for callee in self.pending.callees(key) {
            if *callee.service != *service {
                let kind = edge_kind(&callee.kind, kind);
                let texts: [&str; 3] = [service, &callee.service, kind.name()];
                self.edges.add(texts, callee.event);
                is_paired = true;
            }
        }
        let is_caller = node.role == Role::Caller;
        let is_producer = kind == "producer";
        // Services that do not tell of the requests that they send are called by those that they serve.
        let serves_alone = node.role == Role::Callee && !calls.any;
        let may_pair = calls.foreign_later || is_producer || serves_alone;
        if !may_pair && (!is_caller || is_paired || calls.own_caller) {
            return;
        }
        let event = self.event(row);
        let span = self.gathered.span(row);
        let peer = (is_caller && !calls.own_caller)
            .then(|| {
                Peer::of(
                    &self.gathered.batches[span.batch as usize],
                    span.row as usize,
                )
            })
            .flatten();
        if let Some(peer) = &peer
            && peer.kind == EdgeKind::Database
            && !may_pair
        {
            self.edges
                .add([service, &peer.name, peer.kind.name()], event);
            return;
        }
        let caller = Caller {
            service: service.into(),
            kind: kind.into(),
            peer,
            event,
            since: self.now.unwrap_or(columns.ingested_at(at)),
            is_paired: is_paired || calls.foreign_later,
        };
        self.pending.wait_for_callee(key, caller);
    }
}

/// The kind of a call, given the kinds of the called span and of its parent.
fn edge_kind(called: &str, parent: &str) -> EdgeKind {
    if called == "consumer" || parent == "producer" {
        EdgeKind::Messaging
    } else {
        EdgeKind::Rpc
    }
}
