//! What each reader makes of whole, broken and large files.

use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use serde_json::{Value, json};

use super::*;

#[derive(Default)]
struct Collected {
    bodies: Vec<Body>,
    rejected: Vec<String>,
}

impl Sink for Collected {
    fn body(&mut self, body: Body) -> anyhow::Result<()> {
        self.bodies.push(body);
        Ok(())
    }

    fn rejected(&mut self, why: String) {
        self.rejected.push(why);
    }
}

impl Collected {
    fn spans(&self) -> u64 {
        self.bodies.iter().map(|body| body.spans).sum()
    }
}

fn attempt(format: Format, bytes: &[u8]) -> (Collected, Result<(), String>) {
    let mut collected = Collected::default();
    let result = read(format, &mut &*bytes, &mut collected);
    (collected, result.map_err(|error| format!("{error:#}")))
}

fn collected(format: Format, bytes: &[u8]) -> Collected {
    let (collected, result) = attempt(format, bytes);
    result.unwrap();
    collected
}

/// A request of one span a resource, whose names are `name_bytes` long.
fn request(spans: usize, name_bytes: usize) -> ExportTraceServiceRequest {
    let span = Span {
        name: "n".repeat(name_bytes),
        span_id: vec![1; 8],
        trace_id: vec![2; 16],
        ..Span::default()
    };
    let scope = ScopeSpans {
        spans: vec![span],
        ..ScopeSpans::default()
    };
    let resource = ResourceSpans {
        scope_spans: vec![scope],
        ..ResourceSpans::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![resource; spans],
    }
}

fn stream(requests: &[ExportTraceServiceRequest]) -> Vec<u8> {
    requests
        .iter()
        .flat_map(Message::encode_length_delimited_to_vec)
        .collect()
}

#[test]
fn a_stream_gives_its_messages_as_they_are() {
    let requests = [request(2, 3), request(1, 500)];
    let collected = collected(Format::OtlpStream, &stream(&requests));
    let bytes: Vec<_> = collected
        .bodies
        .iter()
        .map(|body| body.bytes.to_vec())
        .collect();
    assert_eq!(bytes, requests.map(|request| request.encode_to_vec()));
    assert_eq!(collected.spans(), 3);
}

#[test]
fn a_stream_that_is_cut_off_gives_what_was_before() {
    let whole = stream(&[request(2, 3), request(1, 500)]);
    let first = request(2, 3).encode_length_delimited_to_vec().len();
    for cut in first + 1..whole.len() {
        let (collected, result) = attempt(Format::OtlpStream, &whole[..cut]);
        assert_eq!(collected.spans(), 2, "cut at {cut}");
        assert!(result.unwrap_err().starts_with("message 2"), "cut at {cut}");
    }
}

#[test]
fn a_length_that_is_none_is_refused() {
    assert!(
        attempt(Format::OtlpStream, &[0xff; 20])
            .1
            .unwrap_err()
            .contains("no varint")
    );
    let huge = [&[0xff, 0xff, 0xff, 0xff, 0xff, 0x01][..], b"x"].concat();
    assert!(
        attempt(Format::OtlpStream, &huge)
            .1
            .unwrap_err()
            .contains("too long")
    );
}

#[test]
fn a_large_request_is_cut_between_resources_and_loses_nothing() {
    let request = request(40, 1 << 20);
    let collected = collected(Format::OtlpProtobuf, &request.encode_to_vec());
    assert!(collected.bodies.len() > 1);
    let merged =
        collected
            .bodies
            .iter()
            .fold(ExportTraceServiceRequest::default(), |mut all, body| {
                assert!(body.bytes.len() <= BODY_BYTES_MAX);
                all.merge(&body.bytes[..]).unwrap();
                all
            });
    assert!(merged == request);
}

fn otlp_json_resource(spans: usize) -> Value {
    json!({"scopeSpans": [{"spans": vec![json!({"name": "a"}); spans]}, {}]})
}

