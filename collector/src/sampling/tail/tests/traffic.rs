//! Spans for tests, made from few words.

use std::collections::BTreeMap;
use std::sync::Arc;

use clew_storage::attributes::{AttributeRef, ValueRef};
use clew_storage::span::{GroupFields, SpanFields};
use clew_storage::{SpanBatch, SpanBatchBuilder, SpanId, TraceId};
use serde::Deserialize;

pub(super) const MS: u64 = 1_000_000;
/// When spans start that do not say so, ns since the epoch.
const EPOCH: u64 = 1_700_000_000_000 * MS;

/// A span, as the tables of cases have it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Span {
    pub(super) service: String,
    pub(super) name: String,
    /// The trace's random bits, 14 hex digits; only the first span's count.
    pub(super) random: String,
    pub(super) parent: Option<u8>,
    pub(super) start_ms: u64,
    pub(super) duration_ms: Option<i64>,
    pub(super) status: i32,
    pub(super) flags: u32,
    pub(super) attributes: BTreeMap<String, serde_json::Value>,
    pub(super) resource: BTreeMap<String, serde_json::Value>,
    pub(super) trace_state: String,
}

/// A trace.
#[derive(Debug, Clone)]
pub(super) struct Trace {
    /// The trace's number, which makes its id unique; below 2^16.
    pub(super) number: u64,
    pub(super) random_bits: u64,
    pub(super) spans: Vec<Span>,
    /// Weight that head sampling gave all of its spans; 0 is 1.
    pub(super) weight: f64,
}

impl Trace {
    pub(super) fn of(number: u64, spans: Vec<Span>) -> Self {
        let digits = spans.first().map_or("", |span| &span.random);
        Self {
            number,
            random_bits: u64::from_str_radix(digits, 16).unwrap_or(0),
            spans,
            weight: 1.0,
        }
    }

    fn id(&self) -> TraceId {
        TraceId((u128::from(self.number + 1) << 64 | u128::from(self.random_bits)).to_be_bytes())
    }
}

/// A batch that arrived at `arrived_s` after the epoch of these tests. Its traces come in the order of their numbers.
pub(super) fn batch(traces: &[Trace], arrived_s: u64) -> Arc<SpanBatch> {
    let mut builder = SpanBatchBuilder::new(EPOCH + arrived_s * 1_000 * MS);
    for trace in traces {
        for (place, span) in trace.spans.iter().enumerate() {
            push(&mut builder, trace, place, span);
        }
    }
    Arc::new(builder.finish())
}

fn push(builder: &mut SpanBatchBuilder, trace: &Trace, place: usize, span: &Span) {
    let mut resource = attributes(&span.resource);
    if !span.service.is_empty() {
        resource.push(AttributeRef {
            key: "service.name",
            value: ValueRef::String(&span.service),
        });
    }
    let group = builder.push_group(&GroupFields {
        resource_attributes: &resource,
        ..GroupFields::default()
    });
    let own = attributes(&span.attributes);
    let start = EPOCH + span.start_ms * MS;
    let duration = span.duration_ms.unwrap_or(1) * MS as i64;
    let fields = SpanFields {
        trace_id: trace.id(),
        span_id: SpanId((place as u64 + 1).to_be_bytes()),
        parent_span_id: span.parent.map(|parent| SpanId([parent; 8])),
        trace_state: &span.trace_state,
        flags: span.flags,
        name: &span.name,
        start_time_unix_nano: start,
        end_time_unix_nano: start.wrapping_add_signed(duration),
        status_code: span.status,
        attributes: 0..own.len(),
        arena: &own,
        ..SpanFields::default()
    };
    builder.push_span(group, &fields, trace.weight.max(1.0));
}

fn attributes(values: &BTreeMap<String, serde_json::Value>) -> Vec<AttributeRef<'_>> {
    let value = |value| match value {
        &serde_json::Value::Bool(value) => ValueRef::Bool(value),
        serde_json::Value::Number(number) => number
            .as_i64()
            .map_or_else(|| ValueRef::Double(number.as_f64().unwrap()), ValueRef::Int),
        serde_json::Value::String(text) => ValueRef::String(text),
        other => panic!("{other} is no attribute of a test"),
    };
    let attributes = values.iter();
    attributes
        .map(|(key, given)| AttributeRef {
            key,
            value: value(given),
        })
        .collect()
}
