//! What the tests of several modules use.

use std::fmt::Write;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;

/// The file `name` of the repository's test data.
pub(crate) fn testdata(name: &str) -> Vec<u8> {
    let path = format!("{}/../testdata/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// `request` as text that a person can check: a line a resource and scope, a span, an attribute, an event.
pub(crate) fn render(request: &ExportTraceServiceRequest) -> String {
    let mut out = String::new();
    for group in &request.resource_spans {
        for scope_spans in &group.scope_spans {
            out.push_str("resource\n");
            let resource = group.resource.as_ref().unwrap();
            render_attributes(&mut out, "  ", &resource.attributes);
            let scope = scope_spans.scope.as_ref().unwrap();
            if !scope.name.is_empty() || !scope.version.is_empty() {
                writeln!(out, "  scope {:?} {:?}", scope.name, scope.version).unwrap();
            }
            scope_spans
                .spans
                .iter()
                .for_each(|span| render_span(&mut out, span));
        }
    }
    out
}

fn render_span(out: &mut String, span: &Span) {
    let ids = [&span.trace_id, &span.span_id, &span.parent_span_id].map(hex::encode);
    let duration = span
        .end_time_unix_nano
        .wrapping_sub(span.start_time_unix_nano);
    writeln!(
        out,
        "  span {:?} {:?} {}",
        span.name,
        span.kind(),
        ids.join("/")
    )
    .unwrap();
    writeln!(out, "    at {} for {duration}", span.start_time_unix_nano).unwrap();
    let status = span.status.as_ref().unwrap();
    if status.code != 0 || !status.message.is_empty() {
        writeln!(out, "    status {:?} {:?}", status.code(), status.message).unwrap();
    }
    if !span.trace_state.is_empty() {
        writeln!(out, "    tracestate {:?}", span.trace_state).unwrap();
    }
    let dropped = [
        span.dropped_attributes_count,
        span.dropped_events_count,
        span.dropped_links_count,
    ];
    if dropped != [0; 3] {
        writeln!(out, "    dropped {dropped:?}").unwrap();
    }
    render_attributes(out, "    ", &span.attributes);
    for event in &span.events {
        writeln!(
            out,
            "    event {:?} at {}",
            event.name, event.time_unix_nano
        )
        .unwrap();
        render_attributes(out, "      ", &event.attributes);
    }
}

fn render_attributes(out: &mut String, indent: &str, attributes: &[KeyValue]) {
    for KeyValue { key, value, .. } in attributes {
        writeln!(
            out,
            "{indent}{key} = {}",
            render_value(value.as_ref().unwrap())
        )
        .unwrap();
    }
}

fn render_value(value: &AnyValue) -> String {
    match value.value.as_ref().unwrap() {
        Value::StringValue(text) => format!("{text:?}"),
        Value::BoolValue(value) => format!("bool {value}"),
        Value::IntValue(value) => format!("int {value}"),
        Value::DoubleValue(value) => format!("double {value}"),
        Value::BytesValue(bytes) => format!("bytes {bytes:?}"),
        other => format!("{other:?}"),
    }
}
