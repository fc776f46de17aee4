//! Traces as OTLP JSON: `{"resourceSpans":[...]}` with hex ids, enums as numbers, 64-bit integers as text.
//!
//! What is empty or zero is left out, as protobuf's JSON has it; times, `resource`, `scope` and `status` always stand.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clew_storage::attributes::AttributeValue;
use clew_storage::span;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::group::{Groups, ResourceKey, ScopeKey};
use super::set::TraceSet;
use crate::rows::{Attribute, Attributes, EventRow, LinkRow, SpanRow, SpanRows};
use crate::ser::{Hex, Seq, Text, time};

/// Some traces as one `TracesData`.
pub(crate) struct TracesData<'a>(pub(crate) &'a TraceSet);

impl Serialize for TracesData<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("resourceSpans", &ResourceSpansList(self.0))?;
        map.end()
    }
}

struct ResourceSpansList<'a>(&'a TraceSet);

impl Serialize for ResourceSpansList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        self.0.each(|trace| {
            let spans = &trace.rows;
            let resources = Groups::by(spans, 0..spans.len() as u32, ResourceKey::of);
            resources
                .rows
                .iter()
                .try_for_each(|rows| seq.serialize_element(&ResourceSpans { spans, rows }))
        })?;
        seq.end()
    }
}

struct ResourceSpans<'a> {
    spans: &'a SpanRows,
    rows: &'a [u32],
}

impl Serialize for ResourceSpans<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let first = self.spans.span(self.rows[0] as usize);
        let scopes = Groups::by(self.spans, self.rows.iter().copied(), ScopeKey::of);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("resource", &Resource(first))?;
        let spans = self.spans;
        map.serialize_entry(
            "scopeSpans",
            &Seq(|| scopes.rows.iter().map(|rows| ScopeSpans { spans, rows })),
        )?;
        text_entry(&mut map, "schemaUrl", first.resource_schema_url())?;
        map.end()
    }
}

struct Resource<'a>(SpanRow<'a>);

impl Serialize for Resource<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        attributes_entry(&mut map, &self.0.resource_attributes())?;
        count_entry(
            &mut map,
            "droppedAttributesCount",
            self.0.resource_dropped_attributes_count(),
        )?;
        map.end()
    }
}

struct ScopeSpans<'a> {
    spans: &'a SpanRows,
    rows: &'a [u32],
}

impl Serialize for ScopeSpans<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let first = self.spans.span(self.rows[0] as usize);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("scope", &Scope(first))?;
        map.serialize_entry(
            "spans",
            &Seq(|| {
                self.rows
                    .iter()
                    .map(|row| Span(self.spans.span(*row as usize)))
            }),
        )?;
        text_entry(&mut map, "schemaUrl", first.scope_schema_url())?;
        map.end()
    }
}

struct Scope<'a>(SpanRow<'a>);

impl Serialize for Scope<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        text_entry(&mut map, "name", self.0.scope_name())?;
        text_entry(&mut map, "version", self.0.scope_version())?;
        attributes_entry(&mut map, &self.0.scope_attributes())?;
        count_entry(
            &mut map,
            "droppedAttributesCount",
            self.0.scope_dropped_attributes_count(),
        )?;
        map.end()
    }
}

struct Span<'a>(SpanRow<'a>);

impl Serialize for Span<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let span = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("traceId", &Hex(span.trace_id()))?;
        map.serialize_entry("spanId", &Hex(span.span_id()))?;
        text_entry(&mut map, "traceState", span.trace_state())?;
        if let Some(parent) = span.parent_span_id() {
            map.serialize_entry("parentSpanId", &Hex(parent))?;
        }
        count_entry(&mut map, "flags", span.flags())?;
        text_entry(&mut map, "name", span.name())?;
        enum_entry(&mut map, "kind", kind_number(span.kind()))?;
        map.serialize_entry("startTimeUnixNano", &time(span.start_time()))?;
        map.serialize_entry("endTimeUnixNano", &time(span.end_time()))?;
        attributes_entry(&mut map, &span.attributes())?;
        count_entry(
            &mut map,
            "droppedAttributesCount",
            span.dropped_attributes_count(),
        )?;
        if span.events().len() > 0 {
            map.serialize_entry("events", &Seq(|| span.events().map(Event)))?;
        }
        count_entry(&mut map, "droppedEventsCount", span.dropped_events_count())?;
        if span.links().len() > 0 {
            map.serialize_entry("links", &Seq(|| span.links().map(Link)))?;
        }
        count_entry(&mut map, "droppedLinksCount", span.dropped_links_count())?;
        map.serialize_entry("status", &Status(span))?;
        map.end()
    }
}

struct Event<'a>(EventRow<'a>);

