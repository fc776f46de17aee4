//! The mapping rules one by one, and whole recordings against an independent conversion of the same traces.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::{Value, json};

use super::{convert, read};

/// Converts a trace of one span with these fields laid over the usual ones.
fn converted(fields: &Value) -> Span {
    let mut span = json!({
        "traceID": "abc", "spanID": "1", "operationName": "op", "startTime": 10, "duration": 5, "processID": "p1",
    });
    span.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    let trace = json!({"spans": [span], "processes": {"p1": {"serviceName": "shop", "tags": []}}});
    let converted = convert(read(&trace.to_string()).unwrap());
    assert_eq!(converted.rejected, Vec::<String>::new());
    converted.resource_spans[0].scope_spans[0].spans[0].clone()
}

fn tag(key: &str, kind: &str, value: impl Into<Value>) -> Value {
    json!({"key": key, "type": kind, "value": value.into()})
}

fn attribute(list: &[KeyValue], key: &str) -> Option<Any> {
    list.iter()
        .find(|attribute| attribute.key == key)?
        .value
        .clone()?
        .value
}

#[test]
fn ids_times_and_flags() {
    let span = converted(&json!({"flags": 3}));
    assert_eq!(hex::encode(&span.trace_id), format!("{:0>32}", "abc"));
    assert_eq!(hex::encode(&span.span_id), "0000000000000001");
    assert_eq!(
        (span.start_time_unix_nano, span.end_time_unix_nano),
        (10_000, 15_000)
    );
    assert_eq!(span.flags, 1, "Jaeger's debug bit is another bit in OTLP");
}

#[test]
fn values_keep_their_types() {
    let span = converted(&json!({"tags": [
        tag("s", "string", "1"), tag("b", "bool", true), tag("i", "int64", i64::MAX), tag("i2", "int64", "-7"),
        tag("d", "float64", 1), tag("y", "binary", "AAE="), tag("odd", "int64", "x"), tag("none", "string", Value::Null),
        {"key": "bare", "value": 2.5}, {"key": "list", "value": [1]},
    ]}));
    let check = |key: &str, value: Option<Any>| {
        assert_eq!(attribute(&span.attributes, key), value, "{key}");
    };
    check("s", Some(Any::StringValue("1".into())));
    check("b", Some(Any::BoolValue(true)));
    check("i", Some(Any::IntValue(i64::MAX)));
    check("i2", Some(Any::IntValue(-7)));
    check("d", Some(Any::DoubleValue(1.0)));
    check("y", Some(Any::BytesValue(vec![0, 1])));
    check("odd", Some(Any::StringValue("x".into())));
    check("none", None);
    check("bare", Some(Any::DoubleValue(2.5)));
    check("list", Some(Any::StringValue("[1]".into())));
    assert_eq!(span.attributes.len(), 10);
}

#[test]
fn kind_is_taken_if_it_is_one() {
    for (text, kind) in [
        ("client", 3),
        ("server", 2),
        ("producer", 4),
        ("consumer", 5),
        ("internal", 1),
    ] {
        let span = converted(&json!({"tags": [tag("span.kind", "string", text)]}));
        assert_eq!((span.kind, span.attributes.len()), (kind, 0), "{text}");
    }
    let span = converted(&json!({"tags": [tag("span.kind", "string", "broker")]}));
    assert_eq!((span.kind, span.attributes.len()), (0, 1));
}

#[test]
fn status_comes_from_error_or_from_the_status_code() {
    let check = |tags: &[Value], code: Option<i32>, message: &str, left: usize| {
        let span = converted(&json!({"tags": tags}));
        assert_eq!(
            span.status.as_ref().map(|status| status.code),
            code,
            "{tags:?}"
        );
        assert_eq!(span.status.unwrap_or_default().message, message, "{tags:?}");
        assert_eq!(span.attributes.len(), left, "{tags:?}");
    };
    let (error, ok) = (
        tag("error", "bool", true),
        tag("otel.status_code", "string", "OK"),
    );
    let text = tag("otel.status_description", "string", "broke");
    check(&[], None, "", 0);
    check(std::slice::from_ref(&error), Some(2), "", 0);
    check(&[tag("error", "string", "true")], Some(2), "", 0);
    check(&[tag("error", "bool", false)], None, "", 1);
    check(std::slice::from_ref(&ok), Some(1), "", 0);
    check(
        &[tag("otel.status_code", "string", "ERROR"), text.clone()],
        Some(2),
        "broke",
        0,
    );
    check(&[error, ok, text.clone()], Some(2), "broke", 0);
    check(&[text], None, "", 1);
}

