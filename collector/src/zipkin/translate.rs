//! One Zipkin span to one OTLP span, and spans to groups.

use std::collections::HashMap;

use super::annotation::{Event, Scalar};
use super::model::{Endpoint, Fault, Span, Tag, TagValue};
use super::tags::Sorted;
use crate::decode::Translated;
use crate::failure::BodyError;
use crate::limits::PayloadLimits;
use crate::otlp::fields::{
    any_value, event, key_value, request, resource, resource_spans, scope, scope_spans, span,
    status,
};
use crate::protobuf::Writer;
use crate::rejected::Rejected;

/// Marks a span that came without a timestamp; the name is the OpenTelemetry Collector's.
const NO_TIMESTAMP: &str = "otel.zipkin.absentField.startTime";

/// A translation in the making.
pub(super) struct Translation<'l> {
    limits: &'l PayloadLimits,
    /// Spans met.
    spans: u64,
    rejected: Rejected,
    groups: Vec<Group>,
    /// Group of each resource and scope, by their encoding.
    group_of: HashMap<Vec<u8>, usize>,
    /// Group of the last span: the next one is mostly of the same.
    last: Option<(Vec<u8>, usize)>,
}

/// Spans of one resource and scope.
struct Group {
    /// `ResourceSpans.resource`, encoded.
    resource: Writer,
    /// `ScopeSpans.scope`, encoded.
    scope: Writer,
    /// `ScopeSpans.spans`, encoded with their keys.
    spans: Writer,
}

impl<'l> Translation<'l> {
    pub(super) fn new(limits: &'l PayloadLimits) -> Self {
        Self {
            limits,
            spans: 0,
            rejected: Rejected::default(),
            groups: Vec::new(),
            group_of: HashMap::new(),
            last: None,
        }
    }

    /// Takes the next span, or why it cannot be translated.
    ///
    /// # Errors
    /// When there are more spans than a payload may have.
    pub(super) fn push(&mut self, span: Result<Span<'_>, Fault>) -> Result<(), BodyError> {
        self.spans += 1;
        self.limits.check_spans(self.spans)?;
        match span {
            Ok(span) => self.write(&span),
            Err(Fault { name, reason }) => self.rejected.add(self.spans, &name, &reason),
        }
        Ok(())
    }

    /// The request.
    pub(super) fn finish(mut self) -> Translated {
        self.rejected.set_total(self.spans);
        let length = self.groups.iter().map(|group| group.spans.len() + 64).sum();
        let mut out = Writer::with_capacity(length);
        for group in self.groups {
            let of_resource = out.begin(request::RESOURCE_SPANS);
            out.bytes(resource_spans::RESOURCE, group.resource.as_bytes());
            let of_scope = out.begin(resource_spans::SCOPE_SPANS);
            out.bytes(scope_spans::SCOPE, group.scope.as_bytes());
            out.fields(group.spans.as_bytes());
            out.end(of_scope);
            out.end(of_resource);
        }
        Translated {
            otlp: out.finish(),
            rejected: self.rejected,
        }
    }

    fn write(&mut self, span: &Span<'_>) {
        let sorted = Sorted::new(span);
        let group = self.group(span, &sorted);
        write_span(&mut self.groups[group].spans, span, &sorted);
    }

    /// The group of `span`, a new one if it is the first of its resource and scope.
    fn group(&mut self, zipkin: &Span<'_>, sorted: &Sorted<'_>) -> usize {
        let mut of_resource = Writer::default();
        if !zipkin.local.service_name.is_empty() {
            text(
                &mut of_resource,
                resource::ATTRIBUTES,
                "service.name",
                &zipkin.local.service_name,
            );
        }
        for tag in &sorted.resource {
            if tag.key != "service.name" || zipkin.local.service_name.is_empty() {
                write_tag(&mut of_resource, resource::ATTRIBUTES, tag);
            }
        }
        let mut of_scope = Writer::default();
        of_scope.string(scope::NAME, sorted.scope_name);
        of_scope.string(scope::VERSION, sorted.scope_version);
        // No field begins with a zero byte, so it tells where the resource ends.
        let key = [of_resource.as_bytes(), &[0], of_scope.as_bytes()].concat();
        if let Some((last, group)) = &self.last
            && *last == key
        {
            return *group;
        }
        let groups = &mut self.groups;
        let group = *self.group_of.entry(key.clone()).or_insert_with(|| {
            groups.push(Group {
                resource: of_resource,
                scope: of_scope,
                spans: Writer::default(),
            });
            groups.len() - 1
        });
        self.last = Some((key, group));
        group
    }
}

