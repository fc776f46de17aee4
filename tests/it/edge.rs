//! Bodies that are odd or broken on purpose: each gets the verdict that it deserves, nothing of a refused one is stored, what
//! is accepted comes back as sent, and the server keeps running within its memory.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;

use flate2::Compression;

use crate::support::corpus::testdata;
use crate::support::http::{self, Response};
use crate::support::json::Json;
use crate::support::query::{self, Reader};
use crate::support::server::Server;
use crate::support::span::{self, Span};
use crate::support::{otlp, otlp_json, tar};

/// Memory that the server may use at most while it takes these bodies one after the other, bytes.
const MEMORY_MAX: u64 = 500_000_000;

/// The same under parallel bombs: bodies in flight may hold 256 MiB, some more while they grow, and the allocator keeps
/// what they held for a while. Without a limit they would take 7.5 GiB.
const MEMORY_MAX_BOMBED: u64 = 1_000_000_000;

/// One body and what should become of it.
struct Case {
    file: String,
    headers: Vec<(String, String)>,
    expect: String,
    note: String,
    body: Vec<u8>,
}

/// What became of a body.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Verdict {
    Accepted,
    /// Accepted in part; so many spans were rejected.
    Partial(u64),
    Refused(u16),
}

impl Case {
    fn is_zipkin(&self) -> bool {
        self.file.starts_with("zipkin_")
    }

    fn send(&self, server: &Server) -> Response {
        let to = server.addresses();
        let (address, path) = if self.is_zipkin() {
            (to.zipkin, "/api/v2/spans")
        } else {
            (to.otlp_http, "/v1/traces")
        };
        let headers: Vec<(&str, &str)> = self
            .headers
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        http::request(address, "POST", path, &headers, &self.body)
    }

    /// Whether the verdict is right. Where the specifications leave room, the choice is this:
    /// spans with ids that OTLP/JSON cannot read are rejected one by one or with their body; nothing of them is stored.
    fn allows(&self, verdict: Verdict) -> bool {
        match (self.file.as_str(), self.expect.as_str(), verdict) {
            // A byte order mark may be refused; the note says so.
            ("json_bom.json", _, Verdict::Refused(400))
            // snake_case members are unknown, so the spans in them are not seen, or their ids are missing.
            // A lenient receiver replaces a lone surrogate, and takes a tag that is no string as its text.
            | (
                "json_snake_case.json" | "json_lone_surrogate.json" | "zipkin_tags_not_strings.json",
                _,
                Verdict::Accepted,
            )
            | (_, "accept", Verdict::Accepted)
            | (_, "partial", Verdict::Partial(1))
            | (_, "reject", Verdict::Refused(400 | 413)) => true,
            (file, "reject", Verdict::Partial(_)) => {
                file.starts_with("json_ids_") || file == "json_snake_case.json"
            }
            _ => false,
        }
    }
}

fn cases() -> Vec<Case> {
    let entries = tar::read(&testdata().join("edge/made.tar.zst"));
    let index = entries
        .iter()
        .find(|entry| entry.name() == "index.jsonl")
        .expect("an index");
    let lines = std::str::from_utf8(&index.bytes).expect("UTF-8").lines();
    lines
        .map(|line| {
            let line = Json::parse(line).expect("a line of JSON");
            let text = |name| line.at(name).text().to_owned();
            let body = entries
                .iter()
                .find(|entry| entry.name() == text("file"))
                .expect("a body");
            let mut headers = vec![("content-type".to_owned(), text("content_type"))];
            if !text("content_encoding").is_empty() {
                headers.push(("content-encoding".to_owned(), text("content_encoding")));
            }
            let body = body.bytes.clone();
            Case {
                file: text("file"),
                headers,
                expect: text("expect"),
                note: text("note"),
                body,
            }
        })
        .collect()
}

fn verdict(answer: &Response) -> Verdict {
    match answer.status {
        200 | 202 => match rejected(answer) {
            0 => Verdict::Accepted,
            count => Verdict::Partial(count),
        },
        status => Verdict::Refused(status),
    }
}

/// `partial_success.rejected_spans` of an answer in JSON or protobuf.
fn rejected(answer: &Response) -> u64 {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
    use prost::Message;
    if answer
        .header("content-type")
        .is_some_and(|kind| kind.contains("json"))
        && !answer.body.is_empty()
    {
        let json = Json::parse(&answer.text()).expect("an answer in JSON");
        let partial = json
            .get("partialSuccess")
            .and_then(|partial| partial.get("rejectedSpans"));
        return partial.map_or(0, Json::count);
    }
    if answer.status == 202 {
        return 0;
    }
    let answer =
        ExportTraceServiceResponse::decode(answer.body.as_slice()).expect("an answer in protobuf");
    answer.partial_success.map_or(0, |partial| {
        partial.rejected_spans.try_into().expect("not negative")
    })
}

