//! Attributes as Jaeger's tags: `{"key","type","value"}` with the types string, bool, int64, float64 and binary.
//!
//! Arrays and maps are JSON text; integers that JavaScript cannot hold are text; so is a double that JSON has no number for.

use std::net::Ipv4Addr;

use clew_storage::attributes::{AttributeType, AttributeValue};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::rows::{Attribute, EventRow, SpanRow};
use crate::trace::otlp::Double;

/// Largest integer that a JavaScript number holds exactly.
const SAFE_INTEGER_MAX: i64 = (1 << 53) - 1;

/// One tag.
pub(crate) enum Tag<'a> {
    /// An attribute.
    Attribute(Attribute<'a>),
    /// A field of the span as text.
    Text(&'static str, &'a str),
    /// A field of the span as a truth value.
    Bool(&'static str, bool),
}

impl Tag<'_> {
    /// Its key.
    pub(crate) fn key(&self) -> &str {
        match self {
            Self::Attribute(attribute) => attribute.key,
            Self::Text(key, _) | Self::Bool(key, _) => key,
        }
    }
}

/// A list of tags.
pub(crate) struct Tags<'a> {
    /// The tags.
    pub(crate) tags: Vec<Tag<'a>>,
    /// Without any adjustment.
    pub(crate) raw: bool,
}

/// The tags of a span: scope, attributes, kind, status, tracestate.
pub(crate) fn of_span(span: SpanRow<'_>, raw: bool) -> Tags<'_> {
    let mut tags = Vec::with_capacity(span.attributes().len() + 4);
    push_text(&mut tags, "otel.scope.name", span.scope_name());
    push_text(&mut tags, "otel.scope.version", span.scope_version());
    let first = tags.len();
    tags.extend(span.attributes().map(Tag::Attribute));
    if !raw {
        tags[first..].sort_by(|a, b| a.key().cmp(b.key()));
    }
    if span.kind() != "unspecified" {
        push_text(&mut tags, "span.kind", span.kind());
    }
    match span.status_code() {
        "error" => tags.extend([
            Tag::Text("otel.status_code", "ERROR"),
            Tag::Bool("error", true),
        ]),
        "ok" => tags.push(Tag::Text("otel.status_code", "OK")),
        _ => {}
    }
    push_text(&mut tags, "otel.status_description", span.status_message());
    push_text(&mut tags, "w3c.tracestate", span.trace_state());
    Tags { tags, raw }
}

/// The fields of a log: the event's name under `event`, then its attributes.
pub(crate) fn of_event(event: EventRow<'_>, raw: bool) -> Tags<'_> {
    let mut tags = Vec::with_capacity(event.attributes().len() + 1);
    if !event.attributes().any(|attribute| attribute.key == "event") {
        push_text(&mut tags, "event", event.name());
    }
    let first = tags.len();
    tags.extend(event.attributes().map(Tag::Attribute));
    if !raw {
        tags[first..].sort_by(|a, b| a.key().cmp(b.key()));
    }
    Tags { tags, raw }
}

fn push_text<'a>(tags: &mut Vec<Tag<'a>>, key: &'static str, text: &'a str) {
    if !text.is_empty() {
        tags.push(Tag::Text(key, text));
    }
}

impl Serialize for Tags<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.tags.iter().map(|tag| TagJson { tag, raw: self.raw }))
    }
}

struct TagJson<'a> {
    tag: &'a Tag<'a>,
    raw: bool,
}

impl Serialize for TagJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("key", self.tag.key())?;
        match self.tag {
            Tag::Text(_, text) => typed(&mut map, "string", text)?,
            Tag::Bool(_, value) => typed(&mut map, "bool", value)?,
            Tag::Attribute(attribute) => match dotted(attribute).filter(|_| !self.raw) {
                Some(address) => typed(&mut map, "string", &address.to_string())?,
                None => attribute_value(&mut map, attribute)?,
            },
        }
        map.end()
    }
}

fn typed<M: SerializeMap, T: Serialize + ?Sized>(
    map: &mut M,
    name: &'static str,
    value: &T,
) -> Result<(), M::Error> {
    map.serialize_entry("type", name)?;
    map.serialize_entry("value", value)
}

fn attribute_value<M: SerializeMap>(
    map: &mut M,
    attribute: &Attribute<'_>,
) -> Result<(), M::Error> {
    match attribute.kind {
        AttributeType::String | AttributeType::Empty => {
            return typed(map, "string", attribute.text);
        }
        AttributeType::Bytes => return typed(map, "binary", attribute.text),
        _ => {}
    }
    match attribute.value() {
        AttributeValue::Bool(value) => typed(map, "bool", &value),
        AttributeValue::Int(value) if value.unsigned_abs() > SAFE_INTEGER_MAX as u64 => {
            typed(map, "int64", attribute.text)
        }
        AttributeValue::Int(value) => typed(map, "int64", &value),
        AttributeValue::Double(value) => typed(map, "float64", &Double(value)),
        nested => typed(map, "string", &plain(&nested).to_string()),
    }
}

/// An IPv4 address that a client packed into a number.
fn dotted(attribute: &Attribute<'_>) -> Option<Ipv4Addr> {
    if !matches!(attribute.key, "ip" | "peer.ipv4") {
        return None;
    }
    match attribute.value() {
        AttributeValue::Int(value) => Some(Ipv4Addr::from(value as u32)),
        AttributeValue::Double(value) => Some(Ipv4Addr::from(value as u32)),
        _ => None,
    }
}

/// A value as ordinary JSON, types and repeated keys aside.
fn plain(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Empty => Value::Null,
        AttributeValue::String(text) => Value::from(text.as_str()),
        AttributeValue::Bool(value) => Value::from(*value),
        AttributeValue::Int(value) => Value::from(*value),
        AttributeValue::Double(value) => {
            serde_json::to_value(Double(*value)).unwrap_or(Value::Null)
        }
        AttributeValue::Bytes(_) => {
            let mut text = String::new();
            let _ = value.write_text(&mut text);
            Value::from(text)
        }
        AttributeValue::Array(items) => items.iter().map(plain).collect(),
        AttributeValue::Map(entries) => entries
            .iter()
            .map(|(key, value)| (key.as_str(), plain(value)))
            .collect(),
    }
}
