//! Everything about one span.

use serde::Serialize;
use serde::ser::Serializer;

use super::Trace;
use crate::error::QueryError;
use crate::rows::{Attribute, Attributes, EventRow, LinkRow, SpanRow, SpanRows};
use crate::ser::{Hex, Seq, Text, time};
use crate::service::Reading;
use clew_storage::TraceId;
use clew_storage::attributes::AttributeType;

/// The span in a row of a trace.
pub(crate) struct SpanDetail {
    /// The span alone.
    rows: SpanRows,
    row: usize,
}

impl SpanDetail {
    /// Reads the span in row `row` of the trace `id`; blocks.
    ///
    /// # Errors
    /// [`QueryError::NotFound`] when there is no such trace or row.
    pub(crate) fn load(reading: &Reading, id: TraceId, row: usize) -> Result<Self, QueryError> {
        let Some(span) = reading.snapshot.trace_span(id, row)? else {
            let spans = Trace::load(reading, id)?.rows.len();
            return Err(QueryError::NotFound {
                message: format!("trace {id} has {spans} spans, none in row {row}"),
                hint: Some("rows are those of the trace's skeleton, from 0".to_owned()),
            });
        };
        let rows = SpanRows::new(&span)?;
        Ok(Self { rows, row })
    }
}

#[derive(Serialize)]
struct SpanJson<'a> {
    row: usize,
    span_id: Hex<'a>,
    parent_span_id: Option<Hex<'a>>,
    trace_state: &'a str,
    flags: u32,
    name: &'a str,
    kind: &'a str,
    start_time_unix_nano: Text<u64>,
    end_time_unix_nano: Text<u64>,
    duration_ns: Text<i64>,
    status: StatusJson<'a>,
    service_name: &'a str,
    attributes: AttributesJson<'a>,
    dropped_attributes_count: u32,
    events: Vec<EventJson<'a>>,
    dropped_events_count: u32,
    links: Vec<LinkJson<'a>>,
    dropped_links_count: u32,
    resource: ResourceJson<'a>,
    scope: ScopeJson<'a>,
    sample_weight: f64,
    ingested_at_unix_nano: Text<u64>,
}

#[derive(Serialize)]
struct StatusJson<'a> {
    code: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct ResourceJson<'a> {
    attributes: AttributesJson<'a>,
    schema_url: &'a str,
    dropped_attributes_count: u32,
}

#[derive(Serialize)]
struct ScopeJson<'a> {
    name: &'a str,
    version: &'a str,
    attributes: AttributesJson<'a>,
    schema_url: &'a str,
    dropped_attributes_count: u32,
}

#[derive(Serialize)]
struct EventJson<'a> {
    time_unix_nano: Text<u64>,
    name: &'a str,
    attributes: AttributesJson<'a>,
    dropped_attributes_count: u32,
}

#[derive(Serialize)]
struct LinkJson<'a> {
    trace_id: Hex<'a>,
    span_id: Hex<'a>,
    trace_state: &'a str,
    attributes: AttributesJson<'a>,
    dropped_attributes_count: u32,
    flags: u32,
}

struct AttributesJson<'a>(Attributes<'a>);

#[derive(Serialize)]
struct AttributeJson<'a> {
    key: &'a str,
    r#type: &'static str,
    value: &'a str,
}

impl Serialize for AttributesJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Seq(|| self.0.clone().map(AttributeJson::from)).serialize(serializer)
    }
}

impl<'a> From<Attribute<'a>> for AttributeJson<'a> {
    fn from(attribute: Attribute<'a>) -> Self {
        Self {
            key: attribute.key,
            r#type: type_name(attribute.kind),
            value: attribute.text,
        }
    }
}

pub(crate) fn type_name(attribute_type: AttributeType) -> &'static str {
    match attribute_type {
        AttributeType::Empty => "empty",
        AttributeType::String => "string",
        AttributeType::Bool => "bool",
        AttributeType::Int => "int",
        AttributeType::Double => "double",
        AttributeType::Bytes => "bytes",
        AttributeType::Array => "array",
        AttributeType::Map => "map",
    }
}

impl Serialize for SpanDetail {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        span_json(self.rows.span(0), self.row).serialize(serializer)
    }
}

fn span_json(span: SpanRow<'_>, row: usize) -> SpanJson<'_> {
    SpanJson {
        row,
        span_id: Hex(span.span_id()),
        parent_span_id: span.parent_span_id().map(Hex),
        trace_state: span.trace_state(),
        flags: span.flags(),
        name: span.name(),
        kind: span.kind(),
        start_time_unix_nano: time(span.start_time()),
        end_time_unix_nano: time(span.end_time()),
        duration_ns: Text(span.duration_ns()),
        status: StatusJson {
            code: span.status_code(),
            message: span.status_message(),
        },
        service_name: span.service_name(),
        attributes: AttributesJson(span.attributes()),
        dropped_attributes_count: span.dropped_attributes_count(),
        events: span.events().map(event_json).collect(),
        dropped_events_count: span.dropped_events_count(),
        links: span.links().map(link_json).collect(),
        dropped_links_count: span.dropped_links_count(),
        resource: ResourceJson {
            attributes: AttributesJson(span.resource_attributes()),
            schema_url: span.resource_schema_url(),
            dropped_attributes_count: span.resource_dropped_attributes_count(),
        },
        scope: ScopeJson {
            name: span.scope_name(),
            version: span.scope_version(),
            attributes: AttributesJson(span.scope_attributes()),
            schema_url: span.scope_schema_url(),
            dropped_attributes_count: span.scope_dropped_attributes_count(),
        },
        sample_weight: span.sample_weight(),
        ingested_at_unix_nano: time(span.ingested_at()),
    }
}

fn event_json(event: EventRow<'_>) -> EventJson<'_> {
    EventJson {
        time_unix_nano: time(event.time()),
        name: event.name(),
        attributes: AttributesJson(event.attributes()),
        dropped_attributes_count: event.dropped_attributes_count(),
    }
}

fn link_json(link: LinkRow<'_>) -> LinkJson<'_> {
    LinkJson {
        trace_id: Hex(link.trace_id()),
        span_id: Hex(link.span_id()),
        trace_state: link.trace_state(),
        attributes: AttributesJson(link.attributes()),
        dropped_attributes_count: link.dropped_attributes_count(),
        flags: link.flags(),
    }
}
