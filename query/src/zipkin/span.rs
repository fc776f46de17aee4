//! A span as Zipkin v2 JSON, by the rules of the OpenTelemetry specification, the other way round than spans of Zipkin come in.
//!
//! What had become an endpoint or a flag is one again. Other attributes of span and resource are tags, values that are not text
//! as their canonical text; where several have one key, that of the span counts. Service and span names are in lower case, as
//! Zipkin keeps them. Links have no place in Zipkin's model.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use clew_storage::attributes::AttributeType;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::ids;
use crate::rows::{Attribute, EventRow, SpanRow};
use crate::ser::{Hex, Seq};
use crate::trace::set::TraceSet;

/// Marks a span that came without a timestamp.
const NO_TIMESTAMP: &str = "otel.zipkin.absentField.startTime";
const SERVICE_NAME: &str = "service.name";
/// Where the names of the service on the other side stand, the first one first.
pub(super) const REMOTE_NAMES: [&str; 3] = [
    "zipkin.remote_endpoint.service_name",
    "peer.service",
    "service.peer.name",
];

/// An endpoint: keys of its parts, the first one that is there counts.
struct EndpointKeys {
    ipv4: &'static str,
    ipv6: &'static str,
    address: &'static str,
    port: [&'static str; 2],
}

const LOCAL: EndpointKeys = EndpointKeys {
    ipv4: "zipkin.local_endpoint.ipv4",
    ipv6: "zipkin.local_endpoint.ipv6",
    address: "network.local.address",
    port: ["zipkin.local_endpoint.port", "network.local.port"],
};
const REMOTE: EndpointKeys = EndpointKeys {
    ipv4: "zipkin.remote_endpoint.ipv4",
    ipv6: "zipkin.remote_endpoint.ipv6",
    address: "network.peer.address",
    port: ["zipkin.remote_endpoint.port", "network.peer.port"],
};

/// Attributes that are fields of a Zipkin span, not tags.
fn is_field(key: &str) -> bool {
    const FIELDS: [&str; 7] = [
        "network.local.address",
        "network.local.port",
        "network.peer.address",
        "network.peer.port",
        "zipkin.debug",
        "zipkin.shared",
        NO_TIMESTAMP,
    ];
    FIELDS.contains(&key)
        || REMOTE_NAMES.contains(&key)
        || key.starts_with("zipkin.local_endpoint.")
        || key.starts_with("zipkin.remote_endpoint.")
}

/// The spans of one trace, a list.
pub(super) struct Spans<'a>(pub(super) &'a TraceSet);

impl Serialize for Spans<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        self.0.each(|trace| {
            trace
                .rows
                .iter()
                .try_for_each(|row| seq.serialize_element(&ZipkinSpan(row)))
        })?;
        seq.end()
    }
}

/// A span, looked at as Zipkin does.
#[derive(Clone, Copy)]
pub(super) struct ZipkinSpan<'a>(pub(super) SpanRow<'a>);

impl<'a> ZipkinSpan<'a> {
    /// The service, in lower case, unless the span came without one.
    pub(super) fn local_service(self) -> Option<String> {
        let mut resource = self.0.resource_attributes();
        let named = resource.any(|attribute| attribute.key == SERVICE_NAME);
        named.then(|| self.0.service_name().to_lowercase())
    }

    /// The service on the other side, in lower case.
    pub(super) fn remote_service(self) -> Option<String> {
        let name = REMOTE_NAMES.iter().find_map(|key| self.text(key));
        name.map(str::to_lowercase)
    }

    /// The name in lower case.
    pub(super) fn name(self) -> String {
        self.0.name().to_lowercase()
    }

    /// Start, µs since the epoch, unless the span came without one.
    pub(super) fn timestamp_us(self) -> Option<u64> {
        let us = self.0.start_unix_nano() / 1_000;
        (us > 0 && !self.flag(NO_TIMESTAMP)).then_some(us)
    }

    /// Duration in µs, at least one; none if the span has none.
    pub(super) fn duration_us(self) -> Option<u64> {
        let ns = u64::try_from(self.0.duration_ns()).ok()?;
        (ns > 0).then(|| (ns / 1_000).max(1))
    }

    /// True for a span without a parent.
    pub(super) fn is_root(self) -> bool {
        self.0.parent_span_id().is_none()
    }