#[test]
fn the_parent_is_a_reference_inside_the_trace_and_the_others_are_links() {
    let reference = |kind: &str, trace: &str, span: &str| json!({"refType": kind, "traceID": trace, "spanID": span});
    let check = |references: &[Value], parent: &str, links: &[(&str, &str)]| {
        let span = converted(&json!({"references": references}));
        assert_eq!(hex::encode(&span.parent_span_id), parent, "{references:?}");
        let found: Vec<_> = span
            .links
            .iter()
            .map(|link| {
                let Some(Any::StringValue(kind)) =
                    attribute(&link.attributes, "opentracing.ref_type")
                else {
                    panic!()
                };
                (hex::encode(&link.span_id), kind)
            })
            .collect();
        let expected: Vec<_> = links
            .iter()
            .map(|(id, kind)| (format!("{id:0>16}"), (*kind).to_owned()))
            .collect();
        assert_eq!(found, expected, "{references:?}");
    };
    check(&[], "", &[]);
    check(
        &[reference("CHILD_OF", "ABC", "2")],
        "0000000000000002",
        &[],
    );
    check(
        &[
            reference("FOLLOWS_FROM", "abc", "3"),
            reference("CHILD_OF", "abc", "2"),
        ],
        "0000000000000002",
        &[("3", "follows_from")],
    );
    check(
        &[reference("FOLLOWS_FROM", "abc", "3")],
        "0000000000000003",
        &[("3", "follows_from")],
    );
    check(
        &[reference("CHILD_OF", "def", "2")],
        "",
        &[("2", "child_of")],
    );
    check(&[reference("CHILD_OF", "abc", "0")], "", &[]);
}

#[test]
fn the_parent_of_old_versions_is_taken() {
    assert_eq!(
        hex::encode(converted(&json!({"parentSpanID": "2"})).parent_span_id),
        "0000000000000002"
    );
    assert!(
        converted(&json!({"parentSpanID": "0"}))
            .parent_span_id
            .is_empty()
    );
}

#[test]
fn logs_warnings_and_trace_state() {
    let span = converted(&json!({
        "logs": [{"timestamp": 11, "fields": [tag("event", "string", "cache miss"), tag("key", "string", "k")]}],
        "warnings": ["clock skew"],
        "tags": [tag("w3c.tracestate", "string", "a=b")],
    }));
    assert_eq!(
        (span.events[0].time_unix_nano, span.events[0].name.as_str()),
        (11_000, "cache miss")
    );
    assert_eq!(span.events[0].attributes.len(), 1);
    assert_eq!(span.trace_state, "a=b");
    assert!(attribute(&span.attributes, "@jaeger@warnings").is_some());
}

#[test]
fn a_process_may_stand_in_the_span_or_be_missing() {
    let span = json!({"traceID": "1", "spanID": "1", "startTime": 1, "duration": 1, "process": {"serviceName": "own"}});
    let bare =
        json!({"traceID": "1", "spanID": "2", "startTime": 1, "duration": 1, "processID": "p9"});
    let converted = convert(read(&json!({"spans": [span, bare]}).to_string()).unwrap());
    let services: Vec<_> = converted
        .resource_spans
        .iter()
        .map(|resource| {
            resource
                .resource
                .as_ref()
                .map(|resource| resource.attributes.len())
                .unwrap()
        })
        .collect();
    assert_eq!((converted.spans, services.iter().sum::<usize>()), (2, 1));
}

const TESTDATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata");

/// A span with all that it inherits, in a form that does not hang on the order of lists without an order.
type Flat = (BTreeMap<String, Option<Any>>, String, Span);

