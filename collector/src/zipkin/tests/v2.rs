//! JSON of version 2, and the limits of both formats of it.

use super::*;

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
fn json_single() {
    let json = testdata("zipkin/v2-single.json");
    let (request, _) = v2(std::str::from_utf8(&json).unwrap()).unwrap();
    insta::assert_snapshot!(render(&request));
}

#[test]
fn json_of_all_fields() {
    insta::assert_snapshot!(v2_span(
        r#","parentId":"1","kind":"PRODUCER","name":"get","timestamp":1,"duration":2,
        "localEndpoint":{"serviceName":"a","ipv4":"10.0.0.1","ipv6":"::1","port":80},
        "remoteEndpoint":{"serviceName":"b","ipv4":"10.0.0.2","ipv6":"::2","port":8080},
        "annotations":[{"timestamp":3,"value":"foo"},{"timestamp":4,"value":"\"e\":{\"k\":1}"}],
        "tags":{"k":"v","k2":"","é":"\n"},"debug":true,"shared":true"#
    ));
}

#[test]
fn json_from_opentelemetrys_exporters() {
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
fn json_shared_and_64_bit_ids() {
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
