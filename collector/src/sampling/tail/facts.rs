//! What policies ask of a trace, found out once.

use clew_storage::attributes::AttributeType;
use clew_storage::sampling::threshold::random_bits;
use clew_storage::sampling::{SpanView, Threshold, TraceView};

use crate::sampling::tracestate::OtState;

/// A trace and what most policies need of it.
pub(super) struct Facts<'a> {
    pub(super) trace: &'a TraceView<'a>,
    pub(super) root: SpanView<'a>,
    /// The 56 random bits: `rv` of a tracestate if one is there, that of the root first, else the low bits of the id.
    pub(super) random_bits: u64,
    /// From the earliest start to the latest end, ns, never negative.
    pub(super) duration_ns: u64,
    /// When the latest span arrived, ns since the epoch.
    pub(super) arrived_at_unix_nano: i64,
    /// What sampling before this has kept the trace with: the highest threshold of its spans.
    pub(super) applied: Threshold,
}

impl<'a> Facts<'a> {
    pub(super) fn of(trace: &'a TraceView<'a>) -> Self {
        let root = trace.root();
        let (mut start, mut end) = (u64::MAX, 0);
        let mut arrived_at_unix_nano = i64::MIN;
        let mut weight = 1.0_f64;
        for span in trace.spans() {
            let begin = span.start_time_unix_nano();
            // A start of 0 is none.
            if begin > 0 {
                let took = u64::try_from(span.duration_ns()).unwrap_or(0);
                start = start.min(begin);
                end = end.max(begin.saturating_add(took));
            }
            arrived_at_unix_nano = arrived_at_unix_nano.max(span.ingested_at_unix_nano());
            weight = weight.max(span.sample_weight());
        }
        Self {
            trace,
            root,
            random_bits: explicit_random_bits(trace, root)
                .unwrap_or_else(|| random_bits(trace.trace_id())),
            duration_ns: end.saturating_sub(start),
            arrived_at_unix_nano,
            applied: Threshold::from_weight(weight),
        }
    }

    /// True when an attribute `key` of a span or a resource meets `test`, given its type and canonical text.
    pub(super) fn any_attribute(
        &self,
        key: &str,
        test: impl Fn(AttributeType, &str) -> bool,
    ) -> bool {
        let mut resources: Vec<&[u8]> = Vec::new();
        self.trace.spans().any(|span| {
            if span
                .attributes()
                .any(|(name, kind, text)| name == key && test(kind, text))
            {
                return true;
            }
            let resource = span.group_key();
            if resources.contains(&resource) {
                return false;
            }
            resources.push(resource);
            span.resource_attributes()
                .any(|(name, kind, text)| name == key && test(kind, text))
        })
    }

    /// The text of attribute `key`: that of the root span or its resource, else that of the earliest span which has it.
    pub(super) fn attribute(&self, key: &str) -> Option<&'a str> {
        let find = |span: &SpanView<'a>| {
            let own = span.attributes().chain(span.resource_attributes());
            let mut own = own.filter(|(name, ..)| *name == key);
            own.next().map(|(_, _, text)| text)
        };
        find(&self.root).or_else(|| {
            let with = self
                .trace
                .spans()
                .filter_map(|span| Some((span.start_time_unix_nano(), find(&span)?)));
            with.min_by_key(|(start, _)| *start).map(|(_, text)| text)
        })
    }

    /// Bytes of the spans, and of each resource once, about as in a payload.
    pub(super) fn payload_bytes(&self) -> u64 {
        let mut resources: Vec<&[u8]> = Vec::new();
        let mut bytes = 0;
        for span in self.trace.spans() {
            bytes += span.payload_bytes();
            if !resources.contains(&span.group_key()) {
                resources.push(span.group_key());
                bytes += span.resource_bytes();
            }
        }
        bytes as u64
    }
}

fn explicit_random_bits(trace: &TraceView<'_>, root: SpanView<'_>) -> Option<u64> {
    let of = |span: SpanView<'_>| {
        let state = span.trace_state();
        (!state.is_empty())
            .then(|| OtState::parse(state).random_value)
            .flatten()
    };
    of(root).or_else(|| trace.spans().find_map(of))
}