fn write_span(out: &mut Writer, zipkin: &Span<'_>, sorted: &Sorted<'_>) {
    let open = out.begin(scope_spans::SPANS);
    out.bytes(span::TRACE_ID, &zipkin.trace_id.0);
    out.bytes(span::SPAN_ID, &zipkin.id.0);
    if let Some(parent) = zipkin.parent_id {
        out.bytes(span::PARENT_SPAN_ID, &parent.0);
    }
    if !sorted.trace_state.is_empty() {
        out.string(span::TRACE_STATE, sorted.trace_state);
    }
    out.string(span::NAME, &zipkin.name);
    out.integer(span::KIND, sorted.kind);
    write_times(out, zipkin);
    for tag in &sorted.attributes {
        write_tag(out, span::ATTRIBUTES, tag);
    }
    write_endpoint(out, zipkin, &zipkin.local, &LOCAL);
    write_endpoint(out, zipkin, &zipkin.remote, &REMOTE);
    write_flags(out, zipkin);
    zipkin
        .annotations
        .iter()
        .for_each(|a| write_event(out, a.time_ns, &a.value));
    for (field, count) in [
        (
            span::DROPPED_ATTRIBUTES_COUNT,
            sorted.dropped_attributes_count,
        ),
        (span::DROPPED_EVENTS_COUNT, sorted.dropped_events_count),
        (span::DROPPED_LINKS_COUNT, sorted.dropped_links_count),
    ] {
        if count > 0 {
            out.integer(field, count.into());
        }
    }
    let of_status = out.begin(span::STATUS);
    out.string(status::MESSAGE, sorted.status_message);
    out.integer(status::CODE, sorted.status_code);
    out.end(of_status);
    out.end(open);
}

/// The end is the wrapping sum, as a duration is the wrapping difference: it comes back as it was sent.
fn write_times(out: &mut Writer, zipkin: &Span<'_>) {
    let earliest = || {
        zipkin
            .annotations
            .iter()
            .map(|annotation| annotation.time_ns)
            .min()
    };
    let start = zipkin.timestamp_ns.or_else(earliest).unwrap_or(0);
    let end = start.wrapping_add(zipkin.duration_ns.unwrap_or(0));
    out.fixed64(span::START_TIME_UNIX_NANO, start);
    out.fixed64(span::END_TIME_UNIX_NANO, end);
}

fn write_flags(out: &mut Writer, zipkin: &Span<'_>) {
    for (key, set) in [
        ("zipkin.debug", zipkin.debug),
        ("zipkin.shared", zipkin.shared),
        (NO_TIMESTAMP, zipkin.timestamp_ns.is_none()),
    ] {
        if set {
            attribute(out, span::ATTRIBUTES, key, |value| {
                value.integer(any_value::BOOL, 1);
            });
        }
    }
}

/// Names of an endpoint's attributes, each with the one to take if a tag has the first with another value.
struct EndpointKeys {
    service_name: Option<(&'static str, &'static str)>,
    address: &'static str,
    ipv4: &'static str,
    ipv6: &'static str,
    port: (&'static str, &'static str),
}

