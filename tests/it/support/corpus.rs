//! The recorded traces under `testdata/`, or the full corpus where `CLEW_CORPUS` names its folder.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::json::Json;
use super::span::Span;
use super::{otlp, otlp_json, tar, zipkin};

/// Folder of test data.
pub(crate) fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata")
}

/// One request as an exporter sends it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Path to post to.
    pub(crate) path: String,
    /// Headers of the recorded request that say how to read the body.
    pub(crate) headers: Vec<(String, String)>,
    /// Whether the recorded request came in chunks.
    pub(crate) chunked: bool,
    /// Body as sent.
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// An OTLP protobuf request.
    pub(crate) fn protobuf(body: Vec<u8>) -> Self {
        let headers = vec![("content-type".into(), "application/x-protobuf".into())];
        Self {
            path: "/v1/traces".into(),
            headers,
            chunked: false,
            body,
        }
    }

    /// A Zipkin v2 JSON request.
    pub(crate) fn zipkin_json(body: Vec<u8>) -> Self {
        let headers = vec![("content-type".into(), "application/json".into())];
        Self {
            path: "/api/v2/spans".into(),
            headers,
            chunked: false,
            body,
        }
    }

    /// Whether it was recorded from an SDK, and not made from a stream of protobufs.
    pub(crate) fn is_recorded(&self) -> bool {
        self.header("user-agent").is_some() || self.chunked
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Spans that an independent reader finds in the body.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let plain = match self.header("content-encoding") {
            None => self.body.clone(),
            Some("gzip") => gunzip(&self.body),
            Some(other) => panic!("content-encoding {other}"),
        };
        let is_json = self
            .header("content-type")
            .is_some_and(|kind| kind.contains("json"));
        let json = || Json::parse(std::str::from_utf8(&plain).expect("UTF-8")).expect("JSON");
        match (self.path.as_str(), is_json) {
            ("/v1/traces", true) => otlp_json::spans(&json()).expect("OTLP/JSON"),
            ("/v1/traces", false) => otlp::decode(&plain).expect("OTLP protobuf"),
            ("/api/v2/spans", true) => zipkin::spans(&json()),
            other => panic!("no reader for {other:?}"),
        }
    }

    /// Whether it goes to the Zipkin port.
    pub(crate) fn is_zipkin(&self) -> bool {
        self.path.starts_with("/api/v")
    }
}

/// Requests of a stream of length-delimited OTLP protobufs, packed with zstd.
pub(crate) fn stream(path: &Path) -> Vec<Request> {
    let raw = unzstd(path);
    let mut rest = raw.as_slice();
    let mut requests = Vec::new();
    while !rest.is_empty() {
        let length = prost::decode_length_delimiter(&mut rest).expect("a length");
        let (body, after) = rest.split_at(length);
        requests.push(Request::protobuf(body.to_vec()));
        rest = after;
    }
    requests
}

/// Content of a zstd file.
pub(crate) fn unzstd(path: &Path) -> Vec<u8> {
    let file = std::fs::File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut raw = Vec::new();
    zstd::Decoder::new(file)
        .expect("zstd")
        .read_to_end(&mut raw)
        .expect("zstd");
    raw
}

/// Recorded requests of an archive, each with the spans that an independent reader finds in it.
pub(crate) fn capture(path: &Path) -> Vec<Request> {
    let entries = tar::read(path);
    let index = entries
        .iter()
        .find(|entry| entry.name() == "index.jsonl")
        .expect("an index");
    let index = std::str::from_utf8(&index.bytes).expect("UTF-8");
    index
        .lines()
        .map(|line| {
            let line = Json::parse(line).expect("a line of JSON");
            let body = entries
                .iter()
                .find(|entry| entry.name() == line.at("file").text());
            recorded(
                &line,
                body.expect("the body that the index names").bytes.clone(),
            )
        })
        .collect()
}

fn recorded(line: &Json, body: Vec<u8>) -> Request {
    let header = |name| {
        line.at("headers")
            .get(name)
            .map(|value| value.text().to_owned())
    };
    let headers = ["content-type", "content-encoding", "user-agent"]
        .into_iter()
        .filter_map(|name| header(name).map(|value| (name.to_owned(), value)))
        .collect();
    let path = line.at("path").text().to_owned();
    Request {
        path,
        headers,
        chunked: header("transfer-encoding").is_some(),
        body,
    }
}

fn gunzip(body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(body)
        .read_to_end(&mut plain)
        .expect("gzip");
    plain
}
