//! Translations are checked against the table in the module's documentation, by hand where there is a snapshot.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::decode::Translated;
use crate::failure::BodyError;
use crate::limits::PayloadLimits;
use crate::rejected::Rejected;
use crate::testing::{render, testdata};

const IDS: &str = r#""traceId":"463ac35c9f6413ad48485a3953bb6124","id":"a2fb4a1d1a96d312""#;

fn read(translated: Translated) -> (ExportTraceServiceRequest, Rejected) {
    let request =
        ExportTraceServiceRequest::decode(translated.otlp).expect("what we write is OTLP");
    (request, translated.rejected)
}

fn v2(json: &str) -> Result<(ExportTraceServiceRequest, Rejected), BodyError> {
    json_v2::translate(json.as_bytes(), &PayloadLimits::default()).map(read)
}

fn v1(json: &[u8]) -> (ExportTraceServiceRequest, Rejected) {
    read(json_v1::translate(json, &PayloadLimits::default()).unwrap())
}

fn spans(request: &ExportTraceServiceRequest) -> Vec<&Span> {
    let scopes = request
        .resource_spans
        .iter()
        .flat_map(|group| &group.scope_spans);
    scopes.flat_map(|scope| &scope.spans).collect()
}

/// The v2 span with valid ids and the members `members`, as text.
fn v2_span(members: &str) -> String {
    let (request, rejected) = v2(&format!("[{{{IDS}{members}}}]")).unwrap();
    assert_eq!(rejected.count(), 0, "{rejected}");
    render(&request)
}

