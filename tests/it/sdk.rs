//! Real SDKs send a known trace through their own exporters; it comes back as they sent it. The programs are in `tests/sdk`.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::json::Json;
use crate::support::query::{self, Reader};
use crate::support::server::Server;
use crate::support::span::{Attributes, Span, Value};

/// Start of the root span, ns.
const START: u64 = 1_790_000_000_123_456_789;

#[test]
fn python_sdk_spans_come_back() {
    check("python", 8);
}

#[test]
fn node_sdk_spans_come_back() {
    check("node", 5);
}

#[test]
#[ignore = "builds a Go program: cargo test --test it -- --ignored go_sdk"]
fn go_sdk_spans_come_back() {
    check("go", 3);
}

#[test]
#[ignore = "needs Java and Maven: cargo test --test it -- --ignored java_sdk"]
fn java_sdk_spans_come_back() {
    check("java", 4);
}

/// Runs the program of `language` and reads back what each of its exporters sent, hot, after a crash and from segments.
fn check(language: &str, exporters: usize) {
    let server = Server::start(&[("STORAGE_EPOCH_AGE", "1h")]);
    let sent = send(language, &server);
    assert_eq!(sent.len(), exporters, "{sent:?}");
    check_all(&server, language, &sent);
    let mut data = server.kill();
    data.set(&[("STORAGE_EPOCH_AGE", "1s")]);
    let server = data.start();
    server.wait_until_flushed();
    check_all(&server, language, &sent);
}

/// Protocol and trace id of each trace that the program sent.
fn send(language: &str, server: &Server) -> Vec<(String, String)> {
    let to = server.addresses();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/sdk/{language}/run.sh"));
    // The binary lies in <target>/<profile>/, and the SDKs are installed beside the profiles.
    let target = Path::new(env!("CARGO_BIN_EXE_clew"))
        .ancestors()
        .nth(2)
        .expect("a target folder");
    let output = Command::new(script)
        .env("CARGO_TARGET_DIR", target)
        .env("CLEW_OTLP_GRPC", format!("http://{}", to.otlp_grpc))
        .env("CLEW_OTLP_HTTP", format!("http://{}", to.otlp_http))
        .env("CLEW_ZIPKIN", format!("http://{}", to.zipkin))
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{language}: {}\n{stderr}",
        output.status
    );
    let stdout = String::from_utf8(output.stdout).expect("UTF-8");
    let line = |line: &str| {
        let json = Json::parse(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        (
            json.at("protocol").text().to_owned(),
            json.at("trace_id").text().to_owned(),
        )
    };
    stdout.lines().map(line).collect()
}

#[track_caller]
fn check_all(server: &Server, language: &str, sent: &[(String, String)]) {
    let mut reader = Reader::new(server.addresses().http);
    for (protocol, id) in sent {
        let spans = reader.trace(id);
        assert_eq!(spans.len(), 2, "{protocol} {id}: {spans:#?}");
        match protocol.as_str() {
            "zipkin" => check_zipkin(language, &spans),
            _ if protocol.starts_with("py-zipkin") => check_py_zipkin(protocol, &spans),
            _ => check_otlp(language, protocol, &spans),
        }
    }
    let services = query::services(server.addresses().http);
    assert!(
        services.contains(&format!("sdk-{language}")),
        "{services:?}"
    );
}

#[track_caller]
fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans
        .iter()
        .find(|span| span.name == name)
        .unwrap_or_else(|| panic!("no `{name}` in {spans:#?}"))
}

fn sorted(attributes: &Attributes) -> Attributes {
    let mut sorted = attributes.clone();
    sorted.sort();
    sorted
}

fn pair(first: Value, second: Value) -> Value {
    Value::Array(vec![first, second])
}

/// Attributes of the root span, sorted. JavaScript has no integer as large as `huge`.
fn root_attributes(language: &str) -> Attributes {
    let mut attributes: Attributes = vec![
        ("text".into(), Value::string("naïve café 😀")),
        ("yes".into(), Value::Bool(true)),
        ("no".into(), Value::Bool(false)),
        ("big".into(), Value::Int((1 << 53) - 1)),
        ("double".into(), Value::double(0.1)),
        ("texts".into(), pair(Value::string("a"), Value::string("ü"))),
        ("ints".into(), pair(Value::Int(1), Value::Int(2))),
        (
            "doubles".into(),
            pair(Value::double(0.5), Value::double(1.5)),
        ),
        ("bools".into(), pair(Value::Bool(true), Value::Bool(false))),
    ];
    if language != "node" {
        attributes.push(("huge".into(), Value::Int(i64::MIN)));
    }
    attributes.sort();
    attributes
}

fn resource_attributes(language: &str) -> Attributes {
    vec![
        (
            "service.name".into(),
            Value::string(format!("sdk-{language}")),
        ),
        ("shard".into(), Value::Int(7)),
        ("team".into(), Value::string("tracing")),
    ]
}