impl Serialize for Event<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("timeUnixNano", &time(self.0.time()))?;
        text_entry(&mut map, "name", self.0.name())?;
        attributes_entry(&mut map, &self.0.attributes())?;
        count_entry(
            &mut map,
            "droppedAttributesCount",
            self.0.dropped_attributes_count(),
        )?;
        map.end()
    }
}

struct Link<'a>(LinkRow<'a>);

impl Serialize for Link<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("traceId", &Hex(self.0.trace_id()))?;
        map.serialize_entry("spanId", &Hex(self.0.span_id()))?;
        text_entry(&mut map, "traceState", self.0.trace_state())?;
        attributes_entry(&mut map, &self.0.attributes())?;
        count_entry(
            &mut map,
            "droppedAttributesCount",
            self.0.dropped_attributes_count(),
        )?;
        count_entry(&mut map, "flags", self.0.flags())?;
        map.end()
    }
}

struct Status<'a>(SpanRow<'a>);

impl Serialize for Status<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        text_entry(&mut map, "message", self.0.status_message())?;
        enum_entry(&mut map, "code", status_number(self.0.status_code()))?;
        map.end()
    }
}

/// The OTLP number of a kind's text; a number that OTLP does not name stands as it is.
pub(crate) fn kind_number(kind: &str) -> i32 {
    span::kind_number(kind).unwrap_or(0)
}

/// The OTLP number of a status's text; a number that OTLP does not name stands as it is.
pub(crate) fn status_number(status: &str) -> i32 {
    span::status_number(status).unwrap_or(0)
}

fn text_entry<M: SerializeMap>(map: &mut M, key: &'static str, text: &str) -> Result<(), M::Error> {
    if text.is_empty() {
        Ok(())
    } else {
        map.serialize_entry(key, text)
    }
}

fn count_entry<M: SerializeMap>(
    map: &mut M,
    key: &'static str,
    count: u32,
) -> Result<(), M::Error> {
    if count == 0 {
        Ok(())
    } else {
        map.serialize_entry(key, &count)
    }
}

fn enum_entry<M: SerializeMap>(
    map: &mut M,
    key: &'static str,
    number: i32,
) -> Result<(), M::Error> {
    if number == 0 {
        Ok(())
    } else {
        map.serialize_entry(key, &number)
    }
}

fn attributes_entry<M: SerializeMap>(
    map: &mut M,
    attributes: &Attributes<'_>,
) -> Result<(), M::Error> {
    if attributes.len() == 0 {
        return Ok(());
    }
    map.serialize_entry("attributes", &Seq(|| attributes.clone().map(KeyValue)))
}

struct KeyValue<'a>(Attribute<'a>);

impl Serialize for KeyValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("key", self.0.key)?;
        map.serialize_entry("value", &AnyValue(&self.0.value()))?;
        map.end()
    }
}

/// A value as OTLP JSON's `AnyValue`.
pub(crate) struct AnyValue<'a>(pub(crate) &'a AttributeValue);

impl Serialize for AnyValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.0 {
            AttributeValue::Empty => {}
            AttributeValue::String(text) => map.serialize_entry("stringValue", text)?,
            AttributeValue::Bool(value) => map.serialize_entry("boolValue", value)?,
            AttributeValue::Int(value) => map.serialize_entry("intValue", &Text(value))?,
            AttributeValue::Double(value) => map.serialize_entry("doubleValue", &Double(*value))?,
            AttributeValue::Bytes(bytes) => {
                map.serialize_entry("bytesValue", &STANDARD.encode(bytes))?;
            }
            AttributeValue::Array(items) => {
                map.serialize_entry("arrayValue", &Values(|| items.iter().map(AnyValue)))?;
            }
            AttributeValue::Map(entries) => {
                map.serialize_entry(
                    "kvlistValue",
                    &Values(|| entries.iter().map(|(key, value)| Entry { key, value })),
                )?;
            }
        }
        map.end()
    }
}

struct Entry<'a> {
    key: &'a str,
    value: &'a AttributeValue,
}

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("key", self.key)?;
        map.serialize_entry("value", &AnyValue(self.value))?;
        map.end()
    }
}

/// `{"values":[...]}`
struct Values<F>(F);

impl<F, I> Serialize for Values<F>
where
    F: Fn() -> I,
    I: Iterator,
    I::Item: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("values", &Seq(&self.0))?;
        map.end()
    }
}

/// A double; what JSON has no number for is text, as protobuf's JSON has it.
pub(crate) struct Double(pub(crate) f64);

impl Serialize for Double {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            value if value.is_finite() => serializer.serialize_f64(value),
            value if value.is_nan() => serializer.serialize_str("NaN"),
            value if value > 0.0 => serializer.serialize_str("Infinity"),
            _ => serializer.serialize_str("-Infinity"),
        }
    }
}