/// Why the v2 span with valid ids and the members `members` is rejected.
fn v2_fault(members: &str) -> String {
    let (request, rejected) = v2(&format!(r#"[{{{IDS},"name":"n"{members}}}]"#)).unwrap();
    assert_eq!((spans(&request).len(), rejected.count()), (0, 1));
    rejected
        .to_string()
        .split_once("(\"n\"): ")
        .unwrap()
        .1
        .to_owned()
}

#[test]
fn v2_json_single() {
    let json = testdata("zipkin/v2-single.json");
    let (request, _) = v2(std::str::from_utf8(&json).unwrap()).unwrap();
    insta::assert_snapshot!(render(&request));
}

#[test]
fn v2_json_of_all_fields() {
    insta::assert_snapshot!(v2_span(
        r#","parentId":"1","kind":"PRODUCER","name":"get","timestamp":1,"duration":2,
        "localEndpoint":{"serviceName":"a","ipv4":"10.0.0.1","ipv6":"::1","port":80},
        "remoteEndpoint":{"serviceName":"b","ipv4":"10.0.0.2","ipv6":"::2","port":8080},
        "annotations":[{"timestamp":3,"value":"foo"},{"timestamp":4,"value":"\"e\":{\"k\":1}"}],
        "tags":{"k":"v","k2":"","é":"\n"},"debug":true,"shared":true"#
    ));
}

#[test]
fn v2_json_from_opentelemetrys_exporters() {
    insta::assert_snapshot!(v2_span(
        r#","kind":"SERVER","timestamp":1,"localEndpoint":{"serviceName":"shop"},
        "tags":{"telemetry.sdk.name":"opentelemetry","service.name":"shop","service.version":"1.7.0",
            "service.peer.name":"bank","host.name":"h","http.route":"/pay",
            "otel.scope.name":"flask","otel.scope.version":"0.66b1",
            "otel.library.name":"flask","otel.library.version":"other",
            "otel.status_code":"ERROR","error":"no money","w3c.tracestate":"a=b",
            "otel.dropped_attributes_count":"1","otel.dropped_events_count":"2",
            "otel.dropped_links_count":"x"},
        "annotations":[{"timestamp":2,"value":"{\"not found\": {\"id\": 206, \"retry\": false}}"}]"#
    ));
}

#[test]
fn v2_json_shared_and_64_bit_ids() {
    let json = r#"[
        {"traceId":"48485a3953bb6124","id":"1","kind":"CLIENT","localEndpoint":{"serviceName":"a"}},
        {"traceId":"48485A3953BB6124","id":"1","kind":"SERVER","shared":true,"localEndpoint":{"serviceName":"b"}},
        {"traceId":"000000000000000048485a3953bb6124","id":"3"},
        {"traceId":"48485a3953bb6124","id":"2","parentId":"0000000000000000","localEndpoint":{"serviceName":"a"}}
    ]"#;
    let (request, rejected) = v2(json).unwrap();
    insta::assert_snapshot!(format!("{}{rejected}", render(&request)));
}

#[test]
fn status() {
    for (tags, status, left) in [
        (r#""error":"""#, Some(r#"Error """#), None),
        (r#""error":"true""#, Some(r#"Error """#), None),
        (r#""error":true"#, Some(r#"Error """#), None),
        (r#""error":"boom""#, Some(r#"Error "boom""#), None),
        (r#""error":"false""#, None, Some(r#"error = "false""#)),
        (r#""otel.status_code":"OK""#, Some(r#"Ok """#), None),
        (r#""otel.status_code":"Ok""#, Some(r#"Ok """#), None),
        (
            r#""otel.status_code":"STATUS_CODE_ERROR""#,
            Some(r#"Error """#),
            None,
        ),
        (r#""otel.status_code":"UNSET""#, None, None),
        (
            r#""otel.status_code":"UNSET","error":"x""#,
            None,
            Some(r#"error = "x""#),
        ),
        (
            r#""otel.status_code":"OK","error":"x""#,
            Some(r#"Ok """#),
            Some(r#"error = "x""#),
        ),
        (
            r#""otel.status_code":"?""#,
            None,
            Some(r#"otel.status_code = "?""#),
        ),
        (
            r#""otel.status_code":"ERROR","error":"x""#,
            Some(r#"Error "x""#),
            None,
        ),
        (
            r#""otel.status_code":"ERROR","error":"x","otel.status_description":"y""#,
            Some(r#"Error "y""#),
            Some(r#"error = "x""#),
        ),
        (
            r#""otel.status_code":"ERROR","error":"true","otel.status_description":"y""#,
            Some(r#"Error "y""#),
            None,
        ),
        (
            r#""otel.status_description":"y""#,
            None,
            Some(r#"otel.status_description = "y""#),
        ),
    ] {
        let text = v2_span(&format!(r#","timestamp":1,"tags":{{{tags}}}"#));
        let found = text
            .lines()
            .find_map(|line| line.trim().strip_prefix("status "));
        assert_eq!(found, status, "{tags}");
        let mut attributes = text.lines().filter(|line| line.contains(" = "));
        assert_eq!(attributes.next().map(str::trim), left, "{tags}");
        assert_eq!(attributes.next(), None, "{tags}");
    }
}

#[test]
fn kinds() {
    for (members, kind, left) in [
        ("", "Internal", false),
        (r#","kind":null"#, "Internal", false),
        (r#","kind":"CLIENT""#, "Client", false),
        (r#","kind":"SERVER""#, "Server", false),
        (r#","kind":"PRODUCER""#, "Producer", false),
        (r#","kind":"consumer""#, "Consumer", false),
        (r#","tags":{"span.kind":"client"}"#, "Client", false),
        (r#","tags":{"span.kind":"internal"}"#, "Internal", false),
        (r#","tags":{"span.kind":"x"}"#, "Internal", true),
        (
            r#","kind":"SERVER","tags":{"span.kind":"client"}"#,
            "Server",
            true,
        ),
    ] {
        let text = v2_span(members);
        assert!(
            text.contains(&format!("span \"\" {kind} ")),
            "{members}: {text}"
        );
        assert_eq!(text.contains("span.kind = "), left, "{members}: {text}");
    }
    let fault = v2_fault(r#","kind":"WEIRD""#);
    assert_eq!(
        fault,
        r#""WEIRD" is none of CLIENT, SERVER, PRODUCER, CONSUMER"#
    );
}

#[test]
fn times_are_exact() {
    let times = |members: &str| {
        let text = v2_span(members);
        let line = text.lines().find_map(|line| line.strip_prefix("    at "));
        (
            line.unwrap().to_owned(),
            text.contains("absentField.startTime"),
        )
    };
    for (members, expected, absent) in [
        (
            r#","timestamp":1700709113918759,"duration":5"#,
            "1700709113918759000 for 5000",
            false,
        ),
        (
            r#","timestamp":1700709113918759.5,"duration":0"#,
            "1700709113918759500 for 0",
            false,
        ),
        (
            r#","timestamp":18446744073709551,"duration":1"#,
            "18446744073709551000 for 1000",
            false,
        ),
        (
            r#","timestamp":1,"duration":18446744073709551"#,
            "1000 for 18446744073709551000",
            false,
        ),
        (r#","timestamp":0.0015"#, "2 for 0", false),
        ("", "0 for 0", true),
        (r#","timestamp":0,"duration":7"#, "0 for 7000", true),
        (r#","timestamp":-5"#, "0 for 0", true),
        (
            r#","annotations":[{"timestamp":9,"value":"b"},{"timestamp":8,"value":"a"}]"#,
            "8000 for 0",
            true,
        ),
    ] {
        assert_eq!(times(members), (expected.to_owned(), absent), "{members}");
    }
    for timestamp in ["18446744073709552", "18446744073709551616", "1e300"] {
        assert_eq!(
            v2_fault(&format!(r#","timestamp":{timestamp}"#)),
            "timestamp is out of range"
        );
    }
}

#[test]
fn an_endpoint_yields_to_tags() {
    let text = v2_span(
        r#","timestamp":1,"remoteEndpoint":{"serviceName":"b","ipv6":"::2","port":80},
        "tags":{"peer.service":"bank","network.peer.address":"::2","network.peer.port":"8080"}"#,
    );
    let attributes: Vec<_> = text
        .lines()
        .filter(|line| line.contains(" = "))
        .map(str::trim)
        .collect();
    assert_eq!(
        attributes,
        [
            r#"peer.service = "bank""#,
            r#"network.peer.address = "::2""#,
            r#"network.peer.port = "8080""#,
            r#"zipkin.remote_endpoint.service_name = "b""#,
            "zipkin.remote_endpoint.port = int 80",
        ]
    );
}

#[test]
fn spans_of_one_service_are_one_group() {
    let span = |id: u8, service: &str| {
        format!(r#"{{"traceId":"1","id":"{id}","localEndpoint":{{"serviceName":"{service}"}}}}"#)
    };
    let json = [span(1, "a"), span(2, "b"), span(3, "a"), span(4, "b")].join(",");
    let (request, _) = v2(&format!("[{json}]")).unwrap();
    let ids = request.resource_spans.iter().map(|group| {
        let spans = &group.scope_spans[0].spans;
        spans.iter().map(|span| span.span_id[7]).collect::<Vec<_>>()
    });
    assert_eq!(ids.collect::<Vec<_>>(), [[1, 3], [2, 4]]);
}

#[test]
fn invalid_spans_are_rejected_alone() {
    let good = r#"{"traceId":"1","id":"1"}"#;
    for (bad, reason) in [
        (r#"{"traceId":"1"}"#, "id: `` is not a span id"),
        (r#"{"id":"1"}"#, "traceId: `` is not a trace id"),
        (
            r#"{"traceId":"0","id":"1"}"#,
            "traceId: `0` is not a trace id",
        ),
        (
            r#"{"traceId":"1","id":"zzzz"}"#,
            "id: `zzzz` is not a span id",
        ),
        (
            r#"{"traceId":"1","id":"11111111111111111"}"#,
            "is not a span id",
        ),
        (
            r#"{"traceId":"1","id":"1","parentId":"BADID"}"#,
            "parentId: `BADID` is not a span id",
        ),
    ] {
        let (request, rejected) = v2(&format!("[{good},{bad},{good}]")).unwrap();
        assert_eq!((spans(&request).len(), rejected.count()), (2, 1));
        let text = rejected.to_string();
        assert!(
            text.contains("span 2 (\"\"): ") && text.contains(reason),
            "{text}"
        );
    }
}

#[test]
fn malformed_json_is_refused_with_its_place() {
    for json in [
        "",
        "{}",
        "[",
        "[1]",
        "[{}]x",
        r#"[{"tags":[]}]"#,
        r#"[{"name":"\ud800"}]"#,
        &"[".repeat(100_000),
    ] {
        let error = v2(json).unwrap_err().to_string();
        assert!(
            error.starts_with("malformed Zipkin JSON: ") && error.contains("at line 1 "),
            "{error}"
        );
        assert!(
            json_v1::translate(json.as_bytes(), &PayloadLimits::default()).is_err()
                || json.contains("tags")
        );
    }
}

#[test]
fn null_is_no_member_and_unknown_members_are_passed_over() {
    let nulls = r#","name":null,"kind":null,"parentId":null,"timestamp":null,"duration":null,
        "localEndpoint":null,"remoteEndpoint":{"serviceName":null,"port":null},"annotations":null,
        "tags":null,"debug":null,"shared":null,"unknown":{"a":[1]}"#;
    assert_eq!(v2_span(nulls), v2_span(""));
}

#[test]
fn as_many_spans_as_the_limit_allows_and_no_more() {
    let json = br#"[{"traceId":"1","id":"1"},{},{"traceId":"1","id":"1"}]"#;
    let verdict = |spans_max| {
        let limits = PayloadLimits {
            spans_max,
            ..PayloadLimits::default()
        };
        json_v2::translate(json, &limits).map(drop)
    };
    assert_eq!(verdict(3), Ok(()));
    assert_eq!(
        verdict(2),
        Err(BodyError::TooMany {
            what: "spans",
            max: 2
        })
    );
}

#[test]
fn as_many_parts_as_the_limit_allows_and_no_more() {
    let max = crate::limits::ZIPKIN_PARTS_MAX;
    let v2_with = |count: usize| {
        let annotations = vec!["{}"; count].join(",");
        let json = format!(r#"[{{"traceId":"1","id":"1","annotations":[{annotations}]}}]"#);
        json_v2::translate(json.as_bytes(), &PayloadLimits::default()).is_ok()
    };
    assert!(v2_with(max) && !v2_with(max + 1));
    let proto_with = |count: usize| {
        let mut span = Vec::new();
        prost::encoding::bytes::encode(1, &vec![1u8; 16], &mut span);
        prost::encoding::bytes::encode(3, &vec![1u8; 8], &mut span);
        span.extend([0x52, 0].repeat(count));
        let mut list = Vec::new();
        prost::encoding::bytes::encode(1, &span, &mut list);
        proto_v2::translate(&list, &PayloadLimits::default()).is_ok()
    };
    assert!(proto_with(max) && !proto_with(max + 1));
}

#[test]
fn v1_json_of_the_collectors_tests() {
    let (request, rejected) = v1(&testdata("zipkin/v1-single-batch.json"));
    assert_eq!(rejected.count(), 0);
    insta::assert_snapshot!(render(&request));
}

#[test]
fn v1_json_with_a_bad_parent() {
    let (request, rejected) = v1(&testdata("zipkin/v1-error-batch.json"));
    insta::assert_snapshot!(format!("{}{rejected}", render(&request)));
}

#[test]
fn v1_json_local_component() {
    let (request, _) = v1(&testdata("zipkin/v1-local-component.json"));
    insta::assert_snapshot!(render(&request));
}

/// A v1 span of service `a` and `b` with the annotations `annotations` (time, value, service) and what else is given.
fn v1_span(annotations: &[(u64, &str, &str)], more: &str) -> String {
    let annotations = annotations.iter().map(|(time, value, service)| {
        format!(
            r#"{{"timestamp":{time},"value":"{value}","endpoint":{{"serviceName":"{service}"}}}}"#
        )
    });
    let annotations = annotations.collect::<Vec<_>>().join(",");
    let (request, rejected) =
        v1(format!(r#"[{{{IDS},"annotations":[{annotations}]{more}}}]"#).as_bytes());
    assert_eq!(rejected.count(), 0, "{rejected}");
    render(&request)
}

#[test]
fn v1_client_and_server_in_one_span() {
    let times = [
        (10, "cs", "a"),
        (12, "sr", "b"),
        (15, "ss", "b"),
        (20, "cr", "a"),
        (13, "x", "b"),
    ];
    let addresses = r#","timestamp":10,"duration":10,"binaryAnnotations":[
        {"key":"sa","value":true,"endpoint":{"serviceName":"b","ipv4":"1.2.3.4"}},
        {"key":"ca","value":true,"endpoint":{"serviceName":"a","port":9}},
        {"key":"http.path","value":"/","endpoint":{"serviceName":"b"}},
        {"key":"error","value":true,"endpoint":{"serviceName":"a"}}]"#;
    insta::assert_snapshot!(v1_span(&times, addresses));
}

#[test]
fn v1_a_service_that_calls_itself() {
    insta::assert_snapshot!(v1_span(
        &[
            (10, "cs", "a"),
            (12, "sr", "a"),
            (15, "ss", "a"),
            (20, "cr", "a")
        ],
        ""
    ));
}

#[test]
fn v1_spans_with_one_side() {
    let mut out = String::new();
    for (annotations, more) in [
        // A client, and one of which only the end was annotated.
        (&[(10, "cs", "a"), (20, "cr", "a")][..], ""),
        (&[(20, "cr", "a")][..], r#","timestamp":10,"duration":10"#),
        // A server that reports times of its own, and one that leaves them to its client.
        (
            &[(10, "sr", "a"), (20, "ss", "a")][..],
            r#","timestamp":10,"duration":10"#,
        ),
        (&[(10, "sr", "a"), (20, "ss", "a")][..], ""),
        // Incomplete ones.
        (&[(10, "sr", "a")][..], r#","timestamp":10"#),
        (&[(20, "cr", "a")][..], ""),
        // Times that run backwards.
        (&[(20, "cs", "a"), (10, "cr", "a")][..], ""),
    ] {
        out += &v1_span(annotations, more);
    }
    insta::assert_snapshot!(out);
}

#[test]
fn v1_messages() {
    let broker =
        r#","binaryAnnotations":[{"key":"ma","value":true,"endpoint":{"serviceName":"kafka"}}]"#;
    let mut out = v1_span(&[(10, "ms", "a"), (12, "ws", "a")], broker);
    out += &v1_span(&[(10, "wr", "b"), (12, "mr", "b")], broker);
    out += &v1_span(
        &[
            (10, "ms", "a"),
            (12, "ws", "a"),
            (14, "wr", "b"),
            (17, "mr", "b"),
        ],
        broker,
    );
    out += &v1_span(&[(10, "ms", "a"), (17, "mr", "a")], "");
    out += &v1_span(&[(10, "ws", "a"), (17, "wr", "a")], "");
    insta::assert_snapshot!(out);
}

#[test]
fn v1_addresses_without_annotations() {
    let address = |key: &str, service: &str| {
        format!(r#"{{"key":"{key}","value":true,"endpoint":{{"serviceName":"{service}"}}}}"#)
    };
    let with = |list: &[String]| {
        v1_span(
            &[],
            &format!(r#","timestamp":1,"binaryAnnotations":[{}]"#, list.join(",")),
        )
    };
    let mut out = with(&[address("ca", "a"), address("sa", "b")]);
    out += &with(&[address("sa", "b")]);
    out += &with(&[address("ca", "a")]);
    insta::assert_snapshot!(out);
}

/// Writes Thrift's binary protocol.
#[derive(Default)]
struct Thrift(Vec<u8>);

impl Thrift {
    fn field(&mut self, field_type: u8, id: i16, value: &[u8]) -> &mut Self {
        self.0.push(field_type);
        self.0.extend(id.to_be_bytes());
        self.0.extend(value);
        self
    }

    fn string(&mut self, id: i16, text: &[u8]) -> &mut Self {
        let length = (text.len() as i32).to_be_bytes();
        self.field(11, id, &[&length[..], text].concat())
    }

    fn structs(&mut self, id: i16, structs: &[Vec<u8>]) -> &mut Self {
        self.field(15, id, &list(structs))
    }

    fn end(&mut self) -> Vec<u8> {
        self.0.push(0);
        std::mem::take(&mut self.0)
    }
}

fn list(structs: &[Vec<u8>]) -> Vec<u8> {
    let count = (structs.len() as i32).to_be_bytes();
    [&[12][..], &count, &structs.concat()].concat()
}

fn thrift_span() -> Vec<u8> {
    let host = |service: &str| {
        let mut host = Thrift::default();
        host.field(8, 1, &[10, 0, 0, 1])
            .field(6, 2, &(-1i16).to_be_bytes());
        host.string(3, service.as_bytes())
            .string(4, &[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
            .end()
    };
    let annotation = |time: i64, value: &str| {
        Thrift::default()
            .field(10, 1, &time.to_be_bytes())
            .string(2, value.as_bytes())
            .field(12, 3, &host("a"))
            .end()
    };
    let binary = |key: &str, value: &[u8], annotation_type: i32| {
        Thrift::default()
            .string(1, key.as_bytes())
            .string(2, value)
            .field(8, 3, &annotation_type.to_be_bytes())
            .field(12, 4, &host(if key == "sa" { "b" } else { "a" }))
            .end()
    };
    let tags = [
        binary("sa", &[1], 0),
        binary("bytes", &[0xff], 1),
        binary("i16", &(-2i16).to_be_bytes(), 2),
        binary("i32", &(-3i32).to_be_bytes(), 3),
        binary("i64", &i64::MIN.to_be_bytes(), 4),
        binary("double", &0.5f64.to_be_bytes(), 5),
        binary("string", "é".as_bytes(), 6),
        binary("short", &[1], 4),
    ];
    Thrift::default()
        .field(10, 1, &1i64.to_be_bytes())
        .field(10, 12, &(-1i64).to_be_bytes())
        .string(3, b"get")
        .field(10, 4, &2i64.to_be_bytes())
        .field(10, 5, &3i64.to_be_bytes())
        .structs(
            6,
            &[
                annotation(10, "cs"),
                annotation(15, "x"),
                annotation(20, "cr"),
            ],
        )
        .structs(8, &tags)
        .field(2, 9, &[1])
        .field(10, 10, &10i64.to_be_bytes())
        .field(10, 11, &10i64.to_be_bytes())
        // What a later version might add.
        .field(
            13,
            99,
            &[
                11, 14, 0, 0, 0, 1, 0, 0, 0, 1, b'k', 8, 0, 0, 0, 1, 0, 0, 0, 0,
            ],
        )
        .end()
}

#[test]
fn v1_thrift_of_all_fields() {
    let payload = list(&[thrift_span()]);
    let (request, rejected) =
        read(thrift_v1::translate(&payload, &PayloadLimits::default()).unwrap());
    assert_eq!(rejected.count(), 0, "{rejected}");
    insta::assert_snapshot!(render(&request));
}

#[test]
fn v1_thrift_that_is_cut_or_lies_is_refused() {
    let payload = list(&[thrift_span()]);
    for length in 0..payload.len() {
        assert!(
            thrift_v1::translate(&payload[..length], &PayloadLimits::default()).is_err(),
            "{length}"
        );
    }
    let longer = [&payload[..], &[0]].concat();
    let many = [12, 0x7f, 0xff, 0xff, 0xff];
    let negative = [12, 0xff, 0xff, 0xff, 0xff];
    let strings = [11, 0, 0, 0, 1, 0, 0, 0, 0];
    let deep = [&[12, 0, 0, 0, 1][..], &[12, 0, 1].repeat(100_000)].concat();
    for payload in [&longer[..], &many, &negative, &strings, &deep] {
        assert!(thrift_v1::translate(payload, &PayloadLimits::default()).is_err());
    }
    let empty = thrift_v1::translate(&[12, 0, 0, 0, 0], &PayloadLimits::default());
    assert!(empty.is_ok());
}

/// Zipkin's messages as its .proto has them.
mod proto {
    use std::collections::BTreeMap;

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct ListOfSpans {
        #[prost(message, repeated, tag = "1")]
        pub(super) spans: Vec<Span>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Span {
        #[prost(bytes = "vec", tag = "1")]
        pub(super) trace_id: Vec<u8>,
        #[prost(bytes = "vec", tag = "2")]
        pub(super) parent_id: Vec<u8>,
        #[prost(bytes = "vec", tag = "3")]
        pub(super) id: Vec<u8>,
        #[prost(int32, tag = "4")]
        pub(super) kind: i32,
        #[prost(string, tag = "5")]
        pub(super) name: String,
        #[prost(fixed64, tag = "6")]
        pub(super) timestamp: u64,
        #[prost(uint64, tag = "7")]
        pub(super) duration: u64,
        #[prost(message, optional, tag = "8")]
        pub(super) local_endpoint: Option<Endpoint>,
        #[prost(message, optional, tag = "9")]
        pub(super) remote_endpoint: Option<Endpoint>,
        #[prost(message, repeated, tag = "10")]
        pub(super) annotations: Vec<Annotation>,
        #[prost(btree_map = "string, string", tag = "11")]
        pub(super) tags: BTreeMap<String, String>,
        #[prost(bool, tag = "12")]
        pub(super) debug: bool,
        #[prost(bool, tag = "13")]
        pub(super) shared: bool,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Endpoint {
        #[prost(string, tag = "1")]
        pub(super) service_name: String,
        #[prost(bytes = "vec", tag = "2")]
        pub(super) ipv4: Vec<u8>,
        #[prost(bytes = "vec", tag = "3")]
        pub(super) ipv6: Vec<u8>,
        #[prost(int32, tag = "4")]
        pub(super) port: i32,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Annotation {
        #[prost(fixed64, tag = "1")]
        pub(super) timestamp: u64,
        #[prost(string, tag = "2")]
        pub(super) value: String,
    }
}

fn proto_span() -> impl Strategy<Value = proto::Span> {
    let endpoint = || {
        let ipv4 = prop_oneof![Just(vec![]), proptest::collection::vec(1..=255u8, 4)];
        let ipv6 = prop_oneof![Just(vec![]), proptest::collection::vec(any::<u8>(), 16)];
        let endpoint = ("[a-z]{0,3}", ipv4, ipv6, 0..70_000i32).prop_map(
            |(service_name, ipv4, ipv6, port)| proto::Endpoint {
                service_name,
                ipv4,
                ipv6,
                port,
            },
        );
        proptest::option::of(endpoint)
    };
    let annotation = (1..1u64 << 50, ".{0,5}")
        .prop_map(|(timestamp, value)| proto::Annotation { timestamp, value });
    let id = |length: usize| proptest::collection::vec(1..=255u8, length);
    let ids = (
        prop_oneof![id(8), id(16)],
        id(8),
        prop_oneof![Just(vec![]), id(8)],
    );
    let numbers = (
        0..5i32,
        0..1u64 << 50,
        0..1u64 << 50,
        any::<bool>(),
        any::<bool>(),
    );
    let lists = (
        proptest::collection::vec(annotation, 0..3),
        proptest::collection::btree_map("[a-z.]{1,6}", ".{0,4}", 0..4),
    );
    (ids, numbers, ".{0,5}", endpoint(), endpoint(), lists).prop_map(
        |(ids, numbers, name, local_endpoint, remote_endpoint, (annotations, tags))| {
            let (trace_id, id, parent_id) = ids;
            let (kind, timestamp, duration, debug, shared) = numbers;
            proto::Span {
                trace_id,
                parent_id,
                id,
                kind,
                name,
                timestamp,
                duration,
                local_endpoint,
                remote_endpoint,
                annotations,
                tags,
                debug,
                shared,
            }
        },
    )
}

/// The same span in Zipkin's JSON.
fn to_json(span: &proto::Span) -> serde_json::Value {
    let endpoint = |endpoint: &Option<proto::Endpoint>| {
        endpoint.as_ref().map(|endpoint| {
            let ipv4 = <[u8; 4]>::try_from(&endpoint.ipv4[..]).map(std::net::Ipv4Addr::from);
            let ipv6 = <[u8; 16]>::try_from(&endpoint.ipv6[..]).map(std::net::Ipv6Addr::from);
            serde_json::json!({
                "serviceName": endpoint.service_name, "port": endpoint.port,
                "ipv4": ipv4.ok().map(|ip| ip.to_string()), "ipv6": ipv6.ok().map(|ip| ip.to_string()),
            })
        })
    };
    let kind = ["", "CLIENT", "SERVER", "PRODUCER", "CONSUMER"][span.kind as usize];
    let annotations = span.annotations.iter().map(|annotation| {
        serde_json::json!({ "timestamp": annotation.timestamp, "value": annotation.value })
    });
    serde_json::json!({
        "traceId": hex::encode(&span.trace_id), "id": hex::encode(&span.id),
        "parentId": hex::encode(&span.parent_id),
        "kind": kind,
        "name": span.name, "timestamp": span.timestamp, "duration": span.duration,
        "localEndpoint": endpoint(&span.local_endpoint), "remoteEndpoint": endpoint(&span.remote_endpoint),
        "annotations": annotations.collect::<Vec<_>>(), "tags": span.tags,
        "debug": span.debug, "shared": span.shared,
    })
}

proptest! {
    /// One span is the same in both formats.
    #[test]
    fn v2_protobuf_and_json_agree(spans in proptest::collection::vec(proto_span(), 0..4)) {
        let json = serde_json::Value::from(spans.iter().map(to_json).collect::<Vec<_>>()).to_string();
        let list = proto::ListOfSpans { spans }.encode_to_vec();
        let of_proto = proto_v2::translate(&list, &PayloadLimits::default()).unwrap();
        let of_json = json_v2::translate(json.as_bytes(), &PayloadLimits::default()).unwrap();
        prop_assert_eq!(render(&read(of_proto).0), render(&read(of_json).0));
    }

    #[test]
    fn v2_protobuf_gets_prosts_verdict(
        spans in proptest::collection::vec(proto_span(), 1..3),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut list = proto::ListOfSpans { spans }.encode_to_vec();
        let at = at.index(list.len());
        list[at] = byte;
        let expected = proto::ListOfSpans::decode(&list[..]);
        let found = proto_v2::translate(&list, &PayloadLimits::default());
        prop_assert_eq!(found.is_ok(), expected.is_ok());
        if let (Ok(found), Ok(expected)) = (found, expected) {
            let (request, rejected) = read(found);
            prop_assert_eq!(spans_and(&request, &rejected), expected.spans.len() as u64);
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), 0..16u8], 0..100)) {
        drop(thrift_v1::translate(&bytes, &PayloadLimits::default()));
        let as_list = [&[12, 0, 0, 0, 2][..], &bytes].concat();
        drop(thrift_v1::translate(&as_list, &PayloadLimits::default()));
        drop(proto_v2::translate(&bytes, &PayloadLimits::default()));
    }

    /// A mutated Thrift body is translated or refused, never a panic, and what is translated is OTLP.
    #[test]
    fn mutated_thrift_never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut payload = list(&[thrift_span(), thrift_span()]);
        let at = at.index(payload.len());
        payload[at] = byte;
        if let Ok(translated) = thrift_v1::translate(&payload, &PayloadLimits::default()) {
            read(translated);
        }
    }
}

fn spans_and(request: &ExportTraceServiceRequest, rejected: &Rejected) -> u64 {
    spans(request).len() as u64 + rejected.count()
}