#[track_caller]
fn check_otlp(language: &str, protocol: &str, spans: &[Span]) {
    let (root, child) = (named(spans, "checkout ☕"), named(spans, "query items"));
    let what = format!("{language} by {protocol}: {root:#?}");
    assert_eq!(
        (root.kind, root.start, root.end),
        (2, START, START + 1_500_000_000),
        "{what}"
    );
    assert_eq!(
        (root.status_code, root.status_message.as_str()),
        (2, "boom"),
        "{what}"
    );
    assert_eq!(root.parent_span_id, Vec::<u8>::new(), "{what}");
    assert_eq!(
        sorted(&root.attributes),
        root_attributes(language),
        "{what}"
    );
    assert_eq!(
        sorted(&root.resource.attributes),
        resource_attributes(language),
        "{what}"
    );
    assert_eq!(
        (root.scope.name.as_str(), root.scope.version.as_str()),
        ("known", "1.2.3"),
        "{what}"
    );
    assert_eq!(
        root.scope.schema_url, "https://opentelemetry.io/schemas/1.30.0",
        "{what}"
    );
    if language == "go" {
        assert_eq!(
            root.scope.attributes,
            [("library".into(), Value::string("yes"))],
            "{what}"
        );
    }
    check_events_and_links(language, root);
    let times = (START + 3_000_001, START + 5_000_003);
    assert_eq!(
        (child.kind, (child.start, child.end), child.status_code),
        (3, times, 1),
        "{child:#?}"
    );
    assert_eq!(child.parent_span_id, root.span_id);
    assert_eq!(
        child.attributes,
        [(
            "db.query.text".into(),
            Value::string("SELECT *\nFROM items")
        )]
    );
}

#[track_caller]
fn check_events_and_links(language: &str, root: &Span) {
    let [miss, exception] = root.events.as_slice() else {
        panic!("two events: {root:#?}")
    };
    assert_eq!(
        (miss.name.as_str(), miss.time),
        ("cache miss", START + 1_000_000)
    );
    let wanted: Attributes = vec![
        ("hit".into(), Value::Bool(false)),
        ("key".into(), Value::string("k1")),
    ];
    assert_eq!(sorted(&miss.attributes), wanted);
    assert_eq!(
        (exception.name.as_str(), exception.time),
        ("exception", START + 2_000_000)
    );
    let message = ("exception.message".to_owned(), Value::string("bad ☠ value"));
    assert!(exception.attributes.contains(&message), "{exception:#?}");
    let [link] = root.links.as_slice() else {
        panic!("one link: {root:#?}")
    };
    assert_eq!(
        hex::encode(&link.trace_id),
        "0af7651916cd43dd8448eb211c80319c"
    );
    assert_eq!(hex::encode(&link.span_id), "b7ad6b7169203331");
    assert_eq!(link.attributes, [("why".into(), Value::string("retry"))]);
    // Java's exporter is the only one that sends it.
    assert_eq!(
        link.trace_state,
        if language == "java" { "vendor=x" } else { "" }
    );
}

/// Zipkin has microseconds; exporters cut or round, and Node sends fractions.
#[track_caller]
fn assert_near(time: u64, wanted: u64) {
    assert!(time.abs_diff(wanted) < 1_000, "{time} is not near {wanted}");
}

#[track_caller]
fn check_zipkin(language: &str, spans: &[Span]) {
    let (root, child) = (named(spans, "checkout ☕"), named(spans, "query items"));
    assert_eq!((root.kind, child.kind), (2, 3));
    assert_near(root.start, START);
    assert_near(root.end, START + 1_500_000_000);
    assert_near(child.start, START + 3_000_001);
    assert_eq!(
        (root.status_code, root.status_message.as_str()),
        (2, "boom"),
        "{root:#?}"
    );
    assert_eq!(
        (child.status_code, child.status_message.as_str()),
        (1, ""),
        "{child:#?}"
    );
    assert_eq!(child.parent_span_id, root.span_id);
    for (key, value) in [
        ("text", "naïve café 😀"),
        ("yes", "true"),
        ("big", "9007199254740991"),
        ("double", "0.1"),
    ] {
        let tag = (key.to_owned(), Value::string(value));
        assert!(
            root.attributes.contains(&tag),
            "{tag:?} is not in {root:#?}"
        );
    }
    let service = (
        "service.name".to_owned(),
        Value::string(format!("sdk-{language}")),
    );
    assert!(root.resource.attributes.contains(&service), "{root:#?}");
    let [miss, exception] = root.events.as_slice() else {
        panic!("two events: {root:#?}")
    };
    assert!(
        miss.name.contains("cache miss") && exception.name.contains("exception"),
        "{root:#?}"
    );
    assert_near(miss.time, START + 1_000_000);
}

#[track_caller]
fn check_py_zipkin(protocol: &str, spans: &[Span]) {
    let (root, inner) = (named(spans, "report ☕"), named(spans, "inner"));
    let what = format!("{protocol}: {root:#?}");
    assert_eq!(
        (root.kind, root.status_code, root.status_message.as_str()),
        (2, 2, "boom"),
        "{what}"
    );
    assert!(
        root.end > root.start && root.start > 1_700_000_000_000_000_000,
        "{what}"
    );
    assert!(
        root.attributes
            .contains(&("text".into(), Value::string("naïve café 😀"))),
        "{what}"
    );
    let service = ("service.name".to_owned(), Value::string("sdk-py-zipkin"));
    assert!(root.resource.attributes.contains(&service), "{what}");
    assert_eq!(inner.parent_span_id, root.span_id, "{what}");
    let [event] = inner.events.as_slice() else {
        panic!("one annotation: {inner:#?}")
    };
    assert_eq!(
        (event.name.as_str(), event.time),
        ("half way", 1_790_000_000_250_000_000)
    );
}
