//! JSON of version 1.

use super::*;

#[test]
fn json_of_the_collectors_tests() {
    let (request, rejected) = v1(&testdata("zipkin/v1-single-batch.json"));
    assert_eq!(rejected.count(), 0);
    insta::assert_snapshot!(render(&request));
}

#[test]
fn json_with_a_bad_parent() {
    let (request, rejected) = v1(&testdata("zipkin/v1-error-batch.json"));
    insta::assert_snapshot!(format!("{}{rejected}", render(&request)));
}

#[test]
fn json_local_component() {
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
fn client_and_server_in_one_span() {
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
fn a_service_that_calls_itself() {
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
fn spans_with_one_side() {
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
fn messages() {
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
fn addresses_without_annotations() {
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
