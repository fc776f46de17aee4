//! Traces that lie in several places: their spans are gathered, collapsed where they are the same, and put in order by the
//! store's rule before their calls are counted.

use std::collections::{HashMap, HashSet};

use clew_storage::tree::{self, Node, Role};
use clew_storage::{SpanId, TraceId};

use super::Calls;
use crate::error::QueryError;

/// What counting needs to know of a span.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) id: SpanId,
    pub(super) parent: Option<SpanId>,
    pub(super) role: Role,
    /// Number of the service.
    pub(super) service: u32,
    pub(super) start_time: i64,
    pub(super) duration_ns: i64,
    pub(super) weight: f64,
}

impl Default for Span {
    fn default() -> Self {
        Self {
            id: SpanId::default(),
            parent: None,
            role: Role::Other,
            service: 0,
            start_time: 0,
            duration_ns: 0,
            weight: 1.0,
        }
    }
}

/// Gathered traces.
pub(super) struct Joint {
    traces: HashMap<TraceId, Vec<Span>>,
    spans: usize,
    spans_max: usize,
}

impl Joint {
    /// Room for `spans_max` spans.
    pub(super) fn new(spans_max: usize) -> Self {
        Self {
            traces: HashMap::new(),
            spans: 0,
            spans_max,
        }
    }

    /// Notes that the trace lies in several places.
    pub(super) fn expect(&mut self, id: TraceId) {
        self.traces.entry(id).or_default();
    }

    /// True when the trace is to be gathered.
    pub(super) fn expects(&self, id: TraceId) -> bool {
        self.traces.contains_key(&id)
    }

    /// Gathers a span.
    ///
    /// # Errors
    /// When there are too many.
    pub(super) fn push(&mut self, id: TraceId, span: Span) -> Result<(), QueryError> {
        if self.spans == self.spans_max {
            return Err(QueryError::limit(
                format!(
                    "over {} spans lie in traces with several parts",
                    self.spans_max
                ),
                "ask for a shorter lookback",
            ));
        }
        self.spans += 1;
        self.traces.entry(id).or_default().push(span);
        Ok(())
    }

    /// Counts the calls that start within `window`.
    pub(super) fn count(self, window: (i64, i64), calls: &mut Calls) {
        for spans in self.traces.into_values() {
            let spans = distinct(spans);
            let nodes: Vec<Node> = spans.iter().map(node).collect();
            let rows = tree::build(&nodes);
            for row in &rows {
                let Some(parent) = row.parent else { continue };
                let child = spans[row.node as usize];
                let caller = spans[rows[parent as usize].node as usize].service;
                calls.add((caller, child.service), child, window);
            }
        }
    }
}

fn node(span: &Span) -> Node {
    Node {
        id: span.id,
        parent: span.parent,
        start_unix_nano: span.start_time as u64,
        role: span.role,
    }
}

/// Spans that differ; one that was stored twice counts once.
fn distinct(spans: Vec<Span>) -> Vec<Span> {
    let mut seen = HashSet::with_capacity(spans.len());
    let key = |span: &Span| {
        let role = match span.role {
            Role::Caller => 0_u8,
            Role::Callee => 1,
            Role::Other => 2,
        };
        (
            span.id,
            span.parent,
            role,
            span.service,
            span.start_time,
            span.duration_ns,
        )
    };
    spans
        .into_iter()
        .filter(|span| seen.insert(key(span)))
        .collect()
}

/// The id in the bytes of a column.
pub(super) fn span_id(bytes: &[u8]) -> SpanId {
    SpanId::from_bytes(bytes).unwrap_or_default()
}

/// The side of a call that a kind is.
pub(super) fn role(kind: &str) -> Role {
    Role::of_kind(kind)
}
