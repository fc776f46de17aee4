//! Recorded traces sent as they were recorded come back field by field: from the hot window, after a crash, from
//! segments, and after a clean restart.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::support::corpus::{self, Request};
use crate::support::query::{self, Reader};
use crate::support::random::Random;
use crate::support::send::{GrpcSender, HttpSender};
use crate::support::server::{DataDir, Server};
use crate::support::span::{self, Span};
use crate::support::zipkin;

/// Keeps everything in the hot window.
const HOT: [(&str, &str); 3] = [
    ("STORAGE_EPOCH_AGE", "1h"),
    ("STORAGE_EPOCH_SIZE", "1GiB"),
    ("STORAGE_HOT_WINDOW_SIZE", "2GiB"),
];

/// Traces of each source that are compared.
const SAMPLE: usize = 40;

#[test]
fn trainticket_comes_back() {
    comes_back(&stream("nezha-trainticket-20230129.cut"));
}

#[test]
fn onlineboutique_comes_back() {
    comes_back(&stream("nezha-onlineboutique-20220822.cut"));
}

#[test]
fn deathstarbench_comes_back() {
    comes_back(&stream("deathstarbench-all.cut"));
}

#[test]
fn python_otlp_comes_back() {
    comes_back(&capture("py-proto"));
}

#[test]
fn python_otlp_gzip_comes_back() {
    comes_back(&capture("py-proto-gzip"));
}

#[test]
fn python_zipkin_comes_back() {
    comes_back(&capture("py-zipkin-json"));
}

#[test]
fn node_otlp_json_comes_back() {
    comes_back(&capture("js-json"));
}

#[test]
fn node_otlp_comes_back() {
    comes_back(&capture("js-proto"));
}

#[test]
fn node_zipkin_comes_back() {
    comes_back(&capture("js-zipkin"));
}

/// One production trace of 1,041 spans, with span ids that client and server share.
#[test]
fn smartthings_zipkin_comes_back() {
    comes_back(&smartthings());
}

fn smartthings() -> Vec<Request> {
    let path = corpus::testdata().join("zipkin/lens-smartthings-mobile-web-install.json.zst");
    vec![Request::zipkin_json(corpus::unzstd(&path))]
}

fn stream(name: &str) -> Vec<Request> {
    corpus::stream(&corpus::testdata().join(format!("otlp/{name}.otlp.zst")))
}

fn capture(name: &str) -> Vec<Request> {
    corpus::capture(&corpus::testdata().join(format!("captures/{name}.tar.zst")))
}

/// Some traces of a source, with all their spans.
struct Expected {
    traces: BTreeMap<String, Vec<Span>>,
    /// Compared by the rules of the Zipkin mapping.
    is_zipkin: bool,
}

impl Expected {
    /// `count` random traces of `requests`.
    fn choose(requests: &[Request], count: usize, random: &mut Random) -> Self {
        let ids: BTreeSet<String> = requests
            .iter()
            .flat_map(Request::spans)
            .map(|span| span.trace_hex())
            .collect();
        let chosen = random.sample(&ids.into_iter().collect::<Vec<_>>(), count);
        let chosen: BTreeSet<&String> = chosen.iter().collect();
        let spans = requests.iter().flat_map(Request::spans);
        let traces = span::by_trace(spans.filter(|span| chosen.contains(&span.trace_hex())));
        Self {
            traces,
            is_zipkin: requests[0].is_zipkin(),
        }
    }

    /// Reads each trace and compares.
    #[track_caller]
    fn check(&self, server: &Server, when: &str) {
        let mut reader = Reader::new(server.addresses().http);
        for id in self.traces.keys() {
            self.check_trace(&mut reader, id, when);
        }
    }

    #[track_caller]
    fn check_trace(&self, reader: &mut Reader, id: &str, when: &str) {
        let sent = &self.traces[id];
        let got = reader.trace(id);
        let difference = if self.is_zipkin {
            zipkin::difference(sent, &got)
        } else {
            span::difference(sent, got)
        };
        if let Some(difference) = difference {
            panic!("trace {id} {when}: {difference}");
        }
    }
}

fn comes_back(requests: &[Request]) {
    let (mut random, seed) = Random::fresh();
    println!("CLEW_TEST_SEED={seed}");
    let expected = Expected::choose(requests, SAMPLE, &mut random);
    let count = requests
        .iter()
        .map(|request| request.spans().len() as u64)
        .sum();

    let server = Server::start(&HOT);
    let mut sender = Sender::new(&server);
    for (index, request) in requests.iter().enumerate() {
        sender.deliver(index, request);
    }
    assert_eq!(
        server.status().at("hot_spans").count(),
        count,
        "something was flushed early"
    );
    check(&server, &expected, count, "in the hot window");

    let mut data = server.kill();
    let server = data.start();
    assert_eq!(
        server.status().at("hot_spans").count(),
        count,
        "the log was not replayed"
    );
    check(&server, &expected, count, "replayed from the log");

    data = server.kill();
    data.set(&[("STORAGE_EPOCH_AGE", "1s")]);
    let server = data.start();
    server.wait_until_flushed();
    check(&server, &expected, count, "in segments");

    let server = server.stop().start();
    check(&server, &expected, count, "after a restart");
}

#[track_caller]
fn check(server: &Server, expected: &Expected, count: u64, when: &str) {
    assert_eq!(query::span_count(server.addresses().http), count, "{when}");
    expected.check(server, when);
}

