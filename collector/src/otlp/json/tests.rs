use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use super::*;

/// What `json` is as a request, and what was rejected.
fn translated(json: &str) -> Result<(ExportTraceServiceRequest, Rejected), String> {
    let translated =
        translate(&Bytes::copy_from_slice(json.as_bytes())).map_err(|e| e.to_string())?;
    let request =
        ExportTraceServiceRequest::decode(translated.otlp).expect("what we write is OTLP");
    Ok((request, translated.rejected))
}

/// The spans of the request with the one span that has valid ids and the members `members`.
fn span(members: &str) -> Result<Vec<Span>, String> {
    let ids = r#""traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174""#;
    let json =
        format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{ids}{members}}}]}}]}}]}}"#);
    let (mut request, rejected) = translated(&json)?;
    let spans = std::mem::take(&mut request.resource_spans[0].scope_spans[0].spans);
    assert_eq!(spans.is_empty(), rejected.count() == 1);
    Ok(spans)
}

/// The value of the attribute with the JSON value `json`.
fn value(json: &str) -> Result<Option<Value>, String> {
    let mut spans = span(&format!(r#","attributes":[{{"key":"k","value":{json}}}]"#))?;
    let attribute = spans.remove(0).attributes.remove(0);
    assert_eq!(attribute.key, "k");
    Ok(attribute.value.unwrap_or_default().value)
}

#[test]
fn every_field_is_read() {
    let json = r#"{"resourceSpans":[{
        "resource":{"attributes":[{"key":"r","value":{"stringValue":"v"}}],"droppedAttributesCount":1},
        "schemaUrl":"ru",
        "scopeSpans":[{
            "scope":{"name":"n","version":"v","attributes":[{"key":"s"}],"droppedAttributesCount":2},
            "schemaUrl":"su",
            "spans":[{
                "traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174",
                "parentSpanId":"eee19b7ec3c1b173","traceState":"a=b","flags":257,"name":"s","kind":2,
                "startTimeUnixNano":"1544712660000000000","endTimeUnixNano":1544712661000000001,
                "attributes":[{"key":"a","value":{"boolValue":true}}],"droppedAttributesCount":3,
                "events":[{"timeUnixNano":"5","name":"e","attributes":[{"key":"b"}],"droppedAttributesCount":4}],
                "droppedEventsCount":5,
                "links":[{"traceId":"01","spanId":"","traceState":"c=d","attributes":[{"key":"c"}],
                    "droppedAttributesCount":6,"flags":7}],
                "droppedLinksCount":8,
                "status":{"message":"m","code":"STATUS_CODE_ERROR"}
            }]
        }]
    }]}"#;
    insta::assert_debug_snapshot!(translated(json).unwrap().0);
}