    /// The texts of the annotations.
    pub(super) fn annotations(self) -> impl Iterator<Item = Cow<'a, str>> {
        self.0.events().map(annotation)
    }

    /// The tags. With `fields` also those that are fields of a Zipkin span.
    pub(super) fn tags(self, fields: bool) -> BTreeMap<Cow<'a, str>, Cow<'a, str>> {
        let row = self.0;
        let mut tags = BTreeMap::new();
        let mut put = |key: Cow<'a, str>, value: Cow<'a, str>| {
            if let Entry::Vacant(entry) = tags.entry(key) {
                entry.insert(value);
            }
        };
        let own = row.attributes().filter(|a| fields || !is_field(a.key));
        let resource = row.resource_attributes().filter(|a| a.key != SERVICE_NAME);
        for attribute in own.chain(resource) {
            put(attribute.key.into(), attribute.text.into());
        }
        match row.status_code() {
            "ok" => put("otel.status_code".into(), "OK".into()),
            "error" => {
                put("otel.status_code".into(), "ERROR".into());
                let message = row.status_message();
                put(
                    "error".into(),
                    if message.is_empty() { "true" } else { message }.into(),
                );
            }
            _ => {}
        }
        for (key, text) in [
            ("otel.scope.name", row.scope_name()),
            ("otel.scope.version", row.scope_version()),
            ("w3c.tracestate", row.trace_state()),
        ] {
            if !text.is_empty() {
                put(key.into(), text.into());
            }
        }
        for (key, count) in [
            (
                "otel.dropped_attributes_count",
                row.dropped_attributes_count(),
            ),
            ("otel.dropped_events_count", row.dropped_events_count()),
            ("otel.dropped_links_count", row.dropped_links_count()),
        ] {
            if count > 0 {
                put(key.into(), count.to_string().into());
            }
        }
        tags
    }

    fn find(self, key: &str) -> Option<Attribute<'a>> {
        self.0.attributes().find(|attribute| attribute.key == key)
    }

    fn text(self, key: &str) -> Option<&'a str> {
        self.find(key)
            .map(|attribute| attribute.text)
            .filter(|text| !text.is_empty())
    }

    fn flag(self, key: &str) -> bool {
        self.text(key) == Some("true")
    }

    fn endpoint(self, service: Option<String>, keys: &EndpointKeys) -> Map<String, Value> {
        let mut endpoint = Map::new();
        if let Some(service) = service {
            endpoint.insert("serviceName".to_owned(), service.into());
        }
        let address = self.text(keys.address);
        let is_v6 = |address: &&str| address.contains(':');
        let ipv4 = self.text(keys.ipv4).or(address.filter(|a| !is_v6(a)));
        let ipv6 = self.text(keys.ipv6).or(address.filter(is_v6));
        for (name, text) in [("ipv4", ipv4), ("ipv6", ipv6)] {
            if let Some(text) = text {
                endpoint.insert(name.to_owned(), text.into());
            }
        }
        let port = keys.port.iter().find_map(|key| self.text(key));
        if let Some(port) = port.and_then(|port| port.parse::<u16>().ok()) {
            endpoint.insert("port".to_owned(), port.into());
        }
        endpoint
    }

    fn kind(self) -> Option<&'static str> {
        match self.0.kind() {
            "server" => Some("SERVER"),
            "client" => Some("CLIENT"),
            "producer" => Some("PRODUCER"),
            "consumer" => Some("CONSUMER"),
            _ => None,
        }
    }
}

impl Serialize for ZipkinSpan<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let row = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("traceId", &ids::text(row.trace_id()))?;
        if let Some(parent) = row.parent_span_id() {
            map.serialize_entry("parentId", &Hex(parent))?;
        }
        map.serialize_entry("id", &Hex(row.span_id()))?;
        if let Some(kind) = self.kind() {
            map.serialize_entry("kind", kind)?;
        }
        if !row.name().is_empty() {
            map.serialize_entry("name", &self.name())?;
        }
        if let Some(us) = self.timestamp_us() {
            map.serialize_entry("timestamp", &us)?;
        }
        if let Some(us) = self.duration_us() {
            map.serialize_entry("duration", &us)?;
        }
        let local = self.endpoint(self.local_service(), &LOCAL);
        let remote = self.endpoint(self.remote_service(), &REMOTE);
        for (name, endpoint) in [("localEndpoint", local), ("remoteEndpoint", remote)] {
            if !endpoint.is_empty() {
                map.serialize_entry(name, &endpoint)?;
            }
        }
        if row.events().len() > 0 {
            map.serialize_entry("annotations", &Seq(|| row.events().map(Annotation)))?;
        }
        let tags = self.tags(false);
        if !tags.is_empty() {
            map.serialize_entry("tags", &tags)?;
        }
        for (name, key) in [("debug", "zipkin.debug"), ("shared", "zipkin.shared")] {
            if self.flag(key) {
                map.serialize_entry(name, &true)?;
            }
        }
        map.end()
    }
}

struct Annotation<'a>(EventRow<'a>);

impl Serialize for Annotation<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("timestamp", &(self.0.time() as u64 / 1_000))?;
        map.serialize_entry("value", &annotation(self.0))?;
        map.end()
    }
}

/// An event's name; with attributes `"name": {…}`, as OpenTelemetry writes it.
fn annotation(event: EventRow<'_>) -> Cow<'_, str> {
    if event.attributes().len() == 0 {
        return event.name().into();
    }
    let mut attributes = Map::new();
    for attribute in event.attributes() {
        let known = attributes.entry(attribute.key);
        known.or_insert_with(|| scalar(attribute));
    }
    let name = Value::from(event.name());
    format!("{name}:{}", Value::Object(attributes)).into()
}

/// A value as JSON; what JSON has no form for is its canonical text.
fn scalar(attribute: Attribute<'_>) -> Value {
    let text = attribute.text;
    let value = match attribute.kind {
        AttributeType::Bool => text.parse::<bool>().ok().map(Value::from),
        AttributeType::Int => text.parse::<i64>().ok().map(Value::from),
        AttributeType::Double => text
            .parse::<f64>()
            .ok()
            .and_then(serde_json::Number::from_f64)
            .map(Value::from),
        _ => None,
    };
    value.unwrap_or_else(|| text.into())
}