fn flatten(request: &ExportTraceServiceRequest) -> BTreeMap<(Vec<u8>, Vec<u8>), Flat> {
    let mut flat = BTreeMap::new();
    for resource in &request.resource_spans {
        let Resource { attributes, .. } = resource.resource.clone().unwrap();
        let attributes: BTreeMap<_, _> = attributes
            .into_iter()
            .map(|kv| (kv.key, kv.value.and_then(|v| v.value)))
            .collect();
        for scope in &resource.scope_spans {
            let InstrumentationScope { name, version, .. } =
                scope.scope.clone().unwrap_or_default();
            for span in &scope.spans {
                let mut span = span.clone();
                // The other conversion keeps warnings as plain text under its own key.
                span.attributes
                    .retain(|kv| kv.key != "@jaeger@warnings" && kv.key != "jaeger.warning");
                span.attributes.sort_by(|a, b| a.key.cmp(&b.key));
                span.status = Some(span.status.unwrap_or_default());
                let id = (span.trace_id.clone(), span.span_id.clone());
                flat.insert(id, (attributes.clone(), format!("{name} {version}"), span));
            }
        }
    }
    flat
}

fn unpack(path: &str) -> Vec<u8> {
    let bytes = fs::read(format!("{TESTDATA}/{path}")).unwrap();
    let mut plain = Vec::new();
    zstd::Decoder::new(&bytes[..])
        .unwrap()
        .read_to_end(&mut plain)
        .unwrap();
    plain
}

#[test]
fn a_recording_is_what_an_independent_conversion_made_of_it() {
    let mut expected = ExportTraceServiceRequest::default();
    let stream = unpack("otlp/deathstarbench-all.cut.otlp.zst");
    let mut rest = &stream[..];
    while !rest.is_empty() {
        let request = ExportTraceServiceRequest::decode_length_delimited(&mut rest).unwrap();
        expected.resource_spans.extend(request.resource_spans);
    }
    let expected = flatten(&expected);
    let recording =
        String::from_utf8(unpack("jaeger/deathstarbench.cut.jaeger.ndjson.zst")).unwrap();
    let traces = recording
        .lines()
        .flat_map(|line| read(line).unwrap())
        .collect();
    let converted = convert(traces);
    let request = ExportTraceServiceRequest {
        resource_spans: converted.resource_spans,
    };
    let found = flatten(&request);
    assert_eq!(found.len() as u64, converted.spans);
    assert!(found.len() > 100);
    for (id, span) in &found {
        assert_eq!(Some(span), expected.get(id));
    }
}

/// The same trace as OTLP and as Jaeger's own UI shows it.
#[test]
fn what_jaegers_ui_shows_of_an_otlp_trace_comes_back() {
    let shown = fs::read_to_string(format!("{TESTDATA}/jaeger/ui-otlp-multi-out.json")).unwrap();
    let sent: Value = serde_json::from_str(
        &fs::read_to_string(format!("{TESTDATA}/jaeger/ui-otlp-multi-in.json")).unwrap(),
    )
    .unwrap();
    let converted = convert(read(&shown).unwrap());
    let mut found = BTreeMap::new();
    for scope in converted
        .resource_spans
        .iter()
        .flat_map(|resource| &resource.scope_spans)
    {
        let name = scope
            .scope
            .as_ref()
            .map(|scope| scope.name.clone())
            .unwrap();
        for span in &scope.spans {
            found.insert(
                hex::encode(&span.span_id),
                (
                    span.name.clone(),
                    hex::encode(&span.parent_span_id),
                    span.kind,
                    name.clone(),
                ),
            );
        }
    }
    let mut expected = BTreeMap::new();
    for scope in sent["resourceSpans"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|r| r["scopeSpans"].as_array().unwrap())
    {
        for span in scope["spans"].as_array().unwrap() {
            let text = |key: &str| span[key].as_str().unwrap_or_default().to_owned();
            let name = scope["scope"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            let kind = span["kind"].as_i64().unwrap_or(0) as i32;
            expected.insert(
                text("spanId"),
                (text("name"), text("parentSpanId"), kind, name),
            );
        }
    }
    assert_eq!(found, expected);
}
