//! Facts about a trace's spans that follow from their ids: orphans, and the two halves of a shared span.

use std::collections::HashMap;

use crate::rows::{SpanRow, SpanRows};

/// Sides of a call that ids of a trace appear on.
#[derive(Debug, Clone, Copy, Default)]
struct Sides {
    /// A CLIENT or PRODUCER span has the id.
    calling: bool,
    /// A SERVER or CONSUMER span has the id.
    called: bool,
}

/// The span ids of a trace.
pub(crate) struct SpanIds<'a> {
    sides: HashMap<&'a [u8], Sides>,
}

impl<'a> SpanIds<'a> {
    /// The ids in `rows`.
    pub(crate) fn of(rows: &'a SpanRows) -> Self {
        let mut sides: HashMap<&[u8], Sides> = HashMap::with_capacity(rows.len());
        for span in rows.iter() {
            let entry = sides.entry(span.span_id()).or_default();
            entry.calling |= is_calling(span);
            entry.called |= is_called(span);
        }
        Self { sides }
    }

    /// True when some span has `id`.
    pub(crate) fn contains(&self, id: &[u8]) -> bool {
        self.sides.contains_key(id)
    }

    /// True when the span names a parent that is not here, and does not stand under the other half of its call either.
    pub(crate) fn is_orphan(&self, span: SpanRow<'_>) -> bool {
        span.parent_row().is_none()
            && span
                .parent_span_id()
                .is_some_and(|parent| !self.contains(parent))
    }

    /// True when the span is one half of a call whose two sides share an id, as Zipkin has it.
    pub(crate) fn is_shared_half(&self, span: SpanRow<'_>) -> bool {
        let shared = self
            .sides
            .get(span.span_id())
            .is_some_and(|sides| sides.calling && sides.called);
        shared && (is_calling(span) || is_called(span))
    }

    /// True when the span is the called half of such a call.
    pub(crate) fn is_shared_called_half(&self, span: SpanRow<'_>) -> bool {
        is_called(span) && self.is_shared_half(span)
    }
}

fn is_calling(span: SpanRow<'_>) -> bool {
    matches!(span.kind(), "client" | "producer")
}

fn is_called(span: SpanRow<'_>) -> bool {
    matches!(span.kind(), "server" | "consumer")
}