#[test]
fn integers_lose_no_digit() {
    for (json, expected) in [
        (r#""9223372036854775807""#, i64::MAX),
        ("9223372036854775807", i64::MAX),
        ("-9223372036854775808", i64::MIN),
        ("1e3", 1000),
        ("9007199254740992.0", 1 << 53),
    ] {
        let found = value(&format!(r#"{{"intValue":{json}}}"#));
        assert_eq!(found, Ok(Some(Value::IntValue(expected))), "{json}");
    }
    for json in [
        "9223372036854775808",
        "1.5",
        "9007199254740994.0",
        r#""1.0""#,
        r#""""#,
        "true",
        "[]",
    ] {
        let error = value(&format!(r#"{{"intValue":{json}}}"#)).unwrap_err();
        assert!(
            error.starts_with("malformed OTLP/JSON: ") && error.contains("at line 1 column"),
            "{error}"
        );
    }
}

#[test]
fn times_take_all_of_64_bits() {
    let spans = span(
        r#","startTimeUnixNano":"18446744073709551615","endTimeUnixNano":18446744073709551615"#,
    );
    let read = spans.unwrap().remove(0);
    assert_eq!(
        [read.start_time_unix_nano, read.end_time_unix_nano],
        [u64::MAX; 2]
    );
    assert!(span(r#","startTimeUnixNano":"-1""#).is_err());
    assert!(span(r#","startTimeUnixNano":18446744073709551616"#).is_err());
}

#[test]
fn doubles_are_exact_and_have_three_special_values() {
    for (json, expected) in [
        ("0.1", 0.1),
        ("5", 5.0),
        ("-0.0", -0.0),
        (r#""2.5e-3""#, 2.5e-3),
        ("5e-324", 5e-324),
        ("1.7976931348623157e308", f64::MAX),
        ("123456789012345680.0", 123_456_789_012_345_680.0),
        (r#""NaN""#, f64::NAN),
        (r#""Infinity""#, f64::INFINITY),
        (r#""-Infinity""#, f64::NEG_INFINITY),
    ] {
        let Ok(Some(Value::DoubleValue(found))) = value(&format!(r#"{{"doubleValue":{json}}}"#))
        else {
            panic!("{json}");
        };
        assert_eq!(found.to_bits(), f64::to_bits(expected), "{json}");
    }
    for json in [r#""inf""#, r#""nan""#, r#""x""#, r#""1e999""#] {
        assert!(
            value(&format!(r#"{{"doubleValue":{json}}}"#)).is_err(),
            "{json}"
        );
    }
}

#[test]
fn bytes_are_base64_of_either_alphabet() {
    for json in ["AAH/", "AAH_"] {
        let found = value(&format!(r#"{{"bytesValue":"{json}"}}"#));
        assert_eq!(found, Ok(Some(Value::BytesValue(vec![0, 1, 255]))));
    }
    for json in ["AA==", "AA"] {
        let found = value(&format!(r#"{{"bytesValue":"{json}"}}"#));
        assert_eq!(found, Ok(Some(Value::BytesValue(vec![0]))));
    }
    assert!(value(r#"{"bytesValue":"!"}"#).is_err());
}

#[test]
fn nested_values() {
    let text = |text: &str| AnyValue {
        value: Some(Value::StringValue(text.into())),
    };
    let json = r#"{"arrayValue":{"values":[{"stringValue":""},{},{"kvlistValue":{"values":[{"key":"x","value":{"stringValue":"é\n"}}]}}]}}"#;
    let entry = KeyValue {
        key: "x".into(),
        value: Some(text("é\n")),
        ..KeyValue::default()
    };
    let map = Value::KvlistValue(KeyValueList {
        values: vec![entry],
    });
    let values = vec![text(""), AnyValue::default(), AnyValue { value: Some(map) }];
    assert_eq!(
        value(json),
        Ok(Some(Value::ArrayValue(ArrayValue { values })))
    );
    let empty = Value::ArrayValue(ArrayValue::default());
    assert_eq!(value(r#"{"arrayValue":{}}"#), Ok(Some(empty)));
}

#[test]
fn null_is_no_member() {
    for json in [
        r#"{"stringValue":null}"#,
        r#"{"arrayValue":null}"#,
        r#"{"boolValue":null}"#,
        "{}",
        "null",
    ] {
        assert_eq!(value(json), Ok(None), "{json}");
    }
    let bare = span("").unwrap();
    let members = r#","parentSpanId":null,"links":null,"status":null,"kind":null,"flags":null,"events":[null]"#;
    let mut with_null = span(members).unwrap();
    with_null[0].events.clear();
    assert_eq!(with_null, bare);
    assert!(translated("null").is_err());
}

#[test]
fn unknown_members_and_snake_case_are_passed_over() {
    let json = r#","x":{"a":[1,{"b":null}]},"start_time_unix_nano":"5","\u006eame":"escaped""#;
    let span = span(json).unwrap().remove(0);
    assert_eq!((span.start_time_unix_nano, &*span.name), (0, "escaped"));
}

#[test]
fn enums_are_numbers_or_names() {
    for (json, kind) in [
        ("3", 3),
        (r#""SPAN_KIND_CLIENT""#, 3),
        ("99", 99),
        ("-1", -1),
    ] {
        assert_eq!(span(&format!(r#","kind":{json}"#)).unwrap()[0].kind, kind);
    }
    assert_eq!(span(r#","kind":"CLIENT""#), Ok(vec![]));
    assert!(span(r#","kind":1.5"#).is_err());
    assert!(span(r#","kind":2147483648"#).is_err());
}

#[test]
fn spans_without_valid_ids_are_rejected_alone() {
    let with =
        |trace: &str, span: &str| format!(r#"{{"traceId":{trace},"spanId":{span},"name":"n"}}"#);
    let good = with(
        r#""5B8EFFF798038103D269B633813FC60C""#,
        r#""EEE19B7EC3C1B174""#,
    );
    let zero = format!("{:?}", "0".repeat(32));
    for (bad, reason) in [
        (
            with(r#""xyz""#, r#""EEE19B7EC3C1B174""#),
            r#""xyz" is not a valid id"#,
        ),
        (
            with(r#""AAECAwQFBgcICQoLDA0ODw==""#, r#""EEE19B7EC3C1B174""#),
            "is not a valid id",
        ),
        (with(&zero, r#""EEE19B7EC3C1B174""#), "is not a valid id"),
        (
            with(r#""5B8EFFF798038103D269B633813FC60C""#, r#""EEE1""#),
            "is not a valid id",
        ),
        (with("null", r#""EEE19B7EC3C1B174""#), "traceId is missing"),
        (
            r#"{"traceId":"5B8EFFF798038103D269B633813FC60C","name":"n"}"#.into(),
            "spanId is missing",
        ),
        ("{}".into(), "traceId is missing"),
    ] {
        let json = format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{good},{bad},{good}]}}]}}]}}"#
        );
        let (request, rejected) = translated(&json).unwrap();
        assert_eq!(request.resource_spans[0].scope_spans[0].spans.len(), 2);
        assert_eq!(rejected.count(), 1);
        let text = rejected.to_string();
        assert!(
            text.contains("span 2 (") && text.ends_with(reason),
            "{text}"
        );
    }
    for members in [r#","parentSpanId":"00""#, r#","links":[{"traceId":"x"}]"#] {
        assert_eq!(span(members), Ok(vec![]), "{members}");
    }
}

#[test]
fn malformed_json_is_refused_with_its_place() {
    for json in [
        "",
        "{",
        "[]",
        "{}x",
        r#"{"resourceSpans":{}}"#,
        r#"{"resourceSpans":[{"schemaUrl":"\ud800"}]}"#,
        r#"{"resourceSpans":[{"schemaUrl":5}]}"#,
        &"[".repeat(100_000),
        &r#"{"resourceSpans":["#.repeat(20_000),
    ] {
        let error = translated(json).unwrap_err();
        assert!(error.contains("at line 1 column "), "{error}");
    }
    let invalid = Bytes::from_static(b"{\"a\":\"\xff\"}");
    assert!(translate(&invalid).is_err());
}

#[test]
fn values_nest_to_the_limit_and_not_beyond() {
    // Eight objects and arrays lead to the attribute's value, which is one itself, and three to each value inside of another.
    let nested = |depth: usize| {
        let open = r#"{"arrayValue":{"values":["#.repeat(depth);
        value(&format!("{open}{{}}{}", "]}}".repeat(depth)))
    };
    assert!(nested(39).is_ok());
    assert!(nested(40).unwrap_err().contains("recursion limit exceeded"));
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    assert!(translated("\u{feff}{}").is_ok());
}