#[test]
fn every_edge_body_gets_its_verdict() {
    let mut server = Server::start(&[("STORAGE_EPOCH_AGE", "1h")]);
    let mut wrong = Vec::new();
    let mut stored = 0;
    let mut accepted: BTreeMap<String, Vec<Span>> = BTreeMap::new();
    for case in cases() {
        let answer = case.send(&server);
        let verdict = verdict(&answer);
        if !case.allows(verdict) {
            wrong.push(format!(
                "{}: {verdict:?}, {} ({}): {}",
                case.file,
                case.expect,
                case.note,
                answer.text()
            ));
        }
        assert!(server.is_alive(), "{} ended the server", case.file);
        let now = query::span_count(server.addresses().http);
        if matches!(verdict, Verdict::Refused(_)) {
            assert_eq!(now, stored, "{} was refused and yet stored", case.file);
        } else if let Some(spans) = readable(&case) {
            assert_eq!(
                now - stored,
                spans.len() as u64,
                "{}: spans stored",
                case.file
            );
            for (id, spans) in span::by_trace(spans) {
                accepted.entry(id).or_default().extend(spans);
            }
        }
        stored = now;
    }
    assert!(
        wrong.is_empty(),
        "{} wrong verdicts:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    check_accepted(&server, &accepted);
    assert!(
        server.peak_rss() < MEMORY_MAX,
        "{} bytes",
        server.peak_rss()
    );
    let server = server.kill().start();
    check_accepted(&server, &accepted);
    let server = server.stop().start();
    check_accepted(&server, &accepted);
}

/// The valid spans of a body that an independent reader can read.
fn readable(case: &Case) -> Option<Vec<Span>> {
    if case.is_zipkin() || !case.headers.iter().all(|(name, _)| name == "content-type") {
        return None;
    }
    let spans = if case.headers[0].1 == "application/json" {
        let text = std::str::from_utf8(&case.body).ok()?;
        otlp_json::spans(&Json::parse(text).ok()?).ok()?
    } else {
        otlp::decode(&case.body).ok()?
    };
    Some(spans.into_iter().filter(Span::is_valid).collect())
}

fn check_accepted(server: &Server, accepted: &BTreeMap<String, Vec<Span>>) {
    let mut reader = Reader::new(server.addresses().http);
    let faults: Vec<String> = accepted
        .iter()
        .filter_map(|(id, sent)| {
            span::difference(sent, reader.trace(id)).map(|why| format!("{id}: {why}"))
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn bombs_are_refused_within_bounded_memory() {
    let server = Server::start(&[]);
    let zeros = vec![0; 512 << 20];
    let bombs = [
        ("gzip", gzip(&zeros)),
        ("deflate", deflate(&zeros)),
        ("zstd", zstd(&zeros)),
    ];
    drop(zeros);
    std::thread::scope(|scope| {
        for (encoding, bomb) in &bombs {
            for _ in 0..4 {
                scope.spawn(|| refuse(server.addresses().otlp_http, "/v1/traces", encoding, bomb));
            }
            scope.spawn(|| refuse(server.addresses().zipkin, "/api/v2/spans", encoding, bomb));
        }
    });
    assert!(
        server.peak_rss() < MEMORY_MAX_BOMBED,
        "{} bytes",
        server.peak_rss()
    );
    assert_eq!(query::span_count(server.addresses().http), 0);
}

/// Too large is 413; a server that is busy with other bombs may ask to try again.
fn refuse(address: SocketAddr, path: &str, encoding: &str, bomb: &[u8]) {
    let headers = [
        ("content-type", "application/x-protobuf"),
        ("content-encoding", encoding),
    ];
    let answer = http::request(address, "POST", path, &headers, bomb);
    assert!(
        matches!(answer.status, 413 | 429 | 503),
        "{encoding} {path}: {} {}",
        answer.status,
        answer.text()
    );
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).expect("memory");
    encoder.finish().expect("memory")
}

fn deflate(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd(plain: &[u8]) -> Vec<u8> {
    zstd::encode_all(plain, 1).expect("memory")
}