/// Sends streams by HTTP and gRPC in turns, and captures with their own headers.
struct Sender {
    http: HttpSender,
    grpc: GrpcSender,
}

impl Sender {
    fn new(server: &Server) -> Self {
        let to = server.addresses();
        Self {
            http: HttpSender::new(to),
            grpc: GrpcSender::new(to, None),
        }
    }

    #[track_caller]
    fn deliver(&mut self, index: usize, request: &Request) {
        if request.is_recorded() || index.is_multiple_of(2) {
            self.http.deliver(request);
        } else {
            assert_eq!(
                self.grpc.send(&request.body).expect("an acknowledgement"),
                0
            );
        }
    }
}

/// The whole corpus with 200 traces of each source, against the limits that a user gets by default:
/// `CLEW_CORPUS=… cargo test --test it -- --ignored --nocapture whole_corpus_comes_back`.
#[test]
#[ignore = "takes minutes and needs the full corpus in CLEW_CORPUS"]
fn whole_corpus_comes_back() {
    let folder = std::env::var("CLEW_CORPUS").expect("CLEW_CORPUS names the folder of the corpus");
    let folder = Path::new(&folder);
    let (mut random, seed) = Random::fresh();
    println!("CLEW_TEST_SEED={seed}");
    let server = DataDir::new(&[]).start();
    let mut total = 0;
    let mut all = Vec::new();
    for path in sources(folder) {
        let requests = if path.ends_with(".tar.zst") {
            corpus::capture(&folder.join(&path))
        } else {
            corpus::stream(&folder.join(&path))
        };
        let expected = Expected::choose(&requests, 200, &mut random);
        let count = load(&server, &requests, &expected);
        println!(
            "{path}: {count} spans sent, {} traces compared as soon as sent",
            expected.traces.len()
        );
        total += count;
        all.push((path, expected));
    }
    println!(
        "peak memory while loading: {} MB",
        server.peak_rss() / 1_000_000
    );
    assert!(
        server.peak_rss() < 400_000_000,
        "{} bytes",
        server.peak_rss()
    );
    let check_all = |server: &Server, when: &str| {
        assert_eq!(query::span_count(server.addresses().http), total, "{when}");
        for (path, expected) in &all {
            expected.check(server, &format!("of {path} {when}"));
        }
        println!("{total} spans counted, all chosen traces equal {when}");
    };
    check_all(&server, "after loading");
    let server = server.kill().start();
    check_all(&server, "after a crash");
    server.wait_until_flushed();
    check_all(&server, "in segments");
    let server = server.stop().start();
    check_all(&server, "after a restart");
}

fn sources(folder: &Path) -> Vec<String> {
    let mut sources = Vec::new();
    for (part, ending) in [("otlp", ".otlp.zst"), ("captures", ".tar.zst")] {
        for entry in std::fs::read_dir(folder.join(part)).expect("a folder of the corpus") {
            let name = entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned();
            if name.ends_with(ending) {
                sources.push(format!("{part}/{name}"));
            }
        }
    }
    sources.sort();
    sources
}

/// Sends all requests and compares each chosen trace as soon as its last span is acknowledged.
fn load(server: &Server, requests: &[Request], expected: &Expected) -> u64 {
    let mut last: BTreeMap<String, usize> = BTreeMap::new();
    let mut count = 0;
    for (index, request) in requests.iter().enumerate() {
        for span in request.spans() {
            count += 1;
            if let Some((id, _)) = expected.traces.get_key_value(&span.trace_hex()) {
                last.insert(id.clone(), index);
            }
        }
    }
    let mut reader = Reader::new(server.addresses().http);
    let mut sender = Sender::new(server);
    for (index, request) in requests.iter().enumerate() {
        sender.deliver(index, request);
        for (id, _) in last.iter().filter(|(_, at)| **at == index) {
            expected.check_trace(&mut reader, id, "as soon as acknowledged");
        }
    }
    count
}

/// The readers that judge all answers find exactly what the recordings are known to hold.
#[test]
fn the_readers_find_what_the_recordings_hold() {
    let streams = [
        ("nezha-trainticket-20230129.cut", 17_118, 206),
        ("nezha-onlineboutique-20220822.cut", 16_503, 363),
        ("deathstarbench-all.cut", 16_572, 1_510),
    ];
    let captures = [
        ("py-proto", 30_888, 3_324),
        ("py-proto-gzip", 8_500, 1_592),
        ("py-zipkin-json", 7_126, 1_488),
        ("js-json", 5_181, 254),
        ("js-proto", 5_376, 254),
        ("js-zipkin", 1_771, 84),
    ];
    let streams = streams.map(|(name, spans, traces)| (name, stream(name), spans, traces));
    let captures = captures.map(|(name, spans, traces)| (name, capture(name), spans, traces));
    let smartthings = [("smartthings", smartthings(), 1_041, 1)];
    let all = streams.into_iter().chain(captures).chain(smartthings);
    for (name, requests, span_count, trace_count) in all {
        let spans: Vec<Span> = requests.iter().flat_map(Request::spans).collect();
        assert!(spans.iter().all(Span::is_valid), "{name}");
        assert_eq!((name, spans.len()), (name, span_count));
        let traces = span::by_trace(spans);
        assert_eq!((name, traces.len()), (name, trace_count));
        let distinct: usize = traces.values().map(Vec::len).sum();
        assert_eq!((name, distinct), (name, span_count), "no span stands twice");
    }
}