#[test]
fn otlp_json_comes_as_one_document_or_one_a_line() {
    let document = |spans| json!({"resourceSpans": [otlp_json_resource(spans), {}]}).to_string();
    let lines = format!("{}\n{}\n\n", document(2), document(3));
    let collected = collected(Format::OtlpJson, lines.as_bytes());
    assert_eq!(
        collected
            .bodies
            .iter()
            .map(|body| body.spans)
            .collect::<Vec<_>>(),
        [2, 3]
    );
    assert_eq!(collected.bodies[0].bytes, document(2));
}

#[test]
fn the_answer_of_jaegers_api_is_unwrapped() {
    let text = json!({"result": {"resourceSpans": [otlp_json_resource(4)]}}).to_string();
    let collected = collected(Format::OtlpJson, text.as_bytes());
    assert_eq!(collected.spans(), 4);
    let sent: Value = serde_json::from_slice(&collected.bodies[0].bytes).unwrap();
    assert_eq!(sent["resourceSpans"][0], otlp_json_resource(4));
}

#[test]
fn broken_json_says_which_document() {
    let (collected, result) = attempt(
        Format::OtlpJson,
        b"{\"resourceSpans\":[]}\n{\"resourceSpans\":[",
    );
    assert_eq!(collected.bodies.len(), 1);
    assert!(result.unwrap_err().starts_with("JSON document 2"));
    assert!(
        attempt(Format::OtlpJson, b"{}")
            .1
            .unwrap_err()
            .contains("no `resourceSpans`")
    );
}

#[test]
fn zipkin_spans_go_to_the_door_of_their_version() {
    let v1 = json!({"traceId": "1", "id": "2", "annotations": [{"endpoint": {}, "value": "sr"}]});
    let old = json!({"traceId": "1", "id": "4", "binaryAnnotations": []});
    let either = json!({"traceId": "1", "id": "5", "annotations": []});
    let v2 = json!({"traceId": "1", "id": "3", "tags": {}, "annotations": [{"timestamp": 1, "value": "x"}]});
    let text = json!([[v1, v2], [old, either]]).to_string();
    let collected = collected(Format::Zipkin, text.as_bytes());
    let sent = |door| {
        let body = collected
            .bodies
            .iter()
            .find(|body| body.door == door)
            .unwrap();
        (
            body.spans,
            serde_json::from_slice::<Value>(&body.bytes).unwrap(),
        )
    };
    assert_eq!(sent(Door::ZipkinV1), (3, json!([v1, old, either])));
    assert_eq!(sent(Door::ZipkinV2), (1, json!([v2])));
}

#[test]
fn many_zipkin_spans_are_cut_into_requests() {
    let span = json!({"traceId": "1", "id": "3", "name": "n".repeat(1000)});
    let text = json!(vec![span; 5_000]).to_string();
    let collected = collected(Format::Zipkin, text.as_bytes());
    assert!(collected.bodies.len() > 1);
    assert_eq!(collected.spans(), 5_000);
    for body in &collected.bodies {
        assert_eq!(
            serde_json::from_slice::<Vec<Value>>(&body.bytes)
                .unwrap()
                .len() as u64,
            body.spans
        );
    }
}

#[test]
fn jaeger_documents_are_put_together_and_bad_spans_counted() {
    let span = json!({"traceID": "1", "spanID": "2", "operationName": "a", "startTime": 1, "duration": 1, "processID": "p1"});
    let bad = json!({"traceID": "xyz", "spanID": "2", "startTime": 1, "duration": 1});
    let trace =
        json!({"traceID": "1", "spans": [span, bad], "processes": {"p1": {"serviceName": "s"}}});
    let lines = format!("{}\n{}\n", json!({"data": [trace]}), trace);
    let collected = collected(Format::Jaeger, lines.as_bytes());
    assert_eq!(
        (
            collected.bodies.len(),
            collected.spans(),
            collected.rejected.len()
        ),
        (1, 2, 2)
    );
    assert!(
        collected.rejected[0].contains("`xyz` is not a trace id"),
        "{}",
        collected.rejected[0]
    );
}