const LOCAL: EndpointKeys = EndpointKeys {
    service_name: None,
    address: "network.local.address",
    ipv4: "zipkin.local_endpoint.ipv4",
    ipv6: "zipkin.local_endpoint.ipv6",
    port: ("network.local.port", "zipkin.local_endpoint.port"),
};
const REMOTE: EndpointKeys = EndpointKeys {
    service_name: Some(("peer.service", "zipkin.remote_endpoint.service_name")),
    address: "network.peer.address",
    ipv4: "zipkin.remote_endpoint.ipv4",
    ipv6: "zipkin.remote_endpoint.ipv6",
    port: ("network.peer.port", "zipkin.remote_endpoint.port"),
};

fn write_endpoint(
    out: &mut Writer,
    zipkin: &Span<'_>,
    endpoint: &Endpoint<'_>,
    keys: &EndpointKeys,
) {
    // The key to write a value under: none if a tag says the same already.
    let key = |(key, other): (&'static str, &'static str), value: &str| match zipkin
        .tags
        .iter()
        .find(|tag| tag.key == key)
    {
        None => Some(key),
        Some(tag) if tag.value.text() == Some(value) => None,
        Some(_) => Some(other),
    };
    if let Some(names) = keys.service_name
        && !endpoint.service_name.is_empty()
        && let Some(key) = key(names, &endpoint.service_name)
    {
        text(out, span::ATTRIBUTES, key, &endpoint.service_name);
    }
    let (address, other) = match (&*endpoint.ipv4, &*endpoint.ipv6) {
        ("", ipv6) => (ipv6, keys.ipv6),
        (ipv4, ipv6) => {
            if !ipv6.is_empty() {
                text(out, span::ATTRIBUTES, keys.ipv6, ipv6);
            }
            (ipv4, keys.ipv4)
        }
    };
    if !address.is_empty()
        && let Some(key) = key((keys.address, other), address)
    {
        text(out, span::ATTRIBUTES, key, address);
    }
    if endpoint.port != 0
        && let Some(key) = key(keys.port, &endpoint.port.to_string())
    {
        let port = endpoint.port as u64;
        attribute(out, span::ATTRIBUTES, key, |value| {
            value.integer(any_value::INT, port);
        });
    }
}

fn write_event(out: &mut Writer, time_ns: u64, annotation: &str) {
    let open = out.begin(span::EVENTS);
    out.fixed64(event::TIME_UNIX_NANO, time_ns);
    match Event::parse(annotation) {
        None => out.string(event::NAME, annotation),
        Some(parsed) => {
            out.string(event::NAME, &parsed.name);
            for (key, scalar) in &parsed.attributes {
                attribute(out, event::ATTRIBUTES, key, |value| match scalar {
                    Scalar::Text(text) => value.string(any_value::STRING, text),
                    Scalar::Bool(bool) => value.integer(any_value::BOOL, u64::from(*bool)),
                    Scalar::Int(int) => value.integer(any_value::INT, *int as u64),
                    Scalar::Double(double) => value.fixed64(any_value::DOUBLE, double.to_bits()),
                });
            }
        }
    }
    out.end(open);
}

fn write_tag(out: &mut Writer, field: u32, tag: &Tag<'_>) {
    attribute(out, field, &tag.key, |value| match &tag.value {
        TagValue::Text(text) => value.string(any_value::STRING, text),
        TagValue::Int(int) => value.integer(any_value::INT, *int as u64),
        TagValue::Double(double) => value.fixed64(any_value::DOUBLE, double.to_bits()),
        TagValue::Bytes(bytes) => value.bytes(any_value::BYTES, bytes),
    });
}

fn text(out: &mut Writer, field: u32, key: &str, text: &str) {
    attribute(out, field, key, |value| {
        value.string(any_value::STRING, text);
    });
}

/// Writes a `KeyValue` as field `field`; `write` writes the field of its `AnyValue`.
fn attribute(out: &mut Writer, field: u32, key: &str, write: impl FnOnce(&mut Writer)) {
    let open = out.begin(field);
    out.string(key_value::KEY, key);
    let value = out.begin(key_value::VALUE);
    write(out);
    out.end(value);
    out.end(open);
}
